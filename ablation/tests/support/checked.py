"""What checks the shapes of arguments: beartype, of all functions but those within functions.

Those would be decorated anew whenever the function around them runs, which took a sixth of the time
of the engine's tests. Their shapes say nothing that those around them do not.
"""

import sys
from collections.abc import Callable, Sequence
from functools import partial
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import CodeType, ModuleType
from typing import Any

import jaxtyping
from beartype import beartype


def checked(function: Callable) -> Callable:
    return function if "<locals>" in function.__qualname__ else beartype(function)


def check_shapes(modules: Sequence[str]) -> None:
    """Has the functions of ``modules`` check shapes, and of what they import nothing.

    While one of them is imported, jaxtyping has Python look for bytecode under another name. Of
    torch and whatever else it imports there is none of that name: it would be compiled again, by
    each process where none may be written, which takes as long as all the rest of a short run.
    """
    hook = jaxtyping.install_import_hook(modules, f"{__name__}.{checked.__name__}").hook
    sys.meta_path[sys.meta_path.index(hook)] = _Alone(hook)


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
