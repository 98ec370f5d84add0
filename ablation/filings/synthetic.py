"""Synthetic 10-K sections: seeded, with known facts and distractors of the same kind.

Each section states the four facts once, each in one of several phrasings, amid sentences with
other states, other years and other counts, so that an answer has to be found and not guessed:
states are uniform rather than mostly Delaware, and towns carry names that many states share.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from ablation.errors import InvalidInput
from ablation.filings import phrasings
from ablation.filings.filing import Fact, Filing, FilingSet

DEFAULT_COUNT = 80
DEFAULT_SEED = 42


@dataclass(frozen=True)
class _Values:
    """What the sentences of one section are filled with."""

    facts: dict[str, str]
    fillers: dict[str, str]


def synthetic_filings(count: int = DEFAULT_COUNT, seed: int = DEFAULT_SEED) -> FilingSet:
    """``count`` filings of as many companies; the same seed gives the same bytes everywhere.

    Only ``random.Random``'s ``randrange`` and what is built on it are used: their sequences are
    the same on every platform. Filing i does not depend on ``count``.

    Raises:
        InvalidInput: ``count`` is below 1.
    """
    if count < 1:
        raise InvalidInput(f"at least 1 synthetic filing is required, got {count}")
    return FilingSet(
        source=f"synthetic 10-K sections, seed {seed}, {count} filings",
        filings=tuple(_filing(seed, index) for index in range(count)),
    )


def _filing(seed: int, index: int) -> Filing:
    rng = random.Random(f"headclaims synthetic filing {seed} {index}")
    values = _draw_values(rng)
    sentences = {key: _fill(_pick(rng, phrasings.FACTS[key]), values) for key in phrasings.FACTS}
    distractors = [_fill(_pick(rng, group), values) for group in phrasings.DISTRACTORS.values()]
    section = _arrange(rng, values, sentences, distractors)
    facts = {}
    for key, value in values.facts.items():
        sentence_start = section.index(sentences[key])
        start = section.index(_written(key, value), sentence_start)
        facts[key] = Fact(value, start, start + len(_written(key, value)))
    return Filing(
        name=f"synthetic-{seed}-{index:04d}",
        company=f"synthetic-{seed}-{index:04d}",
        section=section,
        facts=facts,
    )


def _draw_values(rng: random.Random) -> _Values:
    short = f"{_pick(rng, phrasings.NAME_STEMS)} {_pick(rng, phrasings.NAME_TRADES)}"
    # Different states, years and counts throughout: a distractor never repeats a fact.
    states = rng.sample(phrasings.STATES, 4)
    year = 1925 + rng.randrange(65)
    employees = 200 + rng.randrange(8800)
    industry = _pick(rng, phrasings.INDUSTRIES)
    facts = {
        "inc_state": states[0],
        "inc_year": str(year),
        "employee_count": str(employees),
        "hq_state": states[1],
    }
    fillers = {
        "company": f"{short}, Inc.",
        "short": short,
        "town": _pick(rng, phrasings.TOWNS),
        "plant_town": _pick(rng, phrasings.TOWNS),
        "products": industry,
        "plant_state": states[2],
        "subsidiary_state": states[3],
        "earlier_year": str(year - 2 - rng.randrange(20)),
        "later_year": str(year + 2 + rng.randrange(6)),
        "customers": f"{employees + 50 + rng.randrange(4000):,}",
        "units": f"{20 + rng.randrange(170)}",
        **{key: _written(key, value) for key, value in facts.items()},
    }
    return _Values(facts, fillers)


def _arrange(
    rng: random.Random, values: _Values, facts: dict[str, str], distractors: list[str]
) -> str:
    """Three paragraphs: the business, its history, and the rest, each in a drawn order."""
    history = [facts["inc_state"], facts["inc_year"], distractors[0], distractors[1]]
    today = [facts["employee_count"], facts["hq_state"], distractors[2], distractors[3]]
    rng.shuffle(history)
    rng.shuffle(today)
    opening = _fill(_pick(rng, phrasings.OPENINGS), values)
    remarks = rng.sample(phrasings.REMARKS, 3)
    return "\n\n".join(
        [
            "Item 1. Business",
            f"{opening} {remarks[0]}",
            " ".join([*history, remarks[1]]),
            " ".join([*today, remarks[2]]),
        ]
    )


def _fill(sentence: str, values: _Values) -> str:
    return sentence.format(**values.fillers)


def _written(key: str, value: str) -> str:
    """The value as the text writes it."""
    return f"{int(value):,}" if key == "employee_count" else value


def _pick(rng: random.Random, options: Sequence[str]) -> str:
    return options[rng.randrange(len(options))]
