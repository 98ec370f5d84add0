"""What holds of all rooms: their size, and the checks that a test run switches on in them."""

from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[4]
MOST = 14
"""About a dozen; what every folder may have does not count."""
ANYWHERE = {"__init__.py", "__pycache__", "README.md", "conftest.py", "tests"}


def test_no_folder_has_more_than_about_a_dozen_entries():
    entries = {
        folder.parent.relative_to(ROOT).as_posix(): len(
            {entry.name for entry in folder.parent.glob("[!.]*")} - ANYWHERE
        )
        for room in ("ablation", "experiments")
        for folder in (ROOT / room).rglob("__init__.py")
    }
    assert {"ablation", "ablation/hooks", "experiments", "experiments/cli/commands"} <= set(entries)
    assert {name: count for name, count in entries.items() if count > MOST} == {}


@pytest.mark.slow
def test_shapes_in_signatures_are_checked_wherever_they_stand():
    """The root conftest names the rooms that have shapes."""
    with_shapes = [
        path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".")
        for path in (ROOT / "ablation").rglob("*.py")
        if "from jaxtyping import" in path.read_text(encoding="utf-8")
    ]
    loaders = {name: type(import_module(name).__loader__).__module__ for name in with_shapes}
    assert "ablation.hooks.attention" in loaders
    assert {name for name, of in loaders.items() if not of.startswith("jaxtyping")} == set()
