"""Tables: cells as they were read, what their columns are, and rows as vectors whose distance is that of the rows.

Data flows one way: ``csv_files`` and ``frames`` read cells; ``kinds`` tells what columns are; ``fitting`` makes the
schema of a training set (``schema``, where the distance is defined); ``encoding`` makes vectors of rows by it.
"""

from mnemoscope.data.tables.kinds import Declaration, Declared, Kind, declare, read_declaration
from mnemoscope.data.tables.schema import Column, TableSchema

__all__ = ["Column", "Declaration", "Declared", "Kind", "TableSchema", "declare", "read_declaration"]
