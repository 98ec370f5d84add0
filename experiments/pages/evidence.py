"""Where evidence is that pages and pictures show: results of one model, none of them computed."""

import tempfile
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ablation.detection.controls import levels_with_controls
from ablation.filings.filing import FilingSet
from ablation.models.model import Model
from experiments.cells.cell import Cell, build_cell
from experiments.cells.names import CellName
from experiments.cells.plan import AblationPlan
from experiments.claims import LEVELS
from experiments.exp10.measured.evaluations import Evaluations
from experiments.exp10.measured.setting import build_setting, source_text
from experiments.exp10.options import Exp10Options
from experiments.store import Document, Store, WorkUnit
from experiments.store.bundle import Bundle
from experiments.store.deferring import Deferring
from experiments.store.folder import Run


class ReadOnlyStore(Deferring):
    """Results that are looked at and never computed; a damaged one is none, and is left there."""

    def find(self, unit: WorkUnit) -> Document | None:
        # Not when somebody looks into it, as one that defers: then it would be moved aside.
        return Store.find(self, unit)


@dataclass(frozen=True)
class Source:
    """Where a report's evidence is, and what of it is wanted.

    Attributes:
        model: whose.
        cells: which cells.
        filings: what they ask about.
        control_draws: how many draws of random heads.
        texts: the text of exp10 and its ablations.
        root: the folder of results; None for those of the bundle alone.
        bundle: results in a file, beneath those of the folder.
    """

    model: Model
    cells: Sequence[CellName]
    filings: FilingSet
    control_draws: int
    texts: Sequence[Exp10Options]
    root: Path | None
    bundle: Bundle | None = None

    def store(self) -> Store:
        """The results; what is missing there stays so."""
        # A folder that is not there, and is not made where nothing is computed.
        nowhere = Path(tempfile.gettempdir()) / f"headclaims-{uuid.uuid4().hex}"
        return ReadOnlyStore(self.root or nowhere, Run("", ""), bundle=self.bundle)

    def plan(self) -> AblationPlan:
        """What the claims have ablated, at the levels that the model has heads for."""
        levels = levels_with_controls(LEVELS, self.model.grid)
        return AblationPlan(levels, control_draws=self.control_draws)

    def build(self, name: CellName) -> Cell:
        """A cell with its prompts.

        Raises:
            InvalidInput: as ``build_cell``.
        """
        return build_cell(self.model, self.filings, name.question, name.tokens, name.fold)

    def evaluations(self, options: Exp10Options, store: Store) -> Evaluations:
        """The perplexities of a text under an ablation.

        Raises:
            InvalidInput: a text or windows that the model cannot have.
            Unavailable: the text is not to be had.
        """
        setting = build_setting(self.model, source_text(self.model.spec, options), options)
        return Evaluations(setting, store)
