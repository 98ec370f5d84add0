"""The README's example of a claim and its case: it runs as it stands there."""

import re
from typing import Any

import pytest

from ablation.detection.controls import LAYER_MATCHED
from experiments.cells.outcomes import CellOutcomes
from experiments.claims import STUDIES
from experiments.judging.stored_evidence import CHECKOUT
from experiments.judging.study import Registry, Study
from experiments.judging.verdict import Verdict, judge

MARK = "<!-- example: a claim and its case -->"
FILINGS = [f"filing {number}" for number in range(40)]


@pytest.fixture
def example():
    """What the example defines."""
    page = (CHECKOUT / "README.md").read_text(encoding="utf-8")
    code = re.match(r"\s*```python\n(.*?)```", page.partition(MARK)[2], re.DOTALL)
    assert code is not None, f"README.md has no block of Python behind {MARK}"
    assert len(code[1].splitlines()) <= 15
    names: dict[str, Any] = {}
    exec(compile(code[1], "README.md", "exec"), names)
    return names


def cell(lost):
    """A cell where ablated top heads cost ``lost`` of forty answers, and the control none."""
    right = dict.fromkeys(FILINGS, True)
    wrong = right | dict.fromkeys(FILINGS[:lost], False)
    companies = {filing: filing for filing in FILINGS}
    return CellOutcomes(
        "inc_state", 512, companies, right, {50: wrong}, {LAYER_MATCHED: [{50: right}]}
    )


def test_the_claim_has_a_place_in_the_registry(example):
    study, registry = STUDIES["qrhead"], Registry()
    registry.register(Study(study.name, (*study.claims, example["A9"]), study.models))
    assert [*registry.claims][-1] == "A9"


@pytest.mark.parametrize(
    ("lost", "verdict"), [(32, Verdict.REPRODUCED), (0, Verdict.NOT_REPRODUCED)]
)
def test_the_case_judges_it_by_what_was_measured(example, lost, verdict):
    case = example["test_the_top_50_heads_are_needed"]
    (mark,) = case.pytestmark
    assert (mark.name, mark.args) == ("claim", ("A9",))
    given = []

    class Judgement:
        def __init__(self, evidence):
            given.append(evidence)
            self.holds = judge(example["A9"].criterion(), evidence) is Verdict.REPRODUCED

    if verdict is Verdict.REPRODUCED:
        case([cell(lost)], 0.0, Judgement)
    else:
        with pytest.raises(AssertionError):
            case([cell(lost)], 0.0, Judgement)
    assert judge(example["A9"].criterion(), *given) is verdict
