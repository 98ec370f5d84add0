"""Shapes are checked in the modules that are named, and what they import is left alone."""

import importlib
import sys
from importlib import _bootstrap_external

import pytest

from ablation.tests.support.checked import FIRST, calls, check_shapes

SHAPES = """
from collections.abc import Callable
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor, zeros

import not_checked

def same(one: Float[Tensor, "n"], other: Float[Tensor, "n"]) -> None:
    pass

def each(of: Callable[[list[Float[Tensor, "n"]]], int] | None) -> None:
    pass

def count(of: int) -> int:
    def within(one: Float[Tensor, "n"], other: Float[Tensor, "n"]) -> int:
        return of

    return within(zeros(2), zeros(3))

@dataclass
class Pair:
    one: Float[Tensor, "n"]
    other: Float[Tensor, "n"] | None

@dataclass
class Count:
    of: int
"""
SEEN = """
from importlib import _bootstrap_external

BYTECODE = _bootstrap_external.cache_from_source
"""


@pytest.fixture
def imported(tmp_path, monkeypatch):
    (tmp_path / "is_checked.py").write_text(SHAPES, encoding="utf-8")
    (tmp_path / "not_checked.py").write_text(SEEN, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
    for name in ("is_checked", "not_checked"):
        monkeypatch.setitem(sys.modules, name, None)
        monkeypatch.delitem(sys.modules, name)
    check_shapes(["is_checked"])
    return importlib.import_module("is_checked")


def test_a_wrong_shape_raises(imported):
    from torch import zeros

    imported.same(zeros(2), zeros(2))
    with pytest.raises(Exception, match="same"):
        imported.same(zeros(2), zeros(3))


def test_the_first_calls_are_checked(imported):
    from torch import zeros

    for _ in range(FIRST):
        imported.same(zeros(2), zeros(2))
    imported.same(zeros(2), zeros(3))
    calls.clear()
    with pytest.raises(Exception, match="same"):
        imported.same(zeros(2), zeros(3))


def test_a_field_of_a_wrong_shape_raises(imported):
    from torch import zeros

    assert imported.Pair(zeros(2), None).other is None
    with pytest.raises(Exception, match="Pair"):
        imported.Pair(zeros(2), zeros(3))


def test_only_functions_with_shapes_are_wrapped(imported):
    wrapped = {name for name, thing in vars(imported).items() if hasattr(thing, "__wrapped__")}
    assert wrapped == {"same", "each"}
    assert imported.count(1) == 1  # what is within is not
    assert hasattr(imported.Pair.__init__, "__wrapped__")
    assert not hasattr(imported.Count.__init__, "__wrapped__")


def test_what_is_imported_has_its_usual_bytecode(imported):
    assert imported.not_checked.BYTECODE is _bootstrap_external.cache_from_source
