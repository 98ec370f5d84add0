"""A model by its files: what a result's key says of it, and, when something is computed, itself.

Looking up a result takes a fingerprint, the number of heads and the context, which are found out
once and kept as long as no file of the model changes. Nothing here imports torch.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from ablation.assets.kept import code, file_state, kept
from ablation.engine import FAST, EngineChoice
from ablation.errors import InvalidInput, notice
from ablation.heads import HeadGrid
from ablation.hooks.families import FAMILIES, Family, family_from
from ablation.models.directory import fingerprint, model_class, model_directory, model_files
from ablation.models.registry import DTYPES, ModelSpec

MADE_BY = code(
    "ablation.models",
    "ablation.heads",
    "ablation.hooks",
    "ablation.metrics.decoder",
    "ablation.passes.positions",
    "ablation.metrics.answers",
    "transformers==",
)
"""What decides the facts beside the files; of the code that runs, not of what it is edited to."""


CHECKED_BY = {
    **MADE_BY,
    **code(
        "ablation.ablator",
        "ablation.engine",
        "ablation.metrics.logits",
        "ablation.modes",
        "ablation.passes",
        "torch==",
    ),
}
"""What a check of the heads depends on beside the files."""


@dataclass(frozen=True)
class _Facts:
    """What is known of a model once it has been loaded.

    Attributes:
        fingerprint: hash over names and contents of its files.
        heads_by_layer: how many heads each layer has.
        context: the positions it has.
        longest_prompt: the longest prompt in tokens.
    """

    fingerprint: str
    heads_by_layer: list[int]
    context: int
    longest_prompt: int


@dataclass(frozen=True, eq=False)
class Model:
    """A model, loaded when its weights or its tokenizer are first asked for.

    Attributes:
        spec: which model.
        directory: where its files lie.
        dtype: of its weights, one of ``DTYPES``.
        engine: what runs it under many sets of ablated heads.
        family: its row; of a class that is not taken, which is said when it is loaded, Llama's.
    """

    spec: ModelSpec
    directory: Path
    dtype: str
    engine: EngineChoice
    _load: Callable[[], Any] = field(repr=False)
    family: Family = Family()

    @cached_property
    def loaded(self) -> Any:
        """The ``LoadedModel``, whose class it would take torch to name; its heads are checked.

        Raises:
            InvalidInput, ComputationError: as ``load_model`` and ``check_heads``; or the files have
                changed since the model was first looked at, so that its key would be of another.
        """
        before = self._files
        loaded = self._load()
        if self._state() != before:
            raise InvalidInput(
                f"{self.directory}: its files have changed since this run began: let whatever "
                "writes them end, and start again"
            )
        placed = getattr(loaded.model, "hf_device_map", None)  # of a model on several devices
        devices = str(loaded.devices if placed is None else placed)
        how = {"dtype": self.dtype, "device": devices, "engine": self.engine.name}
        made_with = {"files": before, **CHECKED_BY}
        kept("check", {**self._where, **how}, made_with, lambda: self._checked(loaded))
        self._say_what_is_untried(loaded)
        self._say_what_is_slow(loaded)
        return loaded

    @cached_property
    def tokenizer(self) -> Any:
        """The tokenizer alone: whoever shows prompts needs no weights.

        Raises:
            InvalidInput: there is none that can be used.
        """
        from ablation.models.loading import load_tokenizer

        return load_tokenizer(self.directory)

    def _checked(self, loaded: Any) -> list[dict[str, Any]]:
        from ablation.models.checks.check import check_heads

        found = check_heads(loaded.model, engine=self.engine.name == FAST)
        return [asdict(one) for one in found]

    def _say_what_is_untried(self, loaded: Any) -> None:
        from ablation.models.checks.prompts import untried_limits

        if untried := untried_limits(loaded.model):
            limits = " and ".join(map(str, untried))
            compare = ": for longer ones compare some figures with --engine reference"
            notice(
                f"the check of {self.spec.key} tried no prompt past {limits} tokens, where a "
                f"window or an original context ends{compare if self.engine.name == FAST else ''}"
            )

    def _say_what_is_slow(self, loaded: Any) -> None:
        from ablation.engine.linear import multiplies

        if any(device.type == "cpu" for device in loaded.devices) and not multiplies(self.dtype):
            notice(
                f"this processor has no instructions for {self.dtype}: what is computed on it "
                "takes several times as long as in float32"
            )

    @property
    def _where(self) -> dict[str, Any]:
        where = {"directory": str(self.directory.resolve()), "asset": self.spec.asset}
        return where if self.spec.site is None else {**where, "site": self.spec.site}

    def _state(self) -> dict[str, list[int]]:
        return {path.name: file_state(path) for path in model_files(self.directory)}

    @cached_property
    def _files(self) -> dict[str, list[int]]:
        """The state of the model's files when it was first looked at."""
        return self._state()

    @cached_property
    def _facts(self) -> _Facts:
        made_with = {"files": self._files, **MADE_BY}
        return _Facts(**kept("model", self._where, made_with, lambda: asdict(self._found())))

    def _found(self) -> _Facts:
        loaded = self.loaded
        return _Facts(
            fingerprint(self.directory, self.spec.asset),
            list(loaded.grid.by_layer),
            loaded.context,
            loaded.longest_prompt,
        )

    @property
    def fingerprint(self) -> str:
        """Hash over names and contents of weights, config and tokenizer."""
        return self._facts.fingerprint

    @property
    def grid(self) -> HeadGrid:
        return HeadGrid(tuple(self._facts.heads_by_layer))

    @property
    def context(self) -> int:
        """How many positions the model has."""
        return self._facts.context

    @property
    def longest_prompt(self) -> int:
        """The longest prompt in tokens, see ``LoadedModel.longest_prompt``."""
        return self._facts.longest_prompt

    def key(self) -> dict[str, Any]:
        """What of the model a stored result depends on; the first part of its key."""
        # In fp32 nothing is said of the logits: those results are older than any other's.
        logits = {} if self.dtype == DTYPES[0] else {"logits": DTYPES[0]}
        return {
            "model_sha256": self.fingerprint,
            "dtype": self.dtype,
            **logits,
            **({} if self.spec.site is None else {"site": self.spec.site}),
            "engine": f"{self.engine.name} {self.engine.version}",
        }


def open_model(
    spec: ModelSpec,
    device: str = "cpu",
    dtype: str = DTYPES[0],
    engine: EngineChoice = EngineChoice(),
) -> Model:
    """The model of ``spec``, fetched if it is not there; loaded only when something needs it.

    Raises:
        InvalidInput: the dtype is unknown, the hub id none, or its model not taken; as
            ``model_directory``.
        Unavailable: the hub cannot be reached, or does not give the model.
        AssetError: the embedded model cannot be fetched or stored.
    """
    if dtype not in DTYPES:
        raise InvalidInput(f"unknown dtype {dtype!r}: choose one of {', '.join(DTYPES)}")

    directory = model_directory(spec)
    named = model_class(directory)
    family = FAMILIES.get(named) if spec.site is None else family_from(spec.site, named)
    family = Family() if family is None else family

    def load() -> Any:
        from ablation.models.loading import load_model

        return load_model(spec, device, dtype, engine, directory)

    return Model(spec, directory, dtype, engine, load, family)
