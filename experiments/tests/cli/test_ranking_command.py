"""``headclaims ranking convert``."""

import json
from pathlib import Path

import pytest

QRHEAD = "14-22,13-16,14-28\n"


@pytest.fixture
def convert(headclaims):
    def run(source, *options, target="out"):
        Path("in").write_text(source, encoding="utf-8")
        return headclaims("ranking", "convert", "in", target, *options)

    return run


def test_a_list_of_qrhead_becomes_a_ranking_of_ours_and_back(convert, headclaims):
    status, out, _ = convert(QRHEAD)
    assert (status, out) == (0, "3 heads, best L14H22: out\n")
    rows = json.loads(Path("out").read_text(encoding="utf-8"))["head_rankings"]
    assert rows[0] == {"head": "L14H22", "score": 3.0, "rank": 1}
    assert headclaims("ranking", "convert", "out", "back", "--format", "qrhead")[0] == 0
    assert Path("back").read_text(encoding="utf-8") == QRHEAD


def test_only_the_best_are_kept_if_asked(convert):
    assert convert('{"1-2": [0.1], "3-4": [0.9, 0.7]}', "--format", "qrhead", "--top", 1)[0] == 0
    assert Path("out").read_text(encoding="utf-8") == "3-4\n"
    status, _, err = convert(QRHEAD, "--top", 4)
    wanted = "with a score other than 0 required, but in holds"
    assert (status, err) == (2, f"Error: --top 4 heads {wanted} 3\n")
    assert convert('{"1-2": [0], "3-4": [1]}', "--format", "qrhead")[0] == 0
    assert Path("out").read_text(encoding="utf-8") == "3-4\n"
    status, _, err = convert('{"1-2": [0], "3-4": [0, 0]}')
    assert (status, err) == (2, f"Error: a head {wanted} 0\n")


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [
        ("no heads", "out", "Error: ranking file in: bad head name 'no heads'"),
        (QRHEAD, "no/such/folder", "Error: no/such/folder: the result cannot be stored"),
    ],
)
def test_what_cannot_be_converted_is_one_line_and_leaves_nothing(convert, source, target, message):
    status, out, err = convert(source, target=target)
    assert (status, out) == (2, "")
    assert err.startswith(message)
    assert err.count("\n") == 1
    assert not Path(target).exists()


def test_a_missing_file_is_named(headclaims):
    status, _, err = headclaims("ranking", "convert", "nowhere", "out")
    assert (status, err) == (
        2, "Error: ranking file nowhere: nowhere: cannot be read (No such file or directory): "
        "check the path\n",
    )  # fmt: skip
