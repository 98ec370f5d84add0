"""Where a model is read and changed while it runs.

``sites`` says where the heads are, ``capture`` reads z and the residual stream there, ``attention``
what attention is given and sees (by ``stand_ins`` where a family's own code computes it, with
queries scaled by ``temperatures`` where a family counts tokens), ``replacement`` puts something in
the place of z.
"""
