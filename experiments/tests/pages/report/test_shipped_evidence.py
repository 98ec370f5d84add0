"""The report of the evidence that is shipped, as a reviewer opens it."""

import json

import pytest

from experiments.judging.stored_evidence import CHECKOUT
from experiments.tests.pages.report.conftest import shown
from experiments.tests.pages.report.test_report_command import data_of

pytestmark = pytest.mark.model

LARGEST = 3_000_000
"""Bytes."""


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    from experiments.cli.main import main

    path = tmp_path_factory.mktemp("report") / "report.html"
    bundle = str(CHECKOUT / "baselines/evidence/smollm2.zip")
    with pytest.raises(SystemExit) as ended:
        main(["report", "--bundle", bundle, "-o", str(path)])
    assert ended.value.code == 0
    return path


def test_it_is_small_and_its_figures_are_those_of_the_stored_verdicts(written):
    assert written.stat().st_size < LARGEST
    stored = json.loads((CHECKOUT / "baselines/claims/embedded-smollm2.json").read_text("utf-8"))
    expected = {
        (claim["id"], f"{claim['id']} {part['part']}".rstrip()): part["verdict"]
        for claim in stored["claims"]
        for part in claim["parts"]
        if part.get("estimate") is not None
    }
    text = written.read_text(encoding="utf-8")
    found = {
        (row["claim"], row["label"]): row["verdict"]
        for row in data_of(text)["forest"]
        if row["tier"] == "embedded"
    }
    assert expected
    assert found.items() <= expected.items()
    assert {claim for claim, _ in found} == {claim for claim, _ in expected}


def test_three_clicks_lead_to_an_answer_that_ten_heads_destroyed(written, opened):
    reader = opened(written)
    reader.get_by_role("link", name="A1", exact=True).first.click()
    of_ten = reader.locator("#claim-A1 .why li").filter(has=reader.get_by_text("10", exact=True))
    of_ten.get_by_role("link", name="inc_state").first.click()
    shown(reader, "answers/smollm2-inc_state-512/top%2010/lost")
    reader.locator("#answers-table tbody a").first.click()
    reader.locator('body[data-shown^="#answer/smollm2-inc_state-512/"]').wait_for()
    row = reader.get_by_role("row", name="top 10", exact=False).first
    assert "✗ wrong" in row.inner_text()
    assert "✓ right" in reader.get_by_role("row", name="unablated").first.inner_text()


def test_the_sweep_is_that_of_the_stored_figures(written, opened):
    path = CHECKOUT / "baselines/exp10/smollm2/individual-zero.json"
    stored = json.loads(path.read_text(encoding="utf-8"))
    reader = opened(written, "exp10")
    shown(reader, "exp10")
    text = reader.locator("#sweeps article").first.inner_text()
    assert f"perplexity {stored['unablated_ppl']:.5g} unablated" in text
    assert f"{stored['below_1_percent']} change the perplexity by less than 1%" in text
    assert f"{stored['below_10_percent']} by less than 10%; {stored['helping']} lower it" in text
    for chart in ("Every head's effect by its rank", "Perplexity when heads are ablated together"):
        reader.get_by_role("figure").filter(has_text=chart).first.locator("svg").wait_for()


def test_curves_and_crossings_are_those_of_the_stored_figures(written):
    path = CHECKOUT / "baselines/exp10/smollm2/cumulative-zero.json"
    stored = json.loads(path.read_text(encoding="utf-8"))
    sweep = next(one for one in data_of(written.read_text("utf-8"))["sweeps"] if one["curves"])
    (curve,) = (one for one in sweep["curves"] if one["name"] == "smallest |ΔPPL| first")
    assert sweep["ppl"] == pytest.approx(stored["ppl"]["0"])
    for point in curve["points"]:
        ratio = stored["ppl"][str(point["heads"])] / stored["ppl"]["0"]
        assert point["ratio"] == pytest.approx(ratio, rel=1e-5)  # computed on another machine
    within = {str(one["threshold"]): one["first"] for one in curve["crossings"]}
    assert within == stored["within"]


def correct_by_condition(path):
    """Cell and condition -> how many answers are right."""
    return {
        (cell["question"], one["name"]): one["correct"]
        for cell in data_of(path.read_text(encoding="utf-8"))["cells"]
        for one in cell["conditions"]
    }


NAMED = {"qrhead": "", "wu24": "Wu24 ", "summed_attention": "summed attention "}


def test_answers_with_the_heads_of_every_method_are_those_of_the_stored_figures(written):
    found = correct_by_condition(written)
    path = CHECKOUT / "baselines/methods/smollm2/heads.json"
    stored = json.loads(path.read_text(encoding="utf-8"))
    assert stored["methods"].keys() == NAMED.keys()
    for method, cells in stored["methods"].items():
        for cell in cells:
            top = found[cell["question"], f"{NAMED[method]}top {stored['level']}"]
            assert top == cell["correct"]["top"]
            beside = f" for {NAMED[method].strip()}" if NAMED[method] else ""
            control = f"layer-matched random {stored['level']}{beside}, own heads for each item"
            assert found[cell["question"], control] == cell["correct"]["layer_matched"]
            shared = f"shared random {stored['level']}, seed 42"
            assert found[cell["question"], shared] == cell["correct"]["shared"]


def test_gaps_of_heads_by_the_public_rows_are_those_of_the_stored_verdicts(written, opened):
    stored = json.loads((CHECKOUT / "baselines/claims/embedded-smollm2.json").read_text("utf-8"))
    (a1,) = (claim for claim in stored["claims"] if claim["id"] == "A1")
    gaps = {part["part"]: part["estimate"] for part in a1["details"] if part["of"] == "public rows"}
    found = correct_by_condition(written)
    questions = {question for question, _ in found}
    for level, gap in gaps.items():
        named = f"{level} by the public rows"
        control = f"layer-matched random {named}, own heads for each item"
        lost = [found[one, control] - found[one, f"top {named}"] for one in questions]
        assert sum(lost) / (16 * len(lost)) == pytest.approx(gap)
    reader = opened(written, "claim/A1")
    details = reader.locator("#claim-A1 details").filter(has_text="public rows").first
    details.locator("summary").click()
    row = details.get_by_role("row").filter(has_text="public rows").first
    row.get_by_role("link", name="inc_state").first.click()
    shown(reader, "answers/smollm2-inc_state-512/top%2010%20by%20the%20public%20rows/lost")


def test_heads_of_methods_and_what_they_share_are_those_of_the_stored_figures(written, opened):
    stored = json.loads((CHECKOUT / "baselines/methods/smollm2/heads.json").read_text("utf-8"))
    methods = {"QRHead": "qrhead", "Wu24": "wu24", "summed attention": "summed_attention"}
    found = {
        (f"smollm2-{cell['question']}-{cell['tokens']}", name): set(cell["top"].split())
        for name, key in methods.items()
        for cell in stored["methods"][key]
    }
    heads = data_of(written.read_text("utf-8"))["heads"]
    tops = {
        one["cell"]: {heads["names"][head] for head in one["ranking"][: stored["level"]]}
        for one in heads["maps"]
        if "ranking" in one
    }
    assert tops == {cell: top for (cell, method), top in found.items() if method == "QRHead"}
    rows = opened(written, "heads").get_by_role("table").filter(has_text="summed attention")
    compared = set()
    for row in rows.last.locator("tbody tr").all():
        cell, one, other, *shared = (text.strip() for text in row.inner_text().split("\t"))
        a, b = found[cell, one], found[cell, other]
        assert f"{len(a & b) / len(a | b):.2f}" in shared
        compared |= {(cell, one), (cell, other)}
    assert compared == found.keys()


def test_answers_in_every_mode_and_scope_are_those_of_the_stored_figures(written):
    found = correct_by_condition(written)
    stored = json.loads((CHECKOUT / "baselines/methods/smollm2/modes.json").read_text("utf-8"))
    question, level = stored["question"], stored["level"]
    for how, correct in stored["modes"].items():
        mode, scope = how.split()
        # The study's own way is that of the cell.
        told = "" if how == "zero all" else f", {mode}, scope {scope}"
        assert found[question, f"top {level}{told}"] == correct["top"]
        control = f"layer-matched random {level}{told}, own heads for each item"
        assert found[question, control] == correct["layer_matched"]


def test_a_claim_about_methods_leads_to_the_answers_with_their_heads(written, opened):
    reader = opened(written)
    reader.get_by_role("link", name="A7", exact=True).first.click()
    reader.locator("#claim-A7").get_by_role("link", name="Wu24 top 10").first.click()
    shown(reader, "answers/smollm2-inc_state-512/Wu24%20top%2010/lost")
    assert reader.locator("#answers-table tbody tr").count() == 13  # 3 of 16 are right
    reader.locator("#answers-table tbody a").first.click()
    reader.locator('body[data-shown^="#answer/smollm2-inc_state-512/"]').wait_for()
    row = reader.get_by_role("row", name="Wu24 top 10", exact=False).first
    assert "✗ wrong" in row.inner_text()
