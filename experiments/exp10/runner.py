"""Runs the parts of Experiment 10 and writes the source's result files."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.exp10.measured.cumulative import (
    REMOVALS,
    curve_document,
    joint_document,
    measure_curve,
)
from experiments.exp10.measured.evaluations import Evaluations
from experiments.exp10.measured.individual import Sweep, individual_document, sweep
from experiments.exp10.measured.penetration import (
    UndefinedPenetration,
    correlation,
    formula,
    penetration,
)
from experiments.exp10.ranking import layers, rank_size, statistics_of
from experiments.machine.files.json_files import read_json, storing, write_json


@dataclass(frozen=True)
class Exp10Results:
    """The exported documents of a setting; ``cumulative`` is None if c never ran.

    Attributes:
        individual: ``exp10a_{tag}.json``.
        cumulative: ``exp10c_{tag}.json``.
        summary: ``exp10_{tag}.json``: 10B and 10D as far as they ever ran.
        paths: the files.
    """

    individual: dict[str, Any]
    cumulative: dict[str, Any] | None
    summary: dict[str, Any]
    paths: tuple[Path, ...]


def run_exp10(evaluations: Evaluations, parts: Collection[str], folder: Path) -> Exp10Results:
    """Runs ``parts``, letters of "abcd"; b, c and d are about the sweep of a, which always runs.

    Each file is written to ``folder`` as soon as its part is done. What earlier runs in the same
    setting have found of other parts is kept; files of another setting under the same name are
    removed first, so that those that lie together belong together (their evaluations stay in the
    store).

    Raises:
        ComputationError, ResultsError: as ``Evaluations.perplexity``.
    """
    names = ("exp10a", "exp10c", "exp10")
    files = {name: _Export.of(evaluations, folder, name) for name in names}
    for file in files.values():
        if evaluations.store.fresh or file.read() is None:
            with storing(file.path):
                file.path.unlink(missing_ok=True)
    swept = sweep(evaluations)
    individual = individual_document(evaluations, swept)
    files["exp10a"].write(individual)
    cumulative = files["exp10c"].read()
    if "c" in parts:
        cumulative = cumulative_document(evaluations, swept)
        files["exp10c"].write(cumulative)
    summary = _kept(files["exp10"], parts) | summary_document(evaluations, swept, parts)
    files["exp10"].write(summary)
    paths = [file.path for file in files.values() if file.path.exists()]
    return Exp10Results(individual, cumulative, summary, tuple(paths))


def cumulative_document(evaluations: Evaluations, swept: Sweep) -> dict[str, Any]:
    """The document of ``exp10c_{tag}.json``: four curves, and the helping heads together.

    Raises:
        ComputationError, ResultsError: as ``Evaluations.perplexity``.
    """
    return {
        **evaluations.setting.header("exp10c", swept.unablated),
        "curves": [
            curve_document(evaluations, measure_curve(evaluations, swept, removal))
            for removal in REMOVALS
        ],
        "helping_heads": joint_document(evaluations, swept),
        "key": evaluations.key,
        "provenance": evaluations.provenance(),
    }


def summary_document(
    evaluations: Evaluations, swept: Sweep, parts: Collection[str]
) -> dict[str, Any]:
    """The document of ``exp10_{tag}.json``; its provenance is that of all evaluations so far.

    Raises:
        ResultsError: g cannot be stored.
    """
    setting = evaluations.setting
    document = {
        **setting.header("exp10", swept.unablated),
        "statistics": statistics_of(swept),
        "layer_effects": layers(swept, setting.model.grid),
    }
    if "b" in parts:
        document["rank_size"] = rank_size(swept)
    if "d" in parts:
        try:
            g = penetration(setting.model, evaluations.store)
        except UndefinedPenetration as error:
            document["no_penetration"] = str(error)
        else:
            means = [row["mean"] for row in document["layer_effects"]]
            document["penetration"] = {"g": g["g"], "words": g["words"], **formula()}
            document["correlation"] = correlation(means, g["g"])
    return {**document, "key": evaluations.key, "provenance": evaluations.provenance()}


_OF_D = ("penetration", "correlation", "no_penetration")


def _kept(file: "_Export", parts: Collection[str]) -> dict[str, Any]:
    """What earlier runs in the same setting have found of other parts.

    Of g only if its formula is still the same, and nothing of it where it is found anew.
    """
    earlier = file.read() or {}
    same = earlier.get("penetration", {}).items() >= formula().items()
    if "d" in parts or not (same or "no_penetration" in earlier):
        for key in _OF_D:
            earlier.pop(key, None)
    return earlier


LARGEST_EXPORT = 1 << 30
"""Bytes; a sweep over a long text keeps the NLL of each of its blocks for every head."""


@dataclass(frozen=True)
class _Export:
    """A file of the study's format about one setting, which ``key`` names."""

    path: Path
    key: dict[str, Any]

    @classmethod
    def of(cls, evaluations: Evaluations, folder: Path, name: str) -> "_Export":
        return cls(folder / f"{name}_{evaluations.setting.tag}.json", evaluations.key)

    def read(self) -> dict[str, Any] | None:
        """The document; None if there is none or it is of another setting.

        Raises:
            ResultsError: it is not JSON.
        """
        document = read_json(self.path, LARGEST_EXPORT) if self.path.exists() else None
        return document if isinstance(document, dict) and document.get("key") == self.key else None

    def write(self, document: dict[str, Any]) -> None:
        """Raises ResultsError if it cannot be written."""
        with storing(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_json(self.path, document)
