"""Evidence that a run stores and is compared with, through a pytest of its own."""

import json

import pytest

from experiments.tests.plugin.claims_suite import CASES, write_suite


@pytest.fixture
def suite(pytester):
    return write_suite(pytester, CASES)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("file/claims.json", "--claims-json: * cannot be written to*"),
        (".", "--claims-json needs a file, . is a folder"),
    ],
)
def test_a_claims_file_that_cannot_be_is_a_usage_error(suite, path, message):
    (suite.path / "file").touch()
    result = suite.runpytest_inprocess(f"--claims-json={path}")
    assert result.ret == 4
    result.stderr.fnmatch_lines([f"ERROR: {message}"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"sch', "*stored.json: cannot be read as JSON; restore the file*"),
        ('{"schema": 1}', "*stored.json: claims of schema 1 are required; restore the file*"),
    ],
)
def test_damaged_evidence_is_a_usage_error(suite, text, message):
    folder = suite.path / "baselines" / "claims"
    folder.mkdir(parents=True)
    (folder / "stored.json").write_text(text, encoding="utf-8")
    result = suite.runpytest_inprocess()
    assert result.ret == 4
    result.stderr.fnmatch_lines([f"ERROR: {message}"])


ONE = """
    import pytest
    from ablation.stats.interval import Interval
    from experiments.judging.verdict import Evidence

    @pytest.mark.claim("A2")
    def test_drop(judged):
        assert judged(Evidence({estimate}, Interval({low}, 0.2), 16, "companies")).holds
"""


@pytest.mark.slow
def test_a_verdict_that_moves_fails_the_run_until_it_is_stored(pytester):
    stored = "--claims-json=baselines/claims/embedded.json"
    suite = write_suite(pytester, ONE.format(estimate=0.1, low=0.05))
    assert suite.runpytest_inprocess(stored).ret == 0
    assert suite.runpytest_inprocess().ret == 0
    document = json.loads((suite.path / "baselines/claims/embedded.json").read_text("utf-8"))
    assert {"time", "versions", "cpu", "commit", "command"} <= document["provenance"].keys()
    assert document["provenance"]["versions"]["scipy"]

    suite.makepyfile(ONE.format(estimate=0.1, low=-0.05))
    moved = suite.runpytest_inprocess("-k", "drop")
    moved.assert_outcomes()  # it neither passes nor fails
    assert moved.ret == 1
    moved.stdout.fnmatch_lines(
        ["VERDICT MOVED: A2 embedded smollm2: REPRODUCED → INCONCLUSIVE", "if that is right, *"]
    )
    # Another computation is not compared.
    assert suite.runpytest_inprocess("--tokens", "2048").ret == 0
    refused = suite.runpytest_inprocess(stored)
    assert refused.ret == 1
    refused.stdout.fnmatch_lines(["VERDICT MOVED: A2 *", "NOT WRITTEN: *--accept-verdict-change*"])
    assert suite.runpytest_inprocess().ret == 1
    assert suite.runpytest_inprocess(stored, "--accept-verdict-change").ret == 0
    assert suite.runpytest_inprocess().ret == 0


@pytest.mark.slow
def test_evidence_is_compared_with_that_of_a_run_with_the_same_options(pytester):
    default, larger = (f"--claims-json=baselines/claims/{name}.json" for name in ("one", "two"))
    suite = write_suite(pytester, ONE.format(estimate=0.1, low=0.05))
    assert suite.runpytest_inprocess(default).ret == 0
    suite.makepyfile(ONE.format(estimate=0.1, low=-0.05))
    assert suite.runpytest_inprocess(larger, "--control-draws=20").ret == 0
    document = json.loads((suite.path / "baselines/claims/two.json").read_text("utf-8"))
    assert document["options"] == ["--control-draws=20"]

    suite.makepyfile(ONE.format(estimate=0.1, low=0.05))
    assert suite.runpytest_inprocess().ret == 0
    moved = suite.runpytest_inprocess("--control-draws=20")
    assert moved.ret == 1
    moved.stdout.fnmatch_lines(["VERDICT MOVED: A2 embedded smollm2: INCONCLUSIVE → REPRODUCED"])
    refused = suite.runpytest_inprocess(larger)
    assert refused.ret == 1
    refused.stdout.fnmatch_lines(
        ["NOT WRITTEN: * holds what a run with --control-draws=20 has found, and this*"]
    )


def test_evidence_is_not_replaced_by_that_of_fewer_claims(pytester):
    stored = "--claims-json=baselines/claims/embedded.json"
    suite = write_suite(pytester, CASES)
    suite.runpytest_inprocess(stored)
    path = suite.path / "baselines/claims/embedded.json"
    before = path.read_text(encoding="utf-8")
    assert suite.runpytest_inprocess(stored, "--collect-only", "-q").ret == 0
    result = suite.runpytest_inprocess(stored, "-k", "random")
    result.assert_outcomes(passed=1)
    assert result.ret == 1
    result.stdout.fnmatch_lines(["NOT WRITTEN: * holds A1 embedded smollm2, A2 embedded*"])
    assert path.read_text(encoding="utf-8") == before


def test_a_verdict_that_moves_by_holms_correction_is_noticed(pytester):
    cases = """
        import pytest
        from ablation.stats.interval import Interval
        from experiments.judging.verdict import Evidence

        @pytest.mark.claim("A2")
        def test_drop(judged):
            assert judged(Evidence(0.1, Interval(0.05, 0.2), 16, "companies", p=P)).holds

        @pytest.mark.claim("A3")
        def test_random(judged):
            assert judged(Evidence(0.01, Interval(0.0, 0.02), 16, "companies", p=P)).holds
    """
    suite = write_suite(pytester, cases.replace("p=P", "p=0.008"))
    assert suite.runpytest_inprocess("--claims-json=baselines/claims/x.json").ret == 0
    suite.makepyfile(cases.replace("p=P", "p=0.03"))
    result = suite.runpytest_inprocess()
    assert result.ret == 1
    result.stdout.fnmatch_lines(["VERDICT MOVED: A2 embedded smollm2: REPRODUCED → INCONCLUSIVE"])
    # The family is the study's, whatever was chosen; but with fewer of it nothing is compared.
    alone = suite.runpytest_inprocess("-k", "drop")
    assert alone.ret == 0
    alone.stdout.fnmatch_lines(["A2 * 0.18 (Holm) * INCONCLUSIVE"])


def test_evidence_of_all_kinds_can_be_stored_again_and_ends_no_later_run(pytester):
    cases = """
        import math
        import pytest
        from ablation.stats.interval import Interval
        from experiments.judging.verdict import Evidence

        @pytest.mark.claim("B1", "mean")
        def test_ratio(judged):
            assert judged(Evidence(math.inf, Interval(2.0, math.inf), 16, "blocks")).holds

        @pytest.mark.claim("A1", "5", of="one cell")
        def test_cell(judged):
            assert judged(Evidence.exact(1.0, 1, "companies")).holds

        @pytest.mark.claim("A5")
        def test_path(judged):
            judged(Blocked("no model in folder-\\udcff"))
    """.replace("import Evidence", "import Blocked, Evidence")
    suite = write_suite(pytester, cases)
    stored = "--claims-json=baselines/claims/embedded.json"
    for arguments in ([stored], [], [stored], ["-k", "cell"]):
        result = suite.runpytest_inprocess(*arguments)
        assert result.ret == 0
        result.stdout.no_fnmatch_line("*NOT WRITTEN*")
