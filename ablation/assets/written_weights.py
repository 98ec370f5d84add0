"""Weights as a file that whoever may read the cache can read, and whose failed write says why."""

import errno
import re
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor


def write_weights(tensors: Mapping[str, Tensor], path: Path, *, mode: int) -> None:
    """Writes ``tensors`` as safetensors.

    Args:
        tensors: by name; contiguous, none a part of another.
        path: of the file.
        mode: its permissions: safetensors keeps its files to the user.

    Raises:
        OSError: the file could not be written, with the number of the reason.
    """
    try:
        save_file(dict(tensors), path, metadata={"format": "pt"})
    except SafetensorError as error:
        # It states the number in words only.
        number = re.search(r"os error (\d+)", str(error))
        code = int(number[1]) if number else errno.EIO
        raise OSError(code, str(error), str(path)) from error
    path.chmod(mode)
