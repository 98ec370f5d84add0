"""What the conftests of the unit tests share: kept facts of made-up models have their own place."""

import pytest


@pytest.fixture(scope="module", autouse=True)
def own_kept_facts(tmp_path_factory):
    """What is made of made-up models is not kept in the user's cache.

    While a module runs and no longer: the cases of claims run in the same session. What is known of
    a model is known to the modules that follow, as it is to the commands that follow.
    """
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("ablation.assets.kept.FOLDER", tmp_path_factory.getbasetemp() / "kept")
        patched.setattr("ablation.models.CONVERTED", tmp_path_factory.mktemp("converted"))
        yield
