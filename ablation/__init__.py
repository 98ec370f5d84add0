"""The shared, exact head ablator and what it measures with.

A library: it knows no pytest, no command line and no result files. Import from the module that
holds the idea, for example ``from ablation.ablator import HeadAblator``; nothing is imported here,
so that asking for a head's name does not load torch.
"""
