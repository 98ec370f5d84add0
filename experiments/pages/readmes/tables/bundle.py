"""Blocks on the committed bundle of results: what it holds, and how closely an audit looks."""

from collections import Counter

from ablation.errors import InvalidInput
from experiments.pages.readmes.markdown import code, table
from experiments.pages.readmes.stored import MissingDocument, Stored
from experiments.store.audit.measures import ANYTHING, MEASURES
from experiments.store.audit.power import SURELY, units_to_find, wrong_units
from experiments.store.bundle import Bundle, read_bundle

BUNDLE = "baselines/evidence/smollm2.zip"
WRONG_SHARES = (0.1, 0.05, 0.02, 0.01, 0.005, 0.001)


def bundle(stored: Stored) -> str:
    """How many units of each kind the bundle holds, and its size.

    Raises:
        MissingDocument: there is none.
        ResultsError: it is damaged.
    """
    found = _read(stored)
    kinds = Counter(place.kind for place in found.digests.values())
    rows = [(code(kind), f"{count}") for kind, count in sorted(kinds.items())]
    megabytes = f"{(stored.root / BUNDLE).stat().st_size / 1e6:.2f} MB"
    return table(("kind of result", "units"), [*rows, (f"all, {megabytes}", f"{len(found)}")])


def _read(stored: Stored) -> Bundle:
    try:
        return read_bundle(stored.root / BUNDLE)
    except InvalidInput as error:
        raise MissingDocument(f"{error}, or make it with `tox -e full`") from None


def audit_sizes(stored: Stored) -> str:
    """How many units of the bundle must be drawn to find wrong ones, by how many are wrong.

    Raises:
        MissingDocument, ResultsError: as ``bundle``.
    """
    found = _read(stored)
    total, kinds = len(found), len(found.documents)
    counts = {share: wrong_units(total, share) for share in WRONG_SHARES}
    rows = [
        (f"{100 * share:g}%", f"{wrong}", f"{drawn}", f"{drawn / total:.1%}")
        for share, wrong in counts.items()
        for drawn in (units_to_find(total, kinds, wrong),)
    ]
    header = ("wrong", f"of {total} units", f"to draw, to find one with {SURELY:.0%}", "of all")
    return table(header, rows)


def audit_tolerances(stored: Stored) -> str:
    """How far two results of a kind may be apart."""
    rows = [(code(kind), one.name, f"{one.tolerance:g}") for kind, one in sorted(MEASURES.items())]
    other = ("any other", ANYTHING.name, f"{ANYTHING.tolerance:g}")
    return table(("kind", "what is compared", "allowed"), [*rows, other])
