"""The value bias, by a rule that needs no formula of the family."""

import pytest
import torch
import transformers as hf

from ablation.errors import InvalidInput
from ablation.hooks.sites import head_sites
from ablation.tests.support.empty_streams import z_of_empty_streams
from ablation.tests.support.tiny_models import CONFIGS, tiny_model
from ablation.tests.support.tolerances import assert_same


def test_what_attention_makes_of_nothing_is_the_value_bias(model):
    """An empty residual stream leaves attention with what its norm makes of 0, its own bias.

    All values are then alike, whatever the weights, and so is z.
    """
    for site, z in zip(head_sites(model).layers, z_of_empty_streams(model), strict=True):
        if z.any() and not site.family.averages_values:
            with pytest.raises(InvalidInput, match="may attend to nothing|stands behind it"):
                _ = site.value_bias
        elif site.value_bias is None:
            assert not z.any()
        else:
            assert_same(z, site.value_bias.expand_as(z))
            assert site.value_bias.abs().min() > 0


@pytest.mark.parametrize(
    ("config", "why"),
    [
        (
            lambda: CONFIGS["deepseek3"](attention_bias=True),
            "DeepseekV3Attention normalises values behind it",
        ),
        (CONFIGS["gpt-oss"], r"GptOssAttention may attend to nothing \(attention sinks\)"),
        (CONFIGS["laguna"], "a gate of LagunaAttention stands behind it"),
    ],
    ids=["latent values", "sinks", "a gate"],
)
def test_a_value_bias_that_is_no_constant_cannot_be_kept(config, why):
    model = hf.AutoModelForCausalLM.from_config(config())
    with torch.no_grad():
        for name, weights in model.named_parameters():
            if name.endswith("bias"):
                weights.fill_(0.5)
    said = f"{why}: use mean or resample ablation, or zero with --bias remove"
    with pytest.raises(InvalidInput, match=said):
        _ = head_sites(model.eval()).layers[1].value_bias


@pytest.mark.parametrize(
    ("name", "expected"),
    [("llama-gqa", False), ("llama-biases", True), ("qwen2", True), ("gpt2", True), ("mpt", False)],
)
def test_families_with_value_biases_are_known_for_them(name, expected):
    assert (head_sites(tiny_model(name)).layers[1].value_bias is not None) == expected
