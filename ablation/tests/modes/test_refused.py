"""Which modes are refused of a family: known from its row, and said by the mode itself."""

import pytest

from ablation.errors import InvalidInput
from ablation.hooks.sites import head_sites
from ablation.modes import OTHER_WEIGHTS
from ablation.modes.redirected import REDIRECTED
from ablation.modes.refused import refused
from ablation.tests.support.tiny_models import CONFIGS, family, tiny_model


@pytest.mark.parametrize("mode", OTHER_WEIGHTS)
@pytest.mark.parametrize("name", CONFIGS)
def test_a_mode_is_refused_where_it_refuses_itself(name, mode):
    site = head_sites(tiny_model(name)).layers[0]
    if refused(family(name), mode) is None:
        assert REDIRECTED[mode]().replacement(site) is not None
    else:
        with pytest.raises(InvalidInput, match=f"{mode} ablation requires (atten|z as)"):
            REDIRECTED[mode]().replacement(site)
