"""Every tolerance of the suite, each with its reason."""

EXACT = 1e-12
"""The same double-precision numbers up to the order of summation."""

FLOAT64_SCORE = 1e-10
"""Relative error asked of scores in double precision: what the issue promises."""

FLOAT32_SCORE = 1e-4
"""Relative error asked of the score of a training set at single-precision queries: what the issue promises."""

FLOAT32 = 1e-5
"""Single precision through a handful of operations."""

SLOPE = 0.1
"""On fitted orders of convergence: the next term of the error still bends the line a little."""
