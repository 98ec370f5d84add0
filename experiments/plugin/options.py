"""Which model the claims are judged on: pytest options, the same words as the command line's."""

import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest

from ablation.detection.controls import UNIFORM, control_draws
from ablation.engine import ACTIVATION_MIB, ENGINE_NAMES, FAST, EngineChoice
from ablation.errors import HeadclaimsError
from ablation.filings.filing import QUESTIONS, FilingSet
from ablation.filings.split import Fold, folds
from ablation.filings.synthetic import DEFAULT_COUNT
from ablation.models.registry import (
    AUTO,
    DTYPES,
    EMBEDDED_MODEL,
    MODELS,
    ModelSpec,
    model_spec,
)
from ablation.prompts.styles import STYLES
from experiments.cells.filings import load_filings
from experiments.cells.names import CellName
from experiments.exp10.options import BIAS_POLICIES, BOS_CHOICES, Exp10Options
from experiments.judging import run_options
from experiments.judging.stored_evidence import EVIDENCE
from experiments.machine.garbage import look_seldom
from experiments.machine.threads import bind_threads, sleep_soon, threads_per_worker
from experiments.plugin.baseline_files.unused import IN_SCOPE
from experiments.store.opening import STORE_HELP


def pytest_addoption(parser: pytest.Parser) -> None:
    try:
        _add_options(parser)
    except ValueError as error:
        raise pytest.UsageError(
            f"another plugin of pytest has an option that is needed here ({error}): leave that "
            "plugin out with -p no:NAME; pytest --trace-config lists them"
        ) from None


def _add_options(parser: pytest.Parser) -> None:
    group = parser.getgroup("headclaims", "headclaims: what the claims are judged on")
    group.addoption(
        "--model",
        default=EMBEDDED_MODEL,
        help=f"{', '.join(MODELS)}, a directory, a .gguf file, or a hub id owner/name (default: "
        "%(default)s)",
    )
    group.addoption(
        "--site",
        help="where the heads are in a model of an unknown class: attention=PATH,projection=PATH",
    )
    group.addoption(
        "--tokens",
        type=_lengths,
        help="prompt lengths in tokens, with commas between (default: the model's first)",
    )
    group.addoption("--filings", type=Path, help="directory of EDGAR-CRAWLER JSON files")
    group.addoption("--ground-truth", type=Path, help="CSV with the facts of those filings")
    group.addoption(
        "--synthetic",
        type=int,
        default=DEFAULT_COUNT,
        help="how many synthetic filings, without --filings (default: %(default)s)",
    )
    group.addoption(
        "--folds",
        type=int,
        help="split in so many ways, by company, so that every filing is tested once: for few "
        "filings (default: one split, 80%% detect)",
    )
    group.addoption("--prompt-style", choices=list(STYLES), help="default: the model's own")
    group.addoption(
        "--control-draws",
        type=int,
        default=1,
        help="how many draws of control heads, layer-matched and (at 10 and 50 heads) uniform; 20 "
        "or more for a publication (default: %(default)s)",
    )
    group.addoption(
        "--text",
        help="text of exp10: embedded, wikitext2 or a file (default: the model's own)",
    )
    group.addoption("--max-tokens", type=int, help="how many tokens of it (default: the model's)")
    group.addoption(
        "--window",
        type=int,
        help="tokens per window (default: the smallest of context, 1024 and --max-tokens)",
    )
    group.addoption(
        "--bos",
        choices=BOS_CHOICES,
        help="which windows of exp10 begin with the tokenizer's BOS (default: each where the "
        "tokenizer puts it before a text by itself, else none)",
    )
    group.addoption(
        "--bias",
        choices=BIAS_POLICIES,
        default=BIAS_POLICIES[0],
        help="value biases under zero ablation in exp10 (default: %(default)s, the study's)",
    )
    group.addoption(
        "--device",
        default="cpu",
        help="where torch computes: cpu, cuda, or auto: on all GPUs, and what does not fit into "
        "70%% of their free memory waits in the CPU's (default: %(default)s)",
    )
    group.addoption("--dtype", choices=DTYPES, default="float32", help="default: %(default)s")
    group.addoption(
        "--engine",
        choices=ENGINE_NAMES,
        default=FAST,
        help="reference: run the whole model anew for every set of heads (default: %(default)s)",
    )
    group.addoption(
        "--activation-memory",
        type=int,
        default=ACTIVATION_MIB,
        help="MiB for the residual streams that sets of heads share in exp10; windows beyond that "
        "run all layers for every set (default: %(default)s)",
    )
    group.addoption("--store", help=f"{STORE_HELP} Default: in the user's cache.")
    group.addoption(
        "--fresh", action="store_true", help="compute even what is stored already, once a run"
    )
    group.addoption(
        "--fuzz",
        type=int,
        default=30,
        metavar="N",
        help="how many damaged files of each format the tests try (default: %(default)s)",
    )
    group.addoption(
        "--fuzz-seed",
        default=os.environ.get("HEADCLAIMS_FUZZ_SEED", "0"),
        metavar="S",
        help="what they are drawn with (default: HEADCLAIMS_FUZZ_SEED, or 0)",
    )
    group.addoption(
        "--out",
        type=Path,
        help="keep the studies' own result files here (default: a temporary folder)",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    # Cases are handed out one by one, in their order: neighbours are often of different cells, and
    # each worker that takes one computes its results for all. (Loads of several cases at once, the
    # default, would have the workers wait for one another; and the schedulers by scope never end
    # when a worker was killed.) Set here and not in the configuration file, where it would be an
    # unknown option without xdist.
    if config.getoption("maxschedchunk", 1) is None:
        config.option.maxschedchunk = 1


def pytest_configure(config: pytest.Config) -> None:
    # Not in the process that only hands out work: the workers inherit its environment.
    if not config.getoption("numprocesses", None):
        sleep_soon()
        look_seldom()
        if "OMP_NUM_THREADS" not in os.environ:
            bind_threads(threads_per_worker())
    config.stash[IN_SCOPE] = lambda name: _is_about(config, name)
    try:
        chosen_spec(config)
        chosen_engine(config)
        control_draws(UNIFORM, config.getoption("control_draws"))
        _chosen_folds(config)
        if config.getoption("filings") or config.getoption("ground_truth"):
            chosen_filings(config)
    except HeadclaimsError as error:
        raise pytest.UsageError(str(error)) from None
    if config.getoption("device") == AUTO and (config.getoption("numprocesses", None) or 1) > 1:
        raise pytest.UsageError(
            "--device auto takes all GPUs for one process: run without -n, or give --device cuda, "
            "by which each worker has a GPU"
        )


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Names what could not be used of the user's filings."""
    if not config.getoption("filings"):
        return []
    filings = chosen_filings(config)
    counts = f"{len(filings.filings)} used, {len(filings.rejected)} not"
    return [f"filings: {filings.source}; {counts}", *(f"  not used: {x}" for x in filings.rejected)]


@cache
def chosen_filings(config: pytest.Config) -> FilingSet:
    """The filings of the options.

    Raises:
        InvalidInput: there are none that can be used.
    """
    options = ("filings", "ground_truth", "synthetic")
    return load_filings(*(config.getoption(option) for option in options))


def chosen_spec(config: pytest.Config) -> ModelSpec:
    """The model of ``--model``.

    Raises:
        InvalidInput: there is no such model.
    """
    return model_spec(*(config.getoption(name) for name in ("model", "prompt_style", "site")))


def chosen_engine(config: pytest.Config) -> EngineChoice:
    """The engine of ``--engine``.

    Raises:
        InvalidInput: its memory is negative.
    """
    return EngineChoice(config.getoption("engine"), config.getoption("activation_memory"))


def chosen_cells(config: pytest.Config) -> list[CellName]:
    """The cells that are judged: the model's, every question at every length."""
    spec = chosen_spec(config)
    return [
        CellName(spec.key, question, tokens, fold)
        for tokens in config.getoption("tokens") or spec.token_lengths[:1]
        for question in QUESTIONS
        for fold in _chosen_folds(config)
    ]


def _chosen_folds(config: pytest.Config) -> Sequence[Fold | None]:
    number = config.getoption("folds")
    return (None,) if number is None else folds(number)


def chosen_exp10(config: pytest.Config, mode: str) -> Exp10Options:
    """Text, windows and ablation of Experiment 10 in ``mode``; means keep the value bias."""
    text, max_tokens, window, bos, bias = (
        config.getoption(name) for name in ("text", "max_tokens", "window", "bos", "bias")
    )
    return Exp10Options(text, max_tokens, window, bos, mode, bias if mode == "zero" else "keep")


def _lengths(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(","))


def is_default(config: pytest.Config) -> bool:
    """Whether this run computes what baselines and known findings are kept of."""
    return config.getoption("model") in MODELS and not changed_options(config)


def computing_options(config: pytest.Config) -> tuple[str, ...]:
    """What makes another run compute the same as this one: words of its command line."""
    return (f"--model={config.getoption('model')}", *changed_options(config))


def changed_options(config: pytest.Config) -> tuple[str, ...]:
    """What makes this run compute other things than a default run: words of its command line."""
    return run_options.changed_options({name: config.getoption(name) for name in run_options.USUAL})


def _is_about(config: pytest.Config, baseline: str) -> bool:
    """Whether a run on this model with these options would use the file, if any case does."""
    experiment, _, case = baseline.partition("/")
    key = chosen_spec(config).key
    return is_default(config) and experiment != EVIDENCE and case.startswith((f"{key}-", f"{key}/"))


def worker_device(config: pytest.Config) -> str:
    """``--device``; plain ``cuda`` becomes one of the visible GPUs, round-robin over workers."""
    device = config.getoption("device")
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    if device != "cuda" or not worker.startswith("gw"):
        return device
    import torch

    return f"cuda:{int(worker[2:]) % max(1, torch.cuda.device_count())}"
