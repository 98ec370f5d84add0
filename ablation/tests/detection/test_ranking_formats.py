"""Rankings from elsewhere: read in every format, written and read again."""

import json

import pytest

from ablation.detection import RANKING_FORMATS
from ablation.detection.ranking_formats import read_entries, write_entries
from ablation.errors import InvalidInput
from ablation.heads import Head

SCORED = [(Head(14, 22), 0.5), (Head(13, 16), 0.25), (Head(0, 3), -1.0)]
ORDINAL = [(head, float(3 - place)) for place, (head, _) in enumerate(SCORED)]


@pytest.mark.parametrize("form", RANKING_FORMATS)
def test_what_is_written_is_read_again(form):
    lost = form.startswith("qrhead")
    assert read_entries(write_entries(SCORED, form)) == (ORDINAL if lost else SCORED)


def test_heads_with_a_score_of_0_are_not_listed_where_no_scores_are():
    unfound = [*SCORED[:2], (Head(0, 0), 0.0), SCORED[2]]
    assert read_entries(write_entries(unfound, "wu24")) == unfound
    assert write_entries(unfound, "qrhead") == write_entries(SCORED, "qrhead")


@pytest.mark.parametrize(
    "text",
    [
        "14-22,13-16,0-3",
        "14-22, 13-16, 0-3\n",
        "- 14-22\n- 13-16\n- 0-3\n",
        "model: some\nattn_head_set: '14-22,13-16,0-3' # top3\n",
        "attn_head_set:\n  - 14-22\n  - 13-16\n  - 0-3\n",
    ],
)
def test_heads_are_read_as_qrhead_lists_them(text):
    assert read_entries(text) == ORDINAL


def test_scores_by_head_are_averaged_and_sorted():
    text = json.dumps({"13-16": [0.0, 0.5], "0-3": [-1], "14-22": [0.5, 0.25, 0.75]})
    assert read_entries(text) == SCORED
    ((_, mean),) = read_entries(json.dumps({"0-1": [1.2e308] * 3}))
    assert mean == pytest.approx(1.2e308)


def test_qrheads_own_format_is_one_line():
    assert write_entries(SCORED, "qrhead") == "14-22,13-16,0-3\n"
    assert write_entries(SCORED * 50, "qrhead-yaml").count("\n") == 1
    assert write_entries(SCORED, "qrhead-yaml") == "attn_head_set: 14-22,13-16,0-3\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "a ranking is required"),
        ("{}", "at least one head"),
        ("{", "not a JSON document"),
        ("[1, 2]", "bad head name '1'"),
        ("14-22,13_16", "bad head name '13_16'"),
        ("model: some", "a ranking is required"),
        ("&a [*a]", "neither JSON nor YAML"),
        ("[" * 5000, "no more than 10 brackets"),
        ("a: " + "{a: " * 11, "no more than 10 brackets"),
        ("1-2,1-2", "head L1H2 is listed twice"),
        (json.dumps({f"{n}-0": [1] for n in range(50_001)}), "at most 50,000 heads .* 50,001"),
    ],
)
def test_what_is_no_ranking_is_said(text, message):
    with pytest.raises(InvalidInput, match=message):
        read_entries(text)


def test_all_heads_are_no_ranking():
    with pytest.raises(InvalidInput, match="full_heads means all heads of the model, in no order"):
        read_entries("model: llama\nattn_head_set: full_heads\n")
