"""Runs the parts of Experiment 10 and writes the source's result files."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.exp10.cumulative import (
    REMOVALS,
    curve_document,
    joint_document,
    measure_curve,
)
from experiments.exp10.evaluations import Evaluations
from experiments.exp10.individual import Sweep, individual_document, sweep
from experiments.exp10.penetration import (
    UndefinedPenetration,
    correlation,
    formula,
    penetration,
)
from experiments.exp10.ranking import layers, rank_size, statistics_of
from experiments.json_files import write_json
from experiments.stored import Stored, storing


@dataclass(frozen=True)
class Exp10Results:
    """The documents of a setting and where they lie; ``cumulative`` is None if c never ran.

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


def run_exp10(evaluations: Evaluations, parts: Collection[str]) -> Exp10Results:
    """Runs ``parts``, letters of "abcd"; b, c and d are about the sweep of a, which always runs.

    Each file is written as soon as its part is done. What earlier runs in the same setting have
    found of other parts is kept; files of another setting under the same name are removed first, so
    that those that lie together belong together (their evaluations stay).

    Raises:
        ComputationError, ResultsError: as ``Evaluations.perplexity``.
    """
    names = ("exp10a", "exp10c", "exp10")
    files = {name: _file(evaluations, name) for name in names}
    for file in files.values():
        if evaluations.fresh or file.read() is None:
            with storing(file.path):
                file.path.unlink(missing_ok=True)
    swept = sweep(evaluations)
    individual = individual_document(evaluations, swept)
    _write(files["exp10a"], individual)
    cumulative = files["exp10c"].read()
    if "c" in parts:
        cumulative = cumulative_document(evaluations, swept)
        _write(files["exp10c"], cumulative)
    summary = _kept(files["exp10"]) | summary_document(evaluations, swept, parts)
    _write(files["exp10"], summary)
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
        "identity": evaluations.identity,
        "provenance": evaluations.setting.provenance(),
    }


def summary_document(
    evaluations: Evaluations, swept: Sweep, parts: Collection[str]
) -> dict[str, Any]:
    """The document of ``exp10_{tag}.json``; its provenance is that of the run that wrote it.

    Raises:
        ResultsError: g cannot be stored.
    """
    setting = evaluations.setting
    document = {
        **setting.header("exp10", swept.unablated),
        "statistics": statistics_of(swept),
        "layer_effects": layers(swept, setting.loaded.grid),
    }
    if "b" in parts:
        document["rank_size"] = rank_size(swept)
    if "d" in parts:
        try:
            g = penetration(setting.loaded, evaluations.results, fresh=evaluations.fresh)
        except UndefinedPenetration as error:
            document["no_penetration"] = str(error)
        else:
            means = [row["mean"] for row in document["layer_effects"]]
            document["penetration"] = {"g": g["g"], "words": g["words"], **formula()}
            document["correlation"] = correlation(means, g["g"])
    return {**document, "identity": evaluations.identity, "provenance": setting.provenance()}


def _kept(file: Stored) -> dict[str, Any]:
    """What earlier runs in the same setting have found, g only if its formula is still the same."""
    earlier = file.read() or {}
    if not earlier.get("penetration", {}).items() >= formula().items():
        earlier.pop("penetration", None)
        earlier.pop("correlation", None)
    return earlier


def _file(evaluations: Evaluations, name: str) -> Stored:
    path = evaluations.results / f"{name}_{evaluations.setting.tag}.json"
    return Stored(path, evaluations.identity)


def _write(file: Stored, document: dict[str, Any]) -> None:
    with storing(file.path):
        file.path.parent.mkdir(parents=True, exist_ok=True)
        write_json(file.path, document)
