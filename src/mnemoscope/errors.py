"""The errors a person can act on: one line each, naming the file, the index or the argument.

The command line prints them as they are and exits with 2. Everything else is a defect of the library and
keeps its traceback. What an error quotes (a file's name, a key, a library's words) is shown, not obeyed.
"""

from typing import TYPE_CHECKING, Any

from mnemoscope.text import one_line

if TYPE_CHECKING:
    from torch import Tensor


class MnemoscopeError(Exception):
    """Base of every error that mnemoscope raises on purpose: as text one line of at most 500 characters."""

    def __str__(self) -> str:
        return one_line(super().__str__())


class InputError(MnemoscopeError, ValueError):
    """An argument, a specification or a data set that cannot be used as it is."""


class OutputError(MnemoscopeError, OSError):
    """A result that cannot be written where it was asked for."""


class MissingExtraError(MnemoscopeError, ImportError):
    """An optional dependency that is not installed; the message is the command that installs it."""

    def __init__(self, module: str, extra: str) -> None:
        super().__init__(f"{module} is not installed: pip install 'mnemoscope[{extra}]'")
        self.module, self.extra = module, extra

    def __reduce__(self) -> tuple[type["MissingExtraError"], tuple[str, str]]:
        return type(self), (self.module, self.extra)


class ConvergenceError(MnemoscopeError, ArithmeticError):
    """An iteration that did not reach its tolerance; the message says where."""


class DivergenceError(InputError):
    """A training run whose loss or weights stopped being finite.

    Attributes:
        step: the step at which it did.
        learning_rate: the η it was trained with.
        last_good: the last checkpoint before, where there is one.
    """

    def __init__(self, step: int, learning_rate: float, last_good: str | None = None) -> None:
        kept = "" if last_good is None else f" (the last good checkpoint is {last_good})"
        super().__init__(f"the loss is not finite at step {step}: lower learning_rate={learning_rate}{kept}")
        self.step, self.learning_rate, self.last_good = step, learning_rate, last_good

    def __reduce__(self) -> tuple[type["DivergenceError"], tuple[int, float, str | None]]:
        # Errors cross process borders; the default would hand the message to ``__init__``.
        return type(self), (self.step, self.learning_rate, self.last_good)


class LostSamplesError(InputError):
    """Samples that could not be drawn, among others that were.

    Attributes:
        times: a sample's index → the time at which it was given up, going back from t_max.
        samples: all of them, shape ``(n, *event)``; NaN where one is lost.
    """

    def __init__(self, times: dict[int, float], samples: "Tensor", why: str | None = None) -> None:
        index, time = next(iter(times.items()))
        what = ", where the score gives NaN or Inf, grows without bound or is too stiff" if why is None else f": {why}"
        super().__init__(
            f"sample {index} is not finite: given up at t = {time:.4g}{what} ({len(times)} of {len(samples)}"
            " samples; the error's ``samples`` holds the others)"
        )
        self.times, self.samples, self._why = times, samples, why

    def __reduce__(self) -> tuple[type["LostSamplesError"], tuple[Any, ...]]:
        return type(self), (self.times, self.samples, self._why)
