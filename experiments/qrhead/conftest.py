"""The cases of the QRHead experiment: parametrised over cells, and marked."""

from pathlib import Path

import pytest

from experiments.plugin.options import chosen_cells

HERE = Path(__file__).parent


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "cell" in metafunc.fixturenames:
        metafunc.parametrize("cell", chosen_cells(metafunc.config), ids=str)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker("model")
