"""A suite of claims for a pytest of its own: cases of every outcome, with our plugins."""

CASES = """
    import pytest
    from ablation.errors import Unavailable
    from ablation.stats.interval import Interval
    from experiments.judging.verdict import Blocked, Evidence

    GAPS = {"5": 0.2, "10": 0.3, "20": 0.05}

    @pytest.mark.claim("A1", "{level}")
    @pytest.mark.parametrize("level", GAPS)
    def test_gap(level, judged):
        gap = GAPS[level]
        found = Evidence(gap, Interval(gap - 0.02, gap + 0.02), 16, "companies", p=0.001)
        assert judged(found).holds

    @pytest.mark.claim("A1", "5", of="one cell")
    def test_cell(judged):
        assert judged(Evidence(0.2, None, 1, "companies")).holds

    @pytest.mark.claim("A2")
    @pytest.mark.xfail(strict=True, reason="known", raises=AssertionError)
    def test_drop(judged):
        assert judged(Evidence(-0.1, Interval(-0.2, -0.05), 16, "companies", p=0.04)).holds

    @pytest.mark.claim("A3")
    def test_random(judged):
        assert judged(Evidence(0.01, Interval(0.0, 0.02), 16, "companies", p=0.03)).holds

    @pytest.mark.claim("A5")
    def test_weights_missing(judged):
        raise Unavailable("no hub: give --model DIR")

    @pytest.mark.claim("B1", "mean")
    def test_one_layer(judged):
        pytest.skip("one layer")

    @pytest.mark.claim("B2")
    def test_broken(judged):
        raise KeyError("alpha")

    @pytest.mark.published("GPT-2 small")
    @pytest.mark.claim("B7")
    def test_not_printed(judged):
        judged(Blocked("not printed"))
"""


def write_suite(pytester, cases, *more):
    names = (
        "baseline_files.regeneration", "baseline_files.differing", "baseline_files.unused",
        "options", "claims.markers", "claims.chosen", "claims.judged", "claims.table",
        "claims.summary", "claims.known_findings", "baseline_files.fixture",
        *more,
    )  # fmt: skip
    pytester.makeconftest(f"pytest_plugins = {[f'experiments.plugin.{name}' for name in names]}")
    # Imported anew in each run, which takes longer than all of its cases.
    pytester.makeini("[pytest]\naddopts = -p no:hypothesispytest\n")
    pytester.makepyfile(cases)
    return pytester
