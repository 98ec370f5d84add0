"""Texts for perplexity as token ids: the embedded one, WikiText-2, or any file."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ablation.assets.bounded_files import read_bytes
from ablation.assets.embedded import wikipedia_prose
from ablation.assets.file_names import told_apart
from ablation.assets.hub import from_hub
from ablation.assets.token_ids import ids_sha256
from ablation.errors import InvalidInput

EMBEDDED_TEXT = "embedded"
"""A sample of Wikipedia as plain prose; needs no hub."""

WIKITEXT2 = "wikitext2"
"""WikiText-2 raw, validation split, from the model hub or its cache: the exp10 study's text."""

LARGEST_TEXT = 100_000_000
"""Bytes of a file: a hundred times what a sweep over all heads takes a night for."""

_WIKITEXT2_REPOSITORY = "Salesforce/wikitext"
_WIKITEXT2_FILE = "wikitext-2-raw-v1/validation-00000-of-00001.parquet"


@dataclass(frozen=True)
class SourceText:
    """A text and its name: ``embedded``, ``wikitext2`` or the file's name."""

    name: str
    content: str


@dataclass(frozen=True, eq=False)
class TokenText:
    """A text as one model sees it: its name and its token ids."""

    name: str
    tokens: Sequence[int]

    @cached_property
    def ids(self) -> Any:
        """The token ids as a tensor ``(tokens,)``."""
        import torch  # not above: what was computed from a text is looked up by its hash

        return torch.tensor(self.tokens)

    @property
    def label(self) -> str:
        """The name as a part of paths: two files of one name have two labels."""
        if self.name in (EMBEDDED_TEXT, WIKITEXT2):
            return self.name
        return told_apart(Path(self.name).stem, ids_sha256(self.tokens))

    def describe(self) -> dict[str, Any]:
        """Name, length and hash, as a result file records them."""
        return {"name": self.name, "tokens": len(self.tokens), "sha256": ids_sha256(self.tokens)}


def read_text(source: str) -> SourceText:
    """The text ``embedded``, ``wikitext2``, or that of a UTF-8 file.

    Raises:
        InvalidInput: the file is missing, unreadable, not UTF-8 or empty.
        AssetError: the embedded text cannot be fetched or made.
        Unavailable: WikiText-2 is neither on a reachable hub nor in its cache.
    """
    if source == EMBEDDED_TEXT:
        return SourceText(source, wikipedia_prose())
    if source == WIKITEXT2:
        return SourceText(source, wikitext2())
    return SourceText(Path(source).name, _read(Path(source)))


def tokenise(text: SourceText, tokenizer: Any, max_tokens: int) -> TokenText:
    """The first ``max_tokens`` tokens, of the text tokenised once and as a whole, without BOS.

    Raises:
        InvalidInput: the text gives less than two tokens, of which one could be predicted.
    """
    # verbose=False: a text longer than the context is what windows are for, not worth a warning.
    ids = tokenizer(text.content, add_special_tokens=False, verbose=False)["input_ids"]
    if len(ids) < 2:
        raise InvalidInput(f"text {text.name} gives {len(ids)} tokens, at least 2 are required")
    return TokenText(text.name, ids[:max_tokens])


def wikitext2() -> str:
    """WikiText-2 raw, validation split, rows joined by two newlines as in the exp10 study.

    Raises:
        Unavailable: it is neither on a reachable hub nor in its cache.
    """
    from huggingface_hub import hf_hub_download
    from pyarrow import parquet

    path = from_hub(
        "WikiText-2",
        "give a text of yours with --text FILE, or --text embedded",
        lambda cached: hf_hub_download(
            _WIKITEXT2_REPOSITORY, _WIKITEXT2_FILE, repo_type="dataset", local_files_only=cached
        ),
    )
    return "\n\n".join(parquet.read_table(path, columns=["text"])["text"].to_pylist())


def _read(path: Path) -> str:
    try:
        # Some editors begin a file with a BOM.
        text = read_bytes(path, LARGEST_TEXT).decode("utf-8-sig")
    except OSError as error:
        raise InvalidInput(
            f"text {path}: cannot be read ({error.strerror}): give {EMBEDDED_TEXT}, {WIKITEXT2} "
            "or the path of a UTF-8 text file"
        ) from None
    except UnicodeDecodeError as error:
        raise InvalidInput(
            f"text {path}: not UTF-8 (byte {error.start}): convert it to UTF-8"
        ) from None
    except ValueError as error:
        raise InvalidInput(f"text {path}: {error}: give a part of it") from None
    if not text.strip():
        raise InvalidInput(f"text {path}: the file is empty: a text of at least 2 tokens is needed")
    return text
