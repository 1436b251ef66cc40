"""Results appear whole or not at all: everything is written beside its place and then renamed into it.

Paths are not trusted. What is written gets a random name that must not exist yet, so that nobody who can foretell it
can lay a link there; a folder within a result must be a folder, not a link to one; no output is also an input.
"""

from mnemoscope.output.atomic import (
    atomic_file,
    atomic_files,
    atomic_folder,
    remove_temporaries,
    sync_file,
    temporary_path,
    write_json,
    write_text,
)
from mnemoscope.output.folders import (
    check_absent,
    check_apart,
    check_output_file,
    check_writable,
    new_output_folder,
    output_folder,
    output_subfolder,
)

__all__ = [
    "atomic_file",
    "atomic_files",
    "atomic_folder",
    "check_absent",
    "check_apart",
    "check_output_file",
    "check_writable",
    "new_output_folder",
    "output_folder",
    "output_subfolder",
    "remove_temporaries",
    "sync_file",
    "temporary_path",
    "write_json",
    "write_text",
]
