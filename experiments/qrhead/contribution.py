"""What is left of a head's contribution to the residual stream once its output is zeroed."""

import math
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from ablation.errors import ComputationError
from ablation.heads import Head, HeadGrid
from experiments.cells.cell import Cell, prompts_sha256
from experiments.judging.verdict import Evidence
from experiments.machine.memory_errors import memory_errors
from experiments.machine.provenance import provenance
from experiments.store import Computed, Store, WorkUnit

if TYPE_CHECKING:
    from torch import Tensor

KIND = "contribution"
VERSION = 1
"""Raised whenever a change of what is measured changes figures."""

TOKENS = 64
EVERY_LAYERS = 5
HEADS_PER_LAYER = (0, 4, 8)


def contributions(cell: Cell, store: Store) -> list[dict[str, Any]]:
    """What a sample of the model's heads contributes, and what is left of it; stored or measured.

    Returns:
        For each head, on the first ``TOKENS`` tokens of a test prompt: the largest absolute value
        of its contribution ``z @ W_O`` (``contribution``), the same with its output zeroed
        (``left``), and by how much the output of the attention then differs from what it was less
        that contribution (``beside``).
    """
    key = {**cell.model.key(), "version": VERSION, "prompts_sha256": prompts_sha256(cell.test[:1])}
    unit = WorkUnit(KIND, key, "contributions of single heads")
    document = store.once(unit, partial(_measure, cell))
    rows: list[dict[str, Any]] = document.result["heads"]
    return rows


def contribution_evidence(rows: list[dict[str, Any]]) -> Evidence:
    """A5: the largest value that is left of any head's contribution."""
    largest = max(row["left"] for row in rows)
    return Evidence.exact(largest, len(rows), "heads", f"{TOKENS} tokens of a test prompt")


def checked_heads(grid: HeadGrid) -> list[Head]:
    """A sample of the heads of a model: some of every fifth layer."""
    return [
        Head(layer, head)
        for layer in range(0, grid.layers, EVERY_LAYERS)
        for head in sorted({min(head, grid.by_layer[layer] - 1) for head in HEADS_PER_LAYER})
    ]


def _measure(cell: Cell) -> Computed:
    # Not above: what is stored is judged without torch.
    import torch

    from ablation.ablator import HeadAblator
    from ablation.hooks.sites import head_sites
    from ablation.metrics.devices import input_device

    model = cell.model.loaded.model
    started, sites = time.perf_counter(), head_sites(model)
    rows = []
    with memory_errors(), torch.inference_mode():
        ids = torch.tensor([cell.test[0][1].ids[:TOKENS]], device=input_device(model))
        for head in checked_heads(sites.grid):
            before, z = _attention_output(model, head.layer, ids)
            with HeadAblator(model, [head]):
                after, z_ablated = _attention_output(model, head.layer, ids)
            weight = sites.output_weight(head.layer)[head.head]
            contribution = z[:, :, head.head] @ weight
            found = {
                "contribution": contribution,
                "left": z_ablated[:, :, head.head] @ weight,
                "beside": after - (before - contribution),
            }
            largest = {name: value.abs().max().item() for name, value in found.items()}
            if not all(map(math.isfinite, largest.values())):
                raise ComputationError(
                    f"a contribution of {head} is not finite: try --dtype float32"
                )
            rows.append({"head": str(head), **largest})
    return {"heads": rows}, provenance(cell.model, time.perf_counter() - started)


def _attention_output(model: Any, layer: int, ids: "Tensor") -> "tuple[Tensor, Tensor]":
    """The output of the attention of ``layer``, and z."""
    from ablation.hooks.capture import capture_z
    from ablation.hooks.sites import head_sites

    outputs: list[Tensor] = []
    projection = head_sites(model).layers[layer].projection
    handle = projection.register_forward_hook(lambda module, args, output: outputs.append(output))
    try:
        with capture_z(model, [layer]) as z:
            model(ids, logits_to_keep=1)
    finally:
        handle.remove()
    return outputs[0], z[layer]
