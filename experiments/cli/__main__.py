"""``python -m experiments.cli``: the command line where its script is not on the path."""

from experiments.cli.main import main

main()
