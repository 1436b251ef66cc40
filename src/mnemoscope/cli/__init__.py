"""The command line: thin wrappers, progress on stderr, results on stdout.

Exit codes: 0 done; 1 the work ran and what it checked does not hold; 2 bad usage, bad input, or a disk that refuses;
70 a defect of mnemoscope, with the file that has its traceback; 129, 130 and 143 stopped by SIGHUP, Ctrl-C and SIGTERM.
All but the first two are one line on stderr.

One file for each group of commands. Each imports what it needs inside the command: no ``--help`` loads torch.
"""

from mnemoscope.cli.app import main

__all__ = ["main"]
