"""The cases of the QRHead experiment: parametrised over cells, marked, and grouped by cell."""

from pathlib import Path

import pytest

from experiments.plugin.options import chosen_cells

HERE = Path(__file__).parent


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "cell" in metafunc.fixturenames:
        metafunc.parametrize("cell", chosen_cells(metafunc.config), ids=str)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # Before xdist reads the groups. The cases of a cell share its results; those without a cell
    # need all of them or none, and go together.
    for item in items:
        if HERE in item.path.parents:
            item.add_marker("model")
            callspec = getattr(item, "callspec", None)
            cell = callspec.params.get("cell") if callspec else None
            item.add_marker(pytest.mark.xdist_group(f"qrhead-{cell or 'pooled'}"))
