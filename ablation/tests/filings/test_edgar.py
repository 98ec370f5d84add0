import json
from pathlib import Path
from typing import Any

import pytest

from ablation.assets.bounded_files import LARGEST
from ablation.errors import InvalidInput
from ablation.filings.edgar import load_edgar_filings, read_ground_truth
from ablation.filings.filing import Filing, FilingSet

hypothesis = pytest.importorskip("hypothesis", reason="needs hypothesis: pip install -e '.[test]'")
st = pytest.importorskip("hypothesis.strategies")

COLUMNS = (
    "filename,cik,year,original_Inc_state_truth,original_Inc_year_truth,"
    "employee_count_truth,headquarters_state_truth"
)

SECTION = (
    "ITEM 1. BUSINESS.\nWe make anvils and sell them in Virginia. We were incorporated in West "
    "Virginia in May 1961.  Our competitors are in Ohio.\n\n\n\nEmployees\nAs of June 30, 2009, we "
    "had 14,200 full-time employees. Our principal executive offices are located at 5 Main "
    "Street, Columbus, Ohio 43004."
)


def _content(**changes: Any) -> dict[str, Any]:
    content: dict[str, Any] = {
        "cik": "77",
        "company": "ANVIL WORKS INC",
        "filing_type": "10-K",
        "filing_date": "2010-02-25",
        "period_of_report": "2009-12-31",
        "state_of_inc": "WV",
        "state_location": "OH",
        "filename": "77_10K_2009_1.htm",
        "item_1": SECTION,
    }
    return content | changes


def _write(directory: Path, name: str = "a.json", **changes: Any) -> Path:
    path = directory / name
    path.write_text(json.dumps(_content(**changes)), encoding="utf-8")
    return path


def _write_csv(directory: Path, *rows: str, header: str = COLUMNS) -> Path:
    path = directory / "truth.csv"
    path.write_text("\n".join([header, *rows, ""]), encoding="utf-8")
    return path


def _only_filing(filings: FilingSet) -> Filing:
    (filing,) = filings.filings
    return filing


def _texts(filing: Filing) -> dict[str, tuple[str, str]]:
    return {
        key: (fact.value, filing.section[fact.start : fact.end])
        for key, fact in filing.facts.items()
    }


def test_states_come_from_metadata_year_and_employees_from_the_text(tmp_path: Path) -> None:
    _write(tmp_path)
    loaded = load_edgar_filings(tmp_path)
    filing = _only_filing(loaded)
    assert (filing.name, filing.company) == ("a", "77")
    assert _texts(filing) == {
        "inc_state": ("West Virginia", "West Virginia"),
        "inc_year": ("1961", "1961"),
        "employee_count": ("14200", "14,200"),
        "hq_state": ("Ohio", "Ohio"),
    }
    assert loaded.source == (
        "EDGAR-CRAWLER JSON, 1 of 1 files, ground truth from metadata and text"
    )
    assert loaded.rejected == ()


def test_the_heading_goes_and_the_words_stay(tmp_path: Path) -> None:
    _write(tmp_path)
    section = _only_filing(load_edgar_filings(tmp_path)).section
    assert section.startswith("We make anvils")
    assert "May 1961. Our competitors are in Ohio.\n\nEmployees\nAs of" in section


@pytest.mark.parametrize(
    "heading",
    [
        "Item 1. Business",
        "ITEM 1.\n\nBUSINESS. ",
        "Item 1 – Description of Business\n",
        "item1:business",
    ],
)
def test_headings_of_every_kind_go(tmp_path: Path, heading: str) -> None:
    _write(tmp_path, item_1=f" {heading} {SECTION.split(maxsplit=3)[3]}")
    assert _only_filing(load_edgar_filings(tmp_path)).section.startswith("We make anvils")


def test_the_occurrence_among_the_cue_words_is_chosen(tmp_path: Path) -> None:
    _write(tmp_path)
    filing = _only_filing(load_edgar_filings(tmp_path))
    assert filing.section[: filing.facts["hq_state"].start].endswith("Columbus, ")


def test_a_metadata_state_no_cue_word_stands_by_is_not_a_fact(tmp_path: Path) -> None:
    # The company's record of today, and a section that names the state for another reason.
    _write(tmp_path, state_of_inc="OH", state_location="VA")
    assert set(_only_filing(load_edgar_filings(tmp_path)).facts) == {"inc_year", "employee_count"}


def test_codes_of_other_places_give_no_fact(tmp_path: Path) -> None:
    _write(tmp_path, state_of_inc="A6", state_location=None)
    assert "inc_state" not in _only_filing(load_edgar_filings(tmp_path)).facts


def test_the_csv_wins_and_is_looked_up_by_the_period_of_report(tmp_path: Path) -> None:
    _write(tmp_path, cik="0000077")
    truth = _write_csv(
        tmp_path,
        "77_2010.txt,77,2010,Ohio,1901,9,Ohio",
        "77_2009.txt,77,2009,Virginia ,1961.0,14200.0,NULL",
    )
    loaded = load_edgar_filings(tmp_path, truth)
    texts = _texts(_only_filing(loaded))
    assert texts["inc_state"] == ("Virginia", "Virginia")
    assert texts["inc_year"] == ("1961", "1961")
    assert texts["employee_count"] == ("14200", "14,200")
    assert texts["hq_state"] == ("Ohio", "Ohio"), "left open, so from the metadata"
    assert loaded.source.endswith("1 of 1 files, ground truth from truth.csv")


@pytest.mark.parametrize(
    "cells",
    [
        "NLL,NULL,0,Ohio and Virginia",
        "Texas,1776,1420,Texas",
        "Delaware,2011,14200.5,Delaware",
        "Delaware,196,about 14200,Delaware",
    ],
)
def test_a_truth_that_is_unclear_or_not_stated_is_no_fact(tmp_path: Path, cells: str) -> None:
    _write(tmp_path)
    _write(tmp_path, "b.json", cik="78", item_1=SECTION + " We like anvils.")
    truth = _write_csv(tmp_path, f"77_2009.txt,77,2009,{cells}")
    loaded = load_edgar_filings(tmp_path, truth)
    assert [filing.name for filing in loaded.filings] == ["b"]
    assert loaded.rejected == ("a.json: no fact that its Section 1 states",)


def test_filings_are_in_the_order_of_their_names_and_joint_reports_count_once(
    tmp_path: Path,
) -> None:
    _write(tmp_path, "c.json", cik="79")
    _write(tmp_path, "b.json", cik="78")
    _write(tmp_path, "a.json", item_1=SECTION + " We like anvils.")
    loaded = load_edgar_filings(tmp_path)
    assert [filing.name for filing in loaded.filings] == ["a", "b"]
    assert loaded.rejected == ("c.json: has the same Section 1 as b.json",)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b'{"cik": "77", ', "malformed JSON"),
        (b"[" * 100_000, "malformed JSON"),
        (b'{"cik": ' + b"1" * 5000 + b"}", "malformed JSON"),
        (b"[1, 2]", "not a JSON object"),
        (b'{"cik": "77\xff"}', "not UTF-8"),
        (b'{"hello": 1}', "not of EDGAR-CRAWLER, or cut: lacks cik, filing_date, "),
    ],
)
def test_a_damaged_file_is_named_with_its_reason(tmp_path: Path, data: bytes, reason: str) -> None:
    _write(tmp_path)
    (tmp_path / "bad.json").write_bytes(data)
    loaded = load_edgar_filings(tmp_path)
    assert [filing.name for filing in loaded.filings] == ["a"]
    (line,) = loaded.rejected
    assert line.startswith(f"bad.json: {reason}")
    assert "\n" not in line


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"item_1": None}, "item_1 is not text"),
        ({"item_1": "Item 1. Business\n"}, "item_1 is empty"),
        ({"item_1": SECTION + "x" * 500_000}, "item_1 has more than 500,000 characters"),
        ({"item_1": SECTION + "\ud800"}, "item_1 is not valid text"),
        ({"item_1": "Item 1. Business. We make anvils."}, "no fact that its Section 1 states"),
        ({"cik": {}}, "cik is not a number"),
        ({"filing_date": "soon"}, "filing_date is not a date like 2010-02-25"),
        ({"period_of_report": None}, "period_of_report is not a date like 2010-02-25"),
    ],
)
def test_an_unusable_report_is_named_with_its_reason(
    tmp_path: Path, changes: dict[str, Any], reason: str
) -> None:
    _write(tmp_path)
    _write(tmp_path, "bad.json", **changes)
    assert load_edgar_filings(tmp_path).rejected == (f"bad.json: {reason}",)


def test_a_file_without_section_1_is_named(tmp_path: Path) -> None:
    _write(tmp_path)
    content = _content()
    del content["item_1"]
    (tmp_path / "bad.json").write_text(json.dumps(content))
    (line,) = load_edgar_filings(tmp_path).rejected
    assert line == "bad.json: not of EDGAR-CRAWLER, or cut: lacks item_1"


def test_links_out_directories_and_large_files_are_not_read(tmp_path: Path) -> None:
    outside, inside = tmp_path / "outside", tmp_path / "inside"
    outside.mkdir()
    inside.mkdir()
    _write(inside)
    (inside / "link.json").symlink_to(_write(outside))
    (inside / "lost.json").symlink_to(inside / "nowhere")
    (inside / "folder.json").mkdir()
    (inside / "large.json").write_bytes(b"x" * (LARGEST + 1))
    (inside / "two\nlines.json").write_text("{}")
    loaded = load_edgar_filings(inside)
    assert loaded.rejected == (
        "folder.json: not a regular file",
        "large.json: larger than 4,000,000 bytes",
        "link.json: a link to outside the directory",
        "lost.json: not a regular file",
        "'two\\nlines.json': its name has unprintable characters",
    )


def test_the_folders_of_form_types_are_searched(tmp_path: Path) -> None:
    for form in ("10-K", "10-K405"):
        (tmp_path / form).mkdir()
    _write(tmp_path / "10-K", "b.json")
    _write(tmp_path / "10-K405", "a.json", cik="78", item_1=SECTION.replace("anvils", "nails"))
    filings = load_edgar_filings(tmp_path)
    assert [filing.name for filing in filings.filings] == ["b", "a"]
    assert filings.source.startswith("EDGAR-CRAWLER JSON, 2 of 2 files")


def test_two_files_of_one_name_are_not_one_filing(tmp_path: Path) -> None:
    (tmp_path / "10-K").mkdir()
    _write(tmp_path, "a.json")
    _write(tmp_path, "a.JSON", cik="78", item_1=SECTION.replace("anvils", "nails"))
    _write(tmp_path / "10-K", "a.json", cik="79", item_1=SECTION.replace("anvils", "bolts"))
    filings = load_edgar_filings(tmp_path)
    assert len(filings.filings) == 1
    assert filings.rejected == (
        "a.json: has the same name as a.JSON",
        "10-K/a.json: has the same name as a.JSON",
    )


@pytest.mark.parametrize("case", ["missing", "file", "empty", "unusable"])
def test_a_directory_without_filings_is_refused_in_one_line(tmp_path: Path, case: str) -> None:
    directory = tmp_path / "given"
    expected = {
        "missing": "does not exist; give the folder",
        "file": "is not a directory; give the folder",
        "empty": r"0 \*\.json files, none usable; give the folder",
        "unusable": r"1 \*\.json files, none usable, the first because x\.json: empty; give",
    }[case]
    if case == "file":
        directory.write_text("")
    elif case != "missing":
        directory.mkdir()
    if case == "unusable":
        (directory / "x.json").write_text("")
    with pytest.raises(InvalidInput, match=expected) as raised:
        load_edgar_filings(directory)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("data", "came"),
    [
        (None, r"cannot be read \(No such file or directory\)"),
        (b"", "lacks filename, original_Inc_state_truth"),
        (b"filename,cik\n1_1993.txt,1\n", "lacks original_Inc_state_truth, original_Inc_year"),
        (COLUMNS.encode() + b"\n\xff\xfe,1,1993,a,b,c,d\n", "is not UTF-8"),
        (COLUMNS.encode() + b"\n1_1993.txt,1\n", "has a row of another length at line 2"),
        (COLUMNS.encode() + b"\n" + b"1_1993.txt,1,1993,,,,\n" * 2, "lists 1_1993 twice, .* 3"),
        (COLUMNS.encode() + b'\n"1_1993.txt,1,1993,,,,\n', "is not a CSV file"),
    ],
)
def test_a_malformed_ground_truth_is_refused_in_one_line(
    tmp_path: Path, data: bytes | None, came: str
) -> None:
    path = tmp_path / "truth.csv"
    if data is not None:
        path.write_bytes(data)
    _write(tmp_path)
    with pytest.raises(InvalidInput, match=came) as raised:
        load_edgar_filings(tmp_path, path)
    assert "\n" not in str(raised.value)
    assert "correct it or leave it out" in str(raised.value)


def test_null_and_blank_cells_are_unknown(tmp_path: Path) -> None:
    path = _write_csv(tmp_path, "1_1993.txt,1,1993,NULL, ,486,Ohio ")
    assert read_ground_truth(path) == {
        "1_1993": {"inc_state": "", "inc_year": "", "employee_count": "486", "hq_state": "Ohio"}
    }


@hypothesis.settings(max_examples=150, deadline=None)
@hypothesis.given(data=st.data())
def test_no_damage_of_a_file_raises(tmp_path_factory: pytest.TempPathFactory, data: Any) -> None:
    directory = tmp_path_factory.mktemp("damaged")
    whole = _write(directory).read_bytes()
    start, end = sorted(data.draw(st.tuples(*[st.integers(0, len(whole))] * 2)))
    damaged = whole[:start] + data.draw(st.binary(max_size=8)) + whole[end:]
    (directory / "damaged.json").write_bytes(damaged)
    loaded = load_edgar_filings(directory)
    assert len(loaded.filings) + len(loaded.rejected) == 2
    assert all(line.isprintable() for line in loaded.rejected)


@pytest.mark.slow
@hypothesis.settings(max_examples=150, deadline=None)
@hypothesis.given(
    st.dictionaries(
        st.sampled_from(list(_content())),
        st.none() | st.integers() | st.text(max_size=20) | st.lists(st.integers(), max_size=2),
    )
)
def test_no_value_of_a_field_raises(
    tmp_path_factory: pytest.TempPathFactory, changes: dict[str, Any]
) -> None:
    directory = tmp_path_factory.mktemp("odd")
    _write(directory, "z.json", item_1=SECTION + " We like anvils.")
    _write(directory, "odd.json", **changes)
    loaded = load_edgar_filings(directory)
    assert len(loaded.filings) + len(loaded.rejected) == 2
