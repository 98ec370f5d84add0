"""Blocks on the studies' own figures: what ``headclaims published`` prints, and A1 by length."""

from collections.abc import Callable, Iterator, Mapping

from experiments.claims import LEVELS
from experiments.judging.claim import Tier
from experiments.pages.readmes.markdown import fenced, table
from experiments.pages.readmes.stored import Stored
from experiments.pages.readmes.tables.claims import detail, measured
from experiments.published import tables
from experiments.published.sources.gpt2 import experiment_10
from experiments.published.sources.groups import LENGTHS
from experiments.published.sources.llama3 import llama3_study

SECTIONS: Mapping[str, Callable[[], Iterator[str]]] = {
    "table_against_files": lambda: tables.table_against_files(llama3_study()),
    "single_draw": lambda: tables.single_draw(llama3_study()),
    "methods_by_level": lambda: tables.methods_by_level(llama3_study()),
    "overlaps": lambda: tables.overlaps(llama3_study()),
    "fewest_heads_by_length": lambda: tables.fewest_heads_by_length(llama3_study()),
    "effect_fits": lambda: tables.effect_fits(experiment_10()),
}


def printed(stored: Stored, section: str) -> str:
    """A section as the command prints it."""
    return fenced(SECTIONS[section]())


def gaps_by_length(stored: Stored) -> str:
    """A1 at each length of the study's prompts."""
    rows = [
        (
            str(tokens),
            *(
                measured(
                    detail(stored, Tier.PUBLISHED, "A1", str(level), f"{tokens} tokens"),
                    unit=False,
                    interval=level in (LEVELS[0], LEVELS[-1]),
                )
                for level in LEVELS
            ),
        )
        for tokens in LENGTHS
    ]
    return table(("tokens", *(f"gap at {level}" for level in LEVELS)), rows)
