"""Models that are no causal language models with heads in every layer: refused by their class."""

import pytest
import transformers as hf

from ablation.errors import InvalidInput
from ablation.hooks.families import FAMILIES, REFUSED, family_from
from ablation.models.loading import load_model
from ablation.models.registry import model_spec

TINY = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}

OTHERS = {
    "encoder": (hf.BertForMaskedLM, hf.BertConfig(vocab_size=97, intermediate_size=32, **TINY)),
    "encoder and decoder": (
        hf.T5ForConditionalGeneration,
        hf.T5Config(vocab_size=97, d_model=16, d_kv=8, d_ff=32, num_layers=2, num_heads=2),
    ),
    "images": (hf.ViTForImageClassification, hf.ViTConfig(intermediate_size=32, **TINY)),
    "state space": (
        hf.MambaForCausalLM,
        hf.MambaConfig(vocab_size=97, hidden_size=16, num_hidden_layers=2),
    ),
    "hybrid": (
        hf.JambaForCausalLM,
        hf.JambaConfig(
            vocab_size=97, intermediate_size=32, num_experts=2, use_mamba_kernels=False, **TINY
        ),
    ),
}


@pytest.mark.parametrize("kind", OTHERS)
def test_other_kinds_of_models_are_refused_in_a_line_that_names_the_class(tmp_path, kind):
    model_class, config = OTHERS[kind]
    model_class(config).save_pretrained(tmp_path)
    with pytest.raises(InvalidInput, match=model_class.__name__) as refused:
        load_model(model_spec(str(tmp_path)))
    assert "\n" not in str(refused.value)
    assert ("is not taken" in str(refused.value)) == (model_class.__name__ in REFUSED)


@pytest.mark.parametrize("name", [*FAMILIES, *REFUSED])
def test_every_class_of_the_tables_is_one_of_transformers(name):
    assert hasattr(hf, name)
    assert (name in FAMILIES) != (name in REFUSED)


@pytest.mark.parametrize("name", REFUSED)
def test_where_its_heads_are_makes_no_refused_class_another(name):
    with pytest.raises(InvalidInput, match=f"{name} is not taken: "):
        family_from("attention=self_attn", name)
