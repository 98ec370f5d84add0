"""``headclaims prompts`` on a tiny model: every part is shown, detection filings only are asked."""

import json
from pathlib import Path

import pytest

from ablation.tests.support.tiny_models import tiny_directory

SMALL = ("--question", "inc_state", "--tokens", 300, "--synthetic", 10, "--answers", 3)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return tiny_directory(tmp_path_factory.mktemp("models") / "tiny")


def test_a_prompt_is_shown_part_by_part_and_styles_that_cannot_be_used_say_why(headclaims, model):
    status, out, err = headclaims("prompts", "--model", model, *SMALL)
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == "style plain: a prompt of 300 tokens"
    parts = [line.split(",")[0].strip() for line in lines[1:5]]
    assert parts == ["haystack", "needle", "haystack", "question"]
    assert sum(int(line.split(", ")[1].split()[0]) for line in lines[1:5]) == 300
    assert "Question: What state was the company incorporated in?" in lines[4]
    assert lines[5].startswith("style plain: 0 of 3 detection filings answered (0% [0%, 56%])")
    assert lines[6].startswith("  wrong: '")
    assert lines[-1].startswith("style chat cannot be used: a chat prompt requires a tokenizer")


def test_where_no_style_can_be_used_it_is_an_error(headclaims, model):
    status, out, err = headclaims("prompts", "--model", model, *SMALL, "--prompt-style", "chat")
    assert (status, out) == (2, "")
    assert err.startswith("Error: style chat cannot be used: a chat prompt requires")


@pytest.mark.slow
def test_test_filings_are_not_asked_about(headclaims, model):
    assert headclaims("prompts", "--model", model, *SMALL, "--prompt-style", "plain")[0] == 0
    assert (
        headclaims("ablate", "--model", model, *SMALL[:6], "--levels", "1", "--skip-random")[0] == 0
    )
    kept = [json.loads(path.read_text("utf-8")) for path in Path("store").rglob("answer/**/*.json")]
    # Three detection filings once; two test filings unablated and under one head.
    assert len({one["key"]["prompt_sha256"] for one in kept}) == 5
    assert len(kept) == 3 + 2 * 2
