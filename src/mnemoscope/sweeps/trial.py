"""A trial: a frozen, validated spec that knows how to compute its result.

    class Coin(Trial):
        bias: float = Field(gt=0, lt=1)
        seed: int = Field(ge=0)

        def run(self) -> Result:
            tosses = np.random.default_rng(self.seed).random(100) < self.bias
            return {"heads": tosses.mean(), "path": ("toss", tosses.cumsum())}

Specs are pydantic models, because it checks types and ranges where the field is declared and names the field in
its errors. A trial's key is the SHA-256 of its canonical JSON, so equal specs are the same trial everywhere.
"""

import hashlib
import itertools
import json
import math
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ValidationError, field_validator

from mnemoscope.errors import InputError
from mnemoscope.records import canonical_json

Result: TypeAlias = Mapping[str, Any]
"""What a trial returns: a name → a real number, or → ``(dims, array)``, as ``xarray.Dataset`` takes them. An array
named like its only dimension is that dimension's coordinate."""

Array: TypeAlias = NDArray[Any]

Variables: TypeAlias = dict[str, tuple[tuple[str, ...], Array]]
"""A result once checked: a name → its dimensions and its array."""

RESERVED = ("trial", "finished")
"""Names that the table of results takes for itself."""


TrialType = TypeVar("TrialType", bound="Trial")


class Trial(BaseModel, ABC, frozen=True, extra="forbid", strict=True, ser_json_inf_nan="strings"):
    """Base of every trial: declare the fields, write ``run``.

    Attributes:
        revision: part of the key; raise it when ``run`` changes what the same spec gives.
        batch_size: how many trials ``run_batch`` may be handed at once.
        batch_fields: the fields in which the trials of one batch may differ (seeds, learning rates).

    Raises:
        InputError: an unknown or missing field, a wrong type, a value out of range, NaN; it names the field.
    """

    revision: ClassVar[int] = 1
    batch_size: ClassVar[int] = 1
    batch_fields: ClassVar[tuple[str, ...]] = ()

    def __init__(self, **fields: Any) -> None:
        try:
            super().__init__(**fields)
        except ValidationError as error:
            problems = "; ".join(
                f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}, got {problem['input']!r}"
                if problem["type"] != "missing"
                else f"{'.'.join(map(str, problem['loc']))}: is missing"
                for problem in error.errors()
            )
            raise InputError(f"{type(self).__name__}: {problems}") from None

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        for name in RESERVED:
            if name in cls.model_fields:
                raise InputError(f"{cls.__name__}: {name}: this name is taken by the table of results")
        for name in cls.batch_fields:
            if name not in cls.model_fields:
                raise InputError(f"{cls.__name__}: batch_fields: {name} is not a field")

    @field_validator("*", mode="before")
    @classmethod
    def _plain(cls, value: Any) -> Any:
        # Sweeps are often written with np.arange and np.logspace; NaN equals nothing, so it cannot be a spec.
        plain = value.item() if isinstance(value, np.generic) else value
        if isinstance(plain, float) and math.isnan(plain):
            raise ValueError("must not be NaN")
        return plain

    @abstractmethod
    def run(self) -> Result:
        """The result, a function of the spec alone."""

    @classmethod
    def run_batch(cls: type[TrialType], trials: Sequence[TrialType]) -> Sequence[Result]:
        """The results of trials that differ in ``batch_fields`` only, in their order.

        A trial's result must not depend on its company: after a crash it may find itself in a smaller batch.
        """
        return [trial.run() for trial in trials]

    @classmethod
    def kind(cls) -> str:
        """What results and commands call trials of this class: ``CounterExample`` is ``counter-example``."""
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", cls.__name__).lower()

    @property
    def gpu_share(self) -> float:
        """The part of a GPU that this trial needs: 0 none, 1 a device to itself, 0.5 a device shared by two."""
        return 0.0

    @cached_property
    def spec(self) -> dict[str, Any]:
        """The fields as strict JSON values; infinities are the strings "Infinity" and "-Infinity"."""
        return dict(json.loads(self.model_dump_json()))

    @cached_property
    def key(self) -> str:
        """SHA-256 of the trial's class name, revision and fields in canonical JSON."""
        identity = {"trial": type(self).__name__, "revision": self.revision, "spec": self.spec}
        return hashlib.sha256(canonical_json(identity)).hexdigest()


def grid(kind: type[TrialType], /, **fields: Any) -> list[TrialType]:
    """Every combination of the fields given as a list, tuple, range or array; anything else is the same throughout.

    The last field varies fastest. A field whose own type is a tuple must be wrapped: ``widths=[(64, 64)]``.

    Raises:
        InputError: a combination is not a valid spec, or a field has no values.
    """
    axes = {}
    for name, values in fields.items():
        axes[name] = list(values) if isinstance(values, list | tuple | range | np.ndarray) else [values]
        if not axes[name]:
            raise InputError(f"{kind.__name__}: {name}: has no values")
    return [kind(**dict(zip(axes, values, strict=True))) for values in itertools.product(*axes.values())]


def batches(trials: Iterable[TrialType]) -> list[tuple[TrialType, ...]]:
    """Trials gathered into batches of one kind that differ in ``batch_fields`` only, each of at most ``batch_size``."""
    alike: dict[tuple[type[Trial], bytes], list[TrialType]] = {}
    for trial in trials:
        fixed = {name: value for name, value in trial.spec.items() if name not in trial.batch_fields}
        alike.setdefault((type(trial), canonical_json(fixed if trial.batch_size > 1 else trial.spec)), []).append(trial)
    return [
        tuple(group[start : start + group[0].batch_size])
        for group in alike.values()
        for start in range(0, len(group), group[0].batch_size)
    ]


def check_result(trial: Trial, result: Result) -> Variables:
    """The variables of a result, with their dimensions.

    Raises:
        InputError: a value is not real numbers, its dimensions do not fit, or a name is a spec field's.
    """
    variables: Variables = {}
    for name, value in result.items():
        dims, data = value if isinstance(value, tuple) else ((), value)
        array = np.array(data, order="C")
        if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
            raise InputError(f"{type(trial).__name__}: result {name}: needs real numbers, got dtype {array.dtype}")
        variables[name] = (
            (dims,) if isinstance(dims, str) else tuple(dims),
            array.astype(array.dtype.newbyteorder("=")),
        )
    lengths: dict[str, int] = {}
    for name, (dims, array) in variables.items():
        fits = len(dims) == array.ndim and len(set(dims)) == len(dims)
        if not fits or any(lengths.setdefault(d, n) != n for d, n in zip(dims, array.shape, strict=True)):
            raise InputError(f"{type(trial).__name__}: result {name}: shape {array.shape} does not fit {dims}")
    for name in variables.keys() | lengths.keys():
        if name in type(trial).model_fields or name in RESERVED:
            raise InputError(f"{type(trial).__name__}: result {name}: this name is a spec field's or reserved")
    for name in variables.keys() & lengths.keys():
        dims, array = variables[name]
        if dims != (name,) or len(np.unique(array)) < len(array):
            raise InputError(f"{type(trial).__name__}: result {name}: a coordinate has one dimension, no value twice")
    return variables
