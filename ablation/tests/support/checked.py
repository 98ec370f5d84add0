"""What checks the shapes of arguments: jaxtyping with beartype, of functions whose hints name some.

jaxtyping's own hook wraps all functions of a module. Wrapping one takes a millisecond, for the
whole library half a second, and again wherever a function within a function is made.

Of each function the first ``FIRST`` calls of a test are checked, and as many of its fixtures: whole
runs call the same functions thousands of times, mostly with the same shapes.
"""

import ast
import hashlib
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial, wraps
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import CodeType, ModuleType
from typing import Any, get_args

import jaxtyping
from beartype import beartype

FIRST = 25
"""Calls of each function that are checked, until ``calls`` is cleared."""

calls: Counter[Callable[..., Any]] = Counter()
"""How often each function was called with checks."""


def checked(thing: Any) -> Any:
    """``thing``, a function or a class, which checks the shapes that its hints name, if any.

    Of a class those of its fields. What stands within a function checks nothing: its shapes say
    nothing that those around it do not.
    """
    function = vars(thing).get("__init__") if isinstance(thing, type) else thing
    hints = getattr(function, "__annotations__", {}).values()
    if "<locals>" in thing.__qualname__ or not any(map(_names_shapes, hints)):
        return thing
    checking = jaxtyping.jaxtyped(thing, typechecker=beartype)
    if isinstance(thing, type):
        return checking

    @wraps(thing)
    def first_checked(*args: Any, **kwargs: Any) -> Any:
        if jaxtyping.config.jaxtyping_disable or calls[thing] >= FIRST:
            return thing(*args, **kwargs)
        calls[thing] += 1
        return checking(*args, **kwargs)

    return first_checked


def _names_shapes(hint: Any) -> bool:
    if isinstance(hint, str):  # in quotes: of what is not known yet
        return True
    if isinstance(hint, list):  # the arguments of a Callable
        return any(map(_names_shapes, hint))
    if isinstance(hint, type) and issubclass(hint, jaxtyping.AbstractArray):
        return True
    return any(map(_names_shapes, get_args(hint)))


def check_shapes(modules: Sequence[str]) -> None:
    """Has the functions of ``modules`` check shapes, and of what they import nothing.

    While one of them is imported, jaxtyping has Python look for bytecode under another name. Of
    torch and whatever else it imports there is none of that name: it would be compiled again, by
    each process where none may be written, which takes as long as all the rest of a short run.
    """
    hook: Any = jaxtyping.install_import_hook(modules, None).hook
    hook._typechecker = _Checked()
    sys.meta_path[sys.meta_path.index(hook)] = _Alone(hook)


class _Checked:
    """What jaxtyping's hook writes before functions and classes: ``checked``."""

    def get_hash(self) -> str:
        # In the name of the bytecode, which holds what is written.
        return hashlib.md5(ast.dump(self.get_ast()).encode()).hexdigest()

    def get_ast(self) -> ast.expr:
        module = f"__import__({__name__!r}, fromlist=['_'])"
        return ast.parse(f"{module}.{checked.__name__}", mode="eval").body


class _Alone(MetaPathFinder):
    """Finds what ``hook`` finds, and runs it when the hook is done."""

    def __init__(self, hook: MetaPathFinder) -> None:
        self._hook = hook

    def find_spec(self, *asked: Any) -> ModuleSpec | None:
        spec = self._hook.find_spec(*asked)
        if spec is not None:
            vars(spec.loader)["exec_module"] = partial(_run, spec.loader)
        return spec


class _Compiled(Exception):
    """Stops a loader where it would run the code."""

    def __init__(self, code: CodeType) -> None:
        self.code = code


def _run(loader: Any, module: ModuleType) -> None:
    def compiled(name: str) -> CodeType:
        raise _Compiled(type(loader).get_code(loader, name))

    loader.get_code = compiled
    try:
        type(loader).exec_module(loader, module)
    except _Compiled as found:
        del loader.get_code
        exec(found.code, vars(module))
