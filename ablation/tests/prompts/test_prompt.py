import pytest

from ablation.errors import InvalidInput
from ablation.filings.filing import QUESTIONS, Fact, Filing
from ablation.filings.synthetic import synthetic_filings
from ablation.prompts.prompt import PromptBuilder
from ablation.prompts.styles import PLAIN, PromptStyle
from ablation.tests.support.tiny_models import BYTES, byte_tokenizer

QUESTION = QUESTIONS["inc_state"]
ASKED = "\n\nQuestion: What state was the company incorporated in?\nAnswer in one word:"
HAYSTACK = "abcdefghij" * 30


def filing_with(section, value="Delaware"):
    start = section.index(value)
    return Filing("one", "one", section, {"inc_state": Fact(value, start, start + len(value))})


def builder(tokens, haystack=HAYSTACK, style=PLAIN, **tokenizer):
    return PromptBuilder(byte_tokenizer(**tokenizer), QUESTION, tokens, haystack, style)


@pytest.mark.parametrize("tokens", [300, 301, 555, 2000])
@pytest.mark.parametrize("adds_bos", [False, True])
def test_a_prompt_has_exactly_the_tokens_asked_for(tokens, adds_bos):
    build = builder(tokens, adds_bos=adds_bos)
    for section in ("It is a Delaware company.", "x" * 900 + " Delaware " + "y" * 900):
        prompt = build.build(filing_with(section))
        assert len(prompt.ids) == tokens
        assert prompt.ids.count(BYTES) == adds_bos


def test_a_plain_prompt_is_haystack_needle_haystack_question():
    section = "It is a Delaware company."
    prompt = builder(400).build(filing_with(section))
    text = byte_tokenizer().decode(prompt.ids)
    filler = 400 - len(section) - len(ASKED)
    stack = (HAYSTACK * 2)[:filler]
    half = filler // 2
    assert text == stack[:half] + section + stack[half:] + ASKED
    start, end = prompt.needle
    assert byte_tokenizer().decode(prompt.context[start:end]) == section
    assert prompt.tail == ()


def test_a_needle_that_does_not_fit_is_cut_around_the_truth():
    section = "x" * 900 + " Delaware " + "y" * 900
    prompt = builder(400).build(filing_with(section))
    start, end = prompt.needle
    assert end - start == 400 - len(ASKED) - 100
    assert " Delaware " in byte_tokenizer().decode(prompt.context[start:end])


def test_a_truth_at_either_end_of_a_long_section_stays_in_the_needle():
    for section in ("Delaware " + "y" * 1800, "x" * 1800 + " Delaware"):
        assert builder(400).build(filing_with(section)) is not None


def test_there_is_no_prompt_whose_needle_cannot_hold_the_truth():
    assert builder(len(ASKED) + 100 + 4).build(filing_with("Delaware" + "x" * 500)) is None


def test_the_null_question_shares_the_context():
    prompt = builder(400).build(filing_with("It is a Delaware company."))
    assert byte_tokenizer().decode(prompt.null_question) == (
        "\n\nQuestion: N/A\nAnswer in one word:"
    )


def test_a_chat_prompt_closes_the_turn_and_begins_the_answer():
    style = PromptStyle("chat", chat=True, primes={"inc_state": "It is"})
    prompt = builder(400, style=style, chat=True).build(filing_with("A Delaware company."))
    text = byte_tokenizer().decode(prompt.ids)
    assert text.startswith("[")
    assert text.endswith(ASKED + "]>It is")
    assert len(prompt.ids) == 400
    assert byte_tokenizer().decode(prompt.tail[: prompt.closing]) == "]>"


def test_a_chat_prompt_whose_template_writes_the_bos_has_no_other():
    tokenizer = byte_tokenizer(chat=True, adds_bos=True)
    tokenizer.chat_template = "<bos>" + tokenizer.chat_template
    build = PromptBuilder(tokenizer, QUESTION, 400, HAYSTACK, PromptStyle("chat", chat=True))
    prompt = build.build(filing_with("A Delaware company."))
    assert prompt is not None
    assert prompt.ids[:2] == (BYTES, *byte_tokenizer()("[")["input_ids"])
    assert prompt.ids.count(BYTES) == 1


@pytest.mark.parametrize(
    ("prime", "chat", "answer"),
    [
        # After a word a model writes a space first, whatever the needle has before the answer.
        ("It is", True, " New York"),
        ("", False, " New York"),
        ("It is:\n", True, "New York"),
    ],
)
def test_the_answer_is_in_the_tokens_that_follow_the_prompt(prime, chat, answer):
    section = "It is (New\n York) company."
    start = section.index("New")
    fact = Fact("New York", start, start + len("New\n York"))
    style = PromptStyle("chat", chat=True, primes={"inc_state": prime}) if chat else PLAIN
    filing = Filing("one", "one", section, {"inc_state": fact})
    prompt = builder(400, style=style, chat=chat).build(filing)
    assert byte_tokenizer().decode(prompt.answer) == answer
    assert byte_tokenizer().decode(prompt.stated) == "New\n York"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: builder(len(ASKED) + 100), "takes at least 176 tokens .* got 175"),
        (lambda: builder(0), "takes at least"),
        (lambda: builder(-5), "takes at least"),
        (lambda: builder(400, haystack=""), "haystack text is empty"),
        (
            lambda: builder(400, style=PromptStyle("chat", chat=True)),
            "requires a tokenizer with a chat template",
        ),
        (lambda: builder(400).build(Filing("two", "two", "text")), "filing two has no truth"),
    ],
)
def test_impossible_prompts_are_refused(make, message):
    with pytest.raises(InvalidInput, match=message) as error:
        make()
    assert "\n" not in str(error.value)


def test_the_hash_is_of_the_ids():
    prompts = [builder(600).build(filing) for filing in synthetic_filings(2).filings]
    assert prompts[0].sha256 == builder(600).build(synthetic_filings(1).filings[0]).sha256
    assert prompts[0].sha256 != prompts[1].sha256
