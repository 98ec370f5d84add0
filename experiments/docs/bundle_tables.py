"""Blocks on the committed bundle of results: what it holds, and how closely an audit looks."""

from collections import Counter

from ablation.errors import InvalidInput
from experiments.docs.markdown import code, table
from experiments.docs.stored import MissingDocument, Stored
from experiments.store.audit.measures import ANYTHING, MEASURES
from experiments.store.bundle import read_bundle

BUNDLE = "baselines/evidence/smollm2.zip"


def bundle(stored: Stored) -> str:
    """How many units of each kind the bundle holds, and its size.

    Raises:
        MissingDocument: there is none.
        ResultsError: it is damaged.
    """
    path = stored.root / BUNDLE
    try:
        found = read_bundle(path)
    except InvalidInput as error:
        raise MissingDocument(f"{error}, or make it with `tox -e full`") from None
    kinds = Counter(place.kind for place in found.digests.values())
    rows = [(code(kind), f"{count}") for kind, count in sorted(kinds.items())]
    megabytes = f"{path.stat().st_size / 1e6:.2f} MB"
    return table(("kind of result", "units"), [*rows, (f"all, {megabytes}", f"{len(found)}")])


def audit_tolerances(stored: Stored) -> str:
    """How far two results of a kind may be apart."""
    rows = [(code(kind), one.name, f"{one.tolerance:g}") for kind, one in sorted(MEASURES.items())]
    other = ("any other", ANYTHING.name, f"{ANYTHING.tolerance:g}")
    return table(("kind", "what is compared", "allowed"), [*rows, other])
