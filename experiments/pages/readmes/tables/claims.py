"""Blocks out of evidence: the claims with what was published, what was measured, the verdict."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from experiments.claims import CLAIMS
from experiments.judging.claim import Claim, Scale, Tier
from experiments.judging.report import UNPROVEN
from experiments.pages.readmes.markdown import minus, table, with_interval, with_unit
from experiments.pages.readmes.stored import PUBLICATION, Stored

Row = Mapping[str, Any]

NOT_JUDGED = "–"
CHECK = "A check of the ablator, not of a study:"


def claims(stored: Stored) -> str:
    """Every claim in one line: published, measured on the embedded model, the verdicts.

    Where there is evidence of a larger run, that is shown, and beside it the verdict of a default
    run. Checks of the ablator are no claims of a study: a line each, below the table.
    """
    embedded, published = (stored.claims(tier) for tier in (Tier.EMBEDDED, Tier.PUBLISHED))
    larger = stored.claims(PUBLICATION) if stored.has_claims(PUBLICATION) else {}
    rows, checks = [], []
    for claim in CLAIMS.values():
        if claim.instrument:
            found = embedded[claim.id]
            checks.append(f"{CHECK} {_name(claim)}: {_measured(found)}, {_verdict(found)}.")
            continue
        on_model = larger.get(claim.id, embedded.get(claim.id))
        by_default = [_verdict(embedded.get(claim.id))] if larger else []
        rows.append(
            (
                _name(claim),
                minus(claim.published),
                _measured(on_model) if on_model else NOT_JUDGED,
                _verdict(on_model),
                *by_default,
                _verdict(published.get(claim.id)),
            )
        )
    head = (
        "claim", "published", "measured on SmolLM2 [95% interval]", "verdict",
        *(["of a default run"] if larger else []), "on the study's own figures",
    )  # fmt: skip
    return "\n\n".join([table(head, rows), *checks])


def parts(stored: Stored, tier: str, ids: Sequence[str]) -> str:
    """The claims of a study in full: a line for each part, with what is required of it."""
    rows = []
    for name in ids:
        claim, found = CLAIMS[name], stored.claims(tier)[name]
        if [part["part"] for part in found["parts"]] != [""]:
            rows.append((_name(claim), "", "", "", "", _p(found), f"**{_verdict(found)}**"))
            rows += [
                (f"{name} {part['part']}", *_cells(claim, part), part["verdict"])
                for part in found["parts"]
            ]
        else:
            (part,) = found["parts"]
            cells = (*_cells(claim, part)[:-1], _p(found))
            rows.append((_name(claim), *cells, f"**{_verdict(found)}**"))
    head = (
        "claim", "required", "published", "measured [95% interval]", "n", "p", "verdict",
    )  # fmt: skip
    return table(head, rows)


def details(stored: Stored, tier: str, name: str, of: Iterable[str] | None = None) -> str:
    """What is shown beside a claim and does not carry its verdict, all of it or some."""
    claim, found = CLAIMS[name], stored.claims(tier)[name]
    chosen = list(dict.fromkeys(row["of"] for row in found["details"])) if of is None else [*of]
    rows = [
        (row["of"], row["part"], *_cells(claim, row)[2:], row["verdict"])
        for subset in chosen
        for row in found["details"]
        if row["of"] == subset
    ]
    return table(("of", "part", "measured [95% interval]", "n", "p", "verdict"), rows)


def notes(stored: Stored, tier: str, ids: Sequence[str]) -> str:
    """What the evidence itself says beside its figures."""
    lines = []
    for name in ids:
        for part in stored.claims(tier)[name]["parts"]:
            if part.get("note"):
                label = f"{name} {part['part']}".rstrip()
                lines.append(f"- **{label}**: {minus(part['note'])}.")
    return "\n".join(lines)


def detail(stored: Stored, tier: str, name: str, part: str, of: str) -> Row:
    """One of the details.

    Raises:
        LookupError: the evidence has no such detail.
    """
    for row in stored.claims(tier)[name]["details"]:
        if (row["part"], row["of"]) == (part, of):
            return row
    raise LookupError(f"no detail of {name} {part} about {of}")


def measured(row: Row, *, unit: bool = True, interval: bool = True) -> str:
    """What a part or detail measured, with its interval and unit; or why it could not be."""
    if "blocked" in row:
        return str(row["blocked"])
    of = Scale(row["unit"])
    text = with_interval(row["estimate"], row["interval"] if interval else None, of)
    return with_unit(text, of) if unit else text


def _name(claim: Claim) -> str:
    star = r"\*" if claim.primary else ""
    return f"**{claim.id}**{star} {claim.statement}"


def _measured(found: Row) -> str:
    """All parts with their estimates; of many the interval of the first that decides.

    Where all are in points the last one names them.
    """
    parts = found["parts"]
    # None has the claim's verdict where only the correction for several claims changed it.
    deciding = next((part for part in parts if part["verdict"] == found["verdict"]), parts[0])
    units = {part.get("unit") for part in parts}
    shown = []
    for part in parts:
        text = measured(
            part,
            unit=units != {Scale.POINTS} or part is parts[-1],
            interval=len(parts) <= 2 or part is deciding,
        )
        shown.append(f"{part['part']}: {text}" if part["part"] else text)
    return "; ".join(shown)


def _verdict(found: Row | None) -> str:
    if found is None:
        return NOT_JUDGED
    return f"{found['verdict']}{UNPROVEN if found.get('ablator_unproven') else ''}"


def _cells(claim: Claim, row: Row) -> tuple[str, str, str, str, str]:
    criterion = claim.criterion(row["part"])
    bound, _, threshold = criterion.requirement.removesuffix(f" {criterion.unit}").partition(" ")
    counting = criterion.requirement_in_full.removeprefix(criterion.requirement)
    required = minus(f"{bound} {with_unit(threshold, criterion.unit)}{counting}")
    published = minus(criterion.published)
    if "blocked" in row:
        return required, published, row["blocked"], "", ""
    p = "" if row["p"] is None else f"{row['p']:.2g}"
    return required, published, measured(row), f"{row['n']} {row['units']}", p


def _p(found: Row) -> str:
    if found["p"] is None:
        return ""
    if found.get("p_holm") in (None, found["p"]):
        return f"{found['p']:.2g}"
    return f"{found['p_holm']:.2g} (Holm)"
