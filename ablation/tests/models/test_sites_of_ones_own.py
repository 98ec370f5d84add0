"""A model of an unknown class, whose user says where its heads are: taken if its check passes."""

from dataclasses import replace

import pytest
import torch
import transformers as hf

from ablation.errors import ComputationError, InvalidInput
from ablation.heads import HeadGrid
from ablation.hooks.families import FAMILIES, PATHS, Family, family_from
from ablation.hooks.sites import head_sites
from ablation.models.model import open_model
from ablation.models.proposal import proposed_site
from ablation.models.registry import model_spec
from ablation.tests.support.tiny_models import CONFIGS, byte_tokenizer, family

LIKE_LLAMA = "attention=self_attn,projection=o_proj"


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    """A tiny model of a class that has no row."""
    path = tmp_path_factory.mktemp("models") / "tiny"
    torch.manual_seed(0)
    config = hf.HunYuanDenseV1Config(
        vocab_size=258,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=8,
        max_position_embeddings=512,
        bos_token_id=256,
        eos_token_id=257,
        pad_token_id=257,
    )
    hf.HunYuanDenseV1ForCausalLM(config).save_pretrained(path)
    byte_tokenizer().save_pretrained(path)
    return path


def opened(directory, site):
    return open_model(model_spec(str(directory), site=site))


def test_a_class_without_a_row_is_refused_and_told_of_sites(directory):
    with pytest.raises(InvalidInput, match="HunYuanDenseV1ForCausalLM: .*with --site attention="):
        _ = opened(directory, None).grid


def test_a_class_without_a_row_is_told_of_a_site_that_may_be_right(directory):
    with pytest.raises(InvalidInput, match="perhaps --site attention=self_attn,projection=o_proj$"):
        _ = opened(directory, None).grid


def as_site(row: Family) -> str:
    """What a row comes to where only paths that are not those of Llama are named."""
    paths = [(name, getattr(row, name)) for name in PATHS]
    told = [f"{name}={path}" for name, path in paths if path != getattr(Family(), name)]
    return ",".join(told) or LIKE_LLAMA


WITHOUT = ("bloom", "falcon-alibi", "opt")
"""Whose forward pass looks into its mask, which has no content."""


@pytest.mark.parametrize("name", CONFIGS)
def test_what_is_proposed_of_a_known_class_is_its_row(name):
    expected = None if name in WITHOUT else as_site(family(name))
    assert proposed_site(CONFIGS[name]()) == expected


def test_a_site_that_passes_the_check_is_taken_and_is_part_of_the_key(directory):
    model = opened(directory, LIKE_LLAMA)
    assert model.grid == HeadGrid.even(3, 4)
    assert model.key()["site"] == LIKE_LLAMA
    assert model.loaded.grid == model.grid


@pytest.mark.parametrize(
    ("site", "kind", "said"),
    [
        (
            "projection=no_such",
            InvalidInput,
            "has no heads where its family's row, or --site, .*no_such",
        ),
        ("layers=norm", InvalidInput, "has no heads where its family's row, or --site, says"),
        ("attention=mlp,projection=act_fn", InvalidInput, "has no heads where its family's row"),
        ("projection=q_proj", ComputationError, "before its first figure"),
        ("attention=mlp,projection=down_proj", ComputationError, "before its first figure"),
    ],
)
def test_a_site_that_is_wrong_is_refused(directory, site, kind, said):
    with pytest.raises(kind, match=said):
        _ = opened(directory, site).grid


def test_a_site_is_a_row():
    assert family_from(LIKE_LLAMA) == Family(learned_positions=True)
    assert family_from("layers=h,attention=attn,final_norm=ln_f") == Family(
        "h", "attn", "o_proj", "ln_f", learned_positions=True
    )


def test_a_site_of_a_known_class_keeps_what_else_its_row_says():
    row, found = FAMILIES["GptOssForCausalLM"], family_from("attention=x", "GptOssForCausalLM")
    assert row.sinks
    assert found == replace(row, attention="x")


@pytest.mark.parametrize(("heads", "has"), [([4, 4], r"\[4, 4\]"), (["4"] * 3, "'4'")])
def test_a_model_whose_config_names_no_heads_of_a_layer_is_refused(llama, heads, has):
    llama.config.num_attention_heads_per_layer = heads
    with pytest.raises(InvalidInput, match=f"of heads for every layer is required, .* has {has}"):
        head_sites(llama)


@pytest.mark.parametrize("site", ["", "self_attn", "attention=", "heads=h", "attention=a,,"])
def test_a_site_that_is_not_written_as_one_is_refused(site):
    with pytest.raises(InvalidInput, match="a site is written name=path"):
        model_spec("smollm2", site=site)
