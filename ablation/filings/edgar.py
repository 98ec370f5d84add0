"""Real 10-K filings: a directory of EDGAR-CRAWLER JSON files, with or without the study's truths.

EDGAR-CRAWLER names a filing by the year of its *period of report*, and so did EDGAR-CORPUS, from
which the study's CSV takes its names: ``59478_1993.txt`` is the report on 1993, filed in 1994. The
CSV is looked up with that year alone; the year of the filing date would find the wrong report.

EDGAR-CRAWLER reads the two states from the company's page on the day it crawls, not from the
filing, so a company that has moved since carries its new state. They count only where the section
states them in so many words.
"""

import csv
import html
import io
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ablation.assets.bounded_files import read_bytes
from ablation.errors import InvalidInput
from ablation.filings.filing import QUESTIONS, Fact, Filing, FilingSet
from ablation.filings.own_state import own_state
from ablation.filings.passages import (
    EARLIEST_YEAR,
    extract_employee_count,
    extract_inc_year,
    locate_fact,
)
from ablation.filings.states import state_of_code, state_of_name

LARGEST_TABLE = 2_000_000
"""Bytes of a ground truth; the study's has 249 rows, of 60 bytes each."""

LONGEST_SECTION = 500_000
"""Characters, four times those of the longest of 32 filings; facts are looked for in all of it."""

_REQUIRED_KEYS = ("cik", "filing_date", "period_of_report", "item_1")
_METADATA_STATES = {"inc_state": "state_of_inc", "hq_state": "state_location"}
_HEADING = re.compile(
    # Possessive, or a long run of blanks would be shared out between the two in every way.
    r"\A\s*item\s*1\s*+[.:\-–—]*+\s*+(?:description\s+of\s+)?business\b[ \t]*[.:]?[ \t\-–—_]*",
    re.IGNORECASE,
)


_TAG = re.compile(r"</?[A-Za-z][^<>]{0,500}>")
# With its semicolon only: html.unescape alone would read "R&notes" as "R¬es".
_CHARACTER = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")


class _UnusableFileError(Exception):
    """Why one file is left out; ends up in ``FilingSet.rejected``."""


@dataclass(frozen=True)
class _Report:
    """What is read from one file.

    Attributes:
        cik: without leading zeros.
        filed: the year of the filing date; no fact about the company can be later.
        period: the year of the period of report.
        states: question key -> state name, of the metadata, where it is a US state.
    """

    cik: str
    company_name: str
    filed: int
    period: int
    section: str
    states: Mapping[str, str]


def load_edgar_filings(directory: Path, ground_truth: Path | None = None) -> FilingSet:
    """The filings of a directory of EDGAR-CRAWLER JSON files, with the facts they state.

    A filing that the CSV lists takes its facts from there; a state it leaves open comes from the
    metadata. A filing it does not list takes its states from the metadata, its year of
    incorporation and number of employees from the text, by the rules of
    :mod:`ablation.filings.passages`. Either way a fact counts only where the section states it.

    Args:
        directory: searched for ``*.json``, and so are its folders: EDGAR-CRAWLER makes one for
            each form type. Folders in these are not.
        ground_truth: a CSV with the columns of the QRHead ablation study, or None.

    Returns:
        The filings in the order of their file names. ``rejected`` names every other ``*.json``.

    Raises:
        InvalidInput: the directory or the CSV cannot be used, or no filing in it can.
    """
    truths = None if ground_truth is None else read_ground_truth(ground_truth)
    if not directory.is_dir():
        came = "is not a directory" if directory.exists() else "does not exist"
        raise InvalidInput(
            f"filings must come from a directory of EDGAR-CRAWLER JSON files: "
            f"{_one_line(directory)} {came}; give the folder that edgar-crawler extracted to"
        )
    try:
        paths = _json_files(directory)
    except OSError as error:
        raise InvalidInput(
            f"filings must come from a readable directory: {_one_line(directory)} cannot be listed "
            f"({error.strerror}); correct its permissions or give another"
        ) from None
    filings: list[Filing] = []
    rejected: list[str] = []
    # Joint registrants file one document under several names: the same text twice would stand on
    # both sides of the split and count as two companies.
    file_of_section: dict[str, str] = {}
    file_of_name: dict[str, str] = {}
    for path in paths:
        shown = _one_line(path.relative_to(directory))
        try:
            filing = _filing(path, directory, truths)
            if filing.section in file_of_section:
                raise _UnusableFileError(
                    f"has the same Section 1 as {file_of_section[filing.section]}"
                )
            if filing.name in file_of_name:
                raise _UnusableFileError(f"has the same name as {file_of_name[filing.name]}")
        except _UnusableFileError as error:
            rejected.append(f"{shown}: {error}")
            continue
        file_of_section[filing.section] = file_of_name[filing.name] = shown
        filings.append(filing)
    if not filings:
        first = f", the first because {rejected[0]}" if rejected else ""
        raise InvalidInput(
            f"at least one usable EDGAR-CRAWLER JSON file is required: {_one_line(directory)} has "
            f"{len(paths)} *.json files, none usable{first}; give the folder that edgar-crawler "
            "extracted to, with item_1 among the extracted items"
        )
    origin = _one_line(ground_truth.name) if ground_truth else "metadata and text"
    source = f"EDGAR-CRAWLER JSON, {len(filings)} of {len(paths)} files, ground truth from {origin}"
    return FilingSet(source, tuple(filings), tuple(rejected))


def _json_files(directory: Path) -> list[Path]:
    """The ``*.json`` of a folder in the order of their names, then those of the folders in it."""
    listing = sorted(directory.iterdir(), key=lambda path: path.name)
    folders = [path for path in listing if path.is_dir() and path.suffix.lower() != ".json"]
    inner = [path for folder in folders for path in sorted(folder.iterdir(), key=str)]
    return [path for path in (*listing, *inner) if path.suffix.lower() == ".json"]


def read_ground_truth(path: Path) -> Mapping[str, Mapping[str, str]]:
    """File stem (``cik_year``) -> question key -> cell of the CSV, stripped, "" where unknown.

    Raises:
        InvalidInput: the file is missing, not UTF-8, not such a CSV, or lists a filing twice.
    """
    required = ["filename", *(question.ground_truth_column for question in QUESTIONS.values())]
    wanted = f"the ground truth must be a UTF-8 CSV with the columns {', '.join(required)}"

    def refuse(came: str) -> InvalidInput:
        return InvalidInput(f"{wanted}: {_one_line(path)} {came}; correct it or leave it out")

    truths: dict[str, Mapping[str, str]] = {}
    try:
        reader = csv.reader(
            io.StringIO(read_bytes(path, LARGEST_TABLE).decode("utf-8-sig")), strict=True
        )
        header = next(reader, [])
        places = {column: place for place, column in enumerate(header)}
        missing = [column for column in required if column not in places]
        if missing:
            raise refuse(f"lacks {', '.join(missing)}")
        named, *asked = (places[column] for column in required)
        for row in reader:
            if not row:
                continue
            if len(row) != len(header):
                raise refuse(f"has a row of another length at line {reader.line_num}")
            stem = row[named].strip().removesuffix(".txt")
            if stem in truths:
                raise refuse(f"lists {_one_line(stem)} twice, again at line {reader.line_num}")
            truths[stem] = dict(zip(QUESTIONS, (_cell(row[place]) for place in asked), strict=True))
    except OSError as error:
        raise refuse(f"cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise refuse("is not UTF-8") from None
    except csv.Error as error:
        raise refuse(f"is not a CSV file ({_one_line(error)})") from None
    except ValueError as error:
        raise refuse(f"is {error}") from None
    return truths


def _cell(text: str) -> str:
    text = text.strip()
    return "" if text.upper() == "NULL" else text


def _one_line(value: object) -> str:
    """``value`` as text that cannot break a line or a terminal."""
    text = str(value)
    return text if text.isprintable() else ascii(text)


def _filing(path: Path, directory: Path, truths: Mapping[str, Mapping[str, str]] | None) -> Filing:
    report = _report(_json_object(path, directory))
    row = None if truths is None else truths.get(f"{report.cik}_{report.period}")
    found = {key: _fact(key, report, row) for key in QUESTIONS}
    facts = {key: fact for key, fact in found.items() if fact is not None}
    if not facts:
        raise _UnusableFileError("no fact that its Section 1 states")
    return Filing(path.stem, report.cik, report.section, facts)


def _json_object(path: Path, directory: Path) -> Mapping[str, object]:
    try:
        if not path.name.isprintable():
            raise _UnusableFileError("its name has unprintable characters")
        if not path.is_file():
            raise _UnusableFileError("not a regular file")
        if not path.resolve().is_relative_to(directory.resolve()):
            raise _UnusableFileError("a link to outside the directory")
        text = read_bytes(path).decode("utf-8-sig")
    except OSError as error:
        raise _UnusableFileError(f"cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise _UnusableFileError("not UTF-8") from None
    except ValueError as error:
        raise _UnusableFileError(str(error)) from None
    if not text.strip():
        raise _UnusableFileError("empty")
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        raise _UnusableFileError("malformed JSON") from None
    if not isinstance(content, dict):
        raise _UnusableFileError("not a JSON object")
    return content


def _report(content: Mapping[str, object]) -> _Report:
    missing = [key for key in _REQUIRED_KEYS if key not in content]
    if missing:
        raise _UnusableFileError(f"not of EDGAR-CRAWLER, or cut: lacks {', '.join(missing)}")
    cik, item = str(content["cik"]).strip().lstrip("0"), content["item_1"]
    if not re.fullmatch(r"[0-9]{1,10}", cik):
        raise _UnusableFileError("cik is not a number")
    if not isinstance(item, str):
        raise _UnusableFileError("item_1 is not text")
    section = _cleaned(item)
    if not section:
        raise _UnusableFileError("item_1 is empty")
    if len(section) > LONGEST_SECTION:
        raise _UnusableFileError(f"item_1 has more than {LONGEST_SECTION:,} characters")
    # JSON can write half a character (a lone surrogate), which no tokeniser takes.
    if not section.isascii() and re.search(r"[\ud800-\udfff]", section):
        raise _UnusableFileError("item_1 is not valid text")
    states = {
        key: state
        for key, field in _METADATA_STATES.items()
        if (state := state_of_code(str(content.get(field)))) is not None
    }
    filed, period = _year(content, "filing_date"), _year(content, "period_of_report")
    return _Report(cik, str(content.get("company") or ""), filed, period, section, states)


def _year(content: Mapping[str, object], key: str) -> int:
    match = re.match(r"((?:19|20)[0-9]{2})-[0-9]{2}-[0-9]{2}", str(content[key]))
    if match is None:
        raise _UnusableFileError(f"{key} is not a date like 2010-02-25")
    return int(match[1])


def _cleaned(item: str) -> str:
    """Section 1 without markup and heading, runs of blanks as one blank, blank lines as one."""
    text = _CHARACTER.sub(lambda reference: html.unescape(reference[0]), _TAG.sub(" ", item))
    text = _HEADING.sub("", text, count=1)
    text = re.sub(r"[^\S\n]+", " ", text.replace("\r\n", "\n").replace("\r", "\n"))
    return re.sub(r" ?\n[ \n]*\n ?| ?\n ?", lambda gap: gap[0].replace(" ", "")[:2], text).strip()


def _fact(key: str, report: _Report, row: Mapping[str, str] | None) -> Fact | None:
    if row is not None and (row[key] or key not in _METADATA_STATES):
        value = _truth(key, row[key], report.filed)
        return None if value is None else locate_fact(report.section, key, value)
    if key in _METADATA_STATES:
        state = report.states.get(key)
        return None if state is None else own_state(report.section, key, state, report.company_name)
    if key == "inc_year":
        return extract_inc_year(report.section, report.company_name, report.filed)
    return extract_employee_count(report.section, report.company_name)


def _truth(key: str, cell: str, latest_year: int) -> str | None:
    """The plain value of a CSV cell, or None for one that names no single state or number.

    The study's CSV has "NLL", "North Carolina and Georgia" and 0 employees: none can be asked for.
    """
    if key in _METADATA_STATES:
        return state_of_name(cell)
    if not re.fullmatch(r"[0-9]{1,3}(?:,[0-9]{3})+|[0-9]{1,9}(?:\.0+)?", cell):
        return None
    number = int(cell.replace(",", "").split(".")[0])
    if key == "inc_year":
        return str(number) if EARLIEST_YEAR <= number <= latest_year else None
    return str(number) if number > 0 else None
