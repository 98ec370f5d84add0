"""What the READMEs show and nobody writes by hand: blocks of figures, and pictures.

Both are made from documents that are stored in the repository: evidence and baselines under
``baselines/``, the studies' published figures, results and benchmarks beside the README that shows
them. ``headclaims docs`` makes them anew, ``headclaims docs --check`` says what is stale.

``stored`` reads the documents, ``tables`` write blocks, ``blocks`` names them, ``pages`` keeps
the READMEs, ``pictures`` the pictures, ``results`` makes the documents that come out of a store.
Only ``results`` needs torch.
"""
