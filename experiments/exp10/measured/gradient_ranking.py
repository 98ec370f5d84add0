"""Heads ranked by the gradient of the loss on a text: what one backward pass says of all of them.

The file has the format of a detection file, so that whatever takes a ranking takes it.
"""

import time
from functools import partial
from pathlib import Path
from typing import Any

from ablation.detection import GRADIENT
from ablation.detection.controls import EXCLUDED_TOP
from ablation.detection.gradient import gradient_scores_of_text
from ablation.detection.ranking import HeadRanking
from ablation.metrics.measured_perplexity import windows
from experiments.exp10.measured.setting import Setting
from experiments.machine.files.json_files import storing, write_json
from experiments.machine.memory_errors import memory_errors
from experiments.store import Computed, Store, WorkUnit

KIND = "ranking"
VERSION = 2
"""Raised whenever a change of the method changes scores."""


def rank_on_text(setting: Setting, store: Store, out: Path) -> tuple[dict[str, Any], Path]:
    """The ranking of all heads by gradient, stored or computed now, and the file it went to.

    Args:
        setting: model, text and windows; nothing is ablated.
        store: where it is kept.
        out: the folder that files are exported to.

    Raises:
        ComputationError: the loss or a gradient is not finite, or the memory does not suffice.
        ResultsError: it cannot be stored.
    """
    ranked = store.once(_unit(setting), partial(_compute, setting))
    names = [row["head"] for row in ranked.result["head_rankings"] if row["score"] != 0]
    document = {
        "method": GRADIENT,
        "model_key": setting.model.spec.key,
        "model_name": setting.model.spec.name,
        "text": {**setting.text.describe(), **setting.describe_windows()},
        "samples_processed": len(windows(setting.text.ids, setting.window, setting.bos)),
        "timestamp": ranked.provenance["time"],
        "top_50_heads": names[:EXCLUDED_TOP],
        "head_rankings": ranked.result["head_rankings"],
        "provenance": dict(ranked.provenance),
    }
    folder = out / "phase2" / GRADIENT / setting.model.spec.key / "text"
    bos = f"_bos_{setting.bos_in}" if setting.bos else ""
    path = folder / f"{setting.text.label}_window_{setting.window}{bos}.json"
    with storing(path):
        folder.mkdir(parents=True, exist_ok=True)
        write_json(path, document)
    return document, path


def _unit(setting: Setting) -> WorkUnit:
    return WorkUnit(
        KIND,
        {
            **setting.model.key(),
            "method": GRADIENT,
            "version": VERSION,
            "text_sha256": setting.text.describe()["sha256"],
            **setting.describe_windows(),
        },
    )


def _compute(setting: Setting) -> Computed:
    started = time.perf_counter()
    with memory_errors():
        scores = gradient_scores_of_text(
            setting.model.loaded.model, setting.text.ids, window=setting.window, bos=setting.bos
        )
    ranking = HeadRanking.from_scores(setting.model.grid.own(scores.tolist()))
    result = {"model_key": setting.model.spec.key, "head_rankings": ranking.to_json()}
    return result, setting.provenance(time.perf_counter() - started)
