"""What is called in the place of code of a model's own while somebody looks at its attention."""

from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from ablation.hooks.layout import Layout

Attend = Callable[..., tuple[Tensor, None]]
"""Takes a layer's attention, queries, keys, values and the mask, and by name how products are
scaled, or the method that computes. Gives the output as a kernel does,
``(batch, rows, heads, dim)``."""


@dataclass(frozen=True)
class StandIns:
    """How attention is seen that calls none of transformers' kernels.

    Attributes:
        kernel: the kind of kernel whose masks it takes.
        classes: the names of the classes of attention that they are for.
        in_place: has something called in the place of what computes it, in a context.
        mask: what a model is to be given for the mask that it asks for. Its arguments are what
            makes masks, the request, and how tokens lie.
    """

    kernel: str
    classes: Collection[str]
    in_place: Callable[[Any, Attend], AbstractContextManager[None]]
    mask: Callable[[Callable[..., Any], dict[str, Any], Layout | None], Any]


@contextmanager
def standing_in(of: Any, name: str, by: Any) -> Iterator[None]:
    """An attribute of a module is another while the context is open."""
    with ExitStack() as stack:
        if name in vars(of):  # where somebody has replaced that of the class before
            stack.callback(setattr, of, name, vars(of)[name])
        else:
            stack.callback(delattr, of, name)
        setattr(of, name, by)
        yield
