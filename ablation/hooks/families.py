"""The families of models whose heads are known: one row each, the module paths that matter.

To add a family, add a row here and a tiny configuration of it to
``ablation/tests/support/tiny_configs.py``; the tests prove the row.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any

from ablation.errors import InvalidInput, shortened


@dataclass(frozen=True)
class Family:
    """Module paths of one family of causal language models, by default those of Llama.

    Attributes:
        layers: path from the decoder (``ablation.metrics.decoder``) to its list of layers.
        attention: path from a layer to its attention.
        projection: path from the attention to the projection whose input is z.
        final_norm: path from the decoder to the normalisation after its last layer.
        learned_positions: positions come out of a table that ends at the context's length, learned
            or not.
        sinks: a head may attend to nothing: its weights sum to less than 1.
        gated: z is what a gate lets through of what attention gives; it is zeroed behind the gate.
        latent_values: values are normalised behind their bias, which is then no constant of z.
        adds_residual: what attention gives is the residual stream after it, not what it adds.
    """

    layers: str = "layers"
    attention: str = "self_attn"
    projection: str = "o_proj"
    final_norm: str = "norm"
    learned_positions: bool = False
    sinks: bool = False
    gated: bool = False
    latent_values: bool = False
    adds_residual: bool = False

    @property
    def averages_values(self) -> bool:
        """Whether z is a mean of values: weighed by weights that sum to 1, with nothing behind."""
        return not (self.sinks or self.gated)


_LIKE_LLAMA = Family()
_LIKE_GPT_J = Family("h", "attn", "out_proj", "ln_f", learned_positions=True)

FAMILIES: Mapping[str, Family] = {
    "AfmoeForCausalLM": Family(gated=True),
    "ApertusForCausalLM": _LIKE_LLAMA,
    "ArceeForCausalLM": _LIKE_LLAMA,
    "BloomForCausalLM": Family("h", "self_attention", "dense", "ln_f", adds_residual=True),
    "CodeGenForCausalLM": _LIKE_GPT_J,
    "CohereForCausalLM": _LIKE_LLAMA,
    "Cohere2ForCausalLM": _LIKE_LLAMA,
    "CwmForCausalLM": _LIKE_LLAMA,
    "DeepseekV2ForCausalLM": Family(latent_values=True),
    "DeepseekV3ForCausalLM": Family(latent_values=True),
    "Ernie4_5ForCausalLM": _LIKE_LLAMA,
    "Exaone4ForCausalLM": _LIKE_LLAMA,
    "FalconForCausalLM": Family("h", "self_attention", "dense", "ln_f"),
    "GemmaForCausalLM": _LIKE_LLAMA,
    "Gemma2ForCausalLM": _LIKE_LLAMA,
    "Gemma3ForCausalLM": _LIKE_LLAMA,
    "GlmForCausalLM": _LIKE_LLAMA,
    "Glm4ForCausalLM": _LIKE_LLAMA,
    "Glm4MoeForCausalLM": _LIKE_LLAMA,
    "GPT2LMHeadModel": Family("h", "attn", "c_proj", "ln_f", learned_positions=True),
    "GPTJForCausalLM": _LIKE_GPT_J,
    "GPTNeoForCausalLM": Family("h", "attn.attention", "out_proj", "ln_f", learned_positions=True),
    "GPTNeoXForCausalLM": Family("layers", "attention", "dense", "final_layer_norm"),
    "GptOssForCausalLM": Family(sinks=True),
    "GraniteForCausalLM": _LIKE_LLAMA,
    "GraniteMoeForCausalLM": _LIKE_LLAMA,
    "HeliumForCausalLM": _LIKE_LLAMA,
    "LagunaForCausalLM": Family(gated=True),
    "LlamaForCausalLM": _LIKE_LLAMA,
    "Llama4ForCausalLM": _LIKE_LLAMA,
    "MinistralForCausalLM": _LIKE_LLAMA,
    "Ministral3ForCausalLM": _LIKE_LLAMA,
    "MistralForCausalLM": _LIKE_LLAMA,
    "MixtralForCausalLM": _LIKE_LLAMA,
    "MptForCausalLM": Family("blocks", "attn", "out_proj", "norm_f", learned_positions=True),
    "NemotronForCausalLM": _LIKE_LLAMA,
    "OlmoForCausalLM": _LIKE_LLAMA,
    "Olmo2ForCausalLM": _LIKE_LLAMA,
    "Olmo3ForCausalLM": _LIKE_LLAMA,
    "OlmoeForCausalLM": _LIKE_LLAMA,
    "OPTForCausalLM": Family(
        "layers", "self_attn", "out_proj", "final_layer_norm", learned_positions=True
    ),
    "PhiForCausalLM": Family("layers", "self_attn", "dense", "final_layernorm"),
    "Phi3ForCausalLM": _LIKE_LLAMA,
    "PhimoeForCausalLM": _LIKE_LLAMA,
    "Qwen2ForCausalLM": _LIKE_LLAMA,
    "Qwen2MoeForCausalLM": _LIKE_LLAMA,
    "Qwen3ForCausalLM": _LIKE_LLAMA,
    "Qwen3MoeForCausalLM": _LIKE_LLAMA,
    "SeedOssForCausalLM": _LIKE_LLAMA,
    "SmolLM3ForCausalLM": _LIKE_LLAMA,
    "StableLmForCausalLM": _LIKE_LLAMA,
    "Starcoder2ForCausalLM": _LIKE_LLAMA,
    "VaultGemmaForCausalLM": _LIKE_LLAMA,
}
"""Model class of transformers -> its family."""

_WITHOUT_HEADS = ("FalconMamba", "Mamba", "Mamba2", "Rwkv", "xLSTM")
_HYBRIDS = (
    "BailingHybrid",
    "Bamba",
    "FalconH1",
    "GraniteMoeHybrid",
    "Jamba",
    "KimiLinear",
    "Lfm2",
    "Lfm2Moe",
    "MiniMax",
    "NemotronH",
    "OlmoHybrid",
    "RecurrentGemma",
    "Zamba",
    "Zamba2",
)


def _each(names: Sequence[str], reason: str, *, with_images: bool = False) -> dict[str, str]:
    """Model class -> why it is not taken; of some there is one around images, too."""
    ends = ("ForCausalLM", *(["ForConditionalGeneration"] if with_images else []))
    return {f"{name}{end}": reason for name in names for end in ends}


_FEW_HEADS = "most of its layers have no heads"

REFUSED: Mapping[str, str] = {
    **_each(["BitNet"], "z of all heads is normalised together, so that no head stands alone"),
    **_each(["DiffLlama"], "a head is the difference of two attentions, and no slice of z"),
    **_each(["Gemma3n"], "there are several residual streams side by side", with_images=True),
    **_each(_WITHOUT_HEADS, "its layers have no attention"),
    **_each(_HYBRIDS, "some of its layers have no heads"),
    **_each(["Qwen3Next"], _FEW_HEADS),
    **_each(["Qwen3_5", "Qwen3_5Moe"], _FEW_HEADS, with_images=True),
}
"""Model class -> why its heads cannot be ablated exactly here."""

ALIKE = 0.7
"""How alike the names of two classes must be for the one to be offered for the other, without what
all of them end with."""

CAUSAL = ("ForCausalLM", "LMHeadModel")
"""What classes of causal language models end with."""


PATHS = ("layers", "attention", "projection", "final_norm")
"""What a site names: the fields of a row that are paths."""


def family_from(site: str, model_class: str = "") -> Family:
    """The row that ``site`` writes out, as ``attention=self_attn,projection=o_proj``.

    What is left out is as in the row of ``model_class``. Without one, paths are those of Llama, and
    positions are taken to end with the context, as they do where they are learned.

    Raises:
        InvalidInput: it is not written so, or the class is one of ``REFUSED``.
    """
    _refuse(model_class)
    paths: dict[str, Any] = dict(part.partition("=")[::2] for part in site.split(","))
    if not all(name in PATHS and path for name, path in paths.items()):
        raise InvalidInput(
            f"a site is written name=path,…, of {', '.join(PATHS)}, as in "
            f"'attention=self_attn,projection=o_proj', got {shortened(site)}"
        )
    return replace(FAMILIES.get(model_class, Family(learned_positions=True)), **paths)


def family_of(model_class: str) -> Family:
    """The row of the table for ``model_class``.

    Raises:
        InvalidInput: the class has no row: not a causal language model, not a known one, or one
            of ``REFUSED``.
    """
    if model_class in FAMILIES:
        return FAMILIES[model_class]
    _refuse(model_class)
    known = {_short(name): name for name in FAMILIES}
    alike = get_close_matches(_short(model_class), known, n=1, cutoff=ALIKE)
    nearest = f" (such as {known[alike[0]]})" if alike else ""
    told = (
        "; or say where its heads are, with --site attention=PATH,projection=PATH, and the model "
        "is checked"
    )
    raise InvalidInput(
        f"no known head site for model class {model_class}: one of the {len(FAMILIES)} classes of "
        f"causal language models in ablation/README.md is required{nearest}"
        f"{told if model_class.endswith(CAUSAL) else ''}"
    )


def _short(model_class: str) -> str:
    for end in CAUSAL:
        model_class = model_class.removesuffix(end)
    return model_class


def _refuse(model_class: str) -> None:
    if model_class in REFUSED:
        raise InvalidInput(
            f"{model_class} is not taken: {REFUSED[model_class]}; take a model of another family, "
            "see ablation/README.md"
        )
