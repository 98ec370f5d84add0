"""The whole life of a baseline, walked in small projects of their own."""

import json
import sys
from pathlib import Path

import pytest

from experiments.plugin.baseline_files.fixture import write_json


def test_a_missing_baseline_is_written_and_fails_and_then_passes(project):
    result = project.run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*File not found in data directory, created:*",
            f"*{project.baseline}",
            "baselines written (1): baselines/study/inc_state-512.json",
        ]
    )
    result = project.run()
    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*baselines written*")


def test_the_file_is_readable_json_with_the_provenance_last(settled):
    text = settled.baseline.read_text(encoding="utf-8")
    assert text.startswith('{\n "heads": [\n  "L17H0"\n ],\n "top": [')
    assert text.endswith(' "provenance": {\n  "machine": "a"\n }\n}\n')
    assert [path.name for path in settled.baseline.parent.iterdir()] == [settled.baseline.name]


def test_a_change_within_the_tolerance_passes_and_leaves_the_file(settled):
    settled.run(correct=12).assert_outcomes(passed=1)
    assert settled.stored_correct() == 11


def test_a_change_beyond_the_tolerance_fails_with_differences_then_files_then_remedy(settled):
    result = settled.run(correct=13, heads=["L23H0"])
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "E*AssertionError: differences from the baseline: 2",
            'E*heads.0: expected "L17H0", got "L23H0"',
            "E*top.0.correct: expected 11, got 13 (tolerance ± 1: one item may tip on another CPU)",
            f"E*expected: {settled.baseline}",
            "E*obtained: *inc_state-512.obtained.json",
            "E*--force-regen*--regen-all*",
        ],
        consecutive=True,
    )
    assert settled.stored_correct() == 11


def test_the_failure_shows_the_call_and_no_inside_of_the_plugin(settled):
    result = settled.run(correct=13)
    result.stdout.fnmatch_lines([">       json_baseline.check(*"])
    result.stdout.no_fnmatch_line("*perform_regression_check*")
    result.stdout.no_fnmatch_line("*baselines.py:*")


def test_the_obtained_file_is_kept_outside_the_baselines(settled):
    lines = settled.run(correct=13).outlines
    line = next(line for line in lines if line.startswith("E") and "obtained: " in line)
    obtained = Path(line.split("obtained: ")[1])
    assert json.loads(obtained.read_text(encoding="utf-8"))["top"][0]["correct"] == 13
    assert settled.baselines not in obtained.parents


def test_keys_are_compared_both_ways(settled):
    result = settled.run(extra=1)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E*extra: unexpected key: expected nothing, got 1"])
    settled.run("--regen-all", extra=1).assert_outcomes(passed=1)
    result = settled.run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E*extra: missing key: expected 1, got nothing"])


def test_provenance_is_stored_and_not_compared(settled):
    settled.run(provenance="b").assert_outcomes(passed=1)
    assert settled.stored()["provenance"] == {"machine": "a"}
    settled.run("--regen-all", provenance="b").assert_outcomes(passed=1)
    assert settled.stored()["provenance"] == {"machine": "b"}


def test_force_regen_rewrites_what_differs_and_fails(settled):
    settled.run("--force-regen", correct=12).assert_outcomes(passed=1)
    assert settled.stored_correct() == 11
    result = settled.run("--force-regen", correct=13)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*top.0.correct: expected 11, got 13*",
            "*--force-regen set, regenerating file at:*",
            "baselines written (1): baselines/study/inc_state-512.json",
        ]
    )
    assert settled.stored_correct() == 13
    settled.run(correct=13).assert_outcomes(passed=1)


def test_regen_all_rewrites_and_passes(settled):
    result = settled.run("--regen-all", correct=3)
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["baselines written (1): baselines/study/inc_state-512.json"])
    assert settled.stored_correct() == 3


@pytest.mark.parametrize("flags", [(), ("--force-regen",)], ids=["plain", "force-regen"])
def test_in_ci_a_missing_baseline_fails_and_writes_nothing(project, monkeypatch, flags):
    monkeypatch.setenv("CI", "true")
    result = project.run(*flags)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f"no baseline {project.baseline}; nothing was written*commit*"])
    assert not project.baselines.exists()


@pytest.mark.parametrize("value", ["", "0", "false"])
def test_a_ci_variable_that_says_no_is_no_ci(project, monkeypatch, value):
    monkeypatch.setenv("CI", value)
    project.run().assert_outcomes(failed=1)
    assert project.baseline.is_file()


def test_in_ci_regen_all_still_writes_since_it_says_so(project, monkeypatch):
    monkeypatch.setenv("CI", "true")
    project.run("--regen-all").assert_outcomes(passed=1)
    project.run().assert_outcomes(passed=1)


@pytest.mark.parametrize("content", [b'{"top": [', b"\xff\xfe", b'{"a": NaN}', b""])
def test_a_damaged_file_fails_in_one_line_and_both_flags_mend_it(settled, content):
    settled.baseline.write_bytes(content)
    result = settled.run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f"E*{settled.baseline} is damaged (*--force-regen, --regen-all)"])
    assert settled.baseline.read_bytes() == content
    settled.run("--force-regen").assert_outcomes(failed=1)
    settled.run().assert_outcomes(passed=1)
    settled.baseline.write_bytes(content)
    settled.run("--regen-all").assert_outcomes(passed=1)
    settled.run().assert_outcomes(passed=1)


@pytest.mark.parametrize("flags", [(), ("--regen-all",)], ids=["plain", "regen-all"])
def test_nan_is_refused_and_nothing_is_written(project, flags):
    result = project.run(*flags, correct=float("nan"))
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E*top.0.correct: a figure must be finite to be stored, got nan"])
    assert not project.baselines.exists()


def test_a_writer_killed_before_the_replacement_leaves_the_old_file_whole(settled):
    before = settled.baseline.read_bytes()
    settled.run(correct=13).assert_outcomes(failed=1)
    killer = "import os, pathlib\npathlib.Path.replace = lambda *_: os._exit(9)\n"
    result = settled.pytester.run(
        sys.executable, "-c", f"{killer}import pytest\npytest.main(['--regen-all'])"
    )
    assert result.ret == 9
    (unfinished,) = settled.baseline.parent.glob(".inc_state-512.json.*.tmp")
    assert json.loads(unfinished.read_text(encoding="utf-8"))["top"][0]["correct"] == 13
    assert settled.baseline.read_bytes() == before
    settled.run().assert_outcomes(passed=1)


def test_a_full_disk_leaves_the_old_file_whole(tmp_path, monkeypatch):
    path = tmp_path / "case.json"
    write_json(path, {"old": 1})

    def full(self, target):
        raise OSError("No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        write_json(path, {"new": 2})
    assert json.loads(path.read_text()) == {"old": 1}
    assert list(tmp_path.iterdir()) == [path]


def test_a_second_check_in_one_test_is_refused(project):
    call = "    json_baseline.check(DATA, provenance=PROVENANCE)\n"
    project.run("--regen-all")
    result = project.run_source(project.source + call)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E*was checked already in this test*"])


def test_a_data_key_named_provenance_is_refused(project):
    result = project.run_source(
        """
        import pytest

        @pytest.mark.baseline("study", "a")
        def test_a(json_baseline): json_baseline.check({"provenance": 1}, provenance={})
        """
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E*must not hold the key 'provenance'*"])
