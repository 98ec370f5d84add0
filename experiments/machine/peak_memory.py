"""The memory this process holds, and the most it has held."""

import gc
import sys
from pathlib import Path
from typing import Any

from ablation.passes.allocator import give_back_freed_memory


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


def reset_peak(device: Any = "cpu") -> int | None:
    """Forgets the peak so far. Bytes held now; None where the system cannot.

    Of a CUDA device it is what torch holds there, else what this process holds, and only Linux
    can tell. What was freed is given back to the system first: what is taken afterwards would come
    out of it and not be seen.
    """
    gc.collect()
    if _on_cuda(device):
        import torch

        torch.cuda.reset_peak_memory_stats(device)
        return torch.cuda.memory_allocated(device)
    give_back_freed_memory()
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return None
    return _status("VmRSS")


def peak_held(device: Any = "cpu") -> int:
    """Bytes: the most that was held since ``reset_peak`` of the same device."""
    if _on_cuda(device):
        import torch

        return torch.cuda.max_memory_allocated(device)
    return _status("VmHWM")


def finish(device: Any) -> None:
    """Waits for what was begun on ``device``."""
    if _on_cuda(device):
        import torch

        torch.cuda.synchronize(device)


def _on_cuda(device: Any) -> bool:
    return str(device).startswith("cuda")


def _status(name: str) -> int:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    (line,) = (line for line in lines if line.startswith(f"{name}:"))
    return int(line.split()[1]) * 1024
