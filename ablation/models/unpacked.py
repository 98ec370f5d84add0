"""A user's GGUF file as a folder that transformers loads in a second: made once, then kept."""

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

from ablation import models
from ablation.assets.file_names import told_apart
from ablation.assets.kept import file_state
from ablation.assets.store import Slot
from ablation.errors import InvalidInput, first_line

VERSION = 1
"""Raised whenever a folder is made otherwise."""


def unpacked(file: Path) -> Path:
    """The folder with the model of a GGUF file: fp32 safetensors, config and tokenizer.

    Of several processes one makes it and the others wait. A damaged one is made anew.

    Raises:
        InvalidInput: the file is none, or not one whose model comes out as it is.
        AssetError: the cache cannot be written, or the written model is not the one that was read.
    """
    slot = _slot(file)

    def make(target: Path, scratch: Path) -> None:
        # Not above: they take seconds, and the folder is mostly there.
        from ablation.assets.gguf import convert_gguf, load_gguf
        from ablation.assets.gguf_header import check_every_tensor, check_gguf

        def load(source: Path) -> Any:
            try:
                model, tokenizer = load_gguf(source)
            except (KeyboardInterrupt, SystemExit):
                raise
            except BaseException as error:  # a panic of the tokenizers library is no Exception
                text = first_line(error)
                raise InvalidInput(f"{file}: transformers cannot load it: {text}") from None
            check_every_tensor(file, model)
            return model, tokenizer

        check_gguf(file)
        # Alone in a folder: transformers would take a tokenizer.json beside it for the file's own.
        alone = scratch / file.name
        alone.symlink_to(file.resolve())
        convert_gguf(alone, target, sanity_perplexity=None, load=load)
        for of_an_older_file in slot.home.glob("[!.]*"):
            shutil.rmtree(of_an_older_file, ignore_errors=True)  # who has mapped it keeps it

    return slot.ensure_whole(make)


def _slot(file: Path) -> Slot:
    whole = file.resolve()
    where = hashlib.sha256(os.fsencode(whole)).hexdigest()
    state = hashlib.sha256(json.dumps([VERSION, file_state(whole)]).encode()).hexdigest()
    return Slot(f"{models.CONVERTED}/{told_apart(whole.name, where)}", state[:16], whole.stem)
