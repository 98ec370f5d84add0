"""Prompts of random ids for the tests of detection, and eager attention to compare with."""

from ablation.detection.reading import Reading, read
from ablation.prompts.prompt import Prompt
from ablation.tests.support.tiny_models import random_ids


class Numbers:
    """A tokenizer whose text is the tokens' numbers."""

    def __init__(self, ends=(0, 2)):
        self._ends = ends

    def batch_decode(self, rows, skip_special_tokens):
        skipped = self._ends if skip_special_tokens else ()
        return [" ".join(str(int(x)) for x in row if int(x) not in skipped) for row in rows]


def make_prompt(seed=3, context=40, question=7):
    """A prompt whose needle and fact lie at known places."""
    ids = random_ids(context + 2 * question + 3, seed=seed)[0].tolist()
    return Prompt(
        context=tuple(ids[:context]),
        needle=(10, 25),
        question=tuple(ids[context : context + question]),
        null_question=tuple(ids[context + question : context + 2 * question - 2]),
        tail=tuple(ids[-3:]),
        closing=2,
        fact=(15, 17),
        answer=tuple(ids[16:19]),
    )


def reading_of(model, prompt) -> Reading:
    """What is seen of a prompt alone, to its end."""
    (reading,) = read(model, [prompt], keeps_keys=True)
    return reading
