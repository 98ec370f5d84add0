"""The evidence that a checkout keeps of its claims: files that ``pytest --claims-json`` wrote."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ablation.errors import InvalidInput, ResultsError
from experiments.judging.claim import Scale
from experiments.judging.report import SCHEMA, ClaimResult, figure_from
from experiments.machine.files.json_files import read_json

CHECKOUT = Path(__file__).parents[2]
"""An installation without one has no stored evidence."""


EVIDENCE = "claims"
"""The folder's name, beside those of the experiments' baselines."""


def evidence_folder(root: Path = CHECKOUT) -> Path:
    """Where a checkout keeps its evidence, one file a tier, model and size of the run."""
    return root / "baselines" / EVIDENCE


def stored_files(root: Path = CHECKOUT) -> list[Path]:
    """The files of a checkout, in order."""
    return sorted(evidence_folder(root).glob("*.json"))


def read_evidence(paths: Iterable[Path]) -> list[dict[str, Any]]:
    """The claims in such files; figures are floats, infinite ones too.

    Each has the ``options`` of its run: what made it compute other things than a default one.

    Raises:
        InvalidInput: a file is damaged, or of another kind or schema.
    """
    return [claim for path in paths for claim in evidence_in(read_document(path), path)]


def read_document(path: Path) -> Any:
    """What stands in such a file, unchecked.

    Raises:
        InvalidInput: it is no JSON, or not to be read.
    """
    if not path.exists():
        raise InvalidInput(_refused(path, "there is no such file"))
    try:
        return read_json(path)
    except ResultsError:
        raise InvalidInput(_refused(path, "cannot be read as JSON")) from None


def evidence_in(document: Any, path: Path) -> list[dict[str, Any]]:
    """The claims in the document of such a file, as ``read_evidence`` gives them.

    Raises:
        InvalidInput: as ``read_evidence``; ``path`` is what it names.
    """
    schema = document.get("schema") if isinstance(document, dict) else None
    if schema != SCHEMA or not isinstance(document.get("claims"), list):
        raise InvalidInput(_refused(path, f"claims of schema {SCHEMA} are required"))
    options = document.get("options", [])
    if not isinstance(options, list) or not all(isinstance(word, str) for word in options):
        raise InvalidInput(_refused(path, "its options are no words of a command line"))
    claims = []
    for number, claim in enumerate(document["claims"], start=1):
        try:
            claims.append({**_claim_from(claim), "options": tuple(options)})
        except ValueError:
            reason = f"its entry {number} is no claim with evidence"
            raise InvalidInput(_refused(path, reason)) from None
    return claims


_CLAIM = {
    "id": str, "tier": str, "model": str, "verdict": (str, type(None)), "missing": list,
    "corrected_with": list, "parts": list,
}  # fmt: skip
_PART = {"part": str, "verdict": str}
_DETAIL = {"part": str, "of": str, "verdict": str}
_BLOCKED = {"blocked": str}
_MEASURED = {
    "unit": str, "published": str, "interval": (list, type(None)), "n": int, "units": str,
    "note": str,
}  # fmt: skip


def _claim_from(value: Any) -> dict[str, Any]:
    """What is read of a claim is checked: the rest may be of a later or earlier version.

    Raises:
        ValueError: something of it is not there.
    """
    _require(value, _CLAIM)
    details = value.get("details", [])
    if not isinstance(details, list):
        raise ValueError
    for detail in details:
        _require(detail, _DETAIL)
    return {**value, "details": details, "parts": [_part_from(part) for part in value["parts"]]}


def _part_from(value: Any) -> dict[str, Any]:
    _require(value, _PART)
    if "blocked" in value:
        _require(value, _BLOCKED)
        return value
    _require(value, _MEASURED)
    interval, p = value["interval"], value.get("p", "")
    if value["unit"] not in set(Scale) or (interval is not None and len(interval) != 2):
        raise ValueError
    return {
        **value,
        "estimate": figure_from(value.get("estimate")),
        "interval": interval and [*map(figure_from, interval)],
        "p": None if p is None else figure_from(p),
    }


def _require(value: Any, fields: Mapping[str, Any]) -> None:
    if not isinstance(value, dict) or not all(
        name in value and isinstance(value[name], kind) for name, kind in fields.items()
    ):
        raise ValueError


def moved_verdicts(results: Sequence[ClaimResult], stored: Iterable[dict[str, Any]]) -> list[str]:
    """A line for each verdict that is not the stored one; what is not stored is new.

    The verdict on a claim is compared where as much of it was judged and corrected with the same
    other claims; those on its parts and details always.
    """
    known = {(claim["id"], claim["tier"], claim["model"]): claim for claim in stored}
    lines = []
    for result in results:
        key = (result.claim.id, str(result.tier), result.model)
        before = known.get(key)
        if before is None:
            continue
        old = _by_part(
            (_named(found["part"], found.get("of", "")), found["verdict"])
            for found in (*before["parts"], *before["details"])
        )
        new = _by_part(
            (_named(finding.part, finding.of), str(finding.verdict))
            for finding in (*result.parts, *result.details)
        )
        moved = [part for part in new if old.get(part, new[part]) != new[part]]
        for part in moved:
            lines.append(f"{' '.join(filter(None, (*key, part)))}: {old[part]} → {new[part]}")
        same = (before["missing"], before["corrected_with"]) == (
            result.missing, list(result.corrected_with)
        )  # fmt: skip
        if same and not moved and before["verdict"] != result.verdict:
            lines.append(f"{' '.join(key)}: {before['verdict']} → {result.verdict}")
    return lines


def stored_verdict(
    stored: Iterable[dict[str, Any]], claim: tuple[str, str, str], part: str, of: str
) -> str | None:
    """The verdict on a part of a claim, or on it in a subset; None where there is not one.

    Args:
        stored: the evidence.
        claim: its id, tier and model.
        part: which criterion.
        of: the subset; "" for the part itself.
    """
    verdicts = {
        found["verdict"]
        for one in stored
        if (one["id"], one["tier"], one["model"]) == claim
        for found in (one["details"] if of else one["parts"])
        if (found["part"], found.get("of", "")) == (part, of)
    }
    return verdicts.pop() if len(verdicts) == 1 else None


def _named(part: str, of: str) -> str:
    """A part of a claim, or what is known of it in a subset."""
    return " ".join(filter(None, (part, of and f"of {of}")))


def _by_part(verdicts: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Part -> its verdict, or those of all cases that judge it."""
    found: dict[str, list[str]] = {}
    for part, verdict in verdicts:
        found.setdefault(part, []).append(verdict)
    return {part: ", ".join(sorted(several)) for part, several in found.items()}


def lost_claims(results: Sequence[ClaimResult], stored: Iterable[dict[str, Any]]) -> list[str]:
    """The stored claims of which a run would lose a part, if its results replaced the file."""
    judged = {
        (r.claim.id, str(r.tier), r.model): {finding.part for finding in r.parts} for r in results
    }
    lost = []
    for claim in stored:
        key = (claim["id"], claim["tier"], claim["model"])
        if key not in judged or not {part["part"] for part in claim["parts"]} <= judged[key]:
            lost.append(" ".join(key))
    return lost


def _refused(path: Path, reason: str) -> str:
    return f"{path}: {reason}; restore the file, or write it again with pytest --claims-json"
