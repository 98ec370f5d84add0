"""Which file a test's figures are in: named by its marker, its own, known at collection."""

import pytest

TWO_TESTS = """
import pytest

@pytest.mark.baseline("study", "{question}-{tokens}")
@pytest.mark.parametrize("tokens", [512, 2048])
@pytest.mark.parametrize("question", ["inc_state", "hq_state"])
def test_figures(question, tokens, json_baseline):
    json_baseline.check({"question": question, "tokens": tokens}, provenance={})
"""


def test_parameters_fill_in_the_name_and_every_case_has_its_file(project):
    project.run_source(TWO_TESTS, "--regen-all").assert_outcomes(passed=4)
    assert sorted(path.name for path in (project.baselines / "study").iterdir()) == [
        "hq_state-2048.json",
        "hq_state-512.json",
        "inc_state-2048.json",
        "inc_state-512.json",
    ]
    project.run_source(TWO_TESTS).assert_outcomes(passed=4)


@pytest.mark.slow
def test_parallel_workers_write_the_same_files_and_the_summary_names_them_all(project):
    result = project.run_source(TWO_TESTS, "--regen-all", "-n", "2")
    result.assert_outcomes(passed=4)
    result.stdout.fnmatch_lines(
        [
            "baselines written (4): baselines/study/hq_state-2048.json, *hq_state-512.json, "
            "*inc_state-2048.json, *inc_state-512.json"
        ]
    )
    assert len(list((project.baselines / "study").iterdir())) == 4
    result = project.run_source(TWO_TESTS.replace('"tokens": tokens', '"tokens": 512'), "-n", "2")
    result.assert_outcomes(passed=2, failed=2)
    result.stdout.no_fnmatch_line("*baselines written*")


DUPLICATES = {
    "two tests": """
@pytest.mark.baseline("study", "one")
def test_a(json_baseline): json_baseline.check({"a": 1}, provenance={})

@pytest.mark.baseline("study", "one")
def test_b(json_baseline): json_baseline.check({"b": 1}, provenance={})
""",
    "a parameter the name leaves out": """
@pytest.mark.baseline("study", "one")
@pytest.mark.parametrize("tokens", [1, 2])
def test_a(tokens, json_baseline): json_baseline.check({"a": tokens}, provenance={})
""",
    "names that join alike": """
@pytest.mark.baseline("study", "{x}-{y}")
@pytest.mark.parametrize(("x", "y"), [("a-b", "c"), ("a", "b-c")])
def test_a(x, y, json_baseline): json_baseline.check({"a": x}, provenance={})
""",
}


@pytest.mark.parametrize("source", DUPLICATES.values(), ids=DUPLICATES)
def test_two_tests_can_never_share_a_file(project, source):
    result = project.run_source("import pytest\n" + source, "--regen-all")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        ["test_case.py::test_*: test_case.py::test_a* names the same baseline study/*.json: *"]
    )
    assert not project.baselines.exists()


def test_sharing_is_refused_even_if_only_one_of_the_two_is_selected(project):
    result = project.run_source("import pytest\n" + DUPLICATES["two tests"], "-k", "test_a")
    assert result.parseoutcomes()["errors"] == 1
    assert not project.baselines.exists()


@pytest.mark.parametrize("flag", [("-n", "2"), ("--continue-on-collection-errors",)])
def test_where_tests_run_on_after_collection_errors_neither_writes(project, flag):
    source = "import pytest\n" + DUPLICATES["two tests"] + "\ndef test_other(): pass\n"
    result = project.run_source(source, "--regen-all", *flag)
    outcomes = result.parseoutcomes()
    assert (outcomes["passed"], outcomes["errors"]) == (1, 3)
    assert result.ret != 0
    assert not project.baselines.exists()


@pytest.mark.parametrize(
    ("marker", "message"),
    [
        ('baseline("study", "Inc_State")', "*the case of a baseline must match*got 'Inc_State'"),
        ('baseline("study", "../escape")', "*the case of a baseline must match*"),
        ('baseline("study", "a//b")', "*the case of a baseline must match*"),
        ('baseline("study", "a/../b")', "*the case of a baseline must match*"),
        ('baseline("a/b", "c")', "*the experiment of a baseline must match*"),
        ('baseline("study", "a[512]")', "*the case of a baseline must match*"),
        ('baseline("study", "")', "*the case of a baseline must match*"),
        ('baseline("..", "a")', "*the experiment of a baseline must match*"),
        ('baseline("study", "{tokens}")', "*cannot be filled in from the parameters*tokens*"),
        ('baseline("study")', "*takes two strings, experiment and case*"),
        ('baseline("study", case="a")', "*takes two strings, experiment and case*"),
        ("filterwarnings('error')", "*json_baseline without a file*"),
    ],
)
def test_a_marker_that_names_no_usable_file_fails_the_collection(project, marker, message):
    result = project.run_source(
        f"import pytest\n@pytest.mark.{marker}\n"
        "def test_a(json_baseline): json_baseline.check({}, provenance={})"
    )
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([message])
    assert not project.baselines.exists()


@pytest.mark.parametrize(
    ("arguments", "outcomes"),
    [
        ("", {"errors": 1}),
        ("raises=AssertionError", {"errors": 1}),
        ("raises=(KeyError, Exception)", {"errors": 1}),
        ("raises=KeyError", {"failed": 1}),
    ],
)
def test_an_xfail_that_would_hide_a_changed_baseline_fails_the_collection(
    project, arguments, outcomes
):
    project.run("--regen-all").assert_outcomes(passed=1)
    source = project.source.replace("def test_", f"@pytest.mark.xfail({arguments})\ndef test_")
    source = source.replace("check(DATA", "check({**DATA, 'new': 1}")
    project.run_source(source).assert_outcomes(**outcomes)


def test_a_marked_test_that_compares_nothing_fails_the_collection(project):
    result = project.run_source(
        'import pytest\n@pytest.mark.baseline("study", "a")\ndef test_a(): pass'
    )
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*without requesting json_baseline*"])


def test_a_conftest_may_name_the_file_and_the_folder_of_all_files(project):
    project.pytester.makeconftest(
        """
        import pytest
        FILES = "experiments.plugin.baseline_files"
        pytest_plugins = [f"{FILES}.regeneration", f"{FILES}.fixture"]

        @pytest.fixture(scope="session")
        def baselines_root(tmp_path_factory):
            return tmp_path_factory.mktemp("elsewhere")

        def pytest_collection_modifyitems(items):
            items[0].add_marker(pytest.mark.baseline("exp10", "gpt2"))
        """
    )
    result = project.run_source(
        "def test_a(json_baseline):\n"
        "    json_baseline.check({}, provenance={})\n"
        "    assert json_baseline.path.parts[-2:] == ('exp10', 'gpt2.json')",
        "--regen-all",
    )
    result.assert_outcomes(passed=1)
    assert not project.baselines.exists()
