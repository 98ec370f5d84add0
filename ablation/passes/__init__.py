"""Prompts on their way through a model: greedy answers, and several at once, layer by layer.

``generation`` is the plain way, that of the reference engine. ``layerwise`` runs layers one by one
over a ``token_tree``, which holds what prompts begin with once; ``tree_attention`` lets each token
see its own prompt, in ``bundles``; ``room`` says how many fit. ``prompt_means`` takes means over
prompts. ``positions`` refuses what is not to be had exactly.
"""

ACTIVATION_MIB = 1024
"""MiB that activations which several computations share may take of a CPU's memory."""
