"""The page as a reader uses it: views, filters, links, other people's text, both colour schemes."""

import pytest

from experiments.tests.pages.report.conftest import HOW, shown
from experiments.tests.pages.report.made_up import HOSTILE, claim, evidence, part, run

pytestmark = pytest.mark.slow  # each opens a browser

VIEWS = (
    "claims", "claim/A1", "answers", "answer/tiny-inc_state-400/0/top%2010", "heads/L0H0", "exp10",
    "about",
)  # fmt: skip


def test_an_answer_is_marked_from_the_token_in_which_it_parts(report, opened):
    reader = opened(report(found=evidence(("Iowa.", "Ionia."))), "answer/tiny-inc_state-400/0/")
    row = reader.get_by_role("row", name="top 10", exact=False).first
    # As it is read aloud; "parts here" is not seen.
    assert row.locator(".answer").text_content() == "Io parts here: nia."
    assert row.locator(".unseen").bounding_box()["width"] <= 1
    assert row.locator("mark").inner_text() == "nia."
    reader = opened(report(found=evidence(("Iowa.", "Io"))), "answer/tiny-inc_state-400/0/")
    row = reader.get_by_role("row", name="top 10", exact=False).first
    assert row.locator(".answer").text_content() == "Io ends here ¶"


def test_an_answer_says_how_sure_the_model_was_of_it(report, opened):
    reader = opened(report(), "answer/tiny-inc_state-400/0/top%2010")
    answers = reader.get_by_role("table", name="Answers about filing-0 under every condition")
    told = answers.locator("tbody tr td:nth-child(3)").all_inner_texts()
    assert told == ["83%", "0.21%", "not noted", "below 0.1%"]
    beside = reader.locator("dt", has_text="How sure the model was of it").locator("+ dd")
    assert beside.inner_text() == "83%"


def test_what_is_not_stored_is_said_where_it_matters(report, opened):
    found = evidence()
    found.cells[0]["lacking"] = [5, 20]
    found.pooled[0]["left_out"] = ["tiny-hq_state-400"]
    reader = opened(report(found=found), "answer/tiny-inc_state-400/0/top%2010")
    lost = "top 10, without top 5, which is not stored"
    assert reader.get_by_text(lost, exact=True).is_visible()
    reader = opened(report(found=found), "answer/tiny-inc_state-400/1/top%2010")
    assert reader.get_by_text("never, without top 5, 20, which is not stored").is_visible()
    reader = opened(report(found=found), "claim/A1")
    left_out = "Left out, as in verdicts, where fewer than 30% are right unablated: tiny-hq_state"
    assert left_out in reader.locator("#claim-A1").inner_text()


def test_claims_are_filtered_in_the_table_and_in_the_plot(report, opened):
    reader = opened(report())
    rows = reader.locator("#claims-table tbody tr:visible")
    assert rows.count() == 2
    reader.locator("#filter-verdict").select_option("NOT_REPRODUCED")
    assert rows.count() == 1
    assert reader.get_by_text("1 of 2 shown").is_visible()
    reader.locator("#forest").get_by_text("A3 10").wait_for()
    assert reader.locator("#forest").get_by_text("A1 10").count() == 0


def test_a_map_of_heads_says_what_its_colours_stand_for(report, opened):
    reader = opened(report(), "heads")
    scale = reader.locator("#heads-scale").inner_text().split("\n")
    assert scale[0] == "below −0.01"
    assert scale[-1] == "to 0.5"
    reader.locator('[data-keep="Figure"]').select_option("in how many of the 1 top sets")
    reader.locator("#heads-scale").get_by_text("to 0.2", exact=True).wait_for()
    assert reader.locator("#heads-scale li").first.inner_text() == "0"
    assert reader.get_by_role("row", name="L0H1 1 1").count() == 1


def test_a_head_says_under_the_mouse_what_ablating_it_did(report, opened):
    reader = opened(report(), "heads")
    reader.locator("#heads-map svg .mark-rect path").first.hover()  # L0H0, of the top 10
    told = reader.locator("#vg-tooltip-element.visible")
    told.wait_for()
    worst = "in 1 condition; at worst 1 of 2 right with top 10 (tiny-inc_state-400)"
    assert worst in told.inner_text()


def test_heads_say_which_conditions_ablate_them(report, opened):
    reader = opened(report(), "heads")
    reader.get_by_role("link", name="L1H0").click()
    shown(reader, "heads/L1H0")
    row = reader.get_by_role("row", name="uniform random 10", exact=False)
    assert "of 2 of 2 items" in row.inner_text()
    reader.get_by_role("link", name="L0H0").click()
    shown(reader, "heads/L0H0")
    assert "of every item" in reader.get_by_role("row", name="top 10", exact=False).inner_text()


def test_several_runs_stand_beside_each_other(report, opened):
    weaker = claim(parts=[part(verdict="INCONCLUSIVE")], verdict="INCONCLUSIVE")
    reader = opened(report(run(claim(), name="before"), run(weaker, name="after")))
    assert reader.locator("#claims-table tbody tr").count() == 2
    differs = reader.get_by_role("region", name="What differs between the runs")
    row = differs.get_by_role("row", name="A1 10", exact=False).inner_text()
    assert row.index("✓ REPRODUCED") < row.index("? INCONCLUSIVE")
    reader.locator("#filter-run").select_option("after")
    assert reader.locator("#claims-table tbody tr:visible").count() == 1


def test_models_stand_side_by_side(report, opened):
    other = claim(model="other", parts=[part(verdict="INCONCLUSIVE"), part("20")])
    reader = opened(report(run(claim(), other)), "claim/A1")
    beside = reader.get_by_role("region", name="A1 side by side")
    heads = beside.get_by_role("columnheader").all_inner_texts()
    assert heads == ["part", "tiny, own", "other, own"]
    row = beside.get_by_role("row", name="10", exact=False).first.inner_text()
    assert row.index("✓ REPRODUCED") < row.index("? INCONCLUSIVE")
    assert beside.get_by_role("row", name="20", exact=False).locator("td").first.inner_text() == ""
    reader.evaluate("location.hash = '#claims'")
    shown(reader, "claims")
    reader.locator("#filter-model").select_option("other")
    assert reader.locator("#claims-table tbody tr:visible").count() == 1
    reader.locator("#forest").get_by_text("A1 20").wait_for()


def test_what_others_wrote_is_shown_and_never_run(report, opened):
    hostile = claim(
        statement=HOSTILE[0], source=HOSTILE[1], published=HOSTILE[3],
        parts=[part(note=HOSTILE[0], metric=HOSTILE[1], published=HOSTILE[2])],
    )  # fmt: skip
    found = evidence(HOSTILE, HOSTILE[0] + HOSTILE[4])
    found.lacking += HOSTILE[:4]
    for cell in found.cells:
        cell["asked"] = HOSTILE[1]
    for n, item in enumerate(found.parts["cell-0"]["items"]):
        item.update(
            filing=HOSTILE[n], company=HOSTILE[2], truth=HOSTILE[2], answers=[n, n + 2, 4, 4]
        )
    path = report(run(hostile), found=found)
    assert path.stat().st_size < 3_000_000
    reader = opened(path)
    for view in VIEWS[1:]:
        reader.evaluate("view => { location.hash = view; }", f"#{view}")
        shown(reader, view)
    assert reader.evaluate("window.attacked === undefined")
    assert reader.locator("img").count() == 0
    reader.evaluate("location.hash = '#answer/tiny-inc_state-400/0/'")
    shown(reader, "answer/tiny-inc_state-400/0/")
    answer = reader.locator("#answer")
    assert HOSTILE[0] in answer.inner_text()
    assert "\\u202egnihtyna\\u2066 \\u0007\\u0000" in answer.inner_text()
    raw = "document.body.innerText.match(/[\\u202e\\u2066\\u0007]/)"
    for view in VIEWS:
        reader.evaluate("view => { location.hash = view; }", f"#{view}")
        shown(reader, view)
        assert reader.evaluate(raw) is None, view


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize(("width", "dark"), [(360, True), (1200, False), (3840, True)])
def test_nothing_keeps_anybody_from_reading(report, opened, view, width, dark):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason=HOW)
    reader = opened(report(), view, width=width, dark=dark)
    if width < 3840:  # there it is the page of 1200, in the colours of 360
        found = axe.Axe().run(reader).response["violations"]
        assert [(one["id"], one["nodes"][0]["html"][:200]) for one in found] == []
    # Wide tables scroll in themselves, and not the page.
    assert reader.evaluate("document.documentElement.scrollWidth") <= width


def test_all_of_it_can_be_used_by_keyboard(report, opened):
    reader = opened(report())
    reader.keyboard.press("Tab")
    assert reader.evaluate("document.activeElement.textContent") == "To the content"
    reader.keyboard.press("Enter")
    for _ in range(12):
        reader.keyboard.press("Tab")
        if reader.evaluate("document.activeElement.hash") == "#claim/A1":
            break
    reader.keyboard.press("Enter")
    shown(reader, "claim/A1")
    assert reader.evaluate("document.activeElement.tagName") == "H2"


def test_choices_are_made_by_keyboard(report, opened):
    reader = opened(report(), "answers")
    choice = reader.locator('[data-keep="Ablated"]')
    choice.focus()
    reader.keyboard.press("ArrowDown")
    shown(reader, "answers/tiny-inc_state-400/uniform%20random%2010%2C%20seed%2042/all")
    assert reader.evaluate("document.activeElement.dataset.keep") == "Ablated"
    reader.locator(".skip").focus()
    reader.keyboard.press("Enter")
    assert reader.evaluate("document.activeElement.id") == "main"
    assert reader.locator("#view-answers").is_visible()


def test_any_head_is_chosen_by_keyboard(report, opened):
    reader = opened(report(), "heads")
    reader.locator('[data-keep="Head"]').focus()
    reader.keyboard.press("ArrowDown")
    shown(reader, "heads/L0H0")
    assert reader.get_by_role("heading", name="Head L0H0").is_visible()
    assert reader.evaluate("document.activeElement.dataset.keep") == "Head"
    reader.keyboard.press("ArrowDown")
    shown(reader, "heads/L0H1")


def test_a_claim_may_be_called_anything(report, opened):
    reader = opened(report(run(claim("X/1 50% <b>", study="own"))))
    reader.get_by_role("link", name="X/1 50% <b>").first.click()
    reader.get_by_role("heading", name="X/1 50% <b>: the model loses more").wait_for()


def test_a_part_that_is_cut_off_says_so(report, opened, tmp_path):
    path = report()
    text = path.read_text(encoding="utf-8")
    start = text.index('id="part-cell-0">') + len('id="part-cell-0">')
    path.write_text(text[: start + 40] + text[start + 80 :], encoding="utf-8")
    reader = opened(path, "answers")
    assert "cut off or edited" in reader.get_by_role("alert").inner_text()


def test_ten_thousand_items_are_usable(report, opened):
    found = evidence()
    held = found.parts["cell-0"]
    items = [{**held["items"][n % 2], "filing": f"filing-{n}"} for n in range(10_000)]
    pieces = found.parts["cell-0-prompts"]["prompts"]
    found.parts = {
        "cell-0": {**held, "items": items, "heads": [*held["heads"][:2], {"all": [2]}]},
        "cell-0-prompts": {"shared": "haystack", "prompts": pieces * 5_000},
    }
    reader = opened(report(run(claim()), found=found), "answers/tiny-inc_state-400/top%2010/lost")
    assert reader.get_by_text("5000 of 10000 items").is_visible()
    assert reader.locator("#answers-table tbody tr").count() == 100
    reader.get_by_role("button", name="Show 100 more").click()
    reader.locator("#answers-table tbody tr").nth(199).wait_for()
