"""Blocks on what tests prove of families: the features that tiny configurations have."""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

from experiments.pages.readmes.markdown import table
from experiments.pages.readmes.stored import Stored

CONFIGURATIONS = Path(__file__).parents[4] / "ablation/tests/support/tiny_configs.py"

FEATURES = {
    "windows and chunks": ("sliding_window", "window_size", "attention_chunk_size"),
    "softcaps on scores or logits": ("attn_logit_softcapping", "final_logit_softcapping"),
    "scales of logits": ("logit_scale", "logits_scaling"),
    "heads of a width of their own": ("head_dim", "qk_nope_head_dim"),
    "more heads in some layers": ("num_attention_heads_per_layer",),
    "biases of queries, keys and values": ("attention_bias", "use_qkv_bias", "use_bias", "bias"),
    "norms or clips of queries and keys": ("qk_layernorm", "use_qk_norm", "clip_qkv"),
    "rotation of a part of a head": ("rotary_dim", "partial_rotary_factor"),
    "scaled positions": ("rope_parameters",),
    "layers without positions": ("no_rope_layer_interval",),
    "ALiBi by choice": ("alibi",),
    "attention beside the MLP, or before it": ("parallel_attn", "use_parallel_residual"),
    "experts": ("num_experts", "num_local_experts", "n_routed_experts"),
    "latent keys and values": ("kv_lora_rank",),
}
"""Feature -> the settings of a configuration that have to do with it."""


def tested_features(stored: Stored) -> str:
    """Which tiny configurations set what, beside what their class has in any case."""
    settings = settings_of(CONFIGURATIONS)
    rows = [
        (feature, ", ".join(name for name, found in settings.items() if found & {*those}))
        for feature, those in FEATURES.items()
    ]
    return table(("feature", f"set in {len(settings)} tiny configurations"), rows)


def settings_of(path: Path) -> dict[str, frozenset[str]]:
    """Name of a tiny configuration -> the settings that are written out in it.

    It is read as text: READMEs are made where neither torch nor transformers is.
    """
    body = ast.parse(path.read_text(encoding="utf-8")).body
    shared: dict[str, ast.Dict] = {}
    for statement in body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Dict() as value):
                shared[name] = value
            case ast.AnnAssign(target=ast.Name(id="CONFIGS"), value=ast.Dict() as value):
                return {
                    ast.literal_eval(key): frozenset(_settings(made, shared))
                    for key, made in zip(value.keys, value.values, strict=True)
                    if key is not None
                }
    raise LookupError(f"{path}: it has no CONFIGS")


def _settings(made: ast.AST, shared: Mapping[str, ast.Dict]) -> Iterator[str]:
    for call in (node for node in ast.walk(made) if isinstance(node, ast.Call)):
        for keyword in call.keywords:
            if keyword.arg is not None:
                yield keyword.arg
            elif isinstance(keyword.value, ast.Name) and keyword.value.id in shared:
                keys = shared[keyword.value.id].keys
                yield from (ast.literal_eval(key) for key in keys if key is not None)
