"""All pictures of a study at once, each with its caption: what it shows, n, what its bars are."""

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ablation.errors import ResultsError
from experiments.cells.cell import Cell
from experiments.cells.plan import AblationPlan
from experiments.cells.runner import CellRunner, ResultsFolder
from experiments.exp10.options import Exp10Options
from experiments.machine.files.json_files import storing, write_text
from experiments.pages.captions import sure_of_correlation, sure_of_curve, sure_of_heads
from experiments.pages.evidence import Source
from experiments.store import Store
from experiments.store.deferring import NotYet

if TYPE_CHECKING:
    from experiments.methods.comparison import Comparison, Ranked

PUBLISHED = "published"


@dataclass(frozen=True)
class Drawn:
    """A picture.

    Attributes:
        paths: its files.
        caption: a paragraph.
    """

    paths: Sequence[Path]
    caption: str

    def write_caption(self) -> Path:
        """Writes the caption beside the picture.

        Raises:
            ResultsError: it cannot be written.
        """
        path = self.paths[0].with_suffix(".txt")
        with storing(path):
            write_text(path, f"{self.caption}\n")
        return path


def of_cells(source: Source, folder: Path) -> Iterator[Drawn]:
    """Accuracy against heads ablated, a panel for each cell.

    Raises:
        NotYet: an answer is not stored.
    """
    from experiments.qrhead.figures import draw_ablation_curves

    store, cells = source.store(), [source.build(name) for name in source.cells]
    # The runner exports whole result files, which nobody wants here.
    with tempfile.TemporaryDirectory() as exports:
        runner = CellRunner(store, ResultsFolder(Path(exports)), source.plan())
        found = [(runner.ablate(cell), runner.controls(cell)) for cell in cells]
    first, items = found[0][0], [len(cell.test) for cell in cells]
    draws = source.control_draws
    controls = (
        "one set for each filing (of the same layers) or one for all (of any)"
        if draws == 1
        else f"the mean of {draws} draws, bars their range; of heads of any layer the first draw, "
        "and hollow beside it the mean of all where there are more"
    )
    yield Drawn(
        draw_ablation_curves(found, folder, f"{source.model.spec.key}_curves"),
        f"Accuracy of {first['model_name']} when its top heads by {source.plan().method} are "
        f"ablated ({_described(first['ablation'])}), and when as many random heads are: "
        f"{controls}. {len(cells)} cells of {_range(items)} filings each. Bars: 95% Wilson "
        "intervals over filings.",
    )


def of_methods(source: Source, folder: Path) -> Iterator[Drawn]:
    """Accuracy against heads ablated, for the heads of each method; cells pooled.

    Raises:
        NotYet: an answer or a score is not stored.
    """
    from experiments.methods.documents import methods_document
    from experiments.methods.figures import draw_methods
    from experiments.methods.measured import common_level, ranked_by_three

    store, cells = source.store(), [source.build(name) for name in source.cells]
    plan, draws = source.plan(), source.control_draws
    ranked = ranked_by_three(cells, store)
    found, levels = _compared(
        cells, ranked, (plan.levels, [common_level(ranked, plan.levels)]), plan, store
    )
    document = methods_document(cells, ranked, found, levels, plan.ablation)
    answers = sum(len(cell.test) for cell in cells)
    companies = {filing.company for cell in cells for filing, _ in cell.test}
    controls = "a set of its own for each filing" if draws == 1 else f"the mean of {draws} draws"
    yield Drawn(
        draw_methods(document, folder, f"{source.model.spec.key}_methods"),
        f"Accuracy of {document['model_name']} when the top heads of each detection method are "
        f"ablated ({_described(document['ablation'])}), and when random heads of the same layers "
        f"are, {controls}. Pooled over {len(cells)} cells: n = {answers} "
        f"answers about {len(companies)} companies. Bars: 95% intervals over companies.",
    )


def _compared(
    cells: Sequence[Cell],
    ranked: "Ranked",
    choices: Iterable[Sequence[int]],
    plan: AblationPlan,
    store: Store,
) -> tuple["Comparison", Sequence[int]]:
    """The methods compared at the first choice of levels that is stored: claims need one level.

    Raises:
        NotYet: none is.
    """
    from experiments.methods.comparison import compare_methods

    for levels in choices:
        with suppress(NotYet):
            return compare_methods(
                cells, ranked, levels, plan.ablation, store, draws=plan.control_draws
            ), levels
    raise NotYet


def of_sweeps(source: Source, folder: Path) -> Iterator[Drawn]:
    """The pictures of exp10, as far as its parts are stored, for each ablation.

    Raises:
        NotYet: not every head alone is stored, under any of them.
    """
    drawn: list[Drawn] = []
    for options in source.texts:
        drawn += _of_sweep(source, options, source.store(), folder)
    if not drawn:
        raise NotYet
    yield from drawn


_PARTS = ("abcd", "abd", "abc", "ab")
"""Of exp10: all, or without what is not stored."""

_SIGNED = "axis of changes linear up to 0.1%, logarithmic beyond"

_SHOWN = {
    "exp10b_histogram": "How many heads change the perplexity by how much when ablated alone "
    f"({_SIGNED})",
    "exp10b_heatmap": "Change of the perplexity with each head ablated alone, by layer (colours "
    "linear up to 1%, logarithmic beyond)",
    "exp10b_zipf": "Size of the change with each head ablated alone, by rank, with two fits (both "
    "axes logarithmic)",
    "exp10c_pareto": "Perplexity over the unablated one as more heads are ablated together (its "
    "axis logarithmic)",
    "exp10d_layer_importance": "Mean and largest change with a head of a layer ablated "
    f"({_SIGNED})",
    "exp10d_g_correlation": "Penetration g by depth, and mean changes of layers against its slope "
    f"({_SIGNED})",
}


def _of_sweep(source: Source, options: Exp10Options, store: Store, folder: Path) -> Iterator[Drawn]:
    from experiments.exp10.figures.all_figures import draw_all
    from experiments.exp10.runner import run_exp10

    evaluations = source.evaluations(options, store)
    with tempfile.TemporaryDirectory() as exports:
        for parts in _PARTS:
            try:
                found = run_exp10(evaluations, parts, Path(exports))
                break
            except NotYet:
                continue
        else:
            return
    tag = evaluations.setting.tag
    with storing(folder):
        paths = draw_all(found.individual, found.cumulative, found.summary, folder, tag)
    document = found.individual
    text = document["text"]
    how = (
        f"{document['model_name']}, {_described(document['ablation'])}; n = "
        f"{len(document['heads'])} heads; {text['tokens']} tokens ({text['name']}) in windows of "
        f"{text['window']}; perplexity {document['unablated']['ppl']:.2f} unablated. "
    )
    said = dict.fromkeys(_SHOWN, sure_of_heads(document["heads"]))
    if found.cumulative is not None:
        said["exp10c_pareto"] = sure_of_curve(found.cumulative["curves"][0])
    if "correlation" in found.summary:
        said["exp10d_g_correlation"] = sure_of_correlation(found.summary)
    for name, shown in _SHOWN.items():
        files = [path for path in paths if path.stem.startswith(name)]
        if files:
            yield Drawn(files, f"{shown}. {how}{said[name]}")


def of_publications(_: Source | None, folder: Path) -> Iterator[Drawn]:
    """The studies' own figures."""
    from experiments.published.figures import draw_methods, draw_table_against_files
    from experiments.published.sources.llama3 import llama3_study

    study = llama3_study()
    yield Drawn(
        draw_table_against_files(study, folder),
        "Accuracy that Llama-3-8B loses when heads are ablated: the QRHead study's table, and the "
        "means of its own 32 result files (n = 32 cells of 2 models, 4 questions and 4 lengths). "
        "Bars: 95% bootstrap intervals over cells, which share filings.",
    )
    yield Drawn(
        draw_methods(study, folder),
        "Accuracy that Llama-3-8B loses when the top heads of three detection methods are "
        "ablated: means of the QRHead study's result files (n = 32 cells of 2 models, 4 questions "
        "and 4 lengths). Bars: 95% bootstrap intervals over cells, which share filings.",
    )


STUDIES: Mapping[str, Callable[[Any, Path], Iterator[Drawn]]] = {
    "qrhead": of_cells,
    "methods": of_methods,
    "exp10": of_sweeps,
    PUBLISHED: of_publications,
}
"""Study -> what draws its pictures."""


COMPUTED_BY = {
    "qrhead": "pytest -k qrhead",
    "methods": "pytest -k methods",
    "exp10": "pytest -k exp10",
}


def drawn(study: str, source: Source | None, folder: Path) -> list[Drawn]:
    """All pictures of a study in ``folder``, each with its caption beside it.

    Raises:
        ResultsError: what they show is not stored, or a file cannot be written.
    """
    try:
        with storing(folder):
            pictures = list(STUDIES[study](source, folder))
    except NotYet:
        raise ResultsError(
            f"the pictures of {study} need results that are not stored with these options: "
            f"{COMPUTED_BY[study]} computes them; or give the bundle, model and options of the run"
        ) from None
    for picture in pictures:
        picture.write_caption()
    return pictures


def _described(ablation: Mapping[str, Any]) -> str:
    return f"{ablation['mode']} ablation, scope {ablation['scope']}"


def _range(numbers: Sequence[int]) -> str:
    least, most = min(numbers), max(numbers)
    return str(least) if least == most else f"{least} to {most}"
