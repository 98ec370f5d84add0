"""The study's own command: ``python experiments/qrhead/run_ablation.py --model … --question …``.

The same as ``headclaims ablate``.
"""

import sys

from experiments.cli.main import main

if __name__ == "__main__":
    main(["ablate", *sys.argv[1:]])
