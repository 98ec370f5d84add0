"""What studies on cells share: a cell is one model, one question, one prompt length.

``cell`` builds its prompts, ``detection`` ranks its heads, ``plan`` and ``controls`` say what is
ablated, ``conditions`` asks the model, ``outcomes`` reads what it answered, ``gap`` makes evidence
of it. ``runner`` does all of that, into the store and the studies' own files.
"""
