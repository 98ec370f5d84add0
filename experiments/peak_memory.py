"""The most memory this process has held, for people who plan runs."""

import sys
from typing import Any


def peak_memory(device: Any) -> dict[str, int]:
    """Bytes: ``resident`` of the process, and ``device`` where torch keeps count of one.

    ``resident`` counts memory-mapped weights, which processes share; it is left out where the
    system does not tell (Windows).
    """
    import torch

    peak = {}
    try:
        import resource
    except ImportError:
        pass
    else:
        usage = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        peak["resident"] = usage if sys.platform == "darwin" else usage * 1024
    if torch.device(device).type == "cuda":
        peak["device"] = torch.cuda.max_memory_allocated(device)
    return peak
