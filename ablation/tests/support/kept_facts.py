"""What the conftests of the unit tests share: kept facts of made-up models have their own place."""

import pytest


@pytest.fixture(scope="module", autouse=True)
def own_kept_facts(tmp_path_factory):
    """What is made of made-up models is not kept in the user's cache.

    While a module runs, since the cases of claims run in the same session. The modules that follow
    know what is known of a model, as commands do.
    """
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("ablation.assets.kept.FOLDER", tmp_path_factory.getbasetemp() / "kept")
        patched.setattr("ablation.models.CONVERTED", tmp_path_factory.mktemp("converted"))
        yield
