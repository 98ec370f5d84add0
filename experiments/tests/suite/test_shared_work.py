"""How workers share a whole run of our own tests, and which cases have their shapes checked."""

import pytest

from ablation.tests.support.quick_run import MOST
from ablation.tests.support.shared_work import pytest_xdist_make_scheduler, unit_of

PLUGINS = [
    word
    for name in ("quick_run", "shape_checks", "shared_work")
    for word in ("-p", f"ablation.tests.support.{name}")
]


def test_what_shares_a_fixture_and_clusters_go_to_one_worker():
    faults = "experiments/tests/cluster/faults/test_drivers.py::test_a[1]"
    hosts = "experiments/tests/cluster/faults/test_hosts.py::test_b"
    assert unit_of(faults) == unit_of(hosts)
    page = "experiments/tests/pages/test_page.py"
    assert unit_of(f"{page}::test_a[x::y]") == unit_of(f"{page}::test_b") == page
    of_a_product = "ablation/tests/ablator/test_exactness.py::test_a[x]"
    assert unit_of(of_a_product) == of_a_product
    claim = "experiments/qrhead/test_claims.py::test_a[x]"
    assert unit_of(claim) == claim


def written(pytester, path, text):
    path = pytester.path / path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def test_the_longest_files_come_first_and_single_cases_last(pytester):
    folders = ("ablation/tests", "experiments/study", "experiments/tests")
    for folder in (*folders, "experiments/tests/cluster"):
        written(pytester, f"{folder}/test_it.py", "def test_it(): pass\n")
    options = ("--import-mode=importlib", "--collect-only", "-q")
    result = pytester.runpytest_inprocess(*PLUGINS, *options)
    order = [line.partition("/test_it.py")[0] for line in result.outlines if "::" in line]
    assert order == ["experiments/tests/cluster", *reversed(folders)]


@pytest.mark.parametrize(
    ("options", "ours"),
    [
        (["-n", "2"], True),
        (["-n", "2", "--dist", "worksteal"], False),
        (["-n", "2", "-k", "x"], False),
    ],
)
def test_whoever_says_how_work_is_shared_has_it_so(options, ours, pytester):
    pytest.importorskip("xdist", reason="needs xdist: pip install -e .")
    config = pytester.parseconfig(*PLUGINS, *options)
    config.option.tx = ["popen"] * 2  # as xdist does once the command line has been read
    if config.option.dist == "no":
        config.option.dist = "load"
    assert (pytest_xdist_make_scheduler(config, None) is not None) == ours


@pytest.mark.slow
def test_each_file_is_run_by_one_worker(pytester):
    pytest.importorskip("xdist", reason="needs xdist: pip install -e .")
    cases = "import os\nimport pytest\n@pytest.mark.parametrize('n', range(6))\n"
    noted = "def test_it(n, worker_id):\n    with open(__file__ + '.by', 'a') as by:\n        "
    for name in "ab":
        written(
            pytester,
            f"experiments/tests/test_{name}.py",
            cases + noted + "print(worker_id, file=by)\n",
        )
    result = pytester.runpytest_subprocess(*PLUGINS, "--thorough", "-n", "2")
    result.assert_outcomes(passed=12)
    by = [
        (pytester.path / f"experiments/tests/test_{name}.py.by").read_text().split()
        for name in "ab"
    ]
    assert [len(set(one)) for one in by] == [1, 1]
    assert by[0] != by[1]


CHECKED = """
import jaxtyping, pytest
@pytest.mark.slow
@pytest.mark.parametrize("n", range({cases}))
def test_it(n):
    with open({noted!r}, "a") as noted:
        print(jaxtyping.config.jaxtyping_disable, file=noted)
"""


@pytest.mark.parametrize(("options", "checked"), [(["--thorough"], MOST), (["-k", "it"], 3 * MOST)])
def test_some_cases_of_a_product_have_shapes_checked(options, checked, pytester):
    noted = pytester.path / "noted"
    written(pytester, "tests/test_it.py", CHECKED.format(cases=3 * MOST, noted=str(noted)))
    pytester.runpytest_subprocess(*PLUGINS, *options).assert_outcomes(passed=3 * MOST)
    assert noted.read_text().split().count("False") == checked


def test_claims_run_without_the_checks(pytester):
    noted = pytester.path / "noted"
    written(pytester, "study/test_it.py", CHECKED.format(cases=2, noted=str(noted)))
    pytester.runpytest_subprocess(*PLUGINS).assert_outcomes(passed=2)
    assert noted.read_text().split() == ["True", "True"]


COUNTED = """
import pytest
from ablation.tests.support.checked import calls

@pytest.fixture
def called():
    assert not calls
    calls[len] += 1

@pytest.mark.parametrize("n", range(2))
def test_it(called, n):
    assert not calls
    calls[len] += 1
"""


def test_fixtures_and_every_test_have_their_own_first_calls(pytester):
    written(pytester, "tests/test_it.py", COUNTED)
    pytester.runpytest_subprocess(*PLUGINS).assert_outcomes(passed=2)
