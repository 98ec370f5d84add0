"""A grid as a TOML file: which models, questions and lengths each study is run on.

::

    [qrhead]
    models = ["smollm2"]
    tokens = [512]

A table for each study, each entry optional: what is left out is what the study's command does.
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from importlib.resources import files
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from ablation.detection import METHODS, QRHEAD
from ablation.errors import InvalidInput, Mistakes, ResultsError, first_line, shortened
from ablation.filings.filing import QUESTIONS
from ablation.models.registry import EMBEDDED_MODEL
from ablation.modes import MEAN, MODES, ZERO
from experiments.cells.choices import SCOPES
from experiments.claims import LEVELS
from experiments.exp10.options import BIAS_POLICIES
from experiments.exp10.options import MODES as EXP10_MODES
from experiments.machine.files.json_files import read_text

LARGEST = 100_000
"""Bytes of a grid's file."""


@dataclass(frozen=True)
class QRHeadGrid:
    """Cells of the QRHead study: the product of all of these.

    Attributes:
        models: keys, directories or hub ids.
        questions: keys of questions.
        tokens: prompt lengths; empty: those of each model.
        methods: how heads are detected.
        modes, scopes: how they are ablated.
        levels: how many of the top heads.
        draws: whole control draws; 1: a control set of its own for every item.
    """

    models: tuple[str, ...] = (EMBEDDED_MODEL,)
    questions: tuple[str, ...] = tuple(QUESTIONS)
    tokens: tuple[int, ...] = ()
    methods: tuple[str, ...] = (QRHEAD,)
    modes: tuple[str, ...] = (ZERO,)
    scopes: tuple[str, ...] = SCOPES[:1]
    levels: tuple[int, ...] = LEVELS
    draws: int = 1


@dataclass(frozen=True)
class MethodsGrid:
    """What ``pytest -k methods`` judges, for each model and length.

    Attributes:
        models, questions, tokens, levels, draws: as in ``QRHeadGrid``.
    """

    models: tuple[str, ...] = (EMBEDDED_MODEL,)
    questions: tuple[str, ...] = tuple(QUESTIONS)
    tokens: tuple[int, ...] = ()
    levels: tuple[int, ...] = LEVELS
    draws: int = 1


@dataclass(frozen=True)
class Exp10Grid:
    """Sweeps and curves of Experiment 10: the product of all of these.

    Attributes:
        models: as in ``QRHeadGrid``.
        texts: as ``--text`` takes them; empty: that of each model.
        modes: how heads are ablated; curves are those of the first.
        bias: what becomes of the value bias in mode ``zero``, as ``--bias`` takes it; curves are
            those with the first.
    """

    models: tuple[str, ...] = (EMBEDDED_MODEL,)
    texts: tuple[str, ...] = ()
    modes: tuple[str, ...] = (ZERO, MEAN)
    bias: tuple[str, ...] = BIAS_POLICIES[:1]


@dataclass(frozen=True)
class Grid:
    """The studies of a grid; None: that study is not in it."""

    qrhead: QRHeadGrid | None = None
    methods: MethodsGrid | None = None
    exp10: Exp10Grid | None = None


TABLES: Mapping[str, type] = {"qrhead": QRHeadGrid, "methods": MethodsGrid, "exp10": Exp10Grid}

KNOWN: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "qrhead": {
        "questions": tuple(QUESTIONS), "methods": METHODS, "modes": MODES, "scopes": SCOPES,
    },
    "methods": {"questions": tuple(QUESTIONS)},
    "exp10": {"modes": EXP10_MODES, "bias": BIAS_POLICIES},
}  # fmt: skip


def shipped() -> list[str]:
    """The names of the grids that come with headclaims."""
    return sorted(path.name.removesuffix(".toml") for path in _folder().iterdir())


def read_grid(name: str) -> Grid:
    """The grid called ``name``, or in a file of that name.

    Raises:
        InvalidInput: there is none, or it has mistakes: all of them, a line each.
    """
    return parse(_text(name), name)


def parse(text: str, name: str) -> Grid:
    """The grid that a TOML text describes; ``name`` is for messages.

    Raises:
        InvalidInput: it has mistakes: all of them, a line each.
    """
    try:
        tables = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise InvalidInput(f"{name}: TOML is required: {first_line(error)}") from None
    mistakes = list(_mistakes(tables))
    if not tables:
        mistakes = [f"a table of {', '.join(TABLES)} is required, got none"]
    if mistakes:
        raise Mistakes([f"{name}: {mistake}" for mistake in mistakes])
    return Grid(
        **{
            study: TABLES[study](
                **{key: tuple(v) if isinstance(v, list) else v for key, v in table.items()}
            )
            for study, table in tables.items()
        }
    )


def _mistakes(tables: Mapping[str, Any]) -> Iterator[str]:
    for study, table in tables.items():
        if study not in TABLES:
            yield f"unknown table {shortened(study)}: it must be one of {', '.join(TABLES)}"
        elif not isinstance(table, dict):
            yield f"[{study}] must be a table, got {shortened(table)}"
        else:
            for key, value in table.items():
                yield from (f"[{study}] {key}: {one}" for one in _wrong(study, key, value))


def _wrong(study: str, key: str, value: Any) -> Iterator[str]:
    kinds = get_type_hints(TABLES[study])
    if key not in kinds:
        known = ", ".join(field.name for field in fields(TABLES[study]))
        yield f"there is no such entry; known are {known}"
        return
    if get_origin(kinds[key]) is not tuple:
        if type(value) is not int or value < 1:
            yield f"a whole number from 1 is required, got {shortened(value)}"
        return
    kind = get_args(kinds[key])[0]
    wanted = "whole numbers from 1" if kind is int else "texts"
    if not isinstance(value, list) or not value:
        yield f"a list of {wanted} is required, got {shortened(value)}"
        return
    choices = KNOWN[study].get(key)
    for one in value:
        if type(one) is not kind or (kind is int and one < 1):
            yield f"{wanted} are required, got {shortened(one)}"
        elif choices is not None and one not in choices:
            yield f"it must be one of {', '.join(choices)}, got {shortened(one)}"
    if len({repr(one) for one in value}) < len(value):
        yield "an entry is there twice: name each once"


def _folder() -> Any:
    return files("experiments.cluster.grid") / "grids"


def _text(name: str) -> str:
    if name in shipped():
        return (_folder() / f"{name}.toml").read_text(encoding="utf-8")
    path = Path(name)
    try:
        if path.is_file():
            return read_text(path, LARGEST)
    except OSError:
        pass  # no name that a file can have
    except ResultsError as error:
        raise InvalidInput(f"grid {error}") from None
    raise InvalidInput(
        f"grid {shortened(name)}: it must be one of {', '.join(shipped())}, or a TOML file"
    )
