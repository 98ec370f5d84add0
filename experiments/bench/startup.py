"""What a user waits for before anything is computed: the command's help, imports, the model."""

import subprocess
import sys

MODEL_CODE = "from transformers.models.llama import LlamaForCausalLM"
AS_COMMANDS = "from experiments.machine.garbage import look_seldom; look_seldom()"
COMMANDS = {
    "headclaims --help": "from experiments.cli.main import main; main(['--help'])",
    "import of torch and transformers": f"import torch; {MODEL_CODE}",
    "import of the library": f"{AS_COMMANDS}; import ablation.models.loading; {MODEL_CODE}",
}
"""Name -> code, each run in a Python of its own."""


def run(code: str) -> None:
    """Runs Python code to its end in a process of its own, without its output."""
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
