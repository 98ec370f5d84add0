"""The blocks by name, as the READMEs ask for them: ``docs.claims()``."""

from collections.abc import Callable, Mapping
from functools import partial
from types import SimpleNamespace

from experiments.docs import (
    bench_tables,
    bundle_tables,
    calibration_tables,
    claim_tables,
    exp10_tables,
    family_tables,
    methods_tables,
    published_tables,
    qrhead_tables,
)
from experiments.docs.stored import Stored

BLOCKS: Mapping[str, Callable[..., str]] = {
    "claims": claim_tables.claims,
    "parts": claim_tables.parts,
    "details": claim_tables.details,
    "notes": claim_tables.notes,
    "levels": qrhead_tables.levels,
    "cells": qrhead_tables.cells,
    "verdicts_of_cells": qrhead_tables.verdicts_of_cells,
    "setting_of_exp10": exp10_tables.setting,
    "layers": exp10_tables.layers,
    "largest_effects": exp10_tables.largest,
    "removal": exp10_tables.removal,
    "found_heads": methods_tables.found_heads,
    "pooled_methods": methods_tables.pooled,
    "overlaps_of_methods": methods_tables.overlaps,
    "modes": methods_tables.modes,
    "setting_of_modes": methods_tables.setting_of_modes,
    "modes_elsewhere": methods_tables.modes_elsewhere,
    "setting_of_modes_elsewhere": methods_tables.setting_of_modes_elsewhere,
    "printed": published_tables.printed,
    "gaps_by_length": published_tables.gaps_by_length,
    "first_runs": bench_tables.first_runs,
    "all_runs": bench_tables.all_runs,
    "machines": bench_tables.machines,
    "benchmark": bench_tables.parts,
    "coverage": calibration_tables.coverage,
    "coverage_missed": calibration_tables.coverage_missed,
    "verdict_shares": calibration_tables.verdict_shares,
    "bundle": bundle_tables.bundle,
    "audit_sizes": bundle_tables.audit_sizes,
    "audit_tolerances": bundle_tables.audit_tolerances,
    "families": family_tables.families,
}
"""Name -> function of the stored documents and of what the README says in parentheses."""


def namespace(stored: Stored) -> SimpleNamespace:
    """What the code in a README calls ``docs``."""
    return SimpleNamespace(**{name: partial(block, stored) for name, block in BLOCKS.items()})
