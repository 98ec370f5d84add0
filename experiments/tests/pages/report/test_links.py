"""Every link leads to what it names, and every view has an address."""

import pytest

from experiments.tests.pages.report.conftest import shown
from experiments.tests.pages.report.made_up import claim, evidence, part, run

pytestmark = pytest.mark.slow  # each opens a browser

IN_SIGHT = """() => {
  const { top, bottom } = document.activeElement.getBoundingClientRect();
  return top >= 0 && bottom <= innerHeight;
}"""


def test_three_clicks_lead_from_the_claims_to_the_answer_that_was_lost(report, opened):
    reader = opened(report())
    reader.get_by_role("link", name="A1").first.click()
    reader.get_by_role("link", name="inc_state").first.click()
    shown(reader, "answers/tiny-inc_state-400/top%2010/lost")
    assert reader.get_by_text("1 of 2 items").is_visible()
    reader.get_by_role("link", name="filing-0").click()
    shown(reader, "answer/tiny-inc_state-400/0/top%2010")
    row = reader.get_by_role("row", name="top 10", exact=False).first
    assert "Ohio. ✗ wrong" in row.inner_text()
    assert row.locator("mark").inner_text() == "Ohio."
    assert reader.locator(".prompt .fact").inner_text() == "Iowa"
    reader.go_back()
    shown(reader, "answers/tiny-inc_state-400/top%2010/lost")
    assert reader.get_by_role("link", name="filing-0").is_visible()


def test_what_is_filtered_stands_in_the_address(report, opened):
    path = report()
    reader = opened(path)
    reader.locator("#filter-study").select_option("other")
    reader.locator("#filter-verdict").select_option("NOT_REPRODUCED")
    view = "claims/study=other&verdict=NOT_REPRODUCED"
    assert reader.evaluate("location.hash") == f"#{view}"
    again = opened(path, view)
    assert again.locator("#filter-verdict").input_value() == "NOT_REPRODUCED"
    assert again.locator("#claims-table tbody tr:visible").count() == 1
    again.evaluate("location.hash = '#claims/verdict=NONE&other'")
    shown(again, "claims/verdict=NONE&other")
    assert again.locator("#claims-table tbody tr:visible").count() == 2


def test_points_of_a_curve_lead_to_the_answers_behind_them(report, opened):
    reader = opened(report(), "claim/A1")
    points = reader.locator("#claim-A1 svg .mark-symbol path[aria-label]")
    points.nth(1).click()  # of the top 10
    behind = reader.locator("#claim-A1 .behind")
    assert behind.inner_text().startswith("Answers behind top 10:")
    assert "tiny-inc_state-400: top 10, 1 of 2 right" in behind.inner_text()
    reader.get_by_text("As a table").first.click()
    reader.get_by_role("button", name="Answers behind uniform random 10", exact=True).click()
    assert "uniform random 10, seed 42" in behind.inner_text()
    assert "seed 43" not in behind.inner_text()
    reader.get_by_role("button", name="Answers behind uniform random 10, draw 2").click()
    assert "uniform random 10, seed 43" in behind.inner_text()
    assert "seed 42" not in behind.inner_text()
    reader.get_by_role("button", name="Answers behind unablated").click()
    assert "tiny-inc_state-400: unablated, 2 of 2 right" in behind.inner_text()
    behind.get_by_role("link").click()
    shown(reader, "answers/tiny-inc_state-400/unablated/all")


def test_a_mark_of_the_plot_leads_to_its_claim(report, opened):
    reader = opened(report())
    reader.locator("#forest svg .mark-symbol path[aria-label]").last.click()
    reader.locator('body[data-shown^="#claim/"]').wait_for()


def test_who_clicks_fast_sees_what_was_clicked_last(report, opened):
    reader = opened(report(), "heads")
    reader.evaluate(
        "() => { location.hash = '#heads/L0H0'; setTimeout(() => { location.hash = '#heads'; }); }"
    )
    shown(reader, "heads")
    reader.get_by_text("Choose a head").wait_for()
    assert reader.get_by_role("heading", name="Head L0H0").count() == 0


@pytest.mark.parametrize(
    ("view", "said"),
    [
        ("answers/tiny-inc_state-400/top%2099/lost", "There are no answers of tiny-inc_state-400"),
        ("answers/other", "There are no answers of other"),
        ("answer/tiny-inc_state-400/7/", "There is no such answer"),
    ],
)
def test_an_address_that_leads_nowhere_says_so(report, opened, view, said):
    reader = opened(report(), view)
    assert reader.get_by_text(said).is_visible()


def test_another_cell_is_shown_under_a_condition_that_it_has(report, opened):
    found = evidence()
    (cell,) = found.cells
    found.cells.append({**cell, "id": "tiny-hq_state-400", "conditions": cell["conditions"][:2]})
    path = report(found=found)
    for view in ("uniform%20random%2010%2C%20seed%2042/all", "top%2099/all"):
        reader = opened(path, f"answers/tiny-inc_state-400/{view}")
        reader.locator('[data-keep="Cell"]').select_option("tiny-hq_state-400")
        shown(reader, "answers/tiny-hq_state-400/top%2010/all")
        assert reader.locator("#answers-table tbody tr").count() == 2


def test_a_view_is_copied_with_the_command_that_makes_it(report, opened):
    view = "answers/tiny-inc_state-400/top%2010/lost"
    reader = opened(report(), view)
    reader.get_by_role("button", name="Copy what makes this view again").click()
    copied = reader.locator("#copied")
    copied.get_by_text("headclaims report").wait_for()
    assert copied.inner_text() == f"headclaims report # then open report.html#{view}"
    reader = opened(report(), "about")
    about = reader.locator("#view-about").inner_text()
    assert "headclaims report" in about
    assert "store /tmp/store" in about
    assert "pytest" in about  # the command of the run


def test_every_part_leads_to_the_answers_behind_it(report, opened):
    reader = opened(report(run(claim(), claim("A2", parts=[part("")]))), "claim/A2")
    reader.locator("#claim-A2 .why").get_by_role("link", name="inc_state").first.click()
    shown(reader, "answers/tiny-inc_state-400/top%2010/lost")


def test_a_claim_about_single_heads_leads_to_its_place_in_the_sweep(report, opened):
    reader = opened(report(run(claim("B7", study="exp10", parts=[part("")]))), "claim/B7")
    (told,) = reader.locator("#claim-B7").get_by_text("In the sweep:").all()
    assert told.inner_text() == "In the sweep: layers, zero ablation."
    told.get_by_role("link").click()
    shown(reader, "exp10/zero/layers")
    heading = reader.get_by_role("heading", name="Layers")
    assert heading.evaluate("one => one === document.activeElement")
    reader.get_by_role("figure").filter(has_text="Mean effect").locator("svg").wait_for()
    reader.wait_for_function(IN_SIGHT)  # once all charts above it are drawn, too


COUNTED = """(acts) => {
  const own = Element.prototype.scrollIntoView;
  window.times = 0;
  Element.prototype.scrollIntoView = function () {
    times += 1;
    own.call(this);
    if (acts) dispatchEvent(new WheelEvent("wheel"));
  };
}"""
DRAWN = """async () => {
  await Promise.all([...document.querySelectorAll("#view-exp10 figure")].map((one) => one.drawn));
  await new Promise((done) => setTimeout(done));
  return times;
}"""


@pytest.mark.parametrize(("scrolls", "times"), [(False, 2), (True, 1)])
def test_who_scrolls_while_charts_are_drawn_is_not_taken_back(report, opened, scrolls, times):
    reader = opened(report(run(claim("B7", study="exp10", parts=[part("")]))), "claim/B7")
    reader.evaluate(COUNTED, scrolls)
    reader.locator("#claim-B7").get_by_text("In the sweep:").get_by_role("link").click()
    shown(reader, "exp10/zero/layers")
    assert reader.evaluate(DRAWN) == times


def test_a_detail_about_the_uniform_control_leads_to_its_answers(report, opened):
    details = [part("10", of="uniform control"), part("10", of="public rows")]
    reader = opened(report(run(claim(details=details))), "claim/A1")
    reader.get_by_text("Details (2)").click()
    rows = reader.get_by_role("table", name="Details").locator("tbody tr")
    assert rows.nth(1).get_by_role("link").count() == 0  # of these no answer is in the report
    rows.nth(0).get_by_role("link", name="inc_state").first.click()
    reader.locator('body[data-shown*="uniform%20random%2010"]').wait_for()
