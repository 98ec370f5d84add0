import json
import re

import pytest
import torch
import transformers as hf

from ablation.errors import InvalidInput, Unavailable
from ablation.heads import HeadGrid
from ablation.models.loading import check_device, load_model
from ablation.models.model import open_model
from ablation.models.registry import MODELS, model_spec
from ablation.tests.support.tiny_models import tiny_directory


@pytest.fixture
def directory(tmp_path):
    return tiny_directory(tmp_path / "Tiny Model")


def load(directory, **options):
    return load_model(model_spec(str(directory)), **options)


def test_a_directory_is_a_model(directory):
    loaded = load(directory)
    assert loaded.spec.name == "Tiny Model"
    assert loaded.grid == HeadGrid.even(4, 16)
    assert loaded.longest_prompt == 2048
    assert loaded.model.dtype == torch.float32
    assert not loaded.model.training


def test_dtype_is_obeyed(directory):
    assert load(directory, dtype="bfloat16").model.dtype == torch.bfloat16


def test_directories_of_one_name_have_two_keys(tmp_path):
    paths = [tmp_path / name / "Checkpoint 500" for name in "ab"]
    for path in paths:
        path.mkdir(parents=True)
    first, second = (model_spec(str(path)).key for path in paths)
    assert re.fullmatch("checkpoint-500-[0-9a-f]{8}", first)
    assert first != second


def test_a_directory_has_one_key_whichever_way_it_is_named(tmp_path, monkeypatch):
    for name in ("500", "600"):
        (tmp_path / "runs" / name).mkdir(parents=True)
    link = tmp_path / "latest"
    link.symlink_to(tmp_path / "runs" / "500")
    key = model_spec(str(link)).key
    monkeypatch.chdir(tmp_path / "runs")
    assert {model_spec(name).key for name in ("500", "600/../500", str(link))} == {key}
    link.unlink()
    link.symlink_to(tmp_path / "runs" / "600")
    assert model_spec(str(link)).key == model_spec("600").key != key


def test_a_directory_is_never_taken_for_a_registered_model(tmp_path):
    (tmp_path / "gpt2").mkdir()
    assert model_spec(str(tmp_path / "gpt2")).key not in MODELS
    assert model_spec("gpt2").key == "gpt2"
    assert model_spec("Owner/Some-Model").key == "owner-some-model"


def test_a_key_is_short_enough_for_file_names(tmp_path):
    (tmp_path / ("x" * 250)).mkdir()
    assert len(model_spec(str(tmp_path / ("x" * 250))).key) < 80


@pytest.mark.parametrize("name", ["llama", "smollm", "./nowhere", "a/b/c", ""])
def test_an_unknown_model_is_refused_with_the_choices(name):
    with pytest.raises(InvalidInput, match="unknown model .* give one of smollm2, gpt2"):
        model_spec(name)


def test_an_unknown_prompt_style_is_refused():
    with pytest.raises(InvalidInput, match="unknown prompt style 'rude'"):
        model_spec("gpt2", "rude")


def test_the_style_of_a_model_can_be_chosen():
    assert model_spec("smollm2", "plain").style.name == "plain"
    assert model_spec("smollm2").style.name == "chat"


def test_a_model_that_the_hub_does_not_give_is_unavailable(monkeypatch, tmp_path):
    import huggingface_hub
    from huggingface_hub.errors import LocalEntryNotFoundError

    def offline(*args, **kwargs):
        raise LocalEntryNotFoundError("nothing in the cache")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", offline)
    with pytest.raises(Unavailable, match=r"cannot be had: .*--model DIR") as error:
        load_model(MODELS["instruct"])
    assert error.value.exit_status == 3


def test_the_hub_path_loads_what_the_hub_gives(monkeypatch, directory):
    import huggingface_hub

    asked: dict = {}

    def give(hub_id, **patterns):
        asked.update(patterns, hub_id=hub_id)
        return str(directory)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", give)
    loaded = load_model(MODELS["instruct"])
    assert asked["hub_id"] == "meta-llama/Meta-Llama-3-8B-Instruct"
    assert "consolidated*" in asked["ignore_patterns"]
    assert not any(pattern.endswith((".bin", ".pt", ".py")) for pattern in asked["allow_patterns"])
    assert isinstance(loaded.model, hf.LlamaForCausalLM)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"architectures": ["MambaForCausalLM"]}, "MambaForCausalLM is not taken: its layers have"),
        (
            {"architectures": ["OwnLMHeadModel"], "auto_map": {"AutoConfig": "own.Config"}},
            "this model brings code of its own .auto_map in config.json., which is never run",
        ),
        (
            {
                "architectures": ["LlamaForCausalLM"],
                "quantization_config": {"quant_method": "awq"},
            },
            "weights that are not quantised are required, and these are .by 'awq'",
        ),
    ],
    ids=["refused", "code", "quantised"],
)
@pytest.mark.parametrize("site", [None, "attention=self_attn,projection=o_proj"])
def test_a_model_that_is_not_taken_is_refused_before_its_weights_are_fetched(
    monkeypatch, tmp_path, config, said, site
):
    import huggingface_hub

    asked: list = []

    def give(hub_id, *, allow_patterns, **others):
        asked.extend(allow_patterns)
        return str(tmp_path)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", give)
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(InvalidInput, match=said):
        open_model(model_spec("owner/name", site=site))
    assert "*.json" in asked
    assert not any("safetensors" in pattern for pattern in asked)


def test_a_class_without_a_row_is_refused_before_its_weights_are_fetched(monkeypatch, tmp_path):
    config = {"architectures": ["BertForMaskedLM"], "model_type": "bert"}
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    monkeypatch.setattr("huggingface_hub.snapshot_download", lambda *a, **k: str(tmp_path))
    with pytest.raises(InvalidInput, match="no known head site for model class BertForMaskedLM"):
        open_model(model_spec("owner/name"))


def test_a_device_that_is_not_there_is_refused():
    with pytest.raises(InvalidInput, match="device 'cuda:99' cannot be used here") as error:
        check_device("cuda:99")
    assert "\n" not in str(error.value)
    with pytest.raises(InvalidInput, match="device 'toaster' cannot be used here"):
        check_device("toaster")


def test_an_unknown_dtype_is_refused(directory):
    with pytest.raises(InvalidInput, match="unknown dtype 'int4'"):
        load(directory, dtype="int4")
