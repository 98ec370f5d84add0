"""Files that a user may hand over, damaged in every way: a value or one line, and nothing else.

``--fuzz 10000`` tries as many of each; the default is a sample of them. Processor time is measured
and not the clock's, so that a busy machine is no finding.
"""

import csv
import io
import json
import os
import resource
import time
from pathlib import Path

import click
import pytest

from ablation.controls import check_levels
from ablation.detection.ranking import HeadRanking
from ablation.errors import HeadclaimsError, InvalidInput
from ablation.filings.edgar import load_edgar_filings
from ablation.heads import Head, HeadGrid
from experiments.claims import CLAIMS
from experiments.cli.claims import _details, _entry
from experiments.cli.options import IntegerList
from experiments.json_files import read_bytes, read_json
from experiments.judging.stored_evidence import CHECKOUT, moved_verdicts, read_evidence
from experiments.plugin.json_comparison import parse_document
from experiments.plugin.regeneration import changes
from experiments.store import Document, Run, Store, Unit
from experiments.store.folder import read_document
from experiments.store.listing import entries

hypothesis = pytest.importorskip("hypothesis", reason="needs hypothesis: pip install -e '.[test]'")
st = pytest.importorskip("hypothesis.strategies")

BYTES = 100_000_000
LONGEST_MESSAGE = 2_000


@pytest.fixture
def fuzz(pytestconfig):
    """Runs a check on as many values as ``--fuzz`` says, the same ones every time."""

    def run(strategy, check):
        settings = hypothesis.settings(
            deadline=None,
            derandomize=True,
            max_examples=pytestconfig.getoption("fuzz"),
            database=None,
            suppress_health_check=list(hypothesis.HealthCheck),
        )
        settings(hypothesis.given(strategy)(lambda value: check(value)))()

    return run


GRID = HeadGrid(2, 2)
UNIT = Unit("answers", {"model_sha256": "ab", "heads": ["L0H1"]})
SECTION = (
    "Item 1. Business. We make anvils. We were incorporated in West Virginia in May 1961. As of "
    "June 30, 2009, we had 14,200 full-time employees. Our principal executive offices are located "
    "in Columbus, Ohio."
)
FILING = {
    "cik": "77", "company": "ANVIL WORKS INC", "filing_type": "10-K", "filing_date": "2010-02-25",
    "period_of_report": "2009-12-31", "state_of_inc": "WV", "state_location": "OH",
    "item_1": SECTION,
}  # fmt: skip
TRUTH = (
    "filename,cik,year,original_Inc_state_truth,original_Inc_year_truth,employee_count_truth,"
    "headquarters_state_truth\n77_2009.txt,77,2009,West Virginia,1961,14200,Ohio\n"
    '78_2009.txt,78,2009,"Delaware, NULL",NULL,"1,200",\n'
)
RANKING = {
    "head_rankings": [
        {"head": str(head), "score": 0.5 - number, "rank": number + 1}
        for number, head in enumerate(GRID)
    ]
}
RESULT = Document(UNIT, {"question": "inc_state", "answers": ["DE"]}, {"run": "r", "model": "m"})
BASELINE = {"top": [{"correct": 11, "total": 16}], "provenance": {"versions": {"torch": "2.13"}}}


def filings(folder, data):
    (folder / "a.json").write_bytes(data)
    load_edgar_filings(folder)


def ground_truth(folder, data):
    (folder / "a.json").write_text(json.dumps(FILING), encoding="utf-8")
    (folder / "truth.csv").write_bytes(data)
    load_edgar_filings(folder, folder / "truth.csv")


def ranking(folder, data):
    (folder / "ranking.json").write_bytes(data)
    HeadRanking.from_json(read_json(folder / "ranking.json"), GRID)


def result(folder, data):
    store = Store(folder, Run("run", "test"))
    path = store.path(UNIT)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    list(entries(folder))
    store.find(UNIT)
    read_document(path)


def baseline(folder, data):
    path = folder / "case.json"
    path.write_bytes(data)
    try:
        document = parse_document(read_bytes(path).decode("utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidInput(" ".join(str(error).split())[:300]) from None
    changes(document, BASELINE)


def evidence(folder, data):
    (folder / "claims.json").write_bytes(data)
    found = read_evidence([folder / "claims.json"])
    moved_verdicts([], found)
    for claim in list(CLAIMS.values())[:2]:
        rows = [row for row in found if row["id"] == claim.id]
        list(_entry(claim, rows))
        list(_details(claim, rows))


def evidence_sample():
    path = CHECKOUT / "baselines" / "claims" / "published.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    claim = document["claims"][0]
    short = {**claim, "parts": claim["parts"][:1], "details": []}
    return json.dumps({**document, "claims": [short]}).encode()


FORMATS = {
    "filing": (filings, json.dumps(FILING).encode()),
    "ground truth": (ground_truth, TRUTH.encode()),
    "ranking": (ranking, json.dumps(RANKING).encode()),
    "result": (result, RESULT.text().encode()),
    "baseline": (baseline, json.dumps(BASELINE).encode()),
    "evidence": (evidence, evidence_sample()),
}

POISON = [
    b"NaN", b"1e999", b"-1e999", b"9" * 5000, b"1" + b"0" * 400, b"[" * 5000, b'{"a":' * 3000,
    b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b'"\\ud800"', b"null", b"{}", b"[]", b'""', b"true",
    b"../../etc/passwd", b"\r", b"\n", b'"', b",", b"=cmd()", b"\x1b[2J", b"0" * 200, b"-0",
]  # fmt: skip
LARGE = [b"[" + b"[]," * 990_000 + b"[]]", b'{"a":' * 500_000, b"1" * 10**7]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


@st.composite
def damaged(draw, whole):
    """A file of a format: cut, patched, poisoned, or valid but for one value of it."""
    how = draw(st.sampled_from(["cut", "patch", "poison", "value", "value", "drop", "noise"]))
    at = draw(st.integers(0, len(whole)))
    if how == "cut":
        return whole[:at]
    if how == "patch":
        return whole[:at] + draw(st.binary(max_size=8)) + whole[at + draw(st.integers(0, 20)) :]
    if how == "poison":
        return whole[:at] + draw(st.sampled_from(POISON)) + whole[at:]
    if how == "noise":
        return draw(st.binary(max_size=200))
    try:
        document = json.loads(whole)
    except ValueError:
        return _damaged_table(draw, whole, how)
    holder, key = draw(st.sampled_from(_places(document)))
    if how == "drop":
        del holder[key]
    else:
        holder[key] = draw(VALUES)
    return json.dumps(document).encode("utf-8", "surrogatepass")


def _damaged_table(draw, whole, how):
    rows = list(csv.reader(io.StringIO(whole.decode())))
    row = draw(st.sampled_from(rows))
    cell = draw(st.integers(0, len(row) - 1))
    if how == "drop":
        del row[cell]
    else:
        row[cell] = draw(st.text(max_size=30))
    written = io.StringIO()
    csv.writer(written).writerows(rows)
    return written.getvalue().encode("utf-8", "surrogatepass")


def _places(document):
    """Every container of a document with each key of it."""
    found = []
    keys = document if isinstance(document, dict) else range(len(document))
    for key in keys:
        found.append((document, key))
        if isinstance(document[key], dict | list) and document[key]:
            found += _places(document[key])
    return found


def survives(read, *arguments, seconds=1.0):
    """Runs ``read``: it may refuse in one line, and must neither hang nor raise anything else."""
    taken = refused_or_read(read, *arguments)
    if taken >= seconds:
        # A host that takes its processors away is charged to us (1.1 s were seen once in 60,000).
        taken = min(taken, refused_or_read(read, *arguments))
    assert taken < seconds


def refused_or_read(read, *arguments) -> float:
    """The processor time of ``read``."""
    started = time.process_time()
    try:
        read(*arguments)
    except (HeadclaimsError, click.BadParameter) as error:
        message = error.format_message() if isinstance(error, click.BadParameter) else str(error)
        assert "\n" not in message
        assert 0 < len(message) < LONGEST_MESSAGE
    return time.process_time() - started


def highest_memory() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@pytest.mark.parametrize("name", FORMATS)
def test_no_file_is_more_than_a_value_or_one_line(name, tmp_path, fuzz):
    read, whole = FORMATS[name]
    folder = tmp_path / "in" / "side"
    folder.mkdir(parents=True)
    read(folder, whole)
    before = highest_memory()
    written: list[Path] = []

    def check(data):
        survives(read, folder, data)
        written[:] = [path for path in tmp_path.rglob("*") if folder not in (path, *path.parents)]

    fuzz(damaged(whole), check)
    assert written == [tmp_path / "in"]
    assert highest_memory() - before < BYTES


@pytest.mark.parametrize(
    ("name", "large"),
    [*((name, LARGE[0]) for name in FORMATS), ("ranking", LARGE[1]), ("ranking", LARGE[2])],
    ids=lambda value: value if isinstance(value, str) else value[:5].decode(),
)
def test_a_large_file_takes_little_memory(name, large, tmp_path):
    read, _ = FORMATS[name]
    before = highest_memory()
    survives(read, tmp_path, large, seconds=10)
    assert highest_memory() - before < BYTES


def test_no_name_of_a_head_is_more_than_a_head_or_one_line(fuzz):
    names = st.one_of(st.text(), VALUES, st.from_regex(r"L\d+H\d+"), st.binary())
    fuzz(names, lambda name: survives(Head.parse, name))


def test_no_list_of_levels_is_more_than_levels_or_one_line(fuzz):
    def read(text):
        check_levels(IntegerList().convert(text, None, None), GRID)

    lists = st.one_of(st.text(), st.from_regex(r"\d+(,\d+){0,5}"), st.just("9" * 5000))
    fuzz(lists, lambda text: survives(read, text))


@pytest.mark.parametrize("name", FORMATS)
def test_a_pipe_is_refused_and_not_waited_for(name, tmp_path, monkeypatch):
    def make_pipe(path, data):
        path.unlink(missing_ok=True)
        os.mkfifo(path)

    read, _ = FORMATS[name]
    monkeypatch.setattr(Path, "write_bytes", make_pipe)
    with pytest.raises(HeadclaimsError, match="not a regular file|cannot be read"):
        read(tmp_path, b"")
