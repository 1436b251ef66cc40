"""Slow and obvious twins of the fast code: what the tests compare with, and the benchmarks time against.

A twin is written from the formula and uses nothing of the code that it checks.
"""
