"""The language model inside a multimodal checkpoint, where transformers has it as one of its own.

It is loaded alone: images are never asked about, and the rest would only take memory.
"""

from collections.abc import Mapping
from typing import Any

from ablation.errors import InvalidInput, shortened

WRAPPERS = (
    "Gemma3ForConditionalGeneration",
    "Idefics3ForConditionalGeneration",
    "InternVLForConditionalGeneration",
    "Llama4ForConditionalGeneration",
    "LlavaForConditionalGeneration",
    "LlavaNextForConditionalGeneration",
    "LlavaOnevisionForConditionalGeneration",
    "Mistral3ForConditionalGeneration",
    "SmolVLMForConditionalGeneration",
)
"""Classes whose logits for text are those of the language model alone, proven on tiny ones. Not so
Aya Vision, which leaves out the scale of Cohere's logits."""

KEYS = {
    r"^model\.(language_model|text_model)\.": "model.",
    r"^language_model\.model\.": "model.",
    r"^language_model\.lm_head": "lm_head",
}
"""What its weights are called in such a checkpoint, and alone."""


def class_inside(config: Mapping[str, Any]) -> str:
    """The class of the language model in what ``config.json`` of such a checkpoint holds.

    Raises:
        LookupError, ValueError: transformers has none.
    """
    from transformers import AutoConfig
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    inner = (config.get("text_config") or {}).get("model_type")
    if inner is None:  # what is usual in such a checkpoint is left out
        inner = AutoConfig.for_model(config["model_type"]).get_text_config().model_type
    return str(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES[inner])


def text_config(config: Any) -> Any:
    """The config of the language model in a class of ``WRAPPERS``, as one of its own.

    Raises:
        InvalidInput: it is no causal language model.
    """
    from transformers import MODEL_FOR_CAUSAL_LM_MAPPING

    inner = config.get_text_config()
    if type(inner) not in MODEL_FOR_CAUSAL_LM_MAPPING:
        raise InvalidInput(
            f"a causal language model inside is required, got {shortened(inner.model_type)}"
        )
    inner.architectures = [MODEL_FOR_CAUSAL_LM_MAPPING[type(inner)].__name__]
    # The whole checkpoint's word counts, whatever the part's default is.
    inner.tie_word_embeddings = config.tie_word_embeddings
    return inner
