"""``python -m experiments.docs --check``: ``headclaims docs`` where only the linters are."""

from experiments.cli.docs import docs_command

docs_command(prog_name="python -m experiments.docs")
