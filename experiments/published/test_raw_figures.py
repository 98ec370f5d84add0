"""Our files against the raw ones they were made from, field by field, where these are at hand."""

import os
from pathlib import Path

import pytest

from ablation.heads import Head
from experiments.claims import LEVELS
from experiments.machine.files.json_files import read_json
from experiments.published.sources.gpt2 import FILE as GPT2_FILE
from experiments.published.sources.gpt2 import GPT2
from experiments.published.sources.llama3 import KINDS, METHODS, RANDOM, TOP, llama3_study

SHARED_DATA = os.environ.get("HEADCLAIMS_SHARED_DATA")
RAW_NAMES = ("qrhead", "retrieval_head_wu24", "summed_attention")

pytestmark = [
    pytest.mark.published(GPT2),
    pytest.mark.skipif(
        SHARED_DATA is None,
        reason="raw figures: set HEADCLAIMS_SHARED_DATA to a folder with published/",
    ),
]


def raw(name):
    assert SHARED_DATA is not None
    return read_json(Path(SHARED_DATA) / "published" / name)


def test_the_table_is_the_raw_one():
    table, ours = raw("qrhead_table.json"), llama3_study()
    assert tuple(table["levels"]) == ours.levels == LEVELS
    for row in (TOP, RANDOM, "gap"):
        key = row if row == "gap" else f"{row}_drop"
        assert [round(100 * drop, 1) for drop in ours.table[row].values()] == table[key]


@pytest.mark.parametrize(
    ("method", "name"),
    list(zip(METHODS, RAW_NAMES, strict=True)),
    ids=["query-focused", "wu24", "summed"],
)
def test_the_cells_are_the_raw_ones(method, name):
    cells = raw(f"{name}_llama3.json")["cells"]
    ours = llama3_study().cells[method]
    assert len(ours) == len(cells) == 32
    for found, cell in zip(ours, cells, strict=True):
        assert (found.model, found.question, found.tokens) == tuple(
            cell[key] for key in ("model", "question", "tokens")
        )
        assert {"correct": found.unablated, "total": found.total} == cell["baseline"]
        for kind in KINDS:
            expected = [
                {"num_heads": level, "correct": count, "total": found.total}
                for level, count in found.correct[kind].items()
            ]
            assert cell[kind] == expected
        assert list(map(str, found.top_heads)) == cell["top_heads"]
        controls = [list(map(str, found.control_heads[:level])) for level in LEVELS]
        assert controls == cell["random_heads"]


@pytest.mark.parametrize("name", RAW_NAMES, ids=["query-focused", "wu24", "summed"])
def test_the_heads_ablated_are_the_top_of_the_detection(name):
    for cell in raw(f"{name}_llama3.json")["cells"]:
        heads, scores = zip(*cell["detection"]["top_50"], strict=True)
        assert list(heads) == cell["top_heads"]
        assert list(scores) == sorted(scores, reverse=True)
        assert all(str(Head.parse(head)) == head for head in heads)


RENAMED = {
    "layers": "layers",
    "heads": "heads",
    "baseline_ppl": "unablated_ppl",
    "individual_top10": "largest",
    "individual_negative": "helping",
    "statistics": "statistics",
    "cumulative": "cumulative",
    "thresholds": "within",
    "layers_mean_max": "layers_mean_max",
    "penetration_correlation": "correlation",
}
RENAMED_IN_FOLLOW_UP = {
    "top10_mean_vs_zero": "largest",
    "sign_flips": "sign_flips",
    "layer_mean": "layer_means",
    "cumulative_l0_protected_mean": "cumulative_layer_0_protected",
    "thresholds": "within",
}


def test_the_effects_are_the_raw_ones():
    theirs, ours = raw("exp10_gpt2.json"), read_json(GPT2_FILE)
    assert {key: ours[name] for key, name in RENAMED.items()} == {
        key: theirs[key] for key in RENAMED
    }
    assert list(ours["fit"].values()) == [theirs["power_law"][key] for key in ("alpha", "C")]
    theirs, follow_up = theirs["follow_up_mean_ablation"], ours["mean_ablation"]
    assert {key: follow_up[name] for key, name in RENAMED_IN_FOLLOW_UP.items()} == {
        key: theirs[key] for key in RENAMED_IN_FOLLOW_UP
    }
    assert follow_up["statistics"] == {**theirs["statistics"], "total": 144}
    constant = theirs["L0H8"]
    assert follow_up["most_harmful_under_zero"] == ["L0H8", constant["mean"], constant["zero"]]
    assert ours["helping_together"] == theirs["joint_zero_of_6_negative_heads"]
