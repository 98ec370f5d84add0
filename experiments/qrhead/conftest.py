"""The cases of the QRHead experiment: parametrised over cells, and marked."""

import pytest

from experiments.plugin.options import chosen_cells


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "cell" in metafunc.fixturenames:
        metafunc.parametrize("cell", chosen_cells(metafunc.config), ids=str)
