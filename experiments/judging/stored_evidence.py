"""The evidence that a checkout keeps of its claims: files that ``pytest --claims-json`` wrote."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ablation.errors import InvalidInput, ResultsError
from experiments.json_files import read_json
from experiments.judging.claim import Unit
from experiments.judging.report import SCHEMA, ClaimResult

CHECKOUT = Path(__file__).parents[2]
"""An installation without one has no stored evidence."""


EVIDENCE = "claims"
"""The folder's name, beside those of the experiments' baselines."""


def evidence_folder(root: Path = CHECKOUT) -> Path:
    """Where a checkout keeps its evidence, one file a tier and model."""
    return root / "baselines" / EVIDENCE


def stored_files(root: Path = CHECKOUT) -> list[Path]:
    """The files of a checkout, in order."""
    return sorted(evidence_folder(root).glob("*.json"))


def read_evidence(paths: Iterable[Path]) -> list[dict[str, Any]]:
    """The claims in such files.

    Raises:
        InvalidInput: a file is damaged, or of another kind or schema.
    """
    claims: list[dict[str, Any]] = []
    for path in paths:
        try:
            document = read_json(path)
        except ResultsError:
            raise InvalidInput(_refused(path, "cannot be read as JSON")) from None
        schema = document.get("schema") if isinstance(document, dict) else None
        if schema != SCHEMA or not isinstance(document.get("claims"), list):
            raise InvalidInput(_refused(path, f"claims of schema {SCHEMA} are required"))
        for number, claim in enumerate(document["claims"], start=1):
            if not _is_claim(claim):
                raise InvalidInput(_refused(path, f"its entry {number} is no claim with evidence"))
        claims += document["claims"]
    return claims


_NUMBER = (int, float)
_CLAIM = {
    "id": str, "tier": str, "model": str, "verdict": str, "missing": list, "corrected_with": list,
    "parts": list,
}  # fmt: skip
_PART = {"part": str, "verdict": str}
_BLOCKED = {"blocked": str}
_MEASURED = {
    "unit": str, "published": str, "estimate": _NUMBER, "interval": (list, type(None)),
    "n": int, "units": str, "p": (*_NUMBER, type(None)), "note": str,
}  # fmt: skip


def _is_claim(value: Any) -> bool:
    """Whether what is read of a claim is there: the rest may be of a later or earlier version."""
    return _has(value, _CLAIM) and all(
        _has(part, _PART) and (_has(part, _BLOCKED) or _is_measured(part))
        for part in value["parts"]
    )


def _is_measured(part: Any) -> bool:
    return (
        _has(part, _MEASURED)
        and part["unit"] in set(Unit)
        and (part["interval"] is None or len(part["interval"]) == 2)
        and all(isinstance(end, _NUMBER) for end in part["interval"] or ())
    )


def _has(value: Any, fields: Mapping[str, Any]) -> bool:
    return isinstance(value, dict) and all(
        name in value and isinstance(value[name], kind) for name, kind in fields.items()
    )


def moved_verdicts(results: Sequence[ClaimResult], stored: Iterable[dict[str, Any]]) -> list[str]:
    """A line for each verdict that is not the stored one; what is not stored is new.

    The verdict on a claim is compared where as much of it was judged and corrected with the same
    other claims; those on its parts always.
    """
    known = {(claim["id"], claim["tier"], claim["model"]): claim for claim in stored}
    lines = []
    for result in results:
        key = (result.claim.id, str(result.tier), result.model)
        before = known.get(key)
        if before is None:
            continue
        parts = {part["part"]: part["verdict"] for part in before["parts"]}
        moved = [f for f in result.parts if parts.get(f.part, f.verdict) != f.verdict]
        for finding in moved:
            name = " ".join(filter(None, (*key, finding.part)))
            lines.append(f"{name}: {parts[finding.part]} → {finding.verdict}")
        same = (before["missing"], before["corrected_with"]) == (
            result.missing, list(result.corrected_with)
        )  # fmt: skip
        if same and not moved and before["verdict"] != result.verdict:
            lines.append(f"{' '.join(key)}: {before['verdict']} → {result.verdict}")
    return lines


def lost_claims(results: Sequence[ClaimResult], stored: Iterable[dict[str, Any]]) -> list[str]:
    """The stored claims that a run would lose if its results took the place of the file."""
    judged = {(r.claim.id, str(r.tier), r.model) for r in results if not r.missing}
    keys = [(claim["id"], claim["tier"], claim["model"]) for claim in stored]
    return [" ".join(key) for key in keys if key not in judged]


def _refused(path: Path, reason: str) -> str:
    return f"{path}: {reason}; restore the file, or write it again with pytest --claims-json"
