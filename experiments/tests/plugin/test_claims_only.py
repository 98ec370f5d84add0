"""What is collected: the cases of the studies that are asked for, or everything."""

import subprocess
import sys
from pathlib import Path

import pytest

from experiments.plugin.claims.claims_only import MOST_WORDS, may_match, study_folders

ROOT = Path(__file__).parents[3]
STUDIES = ("exp10", "methods", "published", "qrhead")


def test_studies_are_the_folders_with_cases():
    assert tuple(folder.name for folder in study_folders()) == STUDIES


@pytest.mark.parametrize(
    ("expression", "studies"),
    [
        ("qrhead", ["qrhead"]),
        ("QRHead", ["qrhead"]),
        ("qrhead or exp10", ["exp10", "qrhead"]),
        ("qrhead and contribution or exp10 and penetration", ["exp10", "qrhead"]),
        ("A4", STUDIES),
        ("a1 and not published", ["exp10", "methods", "qrhead"]),
        ("B3 or B4", STUDIES),
        ("published and B3", ["published"]),
    ],
)
def test_claims_are_asked_for(expression, studies):
    assert not may_match(expression, STUDIES)
    assert [name for name in STUDIES if may_match(expression, STUDIES, name)] == [*studies]


@pytest.mark.parametrize(
    "expression",
    [
        "", "hostile", "not qrhead", "qrhead or answers", "not (A1 and qrhead)", "(",
        "qrhead and", " or ".join(f"word{n}" for n in range(MOST_WORDS + 1)),
    ],
)  # fmt: skip
def test_anything_may_be_asked_for(expression):
    assert may_match(expression, STUDIES)


def collected(*options, cwd=ROOT):
    """The ids of what a run collects, and what it says."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, *map(str, options)], cwd=cwd, capture_output=True, text=True, check=False
    )
    return [line for line in done.stdout.splitlines() if "::" in line], done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("where", [(), (ROOT,)], ids=["in the checkout", "from elsewhere"])
def test_a_study_is_collected_alone_and_other_files_are_not_missed(where, tmp_path):
    ids, output = collected("-k", "qrhead", *where, cwd=tmp_path if where else ROOT)
    assert ids
    assert all("qrhead/test_" in one for one in ids)
    assert "UNUSED BASELINES" not in output


@pytest.mark.slow
def test_claims_of_several_studies_are_found_whatever_else_is_asked():
    ids, output = collected("--claim", "A1,B3", "-k", "qrhead")
    assert ids
    assert all("qrhead/test_" in one for one in ids), output
    ids, output = collected("--claim", "A5", "-k", "published")
    assert not ids
    assert "no tests collected" in output


@pytest.mark.slow
def test_no_case_is_called_after_another_study():
    ids, _ = collected(*(f"experiments/{name}" for name in STUDIES))
    assert len(ids) > 400
    for name in STUDIES:
        inside = {one for one in ids if one.startswith(f"experiments/{name}/")}
        assert not [one for one in {*ids} - inside if name in one.lower()]


@pytest.mark.slow
def test_whoever_names_a_path_gets_what_lies_there():
    ids, _ = collected("-k", "qrhead or verdict", "experiments/tests/judging")
    assert ids
    assert all(one.startswith("experiments/tests/judging/") for one in ids)
