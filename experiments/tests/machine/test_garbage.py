"""How often Python looks for garbage among what has lived for long."""

import gc

import pytest

from experiments.cli.main import main
from experiments.machine.garbage import OLD_ONES


def test_a_command_has_old_objects_looked_at_seldom_and_young_ones_as_ever():
    before = gc.get_threshold()
    gc.set_threshold(700, 10, 10)
    try:
        with pytest.raises(SystemExit):
            main(["--version"])
        assert gc.get_threshold() == (700, 10, OLD_ONES)
    finally:
        gc.set_threshold(*before)
