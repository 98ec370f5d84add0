"""The blocks by name, as the READMEs ask for them: ``docs.claims()``."""

from collections.abc import Callable, Mapping
from functools import partial
from types import SimpleNamespace

from experiments.pages.readmes.stored import Stored
from experiments.pages.readmes.tables import (
    bench,
    bundle,
    calibration,
    claims,
    cluster,
    exp10,
    families,
    features,
    methods,
    published,
    qrhead,
)

BLOCKS: Mapping[str, Callable[..., str]] = {
    "claims": claims.claims,
    "parts": claims.parts,
    "details": claims.details,
    "notes": claims.notes,
    "levels": qrhead.levels,
    "cells": qrhead.cells,
    "verdicts_of_cells": qrhead.verdicts_of_cells,
    "setting_of_exp10": exp10.setting,
    "layers": exp10.layers,
    "largest_effects": exp10.largest,
    "removal": exp10.removal,
    "found_heads": methods.found_heads,
    "pooled_methods": methods.pooled,
    "overlaps_of_methods": methods.overlaps,
    "modes": methods.modes,
    "setting_of_modes": methods.setting_of_modes,
    "modes_elsewhere": methods.modes_elsewhere,
    "setting_of_modes_elsewhere": methods.setting_of_modes_elsewhere,
    "printed": published.printed,
    "gaps_by_length": published.gaps_by_length,
    "first_runs": bench.first_runs,
    "all_runs": bench.all_runs,
    "machines": bench.machines,
    "benchmark": bench.parts,
    "coverage": calibration.coverage,
    "coverage_missed": calibration.coverage_missed,
    "verdict_shares": calibration.verdict_shares,
    "bundle": bundle.bundle,
    "audit_sizes": bundle.audit_sizes,
    "audit_tolerances": bundle.audit_tolerances,
    "paper_grid": cluster.paper_grid,
    "families": families.families,
    "tested_features": features.tested_features,
}
"""Name -> function of the stored documents and of what the README says in parentheses."""


def namespace(stored: Stored) -> SimpleNamespace:
    """What the code in a README calls ``docs``."""
    return SimpleNamespace(**{name: partial(block, stored) for name, block in BLOCKS.items()})
