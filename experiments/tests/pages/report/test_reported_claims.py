"""Claims as the report shows them are those of the documents."""

import json
from pathlib import Path

import pytest

from ablation.errors import InvalidInput
from experiments.claims import STUDIES
from experiments.judging.claim import Scale
from experiments.judging.stored_evidence import stored_files
from experiments.pages.report.claims import (
    forest_rows,
    moved,
    not_drawn,
    read_runs,
    reported_claims,
    run_of,
)
from experiments.pages.report.report import IN_A_SWEEP
from experiments.tests.pages.report.made_up import claim, part, run


@pytest.mark.parametrize("path", stored_files(), ids=lambda path: path.stem)
def test_every_claim_of_the_checkout_is_shown_with_its_figures(path):
    document = json.loads(path.read_text(encoding="utf-8"))
    shown = {one["name"]: one for one in reported_claims(read_runs([path]))}
    rows = {(row["label"], row["model"]): row for row in forest_rows(list(shown.values()))}
    assert len(shown) == len(document["claims"])
    for stored in document["claims"]:
        (judgement,) = shown[stored["id"]]["judgements"]
        assert judgement["verdict"] == stored["verdict"]
        for before, after in zip(stored["parts"], judgement["parts"], strict=True):
            assert after["verdict"] == before["verdict"]
            assert after["rule"], (stored["id"], before["part"])
            if "estimate" in before:
                unit = Scale(before["unit"])
                written = unit.show(float(before["estimate"])).replace("-", "−")
                assert after["measured"].startswith(written)
                row = rows[f"{stored['id']} {before['part']}".strip(), stored["model"]]
                scale = 100 if unit in (Scale.POINTS, Scale.PERCENT) else 1
                assert row["estimate"] == pytest.approx(scale * before["estimate"])
        assert len(judgement["details"]) == len(stored["details"])


@pytest.mark.parametrize(
    ("published", "figure"),
    [("23.6", 23.6), ("−0.3%", -0.3), ("30.8 lost", 30.8), ("> 3.2 together", 3.2), ("none", None),
     ("2.0 at 40 heads", 2.0), ("+1.6", 1.6)],
)  # fmt: skip
def test_the_figure_that_was_published_is_in_the_plot(published, figure):
    (row,) = forest_rows(reported_claims([run(claim(parts=[part(published=published)]))]))
    assert row["published"] == figure
    assert (row["n"], row["p"]) == ("16 companies", "0.01")


def test_what_was_not_measured_is_named_beside_the_plot():
    blocked = {"part": "5", "blocked": "too few heads", "verdict": "BLOCKED"}
    claims = reported_claims([run(claim(parts=[part(), blocked, part("20", estimate="inf")]))])
    assert len(forest_rows(claims)) == 1
    assert not_drawn(claims) == ["A1 5 (tiny, own)", "A1 20 (tiny, own)"]


def test_two_runs_stand_side_by_side_and_what_moved_is_said():
    first = run(claim(), claim("A2"), name="before")
    weaker = part(verdict="INCONCLUSIVE", interval=[-0.1, 0.4])
    second = run(claim(parts=[weaker], verdict="INCONCLUSIVE"), claim("A2"), name="after")
    claims = reported_claims([first, second])
    assert [[one["run"] for one in shown["judgements"]] for shown in claims] == [
        ["before", "after"]
    ] * 2
    (row,) = moved(claims)
    assert (row["claim"], row["part"]) == ("A1", "10")
    assert [verdict for verdict, _ in row["said"].values()] == ["REPRODUCED", "INCONCLUSIVE"]


def test_runs_of_one_name_are_told_apart(tmp_path):
    paths = [tmp_path / folder / "claims.json" for folder in ("a", "b")]
    for path in paths:
        path.parent.mkdir()
        path.write_text(json.dumps({"schema": 1, "claims": [claim()]}), encoding="utf-8")
    assert [one.name for one in read_runs(paths)] == ["claims (1)", "claims (2)"]


def test_runs_about_different_claims_are_refused(tmp_path):
    for name in ("A1", "B1"):
        document = {"schema": 1, "claims": [claim(name)]}
        (tmp_path / f"{name}.json").write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(InvalidInput, match="A1 and B1 share none"):
        read_runs([tmp_path / "A1.json", tmp_path / "B1.json"])


def test_infinite_figures_have_no_place_on_an_axis():
    endless = part(estimate="inf", interval=[0.1, "inf"])
    (shown,) = reported_claims([run(claim(parts=[endless]))])
    (found,) = shown["judgements"][0]["parts"]
    assert found["forest"] is None
    assert found["measured"].startswith("inf [10.0, inf]")


def test_a_claim_that_nobody_registered_is_shown_without_its_rule():
    (shown,) = reported_claims([run(claim("Z9"))])
    (found,) = shown["judgements"][0]["parts"]
    assert (found["rule"], found["required"]) == ("", "≥ 9.2 points")


def test_a_claim_that_holms_correction_takes_back_says_so():
    (shown,) = reported_claims([run(claim(verdict="INCONCLUSIVE", p_holm=0.24))])
    assert "not beside the other claims" in shown["judgements"][0]["why"]
    (plain,) = reported_claims([run(claim(p_holm=0.02))])
    assert plain["judgements"][0]["why"] == ""


def test_what_was_judged_by_another_threshold_is_not_explained_by_todays():
    (shown,) = reported_claims([run(claim(parts=[part(required="≥ 0.5")]))])
    (found,) = shown["judgements"][0]["parts"]
    assert (found["required"], found["rule"], found["change"]) == ("≥ 50.0 points", "", "")
    assert found["forest"]["margin"] is None


@pytest.mark.parametrize(
    "changes",
    [
        {"details": [{"part": "10", "of": "a cell", "verdict": "REPRODUCED"}]},
        {"p": "abc"},
        {"p": [1]},
        {"parts": [part(published="nan")]},
        {"parts": [part(unit="%", noise="loud")]},
        {"ablation": "zero"},
    ],
    ids=str,
)
def test_odd_files_are_shown_as_far_as_they_say_something(changes):
    claims = reported_claims([run(claim(**changes))])
    assert claims[0]["name"] == "A1"
    json.dumps([claims, forest_rows(claims)], allow_nan=False)


def test_odd_provenance_is_none():
    document = {"schema": 1, "claims": [claim()], "provenance": ["x"]}
    assert run_of(document, Path("a.json")).provenance == {}


def test_two_models_are_not_one_that_moved():
    other = claim(model="other", verdict="INCONCLUSIVE", parts=[part(verdict="INCONCLUSIVE")])
    assert moved(reported_claims([run(claim(), name="a"), run(other, name="b")])) == []


def test_every_claim_on_experiment_10_has_its_place_in_the_sweep():
    assert IN_A_SWEEP.keys() == {claim.id for claim in STUDIES["exp10"].claims}
