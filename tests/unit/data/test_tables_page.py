"""The page on tables: every file of its list is read as the page says, or refused as it says."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from mnemoscope.data import load
from mnemoscope.errors import InputError

PAGE = Path(__file__).parents[3] / "docs" / "tables.md"

WRITTEN: dict[str, bytes] = {
    "a mark of UTF-8, quoted cells, Windows' ends of lines": '"x","y"\r\n"1,5",a\r\n2.5,b\r\n3.5,a\r\n'.encode(
        "utf-8-sig"
    ),
    "Windows-1252 or UTF-16": "x,y\n1.5,ä\n2.5,b\n3.5,ä\n".encode("cp1252"),
    "semicolons and decimal commas": b"x;y\n1,5;a\n2,5;b\n3,5;a\n",
    "a header of numbers that count the columns, as pandas writes it": b"0,1,2,3\n1,2,3,7\n5,1,2,3\n",
    "no header": b"1.5,a\n2.5,b\n3.5,a\n",
    "blank lines": b"x,y\n\n1.5,a\n2.5,b\n\n3.5,a\n4.5,b\n",
    "a row of another length": b"x,y\n1.5,a\n2.5\n",
    "two columns of one name": b"x,x\n1.5,a\n2.5,b\n",
    "a quote left open": b'x,y\n"1.5,a\n' + b"2.5,b\n" * 30_000,
    "an infinite number": b"x\n1.5\ninf\n2.5\n",
    "01/02/2020 and nothing that tells the day": b"x,y\n01/02/2020,1.5\n02/03/2020,2.5\n01/02/2020,3.5\n",
    "an identifier": b"x,y\n" + b"".join(b"%d,%d.5\n" % (place, place % 5) for place in range(40)),
    "nothing": b"",
}


def rows() -> Iterator[tuple[str, list[str], list[str]]]:
    part = PAGE.read_text(encoding="utf-8").split("## Files as they come")[1].split("\n## ")[0]
    for line in part.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 3 and line.startswith("| ") and cells[0] != "a file with":
            yield cells[0], *(re.findall(r"`([^`]+)`", cell) for cell in cells[1:])


ROWS = list(rows())


def test_every_file_has_a_row() -> None:
    assert {what for what, *_ in ROWS} == set(WRITTEN)


@pytest.mark.parametrize(("what", "said", "refused"), ROWS, ids=[what for what, *_ in ROWS])
def test_the_file_is_read_as_the_page_says(tmp_path: Path, what: str, said: list[str], refused: list[str]) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(WRITTEN[what])
    if refused:
        with pytest.raises(InputError, match=re.escape(refused[0])):
            load(path)
    else:
        notes = " | ".join(load(path).notes)
        assert all(part in notes for part in said)
