"""``python -m mnemoscope`` is the ``mnemoscope`` command."""

from mnemoscope.cli import main

main()
