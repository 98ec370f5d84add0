"""The form in which work travels to a worker: data without a model, which each machine has itself.

What is pickled is the driver's own; no file of a user is ever unpickled.
"""

import io
import pickle
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

from ablation.engine import EngineChoice
from ablation.errors import InvalidInput
from ablation.models.model import Model, open_model
from ablation.models.registry import ModelSpec
from experiments.store.work import ComputeSome


@dataclass(frozen=True)
class SentModel:
    """What stands for a model on its way.

    Attributes:
        spec: which model; a directory is one that every machine has.
        dtype, engine: how it is run.
        fingerprint: of the files that the driver sees.
    """

    spec: ModelSpec
    dtype: str
    engine: EngineChoice
    fingerprint: str


class WrongModel(InvalidInput):
    """A machine has other files where the driver's model lies."""


def packed(compute: ComputeSome) -> bytes:
    """What computes units, without its models and without what it has cached."""
    buffer = io.BytesIO()
    _Pickler(buffer).dump(compute)
    return buffer.getvalue()


class Unpacker:
    """Opens on a machine what ``packed`` gave.

    Keeps the last model loaded, and what computes with all that it has found out, such as means;
    frees the others.

    Args:
        device: where models are run.
    """

    def __init__(self, device: str) -> None:
        self._device = device
        self._last: tuple[SentModel, Model] | None = None
        self._work: tuple[bytes, ComputeSome] | None = None

    def unpacked(self, data: bytes) -> ComputeSome:
        """What computes units, its model loaded.

        Raises:
            HeadclaimsError: the model cannot be had, loaded or trusted on this machine, or is not
                the driver's.
        """
        if self._work is None or self._work[0] != data:
            self._work = None
            self._work = data, _Unpickler(data, self._open).load()
        if self._last is not None:
            _ = self._last[1].loaded
        return self._work[1]

    def _open(self, sent: SentModel) -> Model:
        if self._last is None or self._last[0] != sent:
            self._last = None
            model = open_model(sent.spec, self._device, sent.dtype, sent.engine)
            if model.fingerprint != sent.fingerprint:
                raise WrongModel(
                    f"model {sent.spec.name} has other files here than where the run was started: "
                    "copy them"
                )
            self._last = sent, model
        return self._last[1]


class _Pickler(pickle.Pickler):
    def persistent_id(self, thing: Any) -> Any:
        if not isinstance(thing, Model):
            return None
        spec = thing.spec
        for name in ("directory", "gguf"):
            if (path := getattr(spec, name)) is not None:
                spec = replace(spec, **{name: path.absolute()})
        return SentModel(spec, thing.dtype, thing.engine, thing.fingerprint)

    def reducer_override(self, thing: Any) -> Any:
        if is_dataclass(thing) and not isinstance(thing, type):
            return type(thing), tuple(getattr(thing, one.name) for one in fields(thing) if one.init)
        return NotImplemented


class _Unpickler(pickle.Unpickler):
    def __init__(self, data: bytes, opened: Any) -> None:
        super().__init__(io.BytesIO(data))
        self._opened = opened

    def persistent_load(self, sent: SentModel) -> Model:
        return self._opened(sent)
