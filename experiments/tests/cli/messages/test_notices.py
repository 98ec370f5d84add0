"""What a user should know is a line of a command's errors, once."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]

TELLS = """
from ablation.errors import notice
from experiments.cli.main import cli, main

@cli.command("tell")
def tell():
    told = "generation_config.json asks for do_sample: answers are greedy all the same"
    notice(told)
    notice(told)  # from another line of the code

main(["tell"])
"""


def test_a_notice_is_one_line_and_fails_nothing():
    command = [sys.executable, "-c", TELLS]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (result.returncode, result.stdout) == (0, "")
    (line,) = result.stderr.splitlines()
    assert line == (
        "Warning: generation_config.json asks for do_sample: answers are greedy all the same"
    )
