"""Sweeps and what they are stored as: exact, computed once, never mistaken for another's."""

import copy
import dataclasses
import itertools
import json
import re
import threading

import pytest
import torch

from ablation.errors import ComputationError
from ablation.heads import Head
from ablation.hooks.sites import head_sites
from ablation.metrics.measured_perplexity import perplexity
from ablation.metrics.paired_perplexity import delta_ppl
from experiments.exp10.measured.evaluations import Evaluations, PerplexitiesOf
from experiments.exp10.measured.individual import individual_document, sweep
from experiments.exp10.options import BIAS_POLICIES, MODES
from experiments.store import DamagedResult, Run, Store
from experiments.tests.exp10.small_settings import small_setting

NUMERICAL = 1e-5  # relative; the same fp32 sums in another order


@pytest.fixture
def evaluations_of(tmp_path):
    numbers = itertools.count()

    def evaluations(*arguments, fresh=False, **options):
        setting = small_setting(tmp_path / "model", *arguments, **options)
        run = Run(f"run {next(numbers)}", "pytest")
        return Evaluations(setting, Store(tmp_path / "store", run, fresh))

    return evaluations


def path_of(evaluations, heads):
    return evaluations.store.path(evaluations.unit(tuple(heads)))


def perplexity_by_weights(setting, head):
    """The same ablation by another way: the head's rows of W_O are 0."""
    model = copy.deepcopy(setting.model.loaded.model)
    with torch.no_grad():
        head_sites(model).output_weight(head.layer)[head.head].zero_()
    return perplexity(model, setting.text.ids, window=setting.window)


@pytest.mark.parametrize("name", ["gpt2", "llama-gqa"])
def test_every_head_is_ablated_alone_and_exactly(name, evaluations_of):
    evaluations = evaluations_of(name, bias="remove")
    swept = sweep(evaluations)
    assert list(swept.ablated) == list(evaluations.setting.model.grid)
    for head, ablated in swept.ablated.items():
        expected = perplexity_by_weights(evaluations.setting, head)
        assert ablated.window_nll_sums == pytest.approx(expected.window_nll_sums, rel=NUMERICAL)
        assert swept.delta(head) == pytest.approx(delta_ppl(swept.unablated, expected), abs=1e-6)
    assert any(abs(delta) > 1e-4 for delta in swept.deltas.values())


@pytest.mark.slow
def test_modes_and_bias_policies_are_different_studies(evaluations_of):
    studies = [{"bias": "keep"}, {"bias": "remove"}, {"mode": "mean"}]
    found = [evaluations_of(**choices) for choices in studies]
    effects = [tuple(sweep(evaluations).deltas.values()) for evaluations in found]
    assert len(set(effects)) == 3
    text = found[0].setting.text.label
    assert [evaluations.setting.tag for evaluations in found] == [
        f"gpt2{mode}_{text}_40x16" for mode in ("", "_zero_remove", "_mean")
    ]
    assert len({evaluations.unit(()).digest for evaluations in found}) == 3


def test_orders_of_heads(evaluations_of):
    swept = sweep(evaluations_of())
    deltas = [swept.delta(head) for head in swept.by_sign()]
    assert deltas == sorted(swept.deltas.values())
    sizes = [abs(swept.delta(head)) for head in swept.by_magnitude()]
    assert sizes == sorted(map(abs, swept.deltas.values()))
    assert [abs(swept.delta(head)) for head in swept.largest(3)] == sizes[:-4:-1]
    assert swept.helping() == [head for head in swept.by_sign() if swept.delta(head) < 0]
    bound = sizes[4]
    assert swept.within(bound) == swept.by_magnitude()[:4]


@pytest.mark.slow
def test_a_finished_evaluation_is_not_computed_again(evaluations_of):
    first = evaluations_of()
    before = sweep(first)
    assert len(first.seconds) == 13  # 12 heads and none
    again = evaluations_of()
    assert sweep(again) == before
    assert len(again.seconds) == 0
    for heads in ((Head(0, 1),), ()):
        path_of(again, heads).unlink()
    partly = evaluations_of()
    assert sweep(partly) == before
    assert len(partly.seconds) == 2


@pytest.mark.slow
def test_what_is_stored_is_found_without_the_mean(evaluations_of, monkeypatch):
    before = sweep(evaluations_of(mode="mean"))

    def run_the_model(*_, **__):
        raise AssertionError("the model ran")

    monkeypatch.setattr("ablation.modes.mean.mean_z", run_the_model)
    again = evaluations_of(mode="mean")
    assert sweep(again) == before
    assert individual_document(again, before)["ablation"]["mode"] == "mean"
    missing = evaluations_of(mode="mean", seed=1)
    with pytest.raises(AssertionError, match="the model ran"):
        missing.perplexity([Head(0, 0)])


def test_a_mean_that_the_device_has_no_room_for_is_one_line(evaluations_of, monkeypatch):
    def fill_the_device(*_, **__):
        raise torch.OutOfMemoryError("no room")

    monkeypatch.setattr("ablation.modes.mean.mean_z", fill_the_device)
    for compute in (sweep, lambda evaluations: evaluations.perplexity([Head(0, 0)])):
        with pytest.raises(ComputationError, match=r"out of memory on the device \(no room\)"):
            compute(evaluations_of(mode="mean"))


@pytest.mark.slow
def test_a_run_that_was_stopped_goes_on_where_it_was(evaluations_of, monkeypatch):
    stopped = evaluations_of()
    computed: list = []
    whole = PerplexitiesOf.measured

    def stop_at_the_sixth(self, heads, measure):
        if len(computed) == 5:
            raise KeyboardInterrupt
        computed.append(heads)
        return whole(self, heads, measure)

    with monkeypatch.context() as patched:
        patched.setattr(PerplexitiesOf, "measured", stop_at_the_sixth)
        with pytest.raises(KeyboardInterrupt):
            sweep(stopped)
    resumed = evaluations_of()
    sweep(resumed)
    assert (len(computed), len(resumed.seconds)) == (5, 8)


@pytest.mark.slow
@pytest.mark.parametrize(
    "other",
    [{"seed": 1}, {"tokens": 30}, {"window": 20}, {"mode": "mean"}, {"bias": "remove"}],
    ids=str,
)
def test_another_model_text_window_or_ablation_is_never_taken_for_this_one(other, evaluations_of):
    sweep(evaluations_of())
    foreign = evaluations_of(**other)
    sweep(foreign)
    assert len(foreign.seconds) == 13


@pytest.mark.slow
def test_another_version_is_never_taken_for_this_one(evaluations_of, monkeypatch):
    sweep(evaluations_of())
    monkeypatch.setattr("experiments.exp10.measured.setting.VERSION", 99)
    later = evaluations_of()
    sweep(later)
    assert len(later.seconds) == 13


def test_a_file_that_was_put_in_the_place_of_another_is_not_believed(evaluations_of):
    before = evaluations_of()
    sweep(before)
    foreign = path_of(before, [Head(2, 3)]).read_bytes()
    path_of(before, [Head(0, 0)]).write_bytes(foreign)
    after = evaluations_of()
    with pytest.warns(DamagedResult, match="the result of something else under this name"):
        assert sweep(after) == sweep(before)
    assert len(after.seconds) == 1


@pytest.mark.slow
def test_fresh_computes_everything_once(evaluations_of):
    sweep(evaluations_of())
    fresh = evaluations_of(fresh=True)
    sweep(fresh)
    sweep(fresh)
    assert len(fresh.seconds) == 13


def test_runs_that_start_together_compute_each_evaluation_once(evaluations_of):
    runs = [evaluations_of() for _ in range(2)]
    found: list = [None, None]

    def run(index):
        found[index] = sweep(runs[index])

    threads = [threading.Thread(target=run, args=(index,)) for index in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found[0] == found[1]
    assert sum(len(run.seconds) for run in runs) == 13


def test_what_another_process_is_computing_is_left_to_it_until_the_end(evaluations_of, monkeypatch):
    evaluations = evaluations_of()
    order: list = []
    whole = PerplexitiesOf.measured

    def measured(self, heads, measure):
        order.append(heads)
        if len(order) == 12:  # all that nobody else is at
            others.release()
        return whole(self, heads, measure)

    monkeypatch.setattr(PerplexitiesOf, "measured", measured)
    others = evaluations.store.lock(evaluations.unit(()))
    with others:
        sweep(evaluations)
    assert len(order) == 13
    assert order[-1] == ()


def test_a_set_of_heads_is_known_whatever_its_order(evaluations_of):
    evaluations = evaluations_of()
    heads = [Head(1, 2), Head(0, 3), Head(2, 0)]
    assert evaluations.perplexity(heads) == evaluations.perplexity(heads[::-1])
    assert len(evaluations.seconds) == 1


@pytest.mark.slow
def test_the_document_has_an_interval_where_there_are_windows_enough(evaluations_of):
    few = evaluations_of()
    document = individual_document(few, sweep(few))
    assert {row["interval"] for row in document["heads"]} == {None}
    many = evaluations_of(tokens=60, window=4)
    document = json.loads(json.dumps(individual_document(many, sweep(many))))
    assert len(document["heads"]) == 12
    for row in document["heads"]:
        low, high = row["interval"]
        assert low <= row["delta_ppl"] <= high
        assert len(row["window_nll_sums"]) == 15


def test_a_perplexity_that_is_not_finite_is_an_error_and_no_result(evaluations_of):
    evaluations = evaluations_of("llama-gqa")
    with torch.no_grad():
        evaluations.setting.model.loaded.model.lm_head.weight.mul_(1e6)
    with pytest.raises(ComputationError, match="unablated: the perplexity is inf"):
        evaluations.perplexity([])
    assert not list(evaluations.store.root.rglob("*.json"))


def test_results_of_default_settings_are_called_after_the_model_alone(tmp_path):
    setting = small_setting(tmp_path, tokens=256, window=256)
    assert re.fullmatch("gpt2_random-[0-9a-f]{8}_256x256", setting.tag)
    # The tiny model's context is 256.
    spec = dataclasses.replace(setting.model.spec, text="random", text_tokens=256)
    usual = dataclasses.replace(setting, model=dataclasses.replace(setting.model, spec=spec))
    assert usual.tag == "gpt2"
    model = dataclasses.replace(usual.model, dtype="bfloat16")
    assert dataclasses.replace(usual, model=model).tag == "gpt2_bfloat16"


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("bias", BIAS_POLICIES)
def test_an_ablation_is_written_down_without_being_made(tmp_path, mode, bias):
    bias = bias if mode == "zero" else "keep"
    setting = small_setting(tmp_path, mode=mode, bias=bias)
    assert setting.describe_ablation() == setting.ablation.describe()
