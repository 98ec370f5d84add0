"""``headclaims compare`` on a tiny model: what is ablated, what is shared, what is computed."""

import json
import re
from pathlib import Path

import pytest

from experiments.qrhead.choices import MODES, SCOPES

SMALL = ("--tokens", 200, "--synthetic", 10)
QUESTION = ("--question", "inc_state")
THREE = [
    word for method in ("qrhead", "summed_attention", "random") for word in ("--method", method)
]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """128 heads: enough are left outside the top 50 of two methods."""
    from ablation.tests.tiny_models import tiny_directory

    return tiny_directory(tmp_path_factory.mktemp("models") / "tiny", layers=2, heads=64)


def stored(kind):
    paths = Path("store/documents").joinpath(kind).rglob("*.json")
    return [json.loads(path.read_text(encoding="utf-8")) for path in paths]


def test_methods_are_compared_on_the_same_items_and_controls(headclaims, model):
    chosen = (*QUESTION, *THREE, "--levels", "2,3", "--control-draws", 2, "--figure")
    status, out, err = headclaims("compare", "methods", "--model", model, *SMALL, *chosen)
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert [line.split(":")[0] for line in lines[:3]] == [
        "qrhead and summed_attention",
        "qrhead and random",
        "summed_attention and random",
    ]
    rows = [line.split() for line in lines[3:9]]
    assert [row[:2] for row in rows] == [
        [method, level] for method in ("qrhead", "summed_attention", "random") for level in "23"
    ]
    shared = {(row[1], line.split("shared")[1]) for row, line in zip(rows, lines[3:9], strict=True)}
    assert len(shared) == 2  # one for each level, whatever the method
    for line in lines[9:]:
        path = Path(line.removeprefix("figure: "))
        assert path.stat().st_size > 1000
    assert len(lines) == 11

    sets = [frozenset(unit["key"]["heads"]) for unit in stored("answers")]
    # Unablated; for each level three tops, their controls twice, and the shared control twice.
    assert len(sets) <= 1 + 2 * (3 + 3 * 2 + 2)
    tops = [
        {row["head"] for row in unit["result"]["head_rankings"][:50]}
        for unit in stored("ranking")
        if unit["key"]["method"] != "random"
    ]
    assert len(tops) == 2
    of_no_method = [heads for heads in sets if heads and not any(heads & top for top in tops)]
    assert len(of_no_method) >= 4


def test_a_method_that_finds_nothing_is_left_out_with_the_reason(headclaims, model):
    chosen = (*QUESTION, "--method", "wu24", "--method", "random", "--levels", "2")
    status, out, err = headclaims("compare", "methods", "--model", model, *SMALL, *chosen)
    assert status == 0
    assert err.startswith("left out: wu24: wu24 requires a prompt whose answer the model retrieves")
    assert out.startswith("random ")


def test_modes_and_scopes_are_compared_in_one_cell(headclaims, model):
    chosen = (*QUESTION, "--level", 3, "--method", "random")
    status, out, err = headclaims("compare", "modes", "--model", model, *SMALL, *chosen)
    assert (status, err) == (0, "")
    unablated, _, *rows = out.splitlines()
    assert re.fullmatch(r"unablated: \d+/\d+ correct", unablated)
    found = [tuple(row.split()[:2]) for row in rows]
    assert found == [(mode, scope) for mode in MODES for scope in SCOPES]
    # Of every mode and scope the top heads and their control; and once the unablated model.
    assert len(stored("answers")) == 1 + 2 * len(found)
    again = headclaims("compare", "modes", "--model", model, *SMALL, *chosen)
    assert again == (status, out, err)
    listed = headclaims("results", "list")[1]
    assert "damaged" not in listed
    assert "inc_state, 200 tokens, bos, bias kept, scope last, L" in listed
    assert listed.count("unablated") == 1


def test_too_few_heads_for_the_controls_are_refused_in_one_line(headclaims, tiny):
    chosen = (*QUESTION, *THREE, "--levels", "40")
    status, out, err = headclaims("compare", "methods", "--model", tiny, *SMALL, *chosen)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert "ablate fewer" in err
