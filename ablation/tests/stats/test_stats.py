"""The package of statistics as a whole."""

import subprocess
import sys


def test_statistics_need_no_torch():
    code = "import sys, ablation.stats; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
