"""What heads add to the residual stream when their queries or logits are zeroed."""

import math
import time
from collections.abc import Mapping
from functools import partial
from statistics import median_low
from typing import Any

from ablation.errors import ComputationError
from ablation.models.model import Model
from ablation.modes import BOS, OTHER_WEIGHTS, UNIFORM_ALL, UNIFORM_CAUSAL
from ablation.modes.refused import refused
from experiments.cells.cell import Cell, prompts_sha256
from experiments.judging.verdict import Evidence
from experiments.machine.memory_errors import memory_errors
from experiments.machine.provenance import provenance
from experiments.store import Computed, Store, WorkUnit

KIND = "zeroed_attention"
VERSION = 1
"""Raised whenever a change of what is measured changes figures."""

TOKENS = 256
UNABLATED = "unablated"

Norms = Mapping[str, list[list[float]]]
"""Mode -> mean norm over positions of what each head adds to the stream, layer by layer."""


def norms(cell: Cell, store: Store) -> Norms:
    """The norms on the last ``TOKENS`` tokens of a test prompt, stored or measured now."""
    key = {**cell.model.key(), "version": VERSION, "prompts_sha256": prompts_sha256(cell.test[:1])}
    document = store.once(WorkUnit(KIND, key, "zeroed queries and logits"), partial(_measure, cell))
    found: Norms = document.result["norms"]
    return found


def why_not(model: Model) -> str | None:
    """Why they cannot be measured on a model; None where they can."""
    return refused(model.family, UNIFORM_CAUSAL)


def left_evidence(found: Norms) -> Evidence:
    """A6: the share of its norm that the median head still adds, of two in the middle the lower.

    With zeroed queries. Logits zeroed after the mask are beside it, in the note: of them the study
    itself says that they give the mean of V.
    """
    shares = _shares(found, UNIFORM_CAUSAL)
    logits, bos = (median_low(_shares(found, mode)) for mode in (UNIFORM_ALL, BOS))
    more = sum(share > 1 for share in shares)
    note = (
        f"median over heads, on {TOKENS} tokens of a test prompt; {more} heads of {len(shares)} "
        f"add more than before; zeroed logits leave {100 * logits:.1f}%, attention to the first "
        f"token alone {100 * bos:.1f}%"
    )
    return Evidence.exact(median_low(shares), len(shares), "heads", note)


def _measure(cell: Cell) -> Computed:
    # Not above: what is stored is judged without torch.
    import torch

    from ablation.hooks.sites import head_sites
    from ablation.modes.redirected import REDIRECTED
    from ablation.passes.layerwise import LayerwisePass
    from ablation.passes.token_tree import TokenTree

    model = cell.model.loaded.model
    started, sites = time.perf_counter(), head_sites(model)
    found: dict[str, list[list[float]]] = {}
    with memory_errors(), torch.inference_mode():
        one = LayerwisePass(sites, TokenTree([cell.test[0][1].ids[-TOKENS:]]))
        stream = one.embedded
        # One layer is changed at a time: each sees the stream of the unablated model.
        for site in sites.layers:
            z, (seen,) = one.attend(site.layer, stream, observed=True)
            weight = sites.output_weight(site.layer).float()
            by_mode: dict[str, Any] = {UNABLATED: z.unflatten(-1, (site.heads, -1))}
            for mode in OTHER_WEIGHTS:
                by_mode[mode] = REDIRECTED[mode]().replacement(site)(seen)
            for mode, value in by_mode.items():
                added = torch.einsum("shd,hde->she", value[0].float(), weight)
                found.setdefault(mode, []).append(added.norm(dim=-1).mean(dim=0).tolist())
            stream = one.through(site.layer, stream)
    return {"norms": found}, provenance(cell.model, time.perf_counter() - started)


def _shares(found: Norms, mode: str) -> list[float]:
    """Of each head that adds anything, the share of it that is left in ``mode``.

    Raises:
        ComputationError: a norm is not finite, or no head adds anything.
    """
    before, after = (
        [norm for layer in found[name] for norm in layer] for name in (UNABLATED, mode)
    )
    shares = [b / a for a, b in zip(before, after, strict=True) if a > 0]
    if not shares or not all(map(math.isfinite, shares)):
        raise ComputationError("the heads' outputs are 0 or not finite: try --dtype float32")
    return shares
