"""What hands the claims to pytest: options, fixtures, verdicts, baselines, the table at the end.

A project with a study of its own says so in the ``conftest.py`` at its top::

    from experiments.plugin import PLUGINS
    pytest_plugins = PLUGINS
"""

PLUGINS = [
    # Imported by some of the others, and only what is not yet imported can have its assertions
    # rewritten.
    "experiments.plugin.baseline_files.regeneration",
    "experiments.plugin.baseline_files.differing",
    "experiments.plugin.baseline_files.unused",
    "experiments.plugin.options",
    "experiments.plugin.bundles",
    "experiments.plugin.progress",
    "experiments.plugin.model",
    "experiments.plugin.cells",
    "experiments.plugin.claims.markers",
    "experiments.plugin.claims.chosen",
    "experiments.plugin.claims.claims_only",
    "experiments.plugin.claims.judged",
    "experiments.plugin.claims.table",
    "experiments.plugin.claims.summary",
    "experiments.plugin.report",
    "experiments.plugin.claims.known_findings",
    "experiments.plugin.baseline_files.fixture",
]
