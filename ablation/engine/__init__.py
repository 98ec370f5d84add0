"""The two ways to run a model under many sets of ablated heads, behind one interface.

``fast`` runs each layer once for all sets of heads that agree so far (``layers``,
``head_set_tree``, ``sweep``), drafts answers (``drafted``, ``row_cache``), and has oneDNN multiply
(``linear``). ``reference`` runs the whole model anew for every set: ``ablation.perplexity`` and
``generate`` under a ``HeadAblator``.
"""

FAST, REFERENCE = "fast", "reference"
ENGINE_NAMES = (FAST, REFERENCE)
