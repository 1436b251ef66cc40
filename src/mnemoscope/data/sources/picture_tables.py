"""Parquet files with a column of encoded pictures, as data sets of a hub are kept and ``datasets`` writes them.

A picture is a struct of its ``bytes`` and its ``path``, or bytes alone. What each column is, ``datasets`` notes in the
file: a ClassLabel beside the pictures is their class.
"""

import json
from pathlib import Path
from typing import Any

from mnemoscope.data.census import Census
from mnemoscope.data.dataset import Dataset
from mnemoscope.data.options import Options
from mnemoscope.data.sources.contract import Source
from mnemoscope.data.sources.picture_rows import decode_rows
from mnemoscope.errors import InputError
from mnemoscope.extras import optional
from mnemoscope.reading import check_memory
from mnemoscope.text import listed

NOTES = b"huggingface"
"""Where ``datasets`` notes what columns are, in JSON."""


class ParquetOfImages(Source):
    """The pictures of a Parquet file and their classes, with the extra ``tables``."""

    reads, suffixes = ".parquet of images", (".parquet", ".pq")

    def recognises(self, where: Any) -> bool:
        return super().recognises(where) and bool(_pictures(_schema(where)))

    def read(self, where: Path, key: str | None, options: Options) -> Dataset:
        schema = _schema(where)
        columns = _pictures(schema)
        if len(columns) > 1:
            raise InputError(f"{where}: has {len(columns)} columns of pictures, {listed(columns)}: keep one in a file")
        names = _class_names(schema)
        census = Census("columns")
        for column in schema.names:
            if column in (columns[0], *names):
                census.read()
            else:
                census.pass_over(column, "which are neither the items nor their classes")
        check_memory(where, 2 * where.stat().st_size)
        parquet = optional("pyarrow.parquet", "tables")
        table = parquet.read_table(where, columns=[columns[0], *names])
        stored = table.column(columns[0])
        pixels, notes = decode_rows(str(where), table.num_rows, lambda row: stored[row].as_py(), options, follow=False)
        classes = None
        for column, named in names.items():
            classes = tuple(_class(code, named) for code in table.column(column).to_pylist())
        notes = (*census.notes(), *notes)
        return Dataset(pixels, str(where), notes=notes, classes=classes, source=census.to_dict())


def _schema(path: Path) -> Any:
    return optional("pyarrow.parquet", "tables").read_schema(path)


def _pictures(schema: Any) -> list[str]:
    """The columns of pictures: of bytes, or of structs that have some."""
    types = optional("pyarrow", "tables").types

    def holds_bytes(kind: Any) -> bool:
        return bool(types.is_binary(kind) or types.is_large_binary(kind))

    def is_picture(kind: Any) -> bool:
        return holds_bytes(kind) or (
            types.is_struct(kind) and any(field.name == "bytes" and holds_bytes(field.type) for field in kind)
        )

    return [field.name for field in schema if is_picture(field.type)]


def _class_names(schema: Any) -> dict[str, list[str]]:
    """The names of the classes in the one column of classes, by ``datasets``' notes; nothing where there is not one."""
    noted = json.loads((schema.metadata or {}).get(NOTES, b"{}"))
    features = noted.get("info", {}).get("features", {})
    found = {
        column: [str(name) for name in feature["names"]]
        for column, feature in features.items()
        if column in schema.names and isinstance(feature, dict) and feature.get("_type") == "ClassLabel"
    }
    return found if len(found) == 1 else {}


def _class(code: int | None, names: list[str]) -> str:
    return names[code] if code is not None and 0 <= code < len(names) else "none"
