"""The Markdown that CI shows of a run, through a pytest of its own."""

import pytest

from experiments.pages.readmes.markdown import plain
from experiments.tests.plugin.claims_suite import CASES, write_suite

ONE = """
    import pytest
    from ablation.stats.interval import Interval
    from experiments.judging.verdict import Evidence

    @pytest.mark.claim("A2")
    def test_drop(judged):
        assert judged(Evidence(ESTIMATE, Interval(LOW, 0.2), 16, "companies")).holds
"""


@pytest.fixture
def summarised(pytester):
    """Runs a suite, and gives what it wrote with each name but for the alignment of a table."""

    def run(cases, *arguments):
        suite = write_suite(pytester, cases)
        result = suite.runpytest_inprocess("--claims-summary=made/summary.md", *arguments)
        path = suite.path / "made/summary.md"
        return result, path.read_text(encoding="utf-8") if path.exists() else None

    return run


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "-n 2"])
def test_the_summary_holds_every_claim_with_its_statement_and_verdict(summarised, workers):
    _, text = summarised(CASES, *workers)
    heading, *_ = text.splitlines()
    assert heading.startswith("## Claims: ")
    assert "1 NOT_REPRODUCED" in heading
    (line,) = [line for line in text.splitlines() if line.startswith("| **A2**")]
    assert "| embedded | smollm2 |" in line
    assert "What moved" not in text


def test_what_moved_stands_above_the_table(summarised):
    first = ONE.replace("ESTIMATE", "0.1").replace("LOW", "0.05")
    result, text = summarised(first, "--claims-json=baselines/claims/embedded.json")
    assert result.ret == 0
    assert text.startswith("## Claims: 1 REPRODUCED\n")
    moved, text = summarised(ONE.replace("ESTIMATE", "0.1").replace("LOW", "-0.05"))
    assert moved.ret == 1
    above, _, below = text.partition("### What moved")
    assert above == "## Claims: 1 INCONCLUSIVE\n\n"
    assert "- VERDICT MOVED: A2 embedded smollm2: REPRODUCED → INCONCLUSIVE\n" in below
    assert below.index("VERDICT MOVED") < below.index("| claim |")


def test_it_is_appended_where_github_asks_for_one(pytester, monkeypatch):
    step = pytester.path / "step.md"
    step.write_text("# Of another step\n", encoding="utf-8")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(step))
    suite = write_suite(pytester, ONE.replace("ESTIMATE", "0.1").replace("LOW", "0.05"))
    suite.runpytest_inprocess()
    before = step.read_text(encoding="utf-8")
    assert before.startswith("# Of another step\n## Claims: 1 REPRODUCED\n")
    suite.makepyfile("def test_of_no_claim():\n    pass\n")
    suite.runpytest_inprocess()
    assert step.read_text(encoding="utf-8") == before


def test_figures_that_differ_are_shown_old_and_new(summarised):
    cases = """
        import pytest

        @pytest.mark.baseline("study", "case")
        def test_figures(json_baseline):
            json_baseline.check({"drop": DROP, "heads": ["L1H2"]}, provenance={})
    """
    summarised(cases.replace("DROP", "0.25"), "--regen-all")
    result, text = summarised(cases.replace("DROP", "-0.5"))
    assert result.ret == 1
    result.stdout.fnmatch_lines(
        [
            "=* baselines that differ =*",
            "baseline * figure * old * new * difference",
            "baselines/study/case.json  drop    0.25  -0.5  -0.75",
        ]
    )
    assert "| `baselines/study/case.json` | drop | 0.25 | −0.5 | −0.75 |" in text


def test_a_summary_that_github_does_not_take_is_said_and_the_claims_are_shown(
    pytester, monkeypatch
):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(pytester.path / "nowhere" / "step.md"))
    suite = write_suite(pytester, ONE.replace("ESTIMATE", "0.1").replace("LOW", "0.05"))
    result = suite.runpytest_inprocess()
    assert result.ret == 1
    result.stdout.fnmatch_lines(["A2 * REPRODUCED", "*nowhere/step.md: the result cannot be *"])


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("file/summary.md", "--claims-summary: * cannot be written to: give another file"),
        (".", "--claims-summary needs a file, . is a folder"),
    ],
)
def test_a_summary_that_cannot_be_written_is_a_usage_error(pytester, path, message):
    suite = write_suite(pytester, CASES)
    (suite.path / "file").touch()
    result = suite.runpytest_inprocess(f"--claims-summary={path}")
    assert result.ret == 4
    result.stderr.fnmatch_lines([f"ERROR: {message}"])


def test_a_run_that_only_lists_its_cases_writes_nothing(summarised):
    result, text = summarised(CASES, "--collect-only")
    assert (result.ret, text) == (0, None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("p < 0.05, n = 16 & more", "p < 0.05, n = 16 & more"),
        ("a|b\\|c", "a&#124;b&#92;&#124;c"),
        ("<img src=x>", "&#60;img src=x>"),
        ("&lt; *bold* `code`", "&#38;lt; &#42;bold&#42; &#96;code&#96;"),
        ("[click](http://x)\nnext", "[click]&#40;http://x) next"),
    ],
)
def test_what_others_wrote_is_no_markdown(text, expected):
    assert plain(text) == expected
