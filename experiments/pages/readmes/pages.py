"""The READMEs: their generated blocks, rewritten or compared, and what they link to.

A block is cog's: a comment with one or two lines of Python, the text it gives, and an end mark::

    <!-- [[[cog cog.outl(docs.claims()) ]]] -->
    …
    <!-- [[[end]]] -->

``docs`` are the functions of ``experiments.pages.readmes.blocks``.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ablation.errors import HeadclaimsError, InvalidInput, first_line
from experiments.machine.files.json_files import read_text, write_text
from experiments.pages.readmes.blocks import namespace
from experiments.pages.readmes.stored import Stored

PATTERNS = ("README.md", "ablation/**/README.md", "experiments/**/README.md")
REMEDY = "run `headclaims docs`, read the diff and commit it"

BEGIN, END = "[[[cog", "[[[end]]]"
_BLOCK = re.compile(r"^[^\n]*\[\[\[cog.*?(?:\[\[\[end\]\]\][^\n]*$|\Z)", re.DOTALL | re.MULTILINE)
_CODE = re.compile(r"\[\[\[cog\s*(.*?)\s*\]\]\]", re.DOTALL)
_FENCE = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)\s]*)?\)")


@dataclass(frozen=True)
class Block:
    """A block of a page.

    Attributes:
        line: where it begins, from 1.
        code: what makes it.
        text: the whole of it, marks included, as it stands in the page.
        made: what it ought to be; None if that could not be found out.
        problem: why not, one line.
    """

    line: int
    code: str
    text: str
    made: str | None
    problem: str = ""


def pages(root: Path) -> list[Path]:
    """The READMEs of a checkout."""
    return sorted({path for pattern in PATTERNS for path in root.glob(pattern)})


def stale_pages(stored: Stored) -> Iterator[str]:
    """A line for each block that is stale or cannot be made, and each link that leads nowhere.

    Raises:
        InvalidInput: cog is not installed.
    """
    for path in pages(stored.root):
        name, text = path.relative_to(stored.root).as_posix(), read_text(path)
        for block in _blocks(text, stored):
            if block.problem:
                yield f"{name}:{block.line}: {block.problem}"
            elif block.made != block.text:
                yield f"{name}:{block.line}: the block {block.code} is stale: {REMEDY}"
        for line, target in _dead_links(path, text):
            yield f"{name}:{line}: {target} is not there: mend the link"


def rewrite_pages(stored: Stored) -> tuple[list[str], list[str]]:
    """Rewrites the blocks of every page: the pages that changed, and what could not be made.

    Raises:
        InvalidInput: cog is not installed.
        OSError: a page cannot be written.
    """
    changed, problems = [], []
    for path in pages(stored.root):
        name, text = path.relative_to(stored.root).as_posix(), read_text(path)
        made = text
        for block in _blocks(text, stored):
            if block.made is None:
                problems.append(f"{name}:{block.line}: {block.problem}")
            else:
                made = made.replace(block.text, block.made)
        if made != text:
            write_text(path, made)
            changed.append(name)
    return changed, problems


def _blocks(text: str, stored: Stored) -> Iterator[Block]:
    cog = _cog(stored)
    for match in _BLOCK.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        code = _CODE.search(match[0])
        named = " ".join(code[1].split()) if code else BEGIN
        if match[0].count(BEGIN) > 1 or END not in match[0]:
            yield Block(line, named, match[0], None, f"the block {named} has no {END}: add it")
            continue
        try:
            yield Block(line, named, match[0], _made(match[0], cog))
        except HeadclaimsError as error:
            yield Block(line, named, match[0], None, str(error))
        except (LookupError, TypeError, ValueError, AttributeError, SyntaxError) as error:
            problem = f"the block {named} cannot be made ({type(error).__name__}: {error}): "
            yield Block(line, named, match[0], None, problem + "mend it, or what it reads")


def _cog(stored: Stored) -> Any:
    try:
        from cogapp import Cog
    except ImportError:
        raise InvalidInput(
            "headclaims docs requires cog, which is not installed: pip install -c constraints.txt "
            "-e '.[docs]'"
        ) from None
    cog = Cog()
    cog.options.defines = {"docs": namespace(stored)}
    return cog


def _made(text: str, cog: Any) -> str:
    """The block as cog makes it; it raises what the block raises."""
    from cogapp.cogapp import CogError

    try:
        return cog.process_string(text + "\n").removesuffix("\n")
    except CogError as error:
        if isinstance(error.__context__, Exception):
            raise error.__context__ from None
        raise ValueError(first_line(error)) from None


def _dead_links(page: Path, text: str) -> Iterator[tuple[int, str]]:
    """Links and pictures of a page that name a file which does not exist."""
    plain = _FENCE.sub(lambda fence: "\n" * fence[0].count("\n"), text)
    for number, line in enumerate(plain.splitlines(), start=1):
        for target in _LINK.findall(line):
            if "://" not in target and not (page.parent / target).exists():
                yield number, target
