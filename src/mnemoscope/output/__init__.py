"""Results appear whole or not at all: everything is written beside its place and then renamed into it.

Paths are not trusted. What is written gets a random name that must not exist yet, so that nobody who can foretell it
can lay a link there; a folder within a result must be a folder, not a link to one; no output is also an input.

Processes are not trusted to live. A result of several files appears by one rename, one process at a time writes it, and
what a killed one left is cleared by the next that writes in the same folder.
"""

from mnemoscope.output.atomic import atomic_file, atomic_folder, sync_file, write_json, write_text
from mnemoscope.output.folders import (
    check_absent,
    check_apart,
    check_output_file,
    check_writable,
    held_folder,
    output_folder,
    output_subfolder,
)
from mnemoscope.output.lines import cannot, writing
from mnemoscope.output.locks import is_still, open_lock, try_lock
from mnemoscope.output.saved import JSON, PAGE, Saved
from mnemoscope.output.signals import stopped_by, uninterrupted
from mnemoscope.output.temporaries import remove_temporaries, temporary_path
from mnemoscope.output.together import atomic_companions, atomic_files

__all__ = [
    "JSON",
    "PAGE",
    "Saved",
    "atomic_companions",
    "atomic_file",
    "atomic_files",
    "atomic_folder",
    "cannot",
    "check_absent",
    "check_apart",
    "check_output_file",
    "check_writable",
    "held_folder",
    "is_still",
    "open_lock",
    "output_folder",
    "output_subfolder",
    "remove_temporaries",
    "stopped_by",
    "sync_file",
    "temporary_path",
    "try_lock",
    "uninterrupted",
    "write_json",
    "write_text",
    "writing",
]
