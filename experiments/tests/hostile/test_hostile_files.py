"""Files that a user may hand over, damaged or long: a value or one line, and nothing else.

``--fuzz 10000`` tries as many of each; the default is a sample of them. Processor time is measured
and not the clock's, so that a busy machine is no finding.
"""

import json
import os
from pathlib import Path

import pytest

from ablation.detection.controls import check_levels
from ablation.detection.ranking import HeadRanking
from ablation.detection.ranking_formats import read_entries
from ablation.errors import HeadclaimsError, InvalidInput
from ablation.filings.edgar import load_edgar_filings
from ablation.heads import Head, HeadGrid
from experiments.claims import CLAIMS
from experiments.cli.commands.claims import _details, _entry
from experiments.cli.options import IntegerList
from experiments.judging.baselines.reading import read_baseline
from experiments.judging.stored_evidence import CHECKOUT, moved_verdicts, read_evidence
from experiments.machine.files.json_files import read_text
from experiments.machine.files.paragraph_files import read_paragraphs
from experiments.plugin.baseline_files.regeneration import changes
from experiments.store import Document, Run, Store, WorkUnit
from experiments.store.listing import entries
from experiments.tests.hostile.hostile import VALUES, damaged, fuzz, long, survives

hypothesis = pytest.importorskip("hypothesis", reason="needs hypothesis: pip install -e '.[test]'")
st = pytest.importorskip("hypothesis.strategies")


GRID = HeadGrid.even(2, 2)
LARGE_GRID = HeadGrid.even(10_000, 10_000)
UNIT = WorkUnit("answers", {"model_sha256": "ab", "heads": ["L0H1"]})
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
SCORES = {f"{head.layer}-{head.head}": [0.5, 0.25] for head in GRID}
LISTED = "model: tiny\nattn_head_set: 1-0,0-1\n"
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
    entries = read_entries(read_text(folder / "ranking.json"))
    # In a small model, most heads of a long file are refused before they are compared.
    HeadRanking.from_entries(entries, LARGE_GRID)
    HeadRanking.from_entries(entries, GRID)


def paragraphs(folder, data):
    (folder / "paragraphs").write_bytes(data)
    read_paragraphs(folder / "paragraphs")


def result(folder, data):
    store = Store(folder, Run("run", "test"))
    path = store.path(UNIT)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    store.find(UNIT)


def listed_result(folder, data):
    path = Store(folder, Run("run", "test")).path(UNIT)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    list(entries(folder))


def baseline(folder, data):
    path = folder / "case.json"
    path.write_bytes(data)
    try:
        document = read_baseline(path)
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
    "scores by head": (ranking, json.dumps(SCORES).encode()),
    "listed heads": (ranking, LISTED.encode()),
    "paragraphs": (paragraphs, b'["One.", "Two."]'),
    "result": (result, RESULT.text().encode()),
    "listed result": (listed_result, RESULT.text().encode()),
    "baseline": (baseline, json.dumps(BASELINE).encode()),
    "evidence": (evidence, evidence_sample()),
}

OF_ONE_READER = (
    "filing", "ranking", "paragraphs", "result", "listed result", "baseline", "evidence",
)  # fmt: skip
LARGE = {
    "nested": b"[" + b"[]," * 1_320_000 + b"[]]",
    "as nested as is read": b"[" + b"[]," * 99_990 + b"[]]",
    "deep": b'{"a":' * 700_000,
    "one number": b"1" * 10**7,
    "numbers": b"[" + b"0.1," * 990_000 + b"1]",
    "numbers of a baseline": b"[" + b"0.1," * 120_000 + b"1]",
    "words": b"[" + b'"",' * 1_320_000 + b"1]",
    "keys": b"{" + b",".join(b'"%06d":1' % key for key in range(360_000)) + b"}",
}


@pytest.mark.parametrize("name", FORMATS)
def test_no_file_is_more_than_a_value_or_one_line(name, tmp_path, pytestconfig):
    read, whole = FORMATS[name]
    folder = tmp_path / "in" / "side"
    folder.mkdir(parents=True)
    read(folder, whole)
    written: list[Path] = []

    def check(data):
        survives(read, folder, data)
        written[:] = [path for path in tmp_path.rglob("*") if folder not in (path, *path.parents)]

    fuzz(pytestconfig, damaged(whole), check)
    assert written == [tmp_path / "in"]


@pytest.mark.parametrize("name", FORMATS)
def test_a_long_file_takes_no_longer_than_a_look_at_each_part(name, tmp_path, pytestconfig):
    read, whole = FORMATS[name]
    fuzz(pytestconfig, long(whole), lambda data: survives(read, tmp_path, data), share=50)


NUMBERED = "".join(f"{number // 1000}-{number % 1000}," for number in range(8_000))
HEADS = [f"L{number // 1000}H{number % 1000}" for number in [*range(8_000), 7_999]]
DOUBLED = "a0: &a0 {k: v}\n" + "".join(
    f"a{n + 1}: &a{n + 1}\n  <<:\n  - *a{n}\n  - *a{n}\n" for n in range(30)
)


def filing_with(section):
    return json.dumps({**FILING, "item_1": section}).encode()


LONG = {
    "blanks after the heading": ("filing", filing_with("Item 1" + " " * 100_000 + SECTION)),
    "brackets that stay open": ("filing", filing_with("We had 5 employees (" * 15_000 + SECTION)),
    "a state over and over": ("filing", filing_with(SECTION + " organized Ohio, " * 5_000)),
    "a last filing listed twice": (
        "ground truth",
        (TRUTH + "".join(f"{n},,,,,,\n" for n in [*range(20_000), 19_999])).encode(),
    ),
    "a last head listed twice": (
        "ranking",
        json.dumps({"head_rankings": [{"head": head, "score": 1} for head in HEADS]}).encode(),
    ),
    "a last name listed twice": ("listed heads", f"{NUMBERED}7-999".encode()),
    "a last name written twice": (
        "scores by head",
        ("{" + "".join(f'"{name}": [1], ' for name in NUMBERED.split(",")[:-1]) + '"07-999": [1]}')
        .encode(),
    ),
    "merges that double": ("listed heads", DOUBLED.encode()),
    "a long note": (
        "evidence", evidence_sample().replace(b'"note": "', b'"note": "' + b"-" * 3_000_000),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", LONG)
def test_no_file_takes_the_square_of_its_length(case, tmp_path):
    name, data = LONG[case]
    survives(FORMATS[name][0], tmp_path, data)


def test_a_head_is_compared_with_the_others_once(monkeypatch):
    """However many: a ranking of 8,000 heads of which the last was listed twice took seconds."""
    compared = 0
    equal = Head.__eq__

    def count(self, other):
        nonlocal compared
        compared += 1
        return equal(self, other)

    monkeypatch.setattr(Head, "__eq__", count)
    heads = [Head.parse(head) for head in HEADS]
    for check in (LARGE_GRID.check, lambda heads: read_entries(f"{NUMBERED}7-999")):
        with pytest.raises(InvalidInput, match="head L7H999 is listed twice"):
            check(heads)
    assert compared < 2 * len(heads)


@pytest.mark.parametrize("large", LARGE)
@pytest.mark.parametrize("name", OF_ONE_READER)
def test_a_large_file_takes_little_time_and_memory(name, large, tmp_path):
    read, _ = FORMATS[name]
    survives(read, tmp_path, LARGE[large])


def test_no_name_of_a_head_is_more_than_a_head_or_one_line(pytestconfig):
    names = st.one_of(st.text(), VALUES, st.from_regex(r"L\d+H\d+"), st.binary())
    fuzz(pytestconfig, names, lambda name: survives(Head.parse, name))


def test_no_list_of_levels_is_more_than_levels_or_one_line(pytestconfig):
    def read(text):
        check_levels(IntegerList().convert(text, None, None), GRID)

    lists = st.one_of(st.text(), st.from_regex(r"\d+(,\d+){0,5}"), st.just("9" * 5000))
    fuzz(pytestconfig, lists, lambda text: survives(read, text))


def changed(document, **changes):
    return json.dumps(document | changes).encode()


INPUTS = [
    ("filing", b"", "a.json: empty"),
    ("filing", b"\xff", "a.json: not UTF-8"),
    ("filing", b"{", "a.json: malformed JSON"),
    ("filing", b"[" * 5000, "a.json: malformed JSON"),
    ("filing", b"[]", "a.json: not a JSON object"),
    ("filing", changed(FILING, item_1=3), "a.json: item_1 is not text"),
    ("filing", changed(FILING, cik="x"), "a.json: cik is not a number"),
    ("filing", changed(FILING, filing_date="soon"), "a.json: filing_date is not a date"),
    ("ground truth", b"filename,cik\n", "truth.csv lacks original_Inc_state_truth"),
    ("ground truth", TRUTH.encode() + b"79\n", "truth.csv has a row of another length at line 4"),
    ("ground truth", TRUTH.encode() + b'"', "truth.csv is not a CSV file"),
    ("ground truth", b"\xff", "truth.csv is not UTF-8"),
    ("ranking", b"{", "not a JSON document"),
    ("ranking", b"{}", "at least one head must be ranked"),
    ("ranking", b"[]", "a ranking is required: JSON with 'head_rankings'"),
    ("ranking", b'{"head_rankings": 1}', "a list 'head_rankings' of {head, score, rank} is"),
    ("scores by head", b'{"0-1": []}', "head '0-1': a list of scores is required, got []"),
    ("scores by head", b'{"0-1": [NaN]}', "head '0-1': a finite 'score' is required, got nan"),
    ("scores by head", b'{"L0H1": [1]}', "bad head name 'L0H1': write layer and head"),
    ("scores by head", b'{"0-1": [1], "00-1": [1]}', "head L0H1 is listed twice"),
    ("listed heads", b"1-0,0-1,1-0", "head L1H0 is listed twice"),
    ("listed heads", b"1-0,0-7", "head L0H7 is out of range"),
    ("listed heads", b"attn_head_set: full_heads", "full_heads means all heads of the model"),
    ("listed heads", b"a: [", "neither JSON nor YAML"),
    ("listed heads", b"1-0," * 30_000, "a list of heads takes at most 100,000 characters"),
    ("ranking", changed(RANKING, head_rankings=[]), "at least one head must be ranked"),
    ("ranking", json.dumps(RANKING).replace("-0.5", "1" * 400).encode(), "a finite 'score'"),
    ("ranking", json.dumps(RANKING).replace("L1H1", "L1H7").encode(), "head L1H7 is out of range"),
    ("ranking", json.dumps(RANKING).replace("L1H1", "../x").encode(), "bad head name '../x'"),
    ("baseline", b'{"a": NaN}', "it holds NaN"),
    ("baseline", b'{"a": 1, "a": 2}', "it holds a key twice"),
    ("baseline", b'{"a": 1' + b"0" * 400 + b"}", "a whole number beyond 1e308"),
    ("baseline", b"[" * 5000, "nested too deeply"),
    ("evidence", b"{}", "claims of schema"),
    ("evidence", evidence_sample().replace(b'"estimate"', b'"guess"'), "its entry 1 is no claim"),
]


@pytest.mark.parametrize(("name", "data", "message"), INPUTS)
def test_what_is_wrong_with_a_file_is_said_in_one_line(name, data, message, tmp_path):
    read, _ = FORMATS[name]
    with pytest.raises(HeadclaimsError) as error:
        read(tmp_path, data)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "name", [name for name in FORMATS if name != "listed result"]
)  # which lists it as damaged
def test_a_pipe_is_refused_and_not_waited_for(name, tmp_path, monkeypatch):
    # A list says of it that it is damaged.
    def make_pipe(path, data):
        path.unlink(missing_ok=True)
        os.mkfifo(path)

    read, _ = FORMATS[name]
    monkeypatch.setattr(Path, "write_bytes", make_pipe)
    with pytest.raises(HeadclaimsError, match="not a regular file|cannot be read"):
        read(tmp_path, b"")
