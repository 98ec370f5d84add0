"""What is found out once: kept until something that it depends on is another."""

import json
import os

import pytest

from ablation.assets import kept as module
from ablation.assets.kept import code, file_state, kept


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "FOLDER", tmp_path / "kept")
    return tmp_path / "kept"


def found(value, of="a", made_with="code"):
    """What is kept, and whether it had to be found out."""
    made = []

    def make():
        made.append(value)
        return value

    return kept("thing", {"of": of}, {"with": made_with}, make), bool(made)


def test_it_is_found_out_once(folder):
    assert found((1, 2)) == ([1, 2], True)
    assert found("unused") == ([1, 2], False)


def test_another_thing_has_a_file_of_its_own(folder):
    found(1)
    assert found(2, of="b") == (2, True)
    assert found(3) == (1, False)
    assert len(list(folder.iterdir())) == 2


def test_made_otherwise_it_is_found_out_again_and_replaced(folder):
    found(1)
    assert found(2, made_with="other code") == (2, True)
    assert found(3, made_with="other code") == (2, False)
    assert len(list(folder.iterdir())) == 1


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[:-5],
        lambda text: "[]",
        lambda text: "null",
        lambda text: "[" * 100_000,
        lambda text: text.replace('"content": 17', '"content": 18'),
        lambda text: '{"made_with": 1}',
    ],
)
def test_a_damaged_file_counts_as_none(folder, damage):
    found(17)
    (path,) = folder.iterdir()
    path.write_text(damage(path.read_text()), encoding="utf-8")
    assert found(19) == (19, True)
    assert found(20) == (19, False)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_where_nothing_can_be_written_it_is_found_out_each_time(folder):
    folder.parent.chmod(0o500)
    assert found(1) == (1, True)
    assert found(1) == (1, True)


def test_what_may_be_read_only_is_found_all_the_same(folder, monkeypatch):
    def refused(path):
        raise PermissionError

    found(1)
    monkeypatch.setattr(os, "utime", refused)
    assert found(2) == (1, False)


def test_a_file_in_the_way_is_no_error(folder):
    folder.write_text("a file")
    assert found(1) == (1, True)


def test_the_oldest_go_where_there_are_too_many(folder, monkeypatch):
    monkeypatch.setattr(module, "MOST", 2)
    for number, name in enumerate("abc"):
        found(name, of=name)
        for path in folder.iterdir():
            if json.loads(path.read_text())["content"] == name:
                os.utime(path, (number, number))
    assert {json.loads(path.read_text())["content"] for path in folder.iterdir()} == {"b", "c"}


def test_code_is_known_by_its_source(tmp_path, monkeypatch):
    package = tmp_path / "made_up_package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "part.py").write_text("A = 1")
    monkeypatch.syspath_prepend(tmp_path)

    def now(*names):
        code.cache_clear()
        return code(*names)

    whole, part = now("made_up_package"), now("made_up_package.part")
    assert (now("made_up_package"), now("made_up_package.part")) == (whole, part)
    (package / "part.py").write_text("A = 2")
    assert now("made_up_package") != whole
    assert now("made_up_package.part") != part
    assert set(now("torch==", "nosuch==")) == {"torch==", "nosuch=="}


def test_another_file_of_the_same_size_is_told_apart(tmp_path):
    path, other = tmp_path / "a", tmp_path / "b"
    path.write_text("one")
    other.write_text("two")
    before = file_state(path)
    os.utime(other, ns=(before[1], before[1]))
    other.replace(path)
    assert file_state(path)[:2] == before[:2]
    assert file_state(path) != before
