"""Multimodal checkpoints: their language model alone says of text what the whole says."""

import json
from collections.abc import Callable
from typing import Any

import pytest
import torch
import transformers as hf

from ablation.ablator import HeadAblator
from ablation.errors import InvalidInput
from ablation.heads import Head
from ablation.models.checks.check import check_heads
from ablation.models.directory import model_class
from ablation.models.loading import load_model
from ablation.models.model import open_model
from ablation.models.registry import model_spec
from ablation.models.text_model import WRAPPERS
from ablation.tests.support.tiny_models import BYTES, SPECIAL, byte_tokenizer

TEXT = {
    "vocab_size": BYTES + len(SPECIAL),
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
}
VISION = {
    "hidden_size": 32,
    "intermediate_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "image_size": 28,
    "patch_size": 14,
}
OF_LLAMA_4 = {
    "vision_output_dim": 32,
    "projector_input_dim": 32,
    "projector_output_dim": 32,
    "pixel_shuffle_ratio": 1.0,
}
IMAGE = {"image_token_index": BYTES}
IMAGE_ID = {"image_token_id": BYTES}

CONFIGS: dict[str, Callable[..., Any]] = {
    "Gemma3ForConditionalGeneration": lambda **tied: hf.Gemma3Config(
        text_config=hf.Gemma3TextConfig(**TEXT, head_dim=8, sliding_window=16),
        vision_config=VISION, mm_tokens_per_image=4, boi_token_index=BYTES + 1,
        eoi_token_index=BYTES + 1, **IMAGE, **tied,
    ),
    "Idefics3ForConditionalGeneration": lambda **tied: hf.Idefics3Config(
        text_config=hf.LlamaConfig(**TEXT), vision_config=VISION, scale_factor=2, **IMAGE_ID, **tied
    ),
    "InternVLForConditionalGeneration": lambda **tied: hf.InternVLConfig(
        text_config=hf.Qwen2Config(**TEXT), vision_config=hf.InternVLVisionConfig(**VISION),
        **IMAGE_ID, **tied,
    ),
    "Llama4ForConditionalGeneration": lambda **tied: hf.Llama4Config(
        text_config=hf.Llama4TextConfig(
            **TEXT, head_dim=8, intermediate_size_mlp=48, num_local_experts=2,
            attention_chunk_size=64,
        ),
        vision_config=hf.Llama4VisionConfig(**VISION, **OF_LLAMA_4), **IMAGE, **tied,
    ),
    "LlavaForConditionalGeneration": lambda **tied: hf.LlavaConfig(
        text_config=hf.LlamaConfig(**TEXT), vision_config=hf.CLIPVisionConfig(**VISION),
        **IMAGE, **tied,
    ),
    "LlavaNextForConditionalGeneration": lambda **tied: hf.LlavaNextConfig(
        text_config=hf.LlamaConfig(**TEXT), vision_config=hf.CLIPVisionConfig(**VISION),
        **IMAGE, **tied,
    ),
    "LlavaOnevisionForConditionalGeneration": lambda **tied: hf.LlavaOnevisionConfig(
        text_config=hf.Qwen2Config(**TEXT), vision_config=hf.SiglipVisionConfig(**VISION),
        **IMAGE, **tied,
    ),
    "Mistral3ForConditionalGeneration": lambda **tied: hf.Mistral3Config(
        text_config=hf.MistralConfig(**TEXT), vision_config=hf.PixtralVisionConfig(**VISION),
        **IMAGE, **tied,
    ),
    "SmolVLMForConditionalGeneration": lambda **tied: hf.SmolVLMConfig(
        text_config=hf.LlamaConfig(**TEXT), vision_config=VISION, scale_factor=2, **IMAGE_ID, **tied
    ),
}  # fmt: skip


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("wrapper", WRAPPERS)
@torch.no_grad()
def test_the_text_model_alone_is_that_of_the_whole(wrapper, tied, tmp_path):
    torch.manual_seed(0)
    whole = getattr(hf, wrapper)(CONFIGS[wrapper](tie_word_embeddings=tied)).eval()
    for weight in whole.parameters():
        weight.normal_(std=0.2)
    whole.save_pretrained(tmp_path)
    byte_tokenizer().save_pretrained(tmp_path)
    loaded = load_model(model_spec(str(tmp_path)))
    assert model_class(tmp_path) == type(loaded.model).__name__
    assert open_model(loaded.spec).engine.name == loaded.engine.name
    assert not any("vision" in name for name, _ in loaded.model.named_modules())
    ids = torch.arange(3, 43)[None]
    unablated = loaded.model(ids).logits
    torch.testing.assert_close(unablated, whole(input_ids=ids).logits)
    with HeadAblator(loaded.model, [Head(0, 1)]):
        assert not torch.allclose(loaded.model(ids).logits, unablated)


@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_a_text_model_that_is_not_named_is_the_usual_one(wrapper, tmp_path):
    CONFIGS[wrapper]().save_pretrained(tmp_path)
    path = tmp_path / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    del config["text_config"]["model_type"]
    path.write_text(json.dumps({**config, "architectures": [wrapper]}), encoding="utf-8")
    inner = hf.AutoConfig.from_pretrained(tmp_path).get_text_config()
    assert model_class(tmp_path) == hf.MODEL_FOR_CAUSAL_LM_MAPPING[type(inner)].__name__


def test_it_passes_the_check_at_load(tmp_path):
    wrapper = "Gemma3ForConditionalGeneration"
    torch.manual_seed(0)
    getattr(hf, wrapper)(CONFIGS[wrapper]()).save_pretrained(tmp_path)
    byte_tokenizer().save_pretrained(tmp_path)
    assert check_heads(load_model(model_spec(str(tmp_path))).model)


def test_what_is_quantised_or_no_language_model_inside_is_refused_in_one_line(tmp_path):
    wrapper = "LlavaForConditionalGeneration"
    config = CONFIGS[wrapper]()
    getattr(hf, wrapper)(config).save_pretrained(tmp_path)
    byte_tokenizer().save_pretrained(tmp_path)
    path = tmp_path / "config.json"
    plain = json.loads(path.read_text(encoding="utf-8"))
    for changes, message in (
        ({"quantization_config": {"quant_method": "fp8"}}, "not quantised are required"),
        ({"text_config": {"model_type": "t5"}}, "a causal language model inside is required"),
    ):
        path.write_text(json.dumps({**plain, **changes}), encoding="utf-8")
        with pytest.raises(InvalidInput, match=message) as caught:
            load_model(model_spec(str(tmp_path)))
        assert "\n" not in str(caught.value)


def test_a_multimodal_class_that_is_not_proven_is_refused_by_name(tmp_path):
    config = hf.AyaVisionConfig(
        text_config=hf.Cohere2Config(**TEXT), vision_config=hf.SiglipVisionConfig(**VISION), **IMAGE
    )
    hf.AyaVisionForConditionalGeneration(config).save_pretrained(tmp_path)
    byte_tokenizer().save_pretrained(tmp_path)
    with pytest.raises(InvalidInput, match="AyaVisionForConditionalGeneration") as caught:
        load_model(model_spec(str(tmp_path)))
    assert "\n" not in str(caught.value)
