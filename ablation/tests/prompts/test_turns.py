"""What stands around the user's text, whatever a tokenizer and its template are like."""

import pytest
import tokenizers
import transformers as hf

from ablation.errors import InvalidInput
from ablation.prompts.turns import chat_turn, encoded
from ablation.tests.support.tiny_models import byte_tokenizer

USER = "[{{ messages[-1]['content'] }}]"
REMEDY = "use another style"
UNLESS_TOLD = "{{% if {0} is not defined or {0} %}}<thought>{{% endif %}}"


def turn_of(template):
    tokenizer = byte_tokenizer()
    tokenizer.chat_template = template
    return chat_turn(tokenizer, REMEDY)


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        (USER + ">", ("[", "]>")),
        ("Today is {{ strftime_now('%d %b %Y') }}. " + USER, ("Today is 26 Jul 2024. [", "]")),
        (USER + "<think>\n", ("[", "]<think>\n</think>\n\n")),
        (USER + UNLESS_TOLD.format("enable_thinking"), ("[", "]")),
        (USER + UNLESS_TOLD.format("thinking"), ("[", "]")),
        (USER + "{% if thinking_budget == 0 %}<none>{% endif %}", ("[", "]<none>")),
        (
            "{% if messages[0]['role'] != 'system' %}{{ raise_exception('no system') }}{% endif %}"
            "<{{ messages[0]['content'] }}>" + USER,
            ("<You are a helpful assistant.>[", "]"),
        ),
    ],
    ids=["plain", "date", "thought", "thought at will", "thought or not", "budget", "system"],
)
def test_a_turn_is_the_same_every_day_and_thinks_of_nothing(template, expected):
    assert turn_of(template) == expected


ANSWERED = "[{{ messages[0]['content'] }}]>{% if messages[1:] %}"


@pytest.mark.parametrize(
    ("template", "closing"),
    [
        (ANSWERED + "<channel>{{ messages[1]['content'] }}<end>{% endif %}", "]><channel>"),
        (ANSWERED + "{{ messages[1]['content'] }}<end>{% endif %}", "]>"),
        (ANSWERED + " {{ messages[1]['content'] }}{% endif %}", "]>"),
        (ANSWERED + "{{ raise_exception('no') }}{% endif %}", "]>"),
    ],
    ids=["a channel", "nothing", "a space", "no answers"],
)
def test_what_comes_before_an_assistants_own_words_is_in_the_turn(template, closing):
    assert turn_of(template) == ("[", closing)


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{{ raise_exception('never') }}", r"takes no user's turn \(never\): use another style"),
        (
            "{% set f = '%d' %}{{ strftime_now(f) }}" + USER,
            r"takes no user's turn \(it asks for today's date .*\): use another style",
        ),
        ("{{ nothing.at.all }}", "takes no user's turn .*: use another style"),
        ("always the same", "holds it 0 times: use another style"),
        (USER + USER, "holds it 2 times: use another style"),
        (None, "this one has none: use another style"),
    ],
)
def test_a_template_that_cannot_be_used_is_refused(template, said):
    with pytest.raises(InvalidInput, match=said):
        turn_of(template)


def sentencepiece_like():
    """Words with a mark for the space ahead of them, which comes before any text, too."""
    words = ["\u2581", "\u2581Question", "Question", "\n", ":", "<unk>"]
    backend = tokenizers.Tokenizer(
        tokenizers.models.Unigram([(word, -1.0) for word in words], unk_id=5)
    )
    backend.pre_tokenizer = tokenizers.pre_tokenizers.Metaspace(prepend_scheme="always")
    return hf.PreTrainedTokenizerFast(tokenizer_object=backend)


def test_a_mark_that_stands_for_no_space_is_left_out():
    tokenizer = sentencepiece_like()
    assert tokenizer("\nQuestion:", add_special_tokens=False)["input_ids"] == [0, 3, 2, 4]
    assert encoded(tokenizer, "\nQuestion:") == (3, 2, 4)
    assert encoded(tokenizer, "Question") == (1,)
    assert encoded(tokenizer, " \nQuestion")[0] == 0
