"""How far two evaluations of one perplexity lie apart: the noise under every ΔPPL."""

from functools import partial
from typing import Any

from experiments.exp10.measured.evaluations import UNABLATED, Evaluations
from experiments.exp10.measured.setting import Setting
from experiments.store import Computed, WorkUnit

KIND = "noise"
METHOD = "exp10_noise"


def perplexity_noise(evaluations: Evaluations) -> dict[str, Any]:
    """The unablated perplexity once more, with other shapes and threads; stored or computed now.

    Returns:
        ``noise``: the relative difference from the stored one.

    Raises:
        ComputationError, ResultsError: as ``Evaluations.perplexity``.
    """
    unit = WorkUnit(KIND, {**evaluations.key, "method": METHOD}, "noise of the perplexity")
    first = evaluations.perplexity(UNABLATED).value
    document = evaluations.store.once(unit, partial(_measure, evaluations.setting, first))
    return dict(document.result)


def _measure(setting: Setting, first: float) -> Computed:
    # Not above: what is stored is judged without torch.
    import torch

    from ablation.metrics.measured_perplexity import POSITIONS_PER_CHUNK, perplexity

    threads = torch.get_num_threads()
    other = 1 if threads > 1 else 2
    torch.set_num_threads(other)
    try:
        again = perplexity(
            setting.model.loaded.model,
            setting.text.ids,
            window=setting.window,
            bos=setting.bos,
            chunk=POSITIONS_PER_CHUNK // 4,
        )
    finally:
        torch.set_num_threads(threads)
    result = {
        "threads": [threads, other],
        "ppl": [first, again.value],
        "noise": abs(again.value / first - 1),
    }
    return result, setting.provenance()
