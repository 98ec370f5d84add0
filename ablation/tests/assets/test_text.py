"""Texts as tokens: files, what is wrong with files, and WikiText-2 from a hub that is not there."""

import os

import pytest

from ablation.assets.text import read_text, tokenise, wikitext2
from ablation.errors import InvalidInput, Unavailable
from ablation.tests.support.tiny_models import byte_tokenizer


@pytest.fixture
def tokenizer():
    """One token per byte, and a BOS that texts must not get."""
    return byte_tokenizer(adds_bos=True)


@pytest.fixture
def file(tmp_path):
    def write(content):
        path = tmp_path / "a text.txt"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return str(path)

    return write


def load(source, tokenizer, max_tokens):
    return tokenise(read_text(source), tokenizer, max_tokens)


def test_a_file_is_tokenised_whole_without_bos_and_cut(file, tokenizer):
    text = load(file("héron " * 50), tokenizer, 20)
    assert text.name == "a text.txt"
    assert tokenizer.decode(text.ids) == ("héron " * 3)[:-1]
    assert text.describe().keys() == {"name", "tokens", "sha256"}
    assert text.describe()["tokens"] == 20


def test_a_shorter_text_is_all_there_is(file, tokenizer):
    assert load(file("heron"), tokenizer, 1000).ids.numel() == 5


def test_the_hash_is_of_the_tokens(file, tokenizer):
    first = load(file("heron, crane"), tokenizer, 5).describe()
    assert first == load(file("heron"), tokenizer, 5).describe()
    assert first["sha256"] != load(file("egret"), tokenizer, 5).describe()["sha256"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty: a text of at least 2 tokens is needed"),
        (b" \n", "the file is empty"),
        (b"abc\xff", r"not UTF-8 \(byte 3\)"),
        (b"a", "gives 1 tokens, at least 2 are required"),
    ],
)
def test_a_file_that_is_no_text_is_refused_in_one_line(file, tokenizer, content, message):
    with pytest.raises(InvalidInput, match=message) as error:
        load(file(content), tokenizer, 10)
    assert "\n" not in str(error.value)


def test_a_missing_file_and_a_folder_are_refused_with_the_choices(tmp_path, tokenizer):
    for path, reason in ((tmp_path / "none", "No such file"), (tmp_path, "not a regular file")):
        with pytest.raises(InvalidInput, match=f"cannot be read \\({reason}.*give embedded, wiki"):
            load(str(path), tokenizer, 10)


def test_a_pipe_is_refused_and_not_waited_for(tmp_path, tokenizer):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InvalidInput, match=r"cannot be read \(not a regular file\)"):
        load(str(tmp_path / "pipe"), tokenizer, 10)


def test_a_text_that_is_too_large_is_refused_in_one_line(file, tokenizer, monkeypatch):
    monkeypatch.setattr("ablation.assets.text.LARGEST_TEXT", 5)
    with pytest.raises(InvalidInput, match="larger than 5 bytes: give a part of it"):
        load(file(b"heron heron"), tokenizer, 10)


def test_a_byte_order_mark_is_no_part_of_the_text(file, tokenizer):
    assert tokenizer.decode(load(file(b"\xef\xbb\xbfheron"), tokenizer, 10).ids) == "heron"


def test_wikitext_rows_are_joined_by_two_newlines(monkeypatch, tmp_path):
    import huggingface_hub
    import pyarrow
    from pyarrow import parquet

    rows = ["", " = Heron = \n", " A heron fishes . \n"]
    parquet.write_table(pyarrow.table({"text": rows}), tmp_path / "rows.parquet")
    asked: dict = {}

    def give(repository, name, **options):
        asked.update(options, repository=repository, name=name)
        return str(tmp_path / "rows.parquet")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", give)
    assert wikitext2() == "\n\n = Heron = \n\n\n A heron fishes . \n"
    assert asked["repository"] == "Salesforce/wikitext"
    assert asked["name"].startswith("wikitext-2-raw-v1/validation")
    assert asked["repo_type"] == "dataset"


def test_wikitext_without_a_hub_is_unavailable_in_one_line(monkeypatch, tokenizer):
    import huggingface_hub
    from huggingface_hub.errors import LocalEntryNotFoundError

    def offline(*args, **options):
        raise LocalEntryNotFoundError("nothing in the cache")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", offline)
    with pytest.raises(Unavailable, match="WikiText-2 cannot be had: .*--text embedded") as error:
        load("wikitext2", tokenizer, 10)
    assert "\n" not in str(error.value)
