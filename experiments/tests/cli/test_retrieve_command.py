"""``headclaims retrieve`` on a tiny model, and the files of paragraphs it reads."""

import json
from pathlib import Path

import pytest

from ablation.errors import InvalidInput
from experiments.machine.files.paragraph_files import read_paragraphs

TEXT = "Anvils are made here.\nIn Ohio.\n\n \nWe employ nine people.\n\nFees are due in May.\n"
PARAGRAPHS = ["Anvils are made here.\nIn Ohio.", "We employ nine people.", "Fees are due in May."]


@pytest.fixture
def retrieve(headclaims, tiny):
    def run(*options, query="Who works here?", content=TEXT):
        Path("paragraphs").write_text(content, encoding="utf-8")
        given = ("--query", query, "--paragraphs", "paragraphs", *options)
        return headclaims("retrieve", "--model", tiny, "--synthetic", 6, *given)

    return run


def test_paragraphs_come_best_first(retrieve):
    Path("heads").write_text("2-5,1-3,0-15", encoding="utf-8")
    status, out, err = retrieve("--ranking", "heads", "--top", 3)
    assert (status, err) == (0, "")
    lines = [line.split(maxsplit=3) for line in out.splitlines()]
    assert [line[0] for line in lines] == ["1", "2", "3"]
    scores = [float(line[1]) for line in lines]
    assert scores == sorted(scores, reverse=True)
    assert sorted(line[2] for line in lines) == ["[1]", "[2]", "[3]"]
    assert {line[3] for line in lines} == {" ".join(text.split()) for text in PARAGRAPHS}


def test_other_heads_give_other_scores(retrieve):
    for name, heads in (("one", "0-1"), ("other", "3-4")):
        Path(name).write_text(heads, encoding="utf-8")
    first, second = (retrieve("--ranking", name, "--top", 1)[1] for name in ("one", "other"))
    assert first != second


def test_a_query_that_does_not_fit_is_one_line(retrieve):
    Path("heads").write_text("0-1", encoding="utf-8")
    status, out, err = retrieve("--ranking", "heads", "--top", 1, content="word " * 600)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert "the model's context holds 2048: give fewer paragraphs" in err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--paragraphs", "nowhere"), "nowhere: cannot be read"),
        (("--top", 0), "0 is not in the range"),
        (("--ranking", "paragraphs"), "ranking file paragraphs: "),
    ],
)
def test_what_cannot_be_is_one_line(retrieve, options, message):
    status, out, err = retrieve(*options)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert message in err


@pytest.mark.parametrize("text", [TEXT, json.dumps(PARAGRAPHS), TEXT.replace("\n", "\r\n")])
def test_paragraphs_are_read_from_text_or_json(text, tmp_path):
    (tmp_path / "file").write_bytes(text.encode())
    found = read_paragraphs(tmp_path / "file")
    assert [" ".join(one.split()) for one in found] == [" ".join(one.split()) for one in PARAGRAPHS]


def test_a_text_may_begin_with_a_bracket(tmp_path):
    (tmp_path / "file").write_text("[1] One.\n\n[2] Two.", encoding="utf-8")
    assert read_paragraphs(tmp_path / "file") == ["[1] One.", "[2] Two."]


@pytest.mark.parametrize(
    ("text", "message"),
    [("", "holds no paragraph"), ("[]", "holds no paragraph"), ("[1]", "a JSON list of texts")],
)
def test_files_without_paragraphs_are_refused(text, message, tmp_path):
    (tmp_path / "file").write_text(text, encoding="utf-8")
    with pytest.raises(InvalidInput, match=message):
        read_paragraphs(tmp_path / "file")


AS_JSON = [json.dumps(text) for text in PARAGRAPHS]
AS_OBJECTS = [json.dumps({"text": text, "id": 1}) for text in PARAGRAPHS]


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize(
    "content",
    [TEXT, f"[{', '.join(AS_JSON)}]", "\n".join(AS_JSON), "\n".join(AS_OBJECTS) + "\n\n"],
    ids=["text", "list", "lines", "objects"],
)
def test_paragraphs_are_the_same_in_every_form_and_behind_a_byte_order_mark(
    content, mark, tmp_path
):
    path = tmp_path / "paragraphs"
    path.write_text(mark + content, encoding="utf-8")
    assert read_paragraphs(path) == PARAGRAPHS


def test_json_lines_of_something_else_are_refused(tmp_path):
    path = tmp_path / "paragraphs"
    path.write_text('{"title": "a"}\n{"title": "b"}\n', encoding="utf-8")
    with pytest.raises(InvalidInput, match="a JSON list of texts is required"):
        read_paragraphs(path)
