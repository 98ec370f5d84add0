"""Models: which there are, and how one is had.

``registry`` has their names, ``directory`` where their files lie, ``model`` what is known of one
without torch, ``loading`` how it is loaded and checked, ``converted`` its weights in another dtype,
``unpacked`` those of a GGUF file, ``text_model`` the language model in a multimodal checkpoint.
"""

CONVERTED = "converted"
"""The folder of the cache that holds weights in another dtype than that of their files."""
