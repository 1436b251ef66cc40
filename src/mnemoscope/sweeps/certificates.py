"""Who may speak with a scheduler: the certificates of this process."""

from pathlib import Path
from typing import NamedTuple

from mnemoscope.errors import InputError
from mnemoscope.reading import reading


class Certificates(NamedTuple):
    """PEM files with which this process and a scheduler tell each other who they are.

    Attributes:
        ca: the certificate of the authority that signed those of both sides.
        cert: the certificate of this process.
        key: its private key.
    """

    ca: str | Path
    cert: str | Path
    key: str | Path

    def check(self, scheduler: str | None) -> None:
        """Find out before any work whether they can be read, and are of any use.

        Raises:
            InputError: a file that cannot be read, or a scheduler that takes none; it is named.
        """
        if scheduler is None or not scheduler.startswith("tls://"):
            raise InputError(f"certificates: are for a scheduler at tls://HOST:PORT, not for {scheduler or 'none'}")
        for file in map(Path, self):
            with reading(file):
                file.read_bytes()
