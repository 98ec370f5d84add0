"""A baseline that no case uses fails the run, whenever the run can know."""

import pytest

TWO = """
import pytest

@pytest.mark.parametrize("case", ["a", "b"])
@pytest.mark.baseline("study", "{case}")
def test_figures(case, json_baseline):
    if case == "b":
        pytest.skip("not today")
    json_baseline.check({"case": case}, provenance={})
"""


@pytest.fixture
def two(project):
    """A project of two cases, one of them skipped, with their baselines and one of no case."""
    for name in ("a", "b", "left-over"):
        path = project.baselines / "study" / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f'{{"case": "{name}"}}', encoding="utf-8")
    return project


SAID = "UNUSED BASELINES (1): study/left-over.json: no case uses them; *"


@pytest.mark.parametrize(
    "arguments", [(), ("-k", "a"), ("-k", "b"), ("-n", "2", "-k", "a")], ids=str
)
def test_a_file_of_no_case_fails_the_run_with_its_name(two, arguments):
    result = two.run_source(TWO, *arguments)
    assert result.ret == 1
    result.stdout.fnmatch_lines([SAID])
    (two.baselines / "study" / "left-over.json").unlink()
    result = two.run_source(TWO, *arguments)
    assert result.ret == 0
    result.stdout.no_fnmatch_line("UNUSED*")


@pytest.mark.parametrize(
    "arguments",
    [
        ("test_case.py",),
        ("test_case.py::test_figures[a]",),
        ("--ignore=test_other.py",),
        ("test_case.py", "-n", "2"),
    ],
    ids=str,
)
def test_a_run_that_collects_a_part_cannot_tell(two, arguments):
    result = two.run_source(TWO, *arguments)
    assert result.ret == 0
    result.stdout.no_fnmatch_line("UNUSED*")


def test_a_module_that_could_not_be_imported_may_have_used_it(two):
    other = "import pytest\npytest.importorskip('there_is_no_such_module')\n"
    two.pytester.makepyfile(test_other=other)
    result = two.run_source(TWO)
    assert result.ret == 0
    result.stdout.no_fnmatch_line("UNUSED*")


def test_a_run_may_be_about_some_files_only(two):
    two.make_conftest(
        "from experiments.plugin.baseline_files.unused import IN_SCOPE\n"
        "def pytest_configure(config):\n"
        "    config.stash[IN_SCOPE] = lambda name: not name.startswith('study/left')\n"
    )
    assert two.run_source(TWO).ret == 0
