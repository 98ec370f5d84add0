"""Grids are read as what they are, files of somebody else; every mistake has a line."""

import pytest

from ablation.errors import InvalidInput
from experiments.claims import LEVELS
from experiments.cluster.grid.grid import parse, read_grid, shipped


def test_what_is_left_out_is_what_the_study_does():
    grid = parse("[qrhead]\n[exp10]\nmodes = ['zero']", "g")
    assert grid.methods is None
    assert grid.qrhead
    assert grid.exp10
    assert (grid.qrhead.levels, grid.qrhead.draws) == (LEVELS, 1)
    assert (grid.exp10.models, grid.exp10.modes) == (("smollm2",), ("zero",))


def test_the_grids_that_come_with_it_can_be_read():
    assert shipped() == ["embedded", "paper"]
    paper = read_grid("paper").qrhead
    assert paper
    assert (paper.models, paper.tokens) == (("instruct", "base"), (2048, 4096, 6144, 8192))
    assert paper.draws == 20
    assert all(read_grid("embedded").__dict__.values())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "a table of qrhead, methods, exp10 is required, got none"),
        ("[qrheads]", "unknown table 'qrheads': it must be one of qrhead, methods, exp10"),
        ("qrhead = 3", "[qrhead] must be a table, got 3"),
        ("[qrhead]\nmodle = ['a']", "[qrhead] modle: there is no such entry; known are models,"),
        ("[qrhead]\nmodels = 'a'", "[qrhead] models: a list of texts is required, got 'a'"),
        ("[qrhead]\nmodels = []", "[qrhead] models: a list of texts is required, got []"),
        ("[qrhead]\ntokens = [512, 'a']", "[qrhead] tokens: whole numbers from 1 are required"),
        ("[qrhead]\nlevels = [0]", "[qrhead] levels: whole numbers from 1 are required, got 0"),
        ("[qrhead]\nlevels = [true]", "[qrhead] levels: whole numbers from 1 are required"),
        ("[qrhead]\nquestions = ['x']", "[qrhead] questions: it must be one of inc_state"),
        ("[qrhead]\nmodes = ['x']", "[qrhead] modes: it must be one of zero"),
        ("[exp10]\nbias = ['drop']", "[exp10] bias: it must be one of keep, remove, got 'drop'"),
        ("[exp10]\nmodes = ['resample']", "[exp10] modes: it must be one of zero, mean"),
        ("[qrhead]\ndraws = 0", "[qrhead] draws: a whole number from 1 is required, got 0"),
        ("[qrhead]\ntokens = [512, 512]", "[qrhead] tokens: an entry is there twice"),
        ("[qrhead", "TOML is required: "),
    ],
)
def test_a_mistake_is_one_line(text, said):
    with pytest.raises(InvalidInput) as raised:
        parse(text, "g.toml")
    (line,) = str(raised.value).splitlines()
    assert line.startswith("g.toml: ")
    assert said in line


def test_all_mistakes_are_said_at_once():
    with pytest.raises(InvalidInput) as raised:
        parse("[a]\n[qrhead]\ndraws = 0\nmodes = ['x', 'y']", "g")
    assert len(str(raised.value).splitlines()) == 4


def test_a_grid_that_is_not_there_is_said(tmp_path):
    with pytest.raises(InvalidInput, match="it must be one of embedded, paper, or a TOML file"):
        read_grid(str(tmp_path / "none.toml"))
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(InvalidInput, match="not a text in UTF-8"):
        read_grid(str(tmp_path / "binary.toml"))
