"""A program that drives the sweep of test_crash.py, to be killed."""

import sys

from sweep_trials import CRASH_TRIALS

from mnemoscope.sweeps import sweep

if __name__ == "__main__":
    out, scheduler = sys.argv[1:]
    sweep(CRASH_TRIALS, out, scheduler=scheduler)
