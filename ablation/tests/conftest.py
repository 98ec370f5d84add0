"""The tiny random models that most tests of the library run on."""

import pytest

from ablation.tests.tiny_models import CONFIGS, tiny_model


@pytest.fixture(params=CONFIGS)
def model(request):
    """One configuration after the other."""
    return tiny_model(request.param)


@pytest.fixture
def llama():
    """The one that stands for most: grouped-query attention, no biases."""
    return tiny_model("llama-gqa")
