"""What hands the claims to pytest: options, fixtures, verdicts, baselines, the table at the end.

A project with a study of its own says so in the ``conftest.py`` at its top::

    from experiments.plugin import PLUGINS
    pytest_plugins = PLUGINS
"""

PLUGINS = [
    # Imported by some of the others, and only what is not yet imported can have its assertions
    # rewritten.
    "experiments.plugin.baseline_files.regeneration",
    "experiments.plugin.baseline_files.unused",
    "experiments.plugin.options",
    "experiments.plugin.bundles",
    "experiments.plugin.progress",
    "experiments.plugin.model",
    "experiments.plugin.cells",
    "experiments.plugin.claim_markers",
    "experiments.plugin.chosen_claims",
    "experiments.plugin.claims_only",
    "experiments.plugin.judged",
    "experiments.plugin.claims_table",
    "experiments.plugin.known_findings",
    "experiments.plugin.baseline_files.fixture",
]
