"""Models: which there are, and how one is had.

``registry`` has their names, ``directory`` where their files lie, ``model`` what is known of one
without torch, ``loading`` how it is loaded and checked.
"""
