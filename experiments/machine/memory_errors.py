"""A device whose memory does not suffice, as one line."""

from collections.abc import Iterator
from contextlib import contextmanager

from ablation.errors import ComputationError, first_line


@contextmanager
def memory_errors() -> Iterator[None]:
    """Turns what torch raises when the device is full into one line.

    Raises:
        ComputationError: the device's memory does not suffice.
    """
    import torch  # not above: what is stored is judged without it

    try:
        yield
    except torch.OutOfMemoryError as error:
        raise ComputationError(
            f"out of memory on the device ({first_line(error)}): use shorter prompts or windows, "
            "or a smaller --dtype"
        ) from error
