"""``headclaims exp10 --bos``: windows that begin as the model was trained."""

import json
from pathlib import Path

import pytest
import torch
from tokenizers.processors import TemplateProcessing
from transformers import AutoTokenizer

from ablation.metrics.measured_perplexity import perplexity
from ablation.metrics.perplexity import Bos
from ablation.models.loading import load_model
from ablation.models.registry import model_spec
from ablation.modes.mean import mean_z
from ablation.tests.support.tiny_models import BYTES, tiny_directory

BEGIN = BYTES
"""The id of BOS."""

TEXT = "The heron fishes in shallow water, and stands still."


def text_ids(tokenizer):
    return torch.tensor(tokenizer(TEXT, add_special_tokens=False)["input_ids"][:40])


@pytest.fixture(scope="module")
def with_bos(tmp_path_factory):
    return tiny_directory(tmp_path_factory.mktemp("models") / "begins", layers=1, adds_bos=True)


@pytest.fixture
def measure(headclaims, tmp_path):
    """Runs part a on 40 tokens in windows of 20: the document that it leaves."""
    text = tmp_path / "heron.txt"
    text.write_text(TEXT, encoding="utf-8")

    def run(model, *options):
        small = ("--text", text, "--max-tokens", 40, "--window", 20, "--parts", "a")
        before = set(Path().glob("results/data/exp10a_*.json"))
        status, _, err = headclaims("exp10", "--model", model, *small, "--no-figures", *options)
        assert (status, err) == (0, "")
        (path,) = set(Path().glob("results/data/exp10a_*.json")) - before
        return path, json.loads(path.read_text(encoding="utf-8"))

    return run


@pytest.mark.slow
def test_every_window_begins_with_the_bos_that_the_tokenizer_adds(with_bos, measure):
    tokenizer = AutoTokenizer.from_pretrained(with_bos)
    assert tokenizer("a")["input_ids"][0] == BEGIN
    found = {choice: measure(with_bos, "--bos", choice) for choice in ("none", "first")}
    found["each"] = measure(with_bos)  # as it is by default
    for choice, (path, _) in found.items():
        assert path.stem.endswith(f"bos_{choice}") == (choice != "none")
    described = {choice: document["text"].get("bos") for choice, (_, document) in found.items()}
    assert described == {
        "none": None,
        "first": f"{BEGIN} before the first window",
        "each": f"{BEGIN} before each window",
    }
    loaded = load_model(model_spec(str(with_bos)))
    ids = text_ids(tokenizer)
    for choice, bos in (
        ("none", None),
        ("first", Bos((BEGIN,), False)),
        ("each", Bos((BEGIN,), True)),
    ):
        expected = perplexity(loaded.model, ids, window=20, bos=bos)
        assert found[choice][1]["unablated"]["ppl"] == pytest.approx(expected.value, rel=1e-6)
    of_windows = [
        mean_z(loaded.model, ids, window=20, bos=bos) for bos in (None, Bos((BEGIN,), True))
    ]
    assert not of_windows[0][0].allclose(of_windows[1][0])


@pytest.mark.slow
def test_a_tokenizer_that_adds_none_has_none_unless_it_is_asked_for(tiny, measure):
    path, document = measure(tiny)
    assert "bos" not in document["text"]
    assert "bos" not in path.stem
    assert measure(tiny, "--bos", "each")[1]["text"]["bos"] == f"{BEGIN} before each window"


@pytest.mark.slow
def test_windows_begin_with_all_tokens_that_the_tokenizer_adds(tmp_path, measure):
    """GLM-4's adds two."""
    model = tiny_directory(tmp_path / "two", layers=1)
    tokenizer = AutoTokenizer.from_pretrained(model)
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single="<bos> <eos> $A", special_tokens=[("<bos>", BEGIN), ("<eos>", BEGIN + 1)]
    )
    tokenizer.save_pretrained(model)
    _, document = measure(model)
    assert document["text"]["bos"] == f"{BEGIN} {BEGIN + 1} before each window"
    loaded, bos = load_model(model_spec(str(model))), Bos((BEGIN, BEGIN + 1), each=True)
    expected = perplexity(loaded.model, text_ids(tokenizer), window=20, bos=bos)
    assert expected.window_counts == (18, 18, 4)
    assert document["unablated"]["ppl"] == pytest.approx(expected.value, rel=1e-6)


def test_a_bos_that_a_tokenizer_has_not_is_refused_in_one_line(headclaims, with_bos, tmp_path):
    model = tiny_directory(tmp_path / "without", layers=1)
    tokenizer = AutoTokenizer.from_pretrained(model)
    tokenizer.bos_token = None
    tokenizer.save_pretrained(model)
    text = tmp_path / "heron.txt"
    text.write_text("The heron fishes in shallow water.", encoding="utf-8")
    small = ("--text", text, "--max-tokens", 20, "--bos", "first")
    status, out, err = headclaims("exp10", "--model", model, *small)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert "--bos first requires a tokenizer with a BOS, and that of without-" in err
