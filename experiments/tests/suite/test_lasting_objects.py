"""What is there once tests are collected is not looked at for garbage; what tests make is."""

import gc
import weakref

PLUGIN = ("-p", "ablation.tests.support.lasting_objects")

CASE = """
import gc

def test_it():
    assert gc.isenabled()
    assert gc.get_freeze_count() > len(gc.get_objects())
"""


class InACircle:
    def __init__(self):
        self.itself = self


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


def test_what_a_test_leaves_is_garbage_all_the_same():
    left = weakref.ref(InACircle())
    gc.collect()
    assert left() is None


def test_a_collection_that_fails_leaves_the_collector_on(pytester):
    pytester.makeconftest(
        "import gc\ndef pytest_unconfigure(): print('collector', gc.isenabled())\n"
    )
    pytester.makepyfile("1 / 0")
    failed = pytester.runpytest_subprocess(*PLUGIN)
    assert failed.ret != 0
    failed.stdout.fnmatch_lines(["collector True"])
