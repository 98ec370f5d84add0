"""The study's own command: all cells of its grid, by default those of its two models.

The same as ``headclaims run --model instruct --model base``; with ``--model`` of that model.
"""

import sys

from experiments.claims.qrhead_study import QRHEAD
from experiments.cli.main import main

if __name__ == "__main__":
    given = sys.argv[1:]
    names_a_model = any(word == "--model" or word.startswith("--model=") for word in given)
    models = [] if names_a_model else [f"--model={key}" for key in QRHEAD.models]
    main(["run", *models, *given])
