"""A device whose memory does not suffice, as one line."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from ablation.errors import ComputationError, first_line


@contextmanager
def memory_errors() -> Iterator[None]:
    """Turns what torch raises when the device is full into one line.

    Raises:
        ComputationError: the device's memory does not suffice.
    """
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise ComputationError(
            f"out of memory on the device ({first_line(error)}): use shorter prompts or windows, "
            "or a smaller --dtype"
        ) from error
