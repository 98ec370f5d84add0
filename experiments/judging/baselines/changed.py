"""What has changed in a checkout's baselines since a commit: figures and verdicts, old and new."""

import json
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ablation.errors import InvalidInput, ResultsError, first_line, shortened
from experiments.judging.baselines.comparison import differences
from experiments.judging.baselines.reading import parse_document
from experiments.judging.stored_evidence import EVIDENCE

HEAD = ("baseline", "figure", "old", "new", "difference")
NOTHING = "nothing"
FOLDER = "baselines"

_FIGURES = ("estimate", "interval", "n", "p", "p_holm", "unablated", "noise")
"""What of a finding is shown, beside its verdict."""

Row = list[str]


@dataclass
class Changed:
    """What is not as it was.

    Attributes:
        rows: below ``HEAD``; a figure that is new or gone is shown as "nothing" on one side.
        verdicts: a line for each that moved.
    """

    rows: list[Row] = field(default_factory=list)
    verdicts: list[str] = field(default_factory=list)


def changed_baselines(root: Path, revision: str) -> Changed:
    """Compares the baselines of a checkout with those of a commit.

    Args:
        root: the checkout.
        revision: the commit, as git takes it.

    Raises:
        InvalidInput: git does not know the commit, or ``root`` is no checkout.
        ResultsError: a file is no JSON, in the checkout or in the commit.
    """
    commit = _git(
        root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}"
    )
    if not commit:
        raise InvalidInput(
            f"a commit of the checkout {root} is required, got {shortened(revision)}: see `git log`"
        )
    found = Changed()
    for name in _names(root, commit.strip()):
        before = _git(root, "show", f"{commit.strip()}:./{name}")
        path = root / name
        now = path.read_bytes() if path.exists() else b""
        old, new = (_parsed(data, name) for data in (before.encode(), now))
        if Path(name).parent.name == EVIDENCE:
            try:
                _compare_claims(name, old, new, found)
            except (AttributeError, KeyError, TypeError):
                raise ResultsError(
                    f"{name}: claims with evidence are required: restore the file with git"
                ) from None
        else:
            found.rows += [[name, *difference.row] for difference in differences(old, new, {})]
    return found


def _names(root: Path, commit: str) -> list[str]:
    """The files that differ, and those that git does not know yet."""
    differing = ("diff", "--relative", "--name-only", "--no-renames", "-z")
    tracked = _git(root, *differing, commit, "--", FOLDER)
    others = _git(root, "ls-files", "--others", "--exclude-standard", "-z", "--", FOLDER)
    return sorted(name for name in (tracked + others).split("\0") if name.endswith(".json"))


def _git(root: Path, *words: str) -> str:
    """What git says; "" where it refuses."""
    try:
        ran = subprocess.run(
            ["git", "-C", str(root), *words],
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
        )
    except OSError as error:
        raise InvalidInput(f"git is required ({error.strerror}): install it") from None
    return ran.stdout if ran.returncode == 0 else ""


def _parsed(data: bytes, name: str) -> Any:
    if not data:
        return {}
    try:
        return parse_document(data.decode("utf-8"))
    except ValueError as error:
        raise ResultsError(
            f"{name}: JSON is required ({first_line(error)}): restore the file with git"
        ) from None


def _compare_claims(name: str, old: Any, new: Any, found: Changed) -> None:
    before, after = dict(_findings(old)), dict(_findings(new))
    for place in dict.fromkeys([*before, *after]):
        one, other = before.get(place, {}), after.get(place, {})
        verdicts = [str(each.get("verdict", NOTHING)) for each in (one, other)]
        if verdicts[0] != verdicts[1]:
            found.verdicts.append(f"{name}: {place}: {' → '.join(verdicts)}")
        for figure in _FIGURES:
            for difference in differences(one.get(figure), other.get(figure), {}):
                inner = "" if difference.path == "the document" else f" {difference.path}"
                values = [difference.expected, difference.got]
                shown = [NOTHING if value == json.dumps(None) else value for value in values]
                found.rows.append([name, f"{place}: {figure}{inner}", *shown, difference.change])


def _findings(document: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every claim, then its parts and details, by what it is about."""
    for claim in document.get("claims", ()):
        place = f"{claim['id']} {claim['tier']} {claim['model']}"
        yield place, {"verdict": claim.get("verdict"), "p_holm": claim.get("p_holm")}
        for finding in (*claim.get("parts", ()), *claim.get("details", ())):
            words = (finding["part"], f"of {finding['of']}" if finding.get("of") else "")
            named = " ".join(filter(None, words))
            yield f"{place} {named or 'alone'}", finding
