"""What is there once tests are collected is not looked at for garbage."""

import gc

PLUGIN = ("-p", "ablation.tests.support.lasting_objects")

CASE = """
import gc

def test_it():
    assert gc.isenabled()
    assert gc.get_freeze_count() > len(gc.get_objects())
"""


def test_what_was_collected_is_kept_and_a_run_within_a_test_keeps_nothing(pytester):
    pytester.makepyfile(CASE)
    alone = pytester.runpytest_subprocess(*PLUGIN)
    assert alone.ret == 0, alone.stdout.str()
    kept = gc.get_freeze_count()
    assert kept > 0, "this run itself"
    pytester.makepyfile("def test_it(): pass")
    assert pytester.runpytest_inprocess(*PLUGIN).ret == 0
    assert gc.get_freeze_count() <= kept
    assert gc.isenabled()


def test_a_collection_that_fails_leaves_the_collector_on(pytester):
    pytester.makeconftest(
        "import gc\ndef pytest_unconfigure(): print('collector', gc.isenabled())\n"
    )
    failed = pytester.runpytest_subprocess(*PLUGIN, "not_there.py")
    assert failed.ret == 4
    failed.stdout.fnmatch_lines(["collector True"])
