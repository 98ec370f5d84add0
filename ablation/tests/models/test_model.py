"""A model by its files: what is known of it without loading it, and when that is found out anew."""

import os
import warnings

import pytest
from safetensors.torch import load_file, save_file

from ablation.assets import embedded
from ablation.engine import REFERENCE, EngineChoice
from ablation.errors import AssetError, ComputationError, InvalidInput, Notice
from ablation.hooks.attention import SDPA
from ablation.models.directory import fingerprint
from ablation.models.loading import load_model
from ablation.models.model import open_model
from ablation.models.registry import model_spec
from ablation.tests.support.tiny_models import tiny_directory


@pytest.fixture
def directory(tmp_path):
    return tiny_directory(tmp_path / "tiny")


def opened(directory, **options):
    return open_model(model_spec(str(directory)), **options)


@pytest.fixture
def loads(monkeypatch):
    """The models that were loaded."""
    calls: list[object] = []

    def counted(spec, *options):
        calls.append(spec)
        return load_model(spec, *options)

    monkeypatch.setattr("ablation.models.loading.load_model", counted)
    return calls


def facts(model):
    return model.fingerprint, model.grid, model.context, model.longest_prompt


def test_what_is_known_is_that_of_the_loaded_model(directory, loads):
    model = opened(directory)
    known = facts(model)
    loaded = model.loaded
    assert known == (
        fingerprint(directory), loaded.grid, loaded.context, loaded.longest_prompt
    )  # fmt: skip
    assert len(loads) == 1


def test_another_process_knows_it_without_loading(directory, loads):
    first = facts(opened(directory))
    assert facts(opened(directory)) == first
    assert len(loads) == 1


def test_heads_are_checked_once_for_all_processes(directory, monkeypatch):
    checked: list[object] = []

    def fails(model, **options):
        raise ComputationError("something is off")

    def passes(model, **options):
        checked.append(model)
        return []

    monkeypatch.setattr("ablation.models.checks.check.check_heads", fails)
    for _ in range(2):  # a check that failed is not kept
        with pytest.raises(ComputationError, match="something is off"):
            _ = opened(directory).loaded
    monkeypatch.setattr("ablation.models.checks.check.check_heads", passes)
    for _ in range(2):
        _ = opened(directory).loaded
    assert len(checked) == 1
    _ = opened(directory, engine=EngineChoice(REFERENCE)).loaded  # whose check is another
    assert len(checked) == 2


@pytest.mark.parametrize("limited", ["LONGEST", "WORK_ON_CPU"])
def test_limits_that_the_check_did_not_try_are_said(directory, monkeypatch, limited):
    weights = load_model(model_spec(str(directory))).model.num_parameters()
    monkeypatch.setattr(
        "ablation.models.checks.prompts.span_limits", lambda config: [40, 300, 5000]
    )
    monkeypatch.setattr("ablation.models.checks.prompts.WORK_ON_CPU", 1e12)
    most = {"LONGEST": {SDPA: 100}, "WORK_ON_CPU": 100 * weights}[limited]
    monkeypatch.setattr(f"ablation.models.checks.prompts.{limited}", most)
    monkeypatch.setattr("ablation.models.checks.check.check_heads", lambda model, **options: [])
    # Of 5000 tokens nothing is said: the model has no room for as many.
    with pytest.warns(Notice, match=r"tried no prompt past 300 tokens, where") as said:
        _ = opened(directory).loaded
    assert len(said) == 1
    assert "compare some figures with --engine reference" in str(said[0].message)
    with pytest.warns(Notice, match="past 300 tokens, where a window or an original context ends$"):
        _ = opened(directory, engine=EngineChoice(REFERENCE)).loaded


@pytest.mark.slow
def test_files_that_changed_since_the_key_was_made_are_not_loaded(directory):
    facts(opened(directory))
    model = opened(directory)
    known = model.fingerprint  # kept: nothing is loaded
    weights = load_file(directory / "model.safetensors")
    save_file({name: 2 * one for name, one in weights.items()}, directory / "model.safetensors")
    with pytest.raises(InvalidInput, match="its files have changed since this run began"):
        _ = model.loaded
    assert opened(directory).fingerprint != known


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json"])
def test_a_file_that_was_touched_is_looked_at_again(directory, loads, name):
    first = facts(opened(directory))
    os.utime(directory / name)
    assert facts(opened(directory)) == first
    assert len(loads) == 2


@pytest.mark.slow
def test_the_fingerprint_is_of_the_contents(directory, tmp_path):
    before = opened(directory).fingerprint
    assert opened(tiny_directory(tmp_path / "again")).fingerprint == before
    weights = load_file(directory / "model.safetensors")
    weights["model.norm.weight"] = weights["model.norm.weight"] + 1
    save_file(weights, directory / "model.safetensors", {"format": "pt"})
    assert opened(directory).fingerprint != before


def test_a_changed_file_changes_the_fingerprint(directory):
    before = opened(directory).fingerprint
    path = directory / "config.json"
    path.write_text(path.read_text() + " ")
    assert opened(directory).fingerprint != before


def test_a_model_that_cannot_be_loaded_is_an_error_when_it_is_asked_for(directory):
    (directory / "model.safetensors").write_bytes(b"no weights")
    model = opened(directory)
    with pytest.raises(InvalidInput, match=r"model\.safetensors"):
        _ = model.fingerprint


def test_the_key_names_dtype_and_engine(directory):
    key = opened(directory).key()
    assert key.keys() == {"model_sha256", "dtype", "engine"}
    other = opened(directory, dtype="bfloat16", engine=EngineChoice(REFERENCE)).key()
    assert (other["dtype"], other["engine"]) == ("bfloat16", "reference 1")
    assert other["logits"] == "float32"
    assert other["model_sha256"] == key["model_sha256"]


def test_an_unknown_dtype_is_refused_before_anything_is_loaded(directory):
    with pytest.raises(InvalidInput, match="unknown dtype 'float8': choose one of float32"):
        opened(directory, dtype="float8")


def test_a_file_of_an_asset_that_has_changed_is_an_error(directory, monkeypatch):
    class Made:
        class slot:  # noqa: N801
            @staticmethod
            def manifest():
                return {"tiny/config.json": ("0" * 64, 1)}

    monkeypatch.setattr("ablation.models.directory.find", lambda key: Made)
    assert fingerprint(directory)
    with pytest.raises(AssetError, match=r"config\.json has sha256 .*assets remove smollm2"):
        fingerprint(directory, "smollm2")
    assert "smollm2" in embedded.ASSETS


@pytest.mark.parametrize(
    ("dtype", "can", "said"),
    [
        ("bfloat16", {"avx2": True}, True),
        ("bfloat16", {"avx512_bf16": True}, False),
        ("bfloat16", {"bf16": True}, False),
        ("float16", {"avx512_bf16": True}, True),
        ("float32", {}, False),
    ],
)
def test_a_width_without_instructions_of_its_own_is_said_to_be_slow(
    directory, dtype, can, said, monkeypatch
):
    monkeypatch.setattr("torch.cpu.get_capabilities", lambda: can)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", Notice)
        _ = opened(directory, dtype=dtype).loaded
    slow = f"this processor has no instructions for {dtype}: what is computed on it takes"
    assert any(slow in str(one.message) for one in caught) == said
