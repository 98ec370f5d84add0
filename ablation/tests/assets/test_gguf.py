"""The conversion on a GGUF file made here: a two-layer Llama with a byte vocabulary."""

import errno
import json
from pathlib import Path

import gguf
import numpy as np
import pytest
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from tokenizers.pre_tokenizers import ByteLevel
from transformers import AutoModelForCausalLM, AutoTokenizer

from ablation.assets import gguf as gguf_conversion
from ablation.assets import written_weights
from ablation.assets.embedded import cached
from ablation.assets.gguf import SANITY_PERPLEXITY, convert_gguf, load_gguf, sanity_figure
from ablation.errors import AssetError

HIDDEN, HEADS, KV_HEADS, MLP, LAYERS, CONTEXT = 32, 4, 2, 48, 2, 2048
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("gguf") / "tiny.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("tiny")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(HIDDEN)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(MLP)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_rope_freq_base(10000.0)
    writer.add_layer_norm_rms_eps(1e-5)
    tokens = [*SPECIAL, *sorted(ByteLevel.alphabet()), "ĠĠ", "ĊĊ"]
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(tokens)
    writer.add_token_types([3] * 3 + [1] * (len(tokens) - 3))
    writer.add_token_merges(["Ġ Ġ", "Ċ Ċ"])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_pad_token_id(2)
    random = np.random.default_rng(0)

    def add(name: str, *shape: int) -> None:
        writer.add_tensor(name, random.normal(size=shape, scale=0.2).astype(np.float32))

    add("token_embd.weight", len(tokens), HIDDEN)
    add("output_norm.weight", HIDDEN)
    kv = HIDDEN * KV_HEADS // HEADS
    for layer in range(LAYERS):
        for name, *shape in (
            ("attn_norm", HIDDEN),
            ("ffn_norm", HIDDEN),
            ("attn_q", HIDDEN, HIDDEN),
            ("attn_k", kv, HIDDEN),
            ("attn_v", kv, HIDDEN),
            ("attn_output", HIDDEN, HIDDEN),
            ("ffn_gate", MLP, HIDDEN),
            ("ffn_up", MLP, HIDDEN),
            ("ffn_down", HIDDEN, MLP),
        ):
            add(f"blk.{layer}.{name}.weight", *shape)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.fixture(scope="module")
def converted(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("converted")
    with pytest.raises(AssetError, match=r"expected 1\.0000") as caught:
        convert_gguf(source, folder / "first", sanity_perplexity=1.0)
    assert "\n" not in str(caught.value)
    figure = sanity_figure(folder / "first")
    convert_gguf(source, folder / "tiny", sanity_perplexity=figure)
    return folder / "tiny"


def test_the_written_model_is_the_loaded_one(source: Path, converted: Path) -> None:
    loaded, tokenizer = load_gguf(source)
    written = AutoModelForCausalLM.from_pretrained(converted)
    ids = torch.tensor([tokenizer("Twelve sacks of barley, 12.")["input_ids"]])
    with torch.no_grad():
        assert torch.equal(written(ids).logits, loaded(ids).logits)
    assert written.dtype == torch.float32


def test_the_tied_output_embedding_is_left_out(converted: Path) -> None:
    with safe_open(converted / "model.safetensors", framework="pt") as weights:
        assert weights.metadata() == {"format": "pt"}
        assert "model.embed_tokens.weight" in weights.keys()  # noqa: SIM118 - not a dict
        assert "lm_head.weight" not in weights.keys()  # noqa: SIM118


def test_the_config_tells_nothing_of_its_origin(converted: Path) -> None:
    config = json.loads((converted / "config.json").read_text())
    assert config["architectures"] == ["LlamaForCausalLM"]
    assert not {"quantization_config", "_name_or_path", "_model_name_or_path"} & config.keys()


def test_generation_is_greedy_and_ends_with_the_chat_turn(converted: Path) -> None:
    config = json.loads((converted / "generation_config.json").read_text())
    assert config["do_sample"] is False
    assert config["eos_token_id"] == SPECIAL.index("<|im_end|>")


def test_the_tokenizer_knows_the_context_and_splits_digits_off_first(converted: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(converted)
    assert tokenizer.model_max_length == CONTEXT
    assert tokenizer.eos_token == "<|im_end|>"
    # Without the digit splitter the second blank would go with the number: Ġ, Ġ1.
    assert tokenizer.tokenize("a  12\n\n3") == ["a", "ĠĠ", "1", "2", "ĊĊ", "3"]


def test_the_weights_are_as_readable_as_the_config(converted: Path) -> None:
    modes = {(converted / name).stat().st_mode for name in ("model.safetensors", "config.json")}
    assert len(modes) == 1


def test_a_tokenizer_that_joins_digits_is_refused(source: Path, tmp_path: Path) -> None:
    model, tokenizer = load_gguf(source)
    tokenizer.add_tokens(["19"])
    with pytest.raises(AssetError, match=r"splits '1987' into \['19', '8', '7'\]; expected one"):
        convert_gguf(source, tmp_path / "out", load=lambda path: (model, tokenizer))
    assert not (tmp_path / "out").exists()


def test_a_full_disk_keeps_its_number(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: object, **options: object) -> None:
        raise SafetensorError("I/O error: No space left (os error 28)")

    monkeypatch.setattr(written_weights, "save_file", full)
    with pytest.raises(OSError, match="No space left") as caught:
        convert_gguf(source, tmp_path / "out")
    assert caught.value.errno == errno.ENOSPC


def test_safetensors_states_the_number_of_a_failed_write() -> None:
    """The wording that ``write_weights`` reads; safetensors promises none."""
    with pytest.raises(SafetensorError, match=r"os error \d+"):
        save_file({"a": torch.zeros(9)}, "/no/such/folder/a.safetensors")


def test_the_bars_of_transformers_come_back(
    source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = gguf_conversion.modeling_gguf_pytorch_utils.tqdm
    load_gguf(source)
    assert capsys.readouterr().err == ""
    assert gguf_conversion.modeling_gguf_pytorch_utils.tqdm is before


@pytest.mark.model
def test_the_embedded_model_has_the_sanity_figure() -> None:
    folder = cached("smollm2")
    figure = sanity_figure(folder)
    assert figure == pytest.approx(SANITY_PERPLEXITY, rel=1e-5)
