"""Loads a model for its spec: safetensors only, no pickle, no remote code, nothing made up."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ablation.engine import FAST, EngineChoice
from ablation.engine.engines import Engine, FastEngine, engine_of
from ablation.engine.linear import use_onednn
from ablation.errors import (
    AssetError,
    ComputationError,
    InvalidInput,
    first_line,
    notice,
    shortened,
)
from ablation.heads import HeadGrid
from ablation.hooks.attention import kernel_for
from ablation.hooks.families import family_from
from ablation.hooks.sites import family_of_model, head_sites, use_family
from ablation.metrics.answers import MAX_NEW_TOKENS
from ablation.metrics.devices import devices_of, waits
from ablation.metrics.logits import use_fp32_logits
from ablation.models.converted import converted
from ablation.models.directory import model_directory, model_files, refuse_described
from ablation.models.placement import on_all_devices
from ablation.models.plain_weights import refuse_left_out, refuse_own_code
from ablation.models.proposal import require_row
from ablation.models.registry import AUTO, DTYPES, ModelSpec
from ablation.models.text_model import KEYS, WRAPPERS, text_config
from ablation.models.weight_files import check_weight_files, weight_files
from ablation.passes.allocator import keep_freed_memory
from ablation.passes.generation import make_greedy
from ablation.passes.positions import context_of, longest_pass

SHOWS_PROGRESS = 1 << 30
"""Bytes of weights from which loading takes seconds."""


@dataclass(frozen=True)
class LoadedModel:
    """A model ready to run.

    Attributes:
        spec: which model.
        model: the causal language model, in eval mode.
        tokenizer: its tokenizer.
        directory: where its files lie.
        engine: what runs it under many sets of ablated heads.
    """

    spec: ModelSpec
    model: Any
    tokenizer: Any
    directory: Path
    engine: Engine = FastEngine()

    @property
    def devices(self) -> list[torch.device]:
        """Where it computes."""
        return devices_of(self.model)

    @property
    def waiting(self) -> int:
        """How many of its layers lie in the CPU's memory until they run on another device."""
        return sum(waits(site.block) for site in head_sites(self.model).layers)

    @property
    def grid(self) -> HeadGrid:
        return head_sites(self.model).grid

    @property
    def context(self) -> int:
        """How many positions the model has."""
        return context_of(self.model.config)

    @property
    def longest_prompt(self) -> int:
        """The longest prompt in tokens.

        Rotary positions go on past the context by the few tokens of an answer, as in the study's
        cells of 8192; a table of learned positions ends there, and frequencies that change beyond
        it, see ``ablation.passes.positions``, must not be reached.
        """
        of_answer = MAX_NEW_TOKENS - 1
        if family_of_model(self.model).learned_positions:
            return self.context - of_answer
        longest = longest_pass(self.model.config)
        return self.context if longest is None else min(self.context, longest - of_answer)


def load_model(
    spec: ModelSpec,
    device: str = "cpu",
    dtype: str = "float32",
    engine: EngineChoice = EngineChoice(),
    directory: Path | None = None,
) -> LoadedModel:
    """Loads the model and its tokenizer; on a CPU its weights stay memory-mapped.

    Weights that have another dtype in their files are converted once, see ``converted``. Whatever
    the dtype, logits are fp32, see ``use_fp32_logits``.

    Args:
        spec: which model.
        device: where torch computes; ``AUTO``: on all GPUs there are, and what does not fit there
            lies in the CPU's memory, see ``on_all_devices``.
        dtype: of the weights, one of ``DTYPES``.
        engine: what runs it.
        directory: where its files lie, if that is known.

    Raises:
        InvalidInput: the device is not there, the dtype unknown, or the directory does
            not hold a whole causal language model of a known architecture in safetensors.
        ComputationError: the model does not fit into the device's memory.
        Unavailable: the hub cannot be reached, or does not give the model.
        AssetError: the embedded model cannot be fetched or stored.
    """
    if device != AUTO:
        check_device(device)
    if dtype not in DTYPES:
        raise InvalidInput(f"unknown dtype {dtype!r}: choose one of {', '.join(DTYPES)}")
    directory = model_directory(spec) if directory is None else directory
    some_gpu = torch.cuda.is_available() if device == AUTO else torch.device(device).type != "cpu"
    model = _load_weights(
        directory, getattr(torch, dtype), known=spec.site is None, kept_converted=not some_gpu
    )
    if spec.site is not None:
        use_family(model, family_from(spec.site, type(model).__name__))
    try:
        make_greedy(model)
        use_fp32_logits(model)
    except InvalidInput as error:
        raise InvalidInput(f"{directory}: {error}") from None
    try:
        model = on_all_devices(model) if device == AUTO else model.to(device)
    except torch.OutOfMemoryError as error:
        raise ComputationError(
            f"{spec.key} does not fit on {device}: {first_line(error)}"
        ) from None
    model.eval().requires_grad_(False)  # weights that wait elsewhere are made anew each time
    if engine.name == FAST:
        use_onednn(model)
        keep_freed_memory()
    tokenizer = load_tokenizer(directory)
    _check_tokens(model, tokenizer, directory)
    return LoadedModel(spec, model, tokenizer, directory, engine_of(engine))


def check_device(device: str) -> None:
    """Raises InvalidInput unless torch can compute on ``device`` here."""
    try:
        # Something is computed: the device "meta" holds shapes only and fails here.
        torch.zeros(1, device=device).item()
    except (RuntimeError, AssertionError) as error:
        raise InvalidInput(
            f"device {device!r} cannot be used here ({first_line(error)}): use --device cpu"
        ) from None


def _load_weights(directory: Path, dtype: torch.dtype, *, known: bool, kept_converted: bool) -> Any:
    import transformers
    from transformers import AutoConfig, AutoModelForCausalLM
    from transformers.utils import logging as transformers_logging

    model_files(directory)
    refuse_described(directory)
    if not (directory / "config.json").is_file():
        raise InvalidInput(f"{directory}: a model directory needs a config.json, and has none")
    try:
        config = AutoConfig.from_pretrained(
            directory, trust_remote_code=False, local_files_only=True
        )
    except Exception as error:
        refuse_own_code(directory, error)
        # Every family checks other fields, in its own way.
        raise InvalidInput(
            f"{directory}: config.json cannot be used: {first_line(error)}"
        ) from None
    named, keys = _class_of(config), None
    if named in WRAPPERS:
        try:
            config, keys = text_config(config), KEYS
        except InvalidInput as error:
            raise InvalidInput(f"{directory}: {error}") from None
        named = _class_of(config)
    if known:
        require_row(named[:80], config)
    elif not hasattr(transformers, named):
        raise InvalidInput(
            f"{directory}: transformers has no class {shortened(named)}, which config.json names: "
            "correct its 'architectures'"
        )
    sizes = [path.stat().st_size for path in weight_files(directory)]
    if not sizes:
        raise InvalidInput(
            f"{directory}: weights in safetensors are required and there are none (pickled "
            ".bin or .pt files are never loaded): convert them to safetensors"
        )
    check_weight_files(directory, config)
    if sum(sizes) < SHOWS_PROGRESS:
        transformers_logging.disable_progress_bar()
    else:
        transformers_logging.enable_progress_bar()
    read_from = _mappable(directory, dtype) if kept_converted else directory
    try:
        model, report = AutoModelForCausalLM.from_pretrained(
            read_from,
            config=config,
            key_mapping=keys,
            dtype=dtype,
            attn_implementation=kernel_for(getattr(transformers, named)),
            use_safetensors=True,
            ignore_mismatched_sizes=True,  # they are reported below, by name
            trust_remote_code=False,
            local_files_only=True,
            output_loading_info=True,
        )
    except Exception as error:
        # transformers, safetensors and torch each raise their own kinds over damaged files.
        raise InvalidInput(
            f"{directory}: the weights cannot be loaded: {first_line(error)}"
        ) from error
    lacking = sorted({*report["missing_keys"], *(str(key) for key in report["mismatched_keys"])})
    if lacking:
        # transformers fills these with random numbers and goes on.
        raise InvalidInput(
            f"{directory}: {len(lacking)} weights are missing or of the wrong shape, the first "
            f"is {lacking[0]}: the directory does not hold the whole model"
        )
    refuse_left_out(model, directory, report["unexpected_keys"])
    return model


def _class_of(config: Any) -> str:
    classes = getattr(config, "architectures", None)
    if isinstance(classes, list) and classes:
        return str(classes[0])
    return "(config.json names none under 'architectures')"


def _mappable(directory: Path, dtype: torch.dtype) -> Path:
    """Where the weights lie in ``dtype``; ``directory`` where the cache has no room for them."""
    try:
        return converted(directory, dtype)
    except AssetError as error:
        notice(f"every process takes memory for all weights of its own: {error}")
        return directory


def load_tokenizer(directory: Path) -> Any:
    """The tokenizer in a model's directory.

    Raises:
        InvalidInput: there is none that can be used.
    """
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(
            directory, trust_remote_code=False, local_files_only=True, use_fast=True
        )
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # a panic of the tokenizers library is no Exception
        raise InvalidInput(
            f"{directory}: a usable tokenizer.json is required ({first_line(error).rstrip(':')}): "
            "copy the tokenizer's files beside the weights"
        ) from error
    if not tokenizer.is_fast:
        raise InvalidInput(f"{directory}: a fast tokenizer (tokenizer.json) is required")
    return tokenizer


def _check_tokens(model: Any, tokenizer: Any, directory: Path) -> None:
    """Refuses a tokenizer of another model before its ids reach an embedding.

    A token that was added to it without a row of the embedding, such as a ``[PAD]``, is in the way
    only where a text holds it: see ``passes.known_tokens``.
    """
    rows = model.get_input_embeddings().weight.shape[0]
    added = tokenizer.get_added_vocab()
    own = [number for word, number in tokenizer.get_vocab().items() if word not in added]
    highest = max(own, default=0)
    if highest >= rows:
        raise InvalidInput(
            f"{directory}: the tokenizer has token {highest}, and the model knows {rows}: give "
            "the tokenizer of this model"
        )
