"""What a user should know is in the summary of a run, whichever worker found it out."""

import pytest

from experiments.tests.plugin.claims_suite import write_suite

CASES = """
    import pytest
    from ablation.errors import notice

    @pytest.mark.parametrize("number", range(4))
    def test_it(number):
        notice("generation_config.json asks for do_sample: answers are greedy all the same")
"""


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "-n 2"])
def test_a_notice_is_printed_once_and_fails_nothing(pytester, workers):
    suite = write_suite(pytester, CASES, "model")
    result = suite.runpytest_subprocess(*workers, "-o", "filterwarnings=error")
    assert result.parseoutcomes()["passed"] == 4
    (printed,) = (line for line in result.outlines if "Notice: " in line)
    assert printed.endswith("asks for do_sample: answers are greedy all the same")
