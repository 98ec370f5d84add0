"""Tiny configurations, at least one for every family, and for every kind of attention."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import transformers as hf

VOCAB = 97
LAYERS = 3
HIDDEN = 32
WINDOW = 16

_SPECIAL = {"vocab_size": VOCAB, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}

_EXPERTS = {"moe_intermediate_size": 16, "num_experts": 4, "num_experts_per_tok": 2}
_LOCAL_EXPERTS = {"num_local_experts": 4, "num_experts_per_tok": 2}
_CAPPED = {
    "head_dim": 12,
    "query_pre_attn_scalar": 6,
    "sliding_window": WINDOW,
    "attn_logit_softcapping": 2.0,
    "final_logit_softcapping": 3.0,
}
_LATENT = {
    "q_lora_rank": 16,
    "kv_lora_rank": 8,
    "qk_rope_head_dim": 4,
    "qk_nope_head_dim": 8,
    "v_head_dim": 6,
    "moe_intermediate_size": 16,
    "n_routed_experts": 4,
    "n_shared_experts": 1,
    "num_experts_per_tok": 2,
    "n_group": 2,
    "topk_group": 1,
    "first_k_dense_replace": 1,
    "num_key_value_heads": 4,
}
_SOME_WINDOWS = ["sliding_attention", "full_attention", *["sliding_attention"] * (LAYERS - 2)]
_LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 10000.0,
    "factor": 4.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}
_YARN = {
    "rope_type": "yarn",
    "rope_theta": 10000.0,
    "factor": 8.0,
    "original_max_position_embeddings": WINDOW,
}


def _common(config: Any, heads: int = 4, **more: Any) -> Any:
    settings = {
        **_SPECIAL,
        "hidden_size": HIDDEN,
        "num_hidden_layers": LAYERS,
        "max_position_embeddings": 256,
        "intermediate_size": 48,
        "num_attention_heads": heads,
        **more,
    }
    return config(**settings)


def _grouped(config: Any, **more: Any) -> Any:
    return _common(config, **{"num_key_value_heads": 2, **more})


def _embedded(config: Any, **more: Any) -> Any:
    return config(**_SPECIAL, n_embd=HIDDEN, n_layer=LAYERS, n_head=4, n_positions=256, **more)


CONFIGS: Mapping[str, Callable[..., Any]] = {
    "llama-mha": partial(_grouped, hf.LlamaConfig, num_key_value_heads=4),
    "llama-gqa": partial(_grouped, hf.LlamaConfig),
    "llama-mqa": partial(_grouped, hf.LlamaConfig, num_key_value_heads=1),
    "llama-head-dim": partial(_grouped, hf.LlamaConfig, head_dim=12),
    "llama-biases": partial(_grouped, hf.LlamaConfig, attention_bias=True),
    "afmoe": partial(
        _grouped,
        hf.AfmoeConfig,
        head_dim=8,
        sliding_window=WINDOW,
        global_attn_every_n_layers=2,
        mup_enabled=True,
        num_shared_experts=1,
        **_EXPERTS,
    ),
    "apertus": partial(_grouped, hf.ApertusConfig, rope_parameters=_LLAMA3),
    "arcee": partial(_grouped, hf.ArceeConfig),
    "bloom": lambda: hf.BloomConfig(**_SPECIAL, hidden_size=HIDDEN, n_layer=LAYERS, n_head=4),
    "codegen": partial(_embedded, hf.CodeGenConfig, rotary_dim=4),
    "cohere": partial(_grouped, hf.CohereConfig, use_qk_norm=True, logit_scale=0.3),
    "cohere2": partial(_grouped, hf.Cohere2Config, sliding_window=WINDOW, logit_scale=0.3),
    "cwm": partial(
        _grouped,
        hf.CwmConfig,
        head_dim=12,
        sliding_window=WINDOW,
        rope_parameters=_LLAMA3,
    ),
    "deepseek2": partial(_common, hf.DeepseekV2Config, **_LATENT),
    "deepseek3": partial(_common, hf.DeepseekV3Config, **_LATENT),
    "ernie": partial(_grouped, hf.Ernie4_5Config, use_bias=True),
    "exaone4": partial(_grouped, hf.Exaone4Config, sliding_window=WINDOW, sliding_window_pattern=2),
    "falcon": partial(_common, hf.FalconConfig, bias=True),
    "falcon-alibi": partial(
        _common, hf.FalconConfig, alibi=True, multi_query=False, parallel_attn=False
    ),
    "falcon-new-decoder": partial(
        _common, hf.FalconConfig, new_decoder_architecture=True, num_kv_heads=2
    ),
    "gemma": partial(_grouped, hf.GemmaConfig, head_dim=12),
    "gemma2": partial(_grouped, hf.Gemma2Config, **_CAPPED),
    "gemma3": partial(
        _grouped,
        hf.Gemma3TextConfig,
        head_dim=12,
        query_pre_attn_scalar=6,
        sliding_window=WINDOW,
        sliding_window_pattern=2,
    ),
    "glm": partial(_grouped, hf.GlmConfig, head_dim=8, attention_bias=True),
    "glm4": partial(_grouped, hf.Glm4Config, head_dim=8, attention_bias=True),
    "glm4-moe": partial(
        _grouped,
        hf.Glm4MoeConfig,
        head_dim=12,
        attention_bias=True,
        use_qk_norm=True,
        moe_intermediate_size=16,
        n_routed_experts=4,
        num_experts_per_tok=2,
        n_group=2,
        topk_group=1,
        routed_scaling_factor=2.5,
    ),
    "gpt-j": partial(_embedded, hf.GPTJConfig, rotary_dim=4),
    "gpt-neo": partial(
        _common,
        hf.GPTNeoConfig,
        num_layers=LAYERS,
        num_heads=4,
        attention_types=[[["global", "local", "global"], 1]],
        window_size=WINDOW,
    ),
    "gpt-neox": partial(_common, hf.GPTNeoXConfig),
    "gpt-neox-serial": partial(_common, hf.GPTNeoXConfig, use_parallel_residual=False),
    "gpt-oss": partial(
        _grouped,
        hf.GptOssConfig,
        head_dim=8,
        sliding_window=WINDOW,
        rope_parameters=_YARN,
        **_LOCAL_EXPERTS,
    ),
    "gpt2": partial(_embedded, hf.GPT2Config),
    "gpt2-layer-scales": partial(
        _embedded, hf.GPT2Config, scale_attn_by_inverse_layer_idx=True, scale_attn_weights=False
    ),
    "granite": partial(
        _grouped,
        hf.GraniteConfig,
        embedding_multiplier=3.0,
        attention_multiplier=0.5,
        residual_multiplier=0.7,
        logits_scaling=4.0,
    ),
    "granite-moe": partial(_grouped, hf.GraniteMoeConfig, logits_scaling=4.0, **_LOCAL_EXPERTS),
    "helium": partial(_grouped, hf.HeliumConfig, head_dim=8),
    "laguna": partial(
        _grouped,
        hf.LagunaConfig,
        head_dim=8,
        num_attention_heads_per_layer=[6, 4, 8],
        attention_bias=True,
        sliding_window=WINDOW,
        layer_types=_SOME_WINDOWS,
        shared_expert_intermediate_size=16,
        **_EXPERTS,
    ),
    "llama4": partial(
        _grouped,
        hf.Llama4TextConfig,
        head_dim=8,
        intermediate_size_mlp=48,
        attention_chunk_size=WINDOW,
        floor_scale=4,  # tokens after which the temperature of layers without positions changes
        no_rope_layer_interval=3,
        interleave_moe_layer_step=2,
        num_local_experts=4,
        num_experts_per_tok=1,
    ),
    "ministral": partial(
        _grouped,
        hf.MinistralConfig,
        head_dim=8,
        sliding_window=WINDOW,
        layer_types=_SOME_WINDOWS,
    ),
    "ministral3": partial(
        _grouped,
        hf.Ministral3Config,
        rope_parameters={
            **_YARN,
            "mscale": 1.0,
            "mscale_all_dim": 1.0,
            "llama_4_scaling_beta": 0.5,  # queries are scaled by their positions
        },
    ),
    "mistral-window": partial(_grouped, hf.MistralConfig, sliding_window=WINDOW),
    "mixtral": partial(_grouped, hf.MixtralConfig, **_LOCAL_EXPERTS),
    "mpt": lambda: hf.MptConfig(
        **_SPECIAL,
        d_model=HIDDEN,
        n_layers=LAYERS,
        n_heads=4,
        max_seq_len=256,
        attn_config={"clip_qkv": 0.5},
    ),
    "nemotron": partial(_grouped, hf.NemotronConfig, partial_rotary_factor=0.5),
    "olmo": partial(_grouped, hf.OlmoConfig, clip_qkv=0.5),
    "olmo2": partial(_grouped, hf.Olmo2Config),
    "olmo3": partial(_grouped, hf.Olmo3Config, sliding_window=WINDOW),
    "olmoe": partial(_grouped, hf.OlmoeConfig, num_experts=4, num_experts_per_tok=2, clip_qkv=0.5),
    "opt": partial(_common, hf.OPTConfig, ffn_dim=48, word_embed_proj_dim=HIDDEN),
    "phi": partial(_grouped, hf.PhiConfig, partial_rotary_factor=0.5),
    "phi3": partial(_grouped, hf.Phi3Config, sliding_window=WINDOW),
    "phimoe": partial(_grouped, hf.PhimoeConfig, attention_bias=True, **_LOCAL_EXPERTS),
    "qwen2": partial(_grouped, hf.Qwen2Config),
    "qwen2-some-windows": partial(
        _grouped,
        hf.Qwen2Config,
        use_sliding_window=True,
        sliding_window=WINDOW,
        max_window_layers=1,
    ),
    "qwen2-moe": partial(
        _grouped, hf.Qwen2MoeConfig, shared_expert_intermediate_size=16, **_EXPERTS
    ),
    "qwen3": partial(_grouped, hf.Qwen3Config, head_dim=12),
    "qwen3-moe": partial(_grouped, hf.Qwen3MoeConfig, head_dim=12, **_EXPERTS),
    "seed-oss": partial(_grouped, hf.SeedOssConfig, head_dim=12, attention_bias=True),
    "smollm3": partial(_grouped, hf.SmolLM3Config, no_rope_layer_interval=2),
    "stablelm": partial(
        _grouped, hf.StableLmConfig, use_qkv_bias=True, qk_layernorm=True, partial_rotary_factor=0.5
    ),
    "stablelm-parallel": partial(_grouped, hf.StableLmConfig, use_parallel_residual=True),
    "starcoder2": partial(_grouped, hf.Starcoder2Config, sliding_window=WINDOW),
    "vaultgemma": partial(_grouped, hf.VaultGemmaConfig, **_CAPPED),
}
