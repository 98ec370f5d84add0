"""The tiny random models that most tests of the library run on."""

import pytest

from ablation.tests.support.kept_facts import own_kept_facts  # noqa: F401

# torch is imported when tests are collected: the process that only hands them out needs none.


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """``model`` is one configuration after the other, unless a module has a fixture of its own."""
    if "model" in metafunc.fixturenames and not hasattr(metafunc.module, "model"):
        from ablation.tests.support.tiny_models import CONFIGS

        metafunc.parametrize("model", CONFIGS, indirect=True)


@pytest.fixture
def model(request):
    """The tiny model of a configuration."""
    from ablation.tests.support.tiny_models import tiny_model

    return tiny_model(request.param)


@pytest.fixture
def llama():
    """The one that stands for most: grouped-query attention, no biases."""
    from ablation.tests.support.tiny_models import tiny_model

    return tiny_model("llama-gqa")
