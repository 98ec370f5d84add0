"""Options that several commands share, and what they are parsed into."""

import atexit
import shlex
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ablation.detection import METHODS, QRHEAD
from ablation.detection.controls import CONTROL_SEED
from ablation.engine import ENGINE_NAMES, FAST, EngineChoice
from ablation.errors import shortened
from ablation.filings.filing import QUESTIONS, FilingSet
from ablation.filings.synthetic import DEFAULT_COUNT
from ablation.models.model import Model, open_model
from ablation.models.registry import DTYPES, EMBEDDED_MODEL, MODELS, ModelSpec, model_spec
from ablation.prompts.styles import STYLES
from experiments.cells.choices import BIAS_POLICIES, MODES, SCOPES
from experiments.cells.filings import load_filings
from experiments.claims import LEVELS
from experiments.cli.progress import watched
from experiments.exp10.options import BOS_CHOICES
from experiments.store.opening import STORE_HELP, open_store

if TYPE_CHECKING:
    from experiments.store import Store
    from experiments.store.watch import Watch

BOS_OPTION = click.option(
    "--bos",
    type=click.Choice(BOS_CHOICES),
    help="Which windows of a text begin with the tokenizer's BOS; default: each where the "
    "tokenizer puts it before a text by itself (Llama 3), else none (GPT-2, SmolLM2).",
)
MODEL_HELP = (
    f"Model: {', '.join(MODELS)}, a directory (safetensors), a .gguf file, or a hub id owner/name."
)


class IntegerList(click.ParamType):
    """Whole numbers with commas between, as in ``5,10,20``."""

    name = "N,N,…"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        try:
            return tuple(int(part) for part in value.split(","))
        except ValueError:
            message = (
                "whole numbers with commas between are required, as in 5,10,20; got "
                f"{shortened(value)}"
            )
        return self.fail(message, param, ctx)


QUESTION = click.Choice(list(QUESTIONS))

QUESTIONS_OPTION = click.option(
    "--question",
    "questions",
    type=QUESTION,
    multiple=True,
    default=tuple(QUESTIONS),
    help="What to ask; give it several times for several questions.",
)

SITE_OPTION = click.option(
    "--site",
    metavar="NAME=PATH,…",
    help="Where the heads are in a model of an unknown class, as in "
    "attention=self_attn,projection=o_proj; taken only if the model passes its check.",
)

DEVICE_OPTION = click.option(
    "--device",
    default="cpu",
    show_default=True,
    help="Where torch computes: cpu, cuda, or auto: on all GPUs, and what does not fit into 70% of "
    "their free memory waits in the CPU's.",
)

ENGINE_OPTION = click.option(
    "--engine",
    type=click.Choice(ENGINE_NAMES),
    default=FAST,
    help="reference: run the whole model anew for every set of heads; slow, for whoever doubts.",
)


LEVELS_OPTION = click.option(
    "--levels",
    type=IntegerList(),
    default=",".join(map(str, LEVELS)),
    help="How many of the top heads to ablate, ascending.",
)

METHOD_OPTION = click.option(
    "--method", type=click.Choice(METHODS), default=QRHEAD, help="How the heads are detected."
)


def store_options(command: Callable[..., None]) -> Callable[..., None]:
    """Where results are kept, and whether what is kept is used."""
    command = click.option("--fresh", is_flag=True, help="Compute even what is stored already.")(
        command
    )
    return click.option("--store", help=STORE_HELP)(command)


def chosen_store(store: str | None, fresh: bool, watch: "Watch | None" = None) -> "Store":
    """The store of this command; a temporary one is gone when the process ends.

    Args:
        store: as the user gave it.
        fresh: as the user gave it.
        watch: is told what happens; None: shows it.

    Raises:
        ResultsError: nothing can be written there.
    """

    def temporary() -> Path:
        folder = Path(tempfile.mkdtemp(prefix="headclaims-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        return folder

    command = shlex.join(["headclaims", *sys.argv[1:]])
    return open_store(store, temporary, command, fresh=fresh, watch=watch or watched())


def common_options(command: Callable[..., None]) -> Callable[..., None]:
    """Which filings, how the model runs, where results go."""
    for option in reversed(
        (
            click.option(
                "--filings",
                type=click.Path(path_type=Path),
                help="Directory of EDGAR-CRAWLER JSON files; default: synthetic filings.",
            ),
            click.option(
                "--ground-truth",
                type=click.Path(path_type=Path),
                help="CSV with the facts of those filings.",
            ),
            click.option(
                "--synthetic",
                type=int,
                default=DEFAULT_COUNT,
                help="How many synthetic filings to generate, without --filings.",
            ),
            click.option(
                "--prompt-style",
                type=click.Choice(list(STYLES)),
                help="How to ask; default: the model's own, plain for unregistered models.",
            ),
            SITE_OPTION,
            DEVICE_OPTION,
            click.option("--dtype", type=click.Choice(DTYPES), default="float32"),
            ENGINE_OPTION,
            click.option(
                "--out",
                type=click.Path(path_type=Path),
                default=Path("results"),
                help="Folder of the results.",
            ),
            store_options,
        )
    ):
        command = option(command)
    return command


def mode_options(command: Callable[..., None]) -> Callable[..., None]:
    """How heads are ablated."""
    for option in (
        click.option(
            "--scope",
            type=click.Choice(SCOPES),
            default=SCOPES[0],
            help="Where: everywhere, while decoding, or where the answer is read from.",
        ),
        click.option(
            "--mode",
            type=click.Choice(MODES),
            default=MODES[0],
            help="What takes the place of a head's z.",
        ),
    ):
        command = option(command)
    return command


def ablation_options(command: Callable[..., None]) -> Callable[..., None]:
    """What is ablated, and whether it is drawn."""
    for option in reversed(
        (
            LEVELS_OPTION,
            click.option(
                "--seed", type=int, default=CONTROL_SEED, help="First seed of the random heads."
            ),
            click.option(
                "--control-draws",
                type=click.IntRange(min=1),
                default=1,
                help="How many draws of random heads, layer-matched and (at 10 and 50 heads) "
                "uniform.",
            ),
            click.option("--skip-random", is_flag=True, help="Leave the random heads out."),
            mode_options,
            click.option(
                "--bias",
                type=click.Choice(BIAS_POLICIES),
                default=BIAS_POLICIES[0],
                help="Whether --mode zero removes the value bias, too.",
            ),
            click.option(
                "--figure",
                is_flag=True,
                help="Draw accuracy against heads ablated: PDF, SVG, PNG.",
            ),
        )
    ):
        command = option(command)
    return command


@dataclass(frozen=True)
class PlanSettings:
    """What is detected and ablated, parsed; commands that ablate nothing leave the defaults."""

    method: str
    levels: tuple[int, ...] = LEVELS
    seed: int = CONTROL_SEED
    control_draws: int = 1
    skip_random: bool = False
    mode: str = MODES[0]
    scope: str = SCOPES[0]
    bias: str = BIAS_POLICIES[0]


@dataclass(frozen=True)
class RunSettings:
    """The common options, parsed."""

    filings: Path | None
    ground_truth: Path | None
    synthetic: int
    prompt_style: str | None
    site: str | None
    device: str
    dtype: str
    engine: str
    out: Path
    store: str | None
    fresh: bool

    def spec(self, model: str = EMBEDDED_MODEL) -> ModelSpec:
        return model_spec(model, self.prompt_style, self.site)

    def open(self, spec: ModelSpec) -> Model:
        """The model, loaded when something is first computed with it."""
        return open_model(spec, self.device, self.dtype, EngineChoice(self.engine))

    def filing_set(self) -> FilingSet:
        """The filings; files that could not be used are named on stderr.

        Raises:
            InvalidInput: no usable filing, or a ground truth without filings.
        """
        filings = load_filings(self.filings, self.ground_truth, self.synthetic)
        for line in filings.rejected:
            click.echo(f"not used: {line}", err=True)
        if filings.rejected:
            click.echo(
                f"{len(filings.filings)} filings used, {len(filings.rejected)} not", err=True
            )
        return filings


def human_size(size: int) -> str:
    """Writes bytes in decimal units: 98362432 is 98.4 MB."""
    amount, unit = float(size), "B"
    for larger in ("kB", "MB", "GB"):
        if amount < 1000:
            break
        amount, unit = amount / 1000, larger
    return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
