"""Claims A6 and A8 on a model: what ablations leave of a head, what selected heads retrieve."""
