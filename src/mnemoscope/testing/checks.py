"""The few assertions that the contracts share."""

from collections.abc import Callable

from torch import Tensor

from mnemoscope.errors import InputError


def assert_close(found: Tensor, expected: Tensor, tolerance: float, what: str) -> None:
    """Equal shapes, and equal values up to ``tolerance`` in units of the largest expected one (or of one)."""
    assert found.shape == expected.shape, f"{what}: shape {tuple(found.shape)} instead of {tuple(expected.shape)}"
    found, expected = found.detach().double().cpu(), expected.detach().double().cpu()
    unit = max(1.0, float(expected.abs().max()))
    error = float((found - expected).abs().max())
    assert error <= tolerance * unit, f"{what}: off by {error:.2g}, allowed are {tolerance * unit:.2g}"


def assert_each_close(found: Tensor, expected: Tensor, tolerance: float, what: str) -> None:
    """The same for numbers of different sizes: each in units of its own expected value, or of ``tolerance``."""
    assert found.shape == expected.shape, f"{what}: shape {tuple(found.shape)} instead of {tuple(expected.shape)}"
    found, expected = found.detach().double(), expected.detach().double()
    error = float(((found - expected).abs() / expected.abs().clamp(min=tolerance)).max())
    assert error <= tolerance, f"{what}: off by a relative {error:.2g}, allowed are {tolerance:.2g}"


def assert_refuses(call: Callable[[], object], what: str) -> None:
    """``call`` raises ``InputError``, with one line."""
    message = None
    try:
        call()
    except InputError as error:
        message = str(error)
    assert message is not None, f"{what}: must be refused with an InputError"
    assert "\n" not in message, f"{what}: the message must be one line"
