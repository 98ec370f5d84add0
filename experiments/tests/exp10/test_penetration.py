"""The penetration function: its formula on made-up streams, and reading them from a model."""

import re
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from ablation.errors import ComputationError
from ablation.hooks.sites import head_sites
from ablation.models.model import open_model
from ablation.models.registry import model_spec
from experiments.exp10.measured.penetration import (
    ambiguous_words,
    correlation,
    penetration,
    word_penetration,
)
from experiments.exp10.measured.residuals import word_residuals
from experiments.store import Run, Store

DEPTH = np.array([0.0, 0.1, 0.5, 0.9, 1.0])


@pytest.fixture(scope="module")
def model(tiny):
    return open_model(model_spec(str(tiny)))


def made_up(strengths, profile=DEPTH):
    """Streams whose cosine with the sense direction is strength × profile at each point."""
    cosine = np.outer(strengths, profile)
    # A second, orthogonal direction makes up the length; a third tells contexts apart by length.
    stream = np.stack([cosine, np.sqrt(1 - cosine**2)], axis=-1)
    return stream * np.linspace(1, 3, len(profile))[:, None]


def test_g_is_the_profile_with_which_senses_grow_apart():
    a, b = made_up(np.linspace(0.1, 0.8, 10)), made_up(-np.linspace(0.1, 0.8, 10))
    assert word_penetration(a, b) == pytest.approx(DEPTH, abs=1e-9)


def test_g_peaks_where_the_slope_does_even_before_the_last_layer():
    profile = np.array([0.0, 0.6, 1.0, 0.5])
    a, b = (made_up(sign * np.linspace(0.1, 0.8, 10), profile) for sign in (1, -1))
    assert word_penetration(a, b) == pytest.approx(profile, abs=1e-9)


def test_senses_that_do_not_differ_are_an_error():
    same = made_up(np.linspace(0.1, 0.8, 10))
    with pytest.raises(ComputationError, match="does not tell two senses of a word apart"):
        word_penetration(same, same)


def test_the_contexts_are_ten_graded_ones_for_each_sense_of_nine_words():
    words = ambiguous_words()
    assert sorted(word.word for word in words) == sorted(
        ["bank", "bat", "crane", "spring", "rock", "match", "light", "pitcher", "bass"]
    )
    contexts = [c for word in words for c in (*word.contexts_a, *word.contexts_b)]
    assert len(contexts) == len(set(contexts)) == 180
    for word in words:
        assert len(word.contexts_a) == len(word.contexts_b) == 10
        for context in (*word.contexts_a, *word.contexts_b):
            assert context == context.strip()
            assert not re.search(rf"\b{word.word}(s|es)?\b", context, re.IGNORECASE)


def test_the_stream_is_read_at_the_last_token_of_the_word_whatever_stands_in_the_batch(model):
    loaded = model.loaded
    contexts = ["We sat on the grass by the old river", "A", "They went to the"]
    together = word_residuals(loaded, contexts, "bank")
    assert together.shape == (3, head_sites(loaded.model).grid.layers + 1, 64)
    for row, context in enumerate(contexts):
        alone = word_residuals(loaded, [context], "bank")[0]
        assert together[row] == pytest.approx(alone, abs=1e-5)
        ids = torch.tensor([loaded.tokenizer(f"{context} bank")["input_ids"]])
        with torch.no_grad():
            states = loaded.model(ids, output_hidden_states=True).hidden_states
        for point in range(len(states) - 1):
            assert together[row, point] == pytest.approx(states[point][0, -1].numpy(), abs=1e-5)


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store", Run("run", "pytest"))


def test_the_token_alone_tells_no_sense_where_positions_are_rotary(model, store):
    document = penetration(model, store)
    assert document["g"][0] == pytest.approx(0, abs=1e-9)
    assert len(document["g"]) == 5
    assert len(document["words"]) == 9
    assert all(max(g) == 1 for g in document["words"].values())
    assert document["g"] == pytest.approx(np.mean(list(document["words"].values()), axis=0))


def test_g_is_computed_once(model, store, monkeypatch):
    first = penetration(model, store)
    monkeypatch.setattr("experiments.exp10.measured.residuals.word_residuals", None)
    assert penetration(model, store) == first


@pytest.mark.slow
def test_g_of_another_model_is_never_taken_for_this_one(model, tiny, store, tmp_path):
    before = penetration(model, store)
    other = tmp_path / "tiny"
    shutil.copytree(tiny, other)
    weights = load_file(other / "model.safetensors")
    weights["model.layers.1.mlp.up_proj.weight"] *= 2
    save_file(weights, other / "model.safetensors", {"format": "pt"})
    after = penetration(open_model(model_spec(str(other))), store)
    assert after["g"] != before["g"]


def test_correlation_is_with_the_slope_across_each_layer():
    g = [0.0, 0.1, 0.4, 0.6, 1.0]
    found = correlation([0.1, 0.3, 0.2, 0.4], g)
    assert found["slope"] == pytest.approx([0.4, 1.2, 0.8, 1.6])
    assert found["pearson_r"] == pytest.approx(1)
    assert found["spearman_rho"] == pytest.approx(1)
    assert correlation([0.4, 0.2, 0.3, 0.1], g)["pearson_r"] == pytest.approx(-1)


def test_a_constant_series_has_no_correlation():
    assert correlation([1.0, 1.0, 1.0], [0, 0.1, 0.5, 1])["pearson_r"] is None
    assert correlation([1.0, 2.0], [0, 0.1, 0.5])["spearman_p"] is None
