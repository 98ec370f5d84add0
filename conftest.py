"""Thin: options, fixtures and the claims table are plugins; shape checks are switched on here."""

from pathlib import Path

from jaxtyping import install_import_hook

from experiments.plugin import PLUGINS

# Shapes in signatures are enforced in every test; must run before the library is first imported.
# Its tests are left to pytest, whose own import hook makes their assertions readable.
_PARTS = (path.stem for path in (Path(__file__).parent / "ablation").iterdir())
install_import_hook(
    [f"ablation.{part}" for part in _PARTS if part.isidentifier() and part != "tests"],
    "beartype.beartype",
)

pytest_plugins = ["pytester", *PLUGINS]
