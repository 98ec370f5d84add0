"""What a print of the page has."""

import pytest

from experiments.tests.pages.report.made_up import evidence

pytestmark = pytest.mark.slow  # each opens a browser


def test_every_claim_is_on_the_paper_of_all(report, opened):
    reader = opened(report())
    reader.emulate_media(media="print")
    assert reader.get_by_role("heading", name="A1: the model loses more").is_visible()
    assert reader.get_by_role("heading", name="A3: the model loses more").is_visible()
    assert not reader.locator("nav").is_visible()


def test_a_claim_is_on_paper_alone_with_its_curves(report, opened):
    reader = opened(report(), "claim/A1")
    reader.locator("#claim-A1 svg .mark-symbol path[aria-label]").first.wait_for()
    reader.emulate_media(media="print")
    assert reader.locator("#claim-A1 .curves svg").first.is_visible()
    assert not reader.get_by_role("heading", name="A3: the model loses more").is_visible()
    assert not reader.locator("#view-claims").is_visible()


def test_a_long_prompt_is_folded_and_paper_says_so(report, opened):
    found = evidence(prompt="haystack " * 100)
    reader = opened(report(found=found), "answer/tiny-inc_state-400/0/")
    prompt, folded = reader.locator(".prompt"), "… 540 more characters …"
    assert prompt.text_content().startswith("haystack: haystack haystack")
    assert "question: What state?" in prompt.text_content()
    reader.emulate_media(media="print")
    assert prompt.get_by_text(folded).last.is_visible()
    assert not prompt.get_by_role("button").is_visible()
    assert (
        prompt.locator(".fact").evaluate("one => getComputedStyle(one).printColorAdjust") == "exact"
    )
    reader.emulate_media(media="screen")
    assert not prompt.locator(".on-paper").is_visible()
    prompt.get_by_role("button", name=folded).click()
    assert prompt.text_content().count("haystack ") == 100
