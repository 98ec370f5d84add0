"""Detection: ways to score the heads of a model, a file each, and rankings made of the scores.

Names of methods and formats stand here, so that a command line need not import torch for them.
"""

QRHEAD, QRHEAD_CHAT, WU24, SUMMED_ATTENTION, GRADIENT, RANDOM = METHODS = (
    "qrhead",
    "qrhead_chat",
    "wu24",
    "summed_attention",
    "gradient",
    "random",
)

STUDY, QRHEAD_LIST, QRHEAD_YAML, WU24_SCORES = RANKING_FORMATS = (
    "study",
    "qrhead",
    "qrhead-yaml",
    "wu24",
)
