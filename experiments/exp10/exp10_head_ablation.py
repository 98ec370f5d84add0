"""The study's own command: ``python experiments/exp10/exp10_head_ablation.py --model gpt2 …``.

The same as ``headclaims exp10``.
"""

import sys

from experiments.cli.main import main

if __name__ == "__main__":
    main(["exp10", *sys.argv[1:]])
