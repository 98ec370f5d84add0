"""The command line, and a check that what it imports is ours."""

from importlib.util import find_spec
from pathlib import Path

_HOME = Path(__file__).parents[2]


def _check_neighbour() -> None:
    """Ends the process where a file of the user's is called like our library."""
    spec = find_spec("ablation")
    found = Path(spec.origin) if spec is not None and spec.origin is not None else None
    if found is not None and not found.is_relative_to(_HOME / "ablation"):
        raise SystemExit(
            f"Error: the package ablation of headclaims is required, but Python finds {found} "
            "first: rename that file, or take its folder off PYTHONPATH"
        )


_check_neighbour()
