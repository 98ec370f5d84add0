"""``--model FILE.gguf``: the model of the file, or a line that says why not."""

from pathlib import Path
from typing import Any

import gguf
import pytest
import torch
import transformers as hf
from tokenizers.pre_tokenizers import ByteLevel

from ablation.assets.gguf_header import ARCHITECTURES, PRE_TOKENIZERS, SMOLLM
from ablation.errors import InvalidInput, Notice
from ablation.models.directory import model_directory
from ablation.models.loading import load_model
from ablation.models.registry import model_spec

SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
TOKENS = [*SPECIAL, *sorted(ByteLevel.alphabet()), "ĠĠ", "ĊĊ"]
HEADS, KV_HEADS, LAYERS = 4, 2, 2
WIDTH = {"llama": 8, "qwen2": 8, "qwen3": 128}
"""Of a head. transformers takes 128 for every Qwen 3, as all that are released have."""
TEXT = "The miller's  12 children\n\n3 wore no shoes in 1868."

CLASSES = {
    "llama": (hf.LlamaConfig, hf.LlamaForCausalLM),
    "qwen2": (hf.Qwen2Config, hf.Qwen2ForCausalLM),
    "qwen3": (hf.Qwen3Config, hf.Qwen3ForCausalLM),
}
ENUM = {
    "llama": gguf.MODEL_ARCH.LLAMA,
    "qwen2": gguf.MODEL_ARCH.QWEN2,
    "qwen3": gguf.MODEL_ARCH.QWEN3,
}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HEADCLAIMS_CACHE", str(tmp_path / "cache"))


def tiny(architecture: str) -> Any:
    torch.manual_seed(0)
    config, model = CLASSES[architecture]
    sizes = {
        "vocab_size": len(TOKENS),
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "num_key_value_heads": KV_HEADS,
        "head_dim": WIDTH[architecture],
        "max_position_embeddings": 512,
        "tie_word_embeddings": False,
        "initializer_range": 0.2,
    }
    return model(config(**sizes)).eval()


def in_llama_cpp_s_order(weight: torch.Tensor, heads: int) -> torch.Tensor:
    """Rows of queries or keys: rotary pairs side by side, as Meta's weights have them."""
    return weight.view(heads, 2, -1, weight.shape[1]).swapaxes(1, 2).reshape(weight.shape)


def write(path: Path, architecture: str = "llama", model: Any = None, **fields: Any) -> Path:
    """A file as llama.cpp's converter writes it; ``fields`` are added or take another's place."""
    model = tiny(architecture) if model is None else model
    writer = gguf.GGUFWriter(path, fields.pop("named", architecture))
    extra = fields.pop("extra", None)
    config = model.config
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_key_length(WIDTH[architecture])
    writer.add_value_length(WIDTH[architecture])
    writer.add_rope_dimension_count(WIDTH[architecture])
    writer.add_rope_freq_base(10000.0)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(len(TOKENS))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(fields.pop("pre", SMOLLM))
    writer.add_token_list(TOKENS)
    writer.add_token_types([3] * len(SPECIAL) + [1] * (len(TOKENS) - len(SPECIAL)))
    writer.add_token_merges(["Ġ Ġ", "Ċ Ċ"])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_pad_token_id(2)
    for name, value in fields.items():
        add = writer.add_uint16 if isinstance(value, int) else writer.add_string
        add(name.replace("__", "."), value)
    if extra is not None:
        writer.add_tensor(extra, torch.zeros(config.hidden_size).numpy())
    names = gguf.get_tensor_name_map(ENUM[architecture], LAYERS)
    for name, tensor in model.state_dict().items():
        if architecture == "llama" and "q_proj" in name:
            tensor = in_llama_cpp_s_order(tensor, HEADS)
        if architecture == "llama" and "k_proj" in name:
            tensor = in_llama_cpp_s_order(tensor, KV_HEADS)
        named = names.get_name(name, try_suffixes=(".weight", ".bias"))
        assert named is not None, name
        writer.add_tensor(named, tensor.numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_model_of_the_file_is_the_one_that_was_written(architecture, tmp_path):
    model = tiny(architecture)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if name.endswith("bias"):
                weight.normal_()
    path = write(tmp_path / "tiny.gguf", architecture, model)
    loaded = load_model(model_spec(str(path)))
    assert type(loaded.model) is type(model)
    assert loaded.context == 512
    ids = torch.tensor([loaded.tokenizer(TEXT)["input_ids"]])
    with torch.no_grad():
        torch.testing.assert_close(loaded.model(ids).logits, model(ids).logits)


def test_a_model_that_speaks_no_english_is_taken_and_said(tmp_path, monkeypatch):
    monkeypatch.setattr("ablation.assets.gguf.DOUBTFUL", 50)  # there are 261 tokens
    path = write(tmp_path / "tiny.gguf")  # of random weights
    said = r"tiny\.gguf has perplexity \d+ on a passage of English prose: either it is no model of"
    with pytest.warns(Notice, match=said):
        assert (model_directory(model_spec(str(path))) / "model.safetensors").exists()


def test_it_is_unpacked_once_and_anew_for_another_file(tmp_path):
    path = write(tmp_path / "tiny.gguf")
    spec = model_spec(str(path))
    folder = model_directory(spec)
    before = (folder / "model.safetensors").stat().st_mtime_ns
    assert model_directory(spec) == folder
    assert (folder / "model.safetensors").stat().st_mtime_ns == before
    write(tmp_path / "other.gguf", "qwen2").replace(path)
    other = model_directory(spec)
    assert other != folder
    assert not folder.exists()
    assert spec.key.startswith("tiny.gguf-")


PIECES = {
    "gpt-2": ["a", "Ġ", "Ġ1868"],
    "smollm": ["a", "ĠĠ", "1", "8", "6", "8"],
    "qwen2": ["a", "Ġ", "Ġ", "1", "8", "6", "8"],
    "deepseek-r1-qwen": ["a", "Ġ", "Ġ", "1", "8", "6", "8"],
}


@pytest.mark.parametrize("split", PRE_TOKENIZERS)
def test_text_is_split_as_the_file_says(split, tmp_path):
    loaded = load_model(model_spec(str(write(tmp_path / "tiny.gguf", pre=split))))
    splitter = loaded.tokenizer.backend_tokenizer.pre_tokenizer
    assert [piece for piece, _ in splitter.pre_tokenize_str("a  1868")] == PIECES[split]
    assert loaded.tokenizer.decode(loaded.tokenizer(TEXT)["input_ids"]) == TEXT


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"named": "mamba"}, "a GGUF file of llama, qwen2, qwen3 is required, got 'mamba'"),
        ({"llama__rope__scaling__type": "yarn"}, "its rotary positions are scaled"),
        ({"llama__rope__scaling__factor": 4}, "its rotary positions are scaled"),
        ({"llama__expert_count": 8}, "it has experts"),
        ({"extra": "blk.0.attn_q.bias"}, "it has 22 tensors, and transformers takes 21 for"),
        ({"pre": "llama-bpe"}, "its text is split by 'llama-bpe', known are gpt-2, smollm"),
        ({"pre": "default"}, "its text is split by 'default', known are gpt-2, smollm"),
        ({"split__count": 3}, "one of 3 parts: join them"),
    ],
)
def test_what_would_come_out_otherwise_than_it_is_is_refused(fields, message, tmp_path):
    path = write(tmp_path / "tiny.gguf", **fields)
    with pytest.raises(InvalidInput, match=message) as caught:
        model_directory(model_spec(str(path)))
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_a_tokenizer_beside_the_file_is_not_taken_for_its_own(tmp_path):
    path = write(tmp_path / "tiny.gguf")
    (tmp_path / "tokenizer.json").write_text("{}", encoding="utf-8")
    assert len(load_model(model_spec(str(path))).tokenizer) == len(TOKENS)


def test_what_transformers_cannot_load_is_refused_in_one_line(tmp_path, monkeypatch):
    monkeypatch.setitem(WIDTH, "qwen3", 8)
    path = write(tmp_path / "tiny.gguf", "qwen3")
    with pytest.raises(InvalidInput, match=f"{path}: transformers cannot load it: ") as caught:
        model_directory(model_spec(str(path)))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"GGUF", b"no model" * 100])
def test_a_file_that_is_none_is_refused_in_one_line(content, tmp_path):
    path = tmp_path / "broken.gguf"
    path.write_bytes(content)
    with pytest.raises(InvalidInput, match=f"{path}: no usable GGUF file: ") as caught:
        model_directory(model_spec(str(path)))
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_no_hub_id():
    with pytest.raises(InvalidInput, match="model 'models/none.gguf': there is no such file"):
        model_spec("models/none.gguf")
