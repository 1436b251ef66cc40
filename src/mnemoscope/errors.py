"""The errors a person can act on: one line each, naming the file, the index or the argument.

The command line prints them as they are and exits with 2. Everything else is a defect of the library and
keeps its traceback.
"""


class MnemoscopeError(Exception):
    """Base of every error that mnemoscope raises on purpose."""


class InputError(MnemoscopeError, ValueError):
    """An argument, a specification or a data set that cannot be used as it is."""


class OutputError(MnemoscopeError, OSError):
    """A result that cannot be written where it was asked for."""


class ConvergenceError(MnemoscopeError, ArithmeticError):
    """An iteration that did not reach its tolerance; the message says where."""
