"""Damaged and long files, for the tests of whatever reads a file that is handed over."""

import csv
import io
import itertools
import json
import re
import resource
import signal
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import click
import pytest

from ablation.errors import HeadclaimsError

hypothesis = pytest.importorskip("hypothesis", reason="needs hypothesis: pip install -e '.[test]'")
st = pytest.importorskip("hypothesis.strategies")

BYTES = 100_000_000
SECONDS = 1.0
GIVEN_UP = 20.0
"""Seconds; a reader that takes the square of a long file's length would go on for minutes."""
LONGEST_MESSAGE = 2_000
PROCESS = Path("/proc/self")

POISON = [
    b"NaN", b"1e999", b"-1e999", b"9" * 5000, b"1" + b"0" * 400, b"[" * 5000, b'{"a":' * 3000,
    b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b'"\\ud800"', b"null", b"{}", b"[]", b'""', b"true",
    b"../../etc/passwd", b"\r", b"\n", b'"', b",", b"=cmd()", b"\x1b[2J", b"0" * 200, b"-0",
]  # fmt: skip
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


def fuzz(config, strategy, check, *, share=1):
    """Runs ``check`` on as many values as ``--fuzz`` says, the same ones for a ``--fuzz-seed``.

    Args:
        config: pytest's.
        strategy: what values there are.
        check: what is run on each.
        share: only one of so many, but ten at least.
    """
    settings = hypothesis.settings(
        deadline=None,
        max_examples=max(10, config.getoption("fuzz") // share),
        database=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    seeded = hypothesis.seed(config.getoption("fuzz_seed"))
    seeded(settings(hypothesis.given(strategy)(lambda value: check(value))))()


@st.composite
def damaged(draw, whole):
    """A file of a format: cut, patched, poisoned, or valid but for one value of it."""
    hows = ["cut", "patch", "poison", "noise"]
    if _is_text(whole):
        hows += ["value", "value", "drop"]
    how = draw(st.sampled_from(hows))
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


LENGTHS = (3_000, 100_000)
"""Bytes. What takes a microsecond a byte takes a tenth of a second for the longer one; what takes
a hundredth of that for each pair of its entries takes minutes."""

WORDS = [
    " ", "\n", "\t", "\n \n", "a", "a ", "(", "[", "{", "-", ".", ",", ", ", "1", "- ", "? ", "&a ",
    "1961 ", "14,200 ", "Delaware ", "Washington, ", "organized West Virginia, ", "The Company (",
    "We were incorporated in ", "in the State of Delaware in May ", "We had 500 employees (",
]  # fmt: skip


class _Long(bytes):
    """Of which a failing test shows the beginning."""

    def __repr__(self):
        return f"{bytes(self[:300])!r}… ({len(self)} bytes)"


@st.composite
def long(draw, whole):
    """A file of a format with something in it over and over, alike or numbered.

    That is a part of its bytes, an entry of a list or an object, or a text.
    """
    size, alike = draw(st.sampled_from(LENGTHS)), draw(st.booleans())
    try:
        document = json.loads(whole)
    except ValueError:
        document = None
    places = _places(document) if isinstance(document, dict) else []
    texts = [(holder, key) for holder, key in places if isinstance(holder[key], str)]
    hows = ["part", *(["entry", "entry"] if places else []), *(["text", "text"] if texts else [])]
    how = draw(st.sampled_from(hows))
    if how == "part":
        ends = st.sampled_from([0, *(m.end() for m in re.finditer(rb"[\s,:]+", whole)), len(whole)])
        start, end = sorted((draw(ends), draw(ends)))
        part = whole[start:end].decode("utf-8", "surrogateescape") or draw(st.sampled_from(WORDS))
        parts = "".join(repeated(part, size, alike=alike))
        return _Long(whole[:start] + parts.encode("utf-8", "surrogateescape") + whole[end:])
    if how == "text":
        holder, key = draw(st.sampled_from(texts))
        word = draw(st.sampled_from([holder[key] or " ", *WORDS]))
        before, after = draw(st.sampled_from(["", holder[key]])), draw(st.sampled_from(["", "x"]))
        holder[key] = before + "".join(repeated(word, size, alike=alike)) + after
    else:
        holder, key = draw(st.sampled_from(places))
        entry = [holder[key]] if isinstance(holder, list) else {key: holder[key]}
        text = json.dumps(entry, ensure_ascii=False)  # an escape's digits are not to be counted on
        alike = alike or re.search("[0-9]", text) is None
        entries = [json.loads(entry) for entry in repeated(text, size, alike=alike)]
        if isinstance(holder, list):
            holder[key:key] = [entry for (entry,) in entries]
        else:
            holder |= {name: value for entry in entries for name, value in entry.items()}
    return _Long(json.dumps(document).encode("utf-8", "surrogatepass"))


def repeated(part, size, *, alike):
    """``part`` over and over, or with its last number counted on; two of them are the same."""
    times = max(2, size // len(part))
    if alike:
        return [part] * times
    at = [match.span() for match in re.finditer(r"[0-9]+", part)] or [(len(part), len(part))]
    start, end = at[-1]
    numbers = itertools.chain(range(times - 1), [times - 2])
    return [f"{part[:start]}{number}{part[end:]}" for number in numbers]


def _is_text(whole):
    try:
        return bool(whole.decode("utf-8"))
    except UnicodeDecodeError:
        return False


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


def survives(read, *arguments):
    """Runs ``read``: it may refuse in one line, but neither hang, nor fill the memory, nor fail."""
    before = memory_from_here()
    taken = refused_or_read(read, *arguments)
    assert highest_memory() - before < BYTES
    if taken >= SECONDS:
        # A host that takes its processors away is charged to us (1.1 s were seen once in 60,000).
        taken = min(taken, refused_or_read(read, *arguments))
    assert taken < SECONDS


def refused_or_read(read, *arguments) -> float:
    """The processor time of ``read``."""
    started = time.process_time()
    try:
        with _given_up():
            read(*arguments)
    except (HeadclaimsError, click.BadParameter) as error:
        message = error.format_message() if isinstance(error, click.BadParameter) else str(error)
        assert "\n" not in message
        assert 0 < len(message) < LONGEST_MESSAGE
    return time.process_time() - started


class _GivenUp(BaseException):
    """A reader takes forever."""


@contextmanager
def _given_up():
    """Ends what takes forever; where it cannot be ended, it is waited for."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def give_up(*_):
        raise _GivenUp

    before = signal.signal(signal.SIGPROF, give_up)
    signal.setitimer(signal.ITIMER_PROF, GIVEN_UP)
    try:
        yield
    except _GivenUp:
        pytest.fail(f"not read within {GIVEN_UP:.0f} seconds")
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def memory_from_here() -> int:
    """The bytes this process holds; its highest memory is counted anew where the system can."""
    with suppress(OSError):  # not Linux: what stays below an earlier peak is not seen
        (PROCESS / "clear_refs").write_text("5", encoding="ascii")
    return highest_memory()


def highest_memory() -> int:
    """The most bytes this process has held."""
    try:
        status = (PROCESS / "status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    (kilobytes,) = (line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(kilobytes) * 1024
