"""How figures are written in the generated blocks, and that pictures' documents agree with them."""

import json

import pytest
from matplotlib.axes import Axes

from ablation.detection.controls import LAYER_MATCHED, UNIFORM
from experiments.cli.commands.upkeep.docs import DOCUMENTS
from experiments.judging.claim import Scale
from experiments.judging.stored_evidence import CHECKOUT
from experiments.pages.readmes.markdown import (
    duration,
    minus,
    size,
    table,
    with_interval,
    with_unit,
)
from experiments.pages.readmes.pictures import CURVES
from experiments.pages.readmes.results import MAKERS, reduced
from experiments.qrhead.figures import draw_ablation_curves


def test_the_command_names_the_documents_that_can_be_made():
    assert tuple(MAKERS) == DOCUMENTS


def test_a_table_keeps_bars_inside_its_cells():
    assert table(["a", "b"], [["|x|", ""]]) == "| a | b |\n| --- | --- |\n| \\|x\\| |  |"


@pytest.mark.parametrize(
    ("figure", "interval", "unit", "expected"),
    [
        (0.203, [0.125, 0.281], Scale.POINTS, "20.3 [12.5, 28.1] points"),
        (-0.0055, [-0.0061, -0.0048], Scale.PERCENT, "−0.55 [−0.61, −0.48]%"),
        (0.0, [-0.109, 0.109], Scale.POINTS, "0.0 [−10.9, 10.9] points"),
        (1.0, [1.0, 1.0], Scale.PERCENT, "100.0%"),
        (4205.8, None, Scale.TIMES, "4,206×"),
        ("inf", None, Scale.TIMES, "inf×"),
        (0.256, [0.06, 0.45], Scale.NUMBER, "0.256 [0.06, 0.45]"),
    ],
)
def test_a_figure_has_its_interval_and_unit(figure, interval, unit, expected):
    assert with_unit(with_interval(figure, interval, unit), unit) == expected


def test_signs_are_written_as_such_and_hyphens_are_left_alone():
    assert minus("layer-matched, -6.2 at 2026-11-22 [-31.2, 0]") == (
        "layer-matched, −6.2 at 2026-11-22 [−31.2, 0]"
    )


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0.1, "0.1 s"), (21.6, "21.6 s"), (40, "40 s"), (480, "8 min"), (1369, "22 min 49 s")],
)
def test_durations_are_said_as_people_do(seconds, expected):
    assert duration(seconds) == expected


def test_sizes_are_in_decimal_units():
    assert (size(98_362_432), size(1_600_000_000)) == ("98 MB", "1.6 GB")


def row(level, correct):
    return {"num_heads": level, "accuracy": correct / 4, "correct": correct, "total": 4}


@pytest.fixture
def documents():
    """A cell's result file and that of a layer-matched draw, with items and provenance."""
    items = {"items": [{"filing": "a", "answer": "b", "correct": True}]}
    ablation = {
        "model_key": "tiny", "model_name": "Tiny", "question": "inc_state", "total_tokens": 200,
        "test_samples": 4, "ablation_levels": [2, 3], "ablation": {"mode": "zero"},
        "baseline": {"accuracy": 1.0, "correct": 4, "total": 4} | items,
        "top_heads_ablations": [row(2, 1) | items, row(3, 0) | items],
        "random_heads_ablations": [row(2, 3) | items, row(3, 3) | items],
        "provenance": {"time": "now"},
    }  # fmt: skip
    control = {
        "control": {"kind": LAYER_MATCHED, "seed": 42},
        "ablations": [row(2, 4) | items | {"heads_in_other_layers": 1}, row(3, 2) | items],
        "provenance": {"time": "now"},
    }
    return ablation, [control]


def test_a_reduced_result_draws_the_same_curves(documents, tmp_path):
    kept = reduced(*documents)
    assert "filing" not in json.dumps(kept)
    whole = draw_ablation_curves([documents], tmp_path / "whole", "curves")
    small = draw_ablation_curves(
        [(kept["ablation"], kept["controls"])], tmp_path / "small", "curves"
    )
    assert [path.read_bytes() for path in whole] == [path.read_bytes() for path in small]


def test_a_curve_of_some_draws_and_one_is_that_of_the_one(documents, tmp_path, monkeypatch):
    drawn = []
    errorbar = Axes.errorbar

    def noting(panel, places, heights, **style):
        drawn.append(heights)
        return errorbar(panel, places, heights, **style)

    monkeypatch.setattr(Axes, "errorbar", noting)
    ablation, (matched,) = documents
    (row,) = (row for row in matched["ablations"] if row["num_heads"] == 3)
    further = {**matched, "control": {"kind": UNIFORM, "seed": 43}, "ablations": [row]}
    draw_ablation_curves([(ablation, [matched, further])], tmp_path, "curves")
    # The top heads; the uniform control's first draw, and the mean of two beside; the matched one.
    assert drawn == [[1.0, 0.25, 0.0], [1.0, 0.75, 0.75], [0.625], [1.0, 1.0, 0.5]]


def test_the_curves_are_those_of_the_baselines():
    curves = json.loads((CHECKOUT / CURVES).read_text(encoding="utf-8"))
    assert len(curves["cells"]) == 4
    for found in (cell["ablation"] for cell in curves["cells"]):
        name = f"{found['model_key']}-{found['question']}-{found['total_tokens']}.json"
        path = CHECKOUT / "baselines" / "qrhead" / name
        baseline = json.loads(path.read_text(encoding="utf-8"))
        assert found["baseline"]["correct"] == pytest.approx(baseline["unablated"], abs=1)
        for ours, theirs in (("top_heads_ablations", "top"), ("random_heads_ablations", "random")):
            counts = [row["correct"] for row in found[ours]]
            # One answer may tip on another processor, as the baselines' own tolerance says.
            expected = [row["correct"] for row in baseline[theirs]]
            assert counts == pytest.approx(expected, abs=1)
