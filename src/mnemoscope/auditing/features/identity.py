"""What a module's features depend on, as a hash.

Weights alone do not tell: two modules of the same weights may pool, scale or normalize differently, and a class may be
edited between two runs. So the hash goes through all that a module holds (parameters, buffers, hooks, submodules, plain
attributes) and through the code of its classes and functions. What that code calls elsewhere it does not see.
"""

import functools
import hashlib
import types
import warnings
from contextlib import suppress
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mnemoscope.data import as_array

_PLAIN = (bool, int, float, complex, str, bytes, range, slice, torch.dtype, torch.device)
_NOT_CODE = ("__annotations__", "__doc__", "__static_attributes__", "__firstlineno__")


def module_identity(module: nn.Module) -> str:
    """SHA-256 of class, code, settings, weights and buffers; the mode of training or evaluation does not matter."""
    return f"{type(module).__qualname__} {_hash_of(module)}"


def _hash_of(value: object) -> str:
    walk = _Walk()
    walk.add(value)
    return walk.digest.hexdigest()


class _Walk:
    """Feeds a hash with a value and all that it holds; what was met before counts by its place in the walk."""

    def __init__(self) -> None:
        self.digest = hashlib.sha256()
        self._met: dict[int, tuple[int, object]] = {}  # the objects too: ids are of living ones only

    def add(self, value: Any) -> None:
        if value is None or isinstance(value, _PLAIN):
            self._say(type(value).__name__, repr(value))
            return
        if id(value) in self._met:
            self._say("met", self._met[id(value)][0])
            return
        self._met[id(value)] = len(self._met), value
        kind = type(value)
        self._say(kind.__module__, kind.__qualname__)
        if isinstance(value, Tensor | np.ndarray):
            self._add_array(value)
        elif isinstance(value, torch.jit.ScriptModule):
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", r"`torch\.jit\.\w+` is deprecated", DeprecationWarning)
                self.digest.update(value.save_to_buffer())
        elif isinstance(value, dict):
            self._add_all(*value.items())
        elif isinstance(value, list | tuple):
            self._add_all(*value)
        elif isinstance(value, set | frozenset):
            self._add_all(*sorted(_hash_of(member) for member in value))
        elif isinstance(value, functools.partial):
            self._add_all(value.func, value.args, value.keywords)
        elif isinstance(value, types.MethodType):
            self._add_all(value.__func__, value.__self__)
        elif isinstance(value, types.FunctionType):
            self._add_all(value.__code__, value.__defaults__, value.__kwdefaults__, _closure(value))
        elif isinstance(value, types.CodeType):
            self._add_all(value.co_code, value.co_names, value.co_consts)
        elif isinstance(value, type):
            self._add_class(value)
        elif isinstance(value, types.ModuleType):
            self._say(value.__name__)
        elif hasattr(value, "__qualname__"):  # built-in functions
            self._say(getattr(value, "__module__", None), value.__qualname__)
        else:
            held = {name: held for name, held in getattr(value, "__dict__", {}).items() if name != "training"}
            self._add_all(kind, held)

    def _say(self, *words: object) -> None:
        self.digest.update(repr(words).encode())

    def _add_all(self, *values: object) -> None:
        self._say("holds", len(values))
        for value in values:
            self.add(value)

    def _add_array(self, value: Any) -> None:
        self._say(str(value.dtype), tuple(value.shape))
        array = np.ascontiguousarray(as_array(value))
        self.digest.update(array.view(np.uint8).data if array.size else b"")

    def _add_class(self, kind: type) -> None:
        """The class's own code and settings and those of its bases, up to what torch and Python bring."""
        for base in kind.__mro__:
            self._say(base.__module__, base.__qualname__)
            if base is nn.Module or base.__module__ == "builtins":
                continue
            for name, held in vars(base).items():
                if name in _NOT_CODE:
                    continue
                function = getattr(held, "fget", None) or getattr(held, "__func__", held)
                if isinstance(function, types.FunctionType | bool | int | float | str | tuple | list | dict):
                    self._add_all(name, function)


def _closure(function: types.FunctionType) -> list[object]:
    found: list[object] = []
    for cell in function.__closure__ or ():
        with suppress(ValueError):  # not filled yet
            found.append(cell.cell_contents)
    return found
