"""Whatever text holds, what is shown of it is printable, and what is stored of it stays the same."""

import json
import math
import os
import string
import traceback
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnemoscope.errors import ConvergenceError, InputError, MissingExtraError, OutputError
from mnemoscope.text import LONGEST_NAME, json_number, json_text, listed, one_line, one_name, printable, without_origin

STEERING = ("\x1b[31m", "\x1b]8;;http://x\x07", "\x9b31m", "\u202e", "\u2066", "\u200b", *"\r\n\t\0", "\udc80")
texts = st.lists(st.one_of(st.sampled_from([*STEERING, "[red]", "[/]", ":smile:", "é", "漢"]), st.text())).map("".join)


@given(texts)
def test_printable_text_steers_nothing_and_is_a_fixed_point(text: str) -> None:
    shown = printable(text)
    assert all(c.isprintable() or c in "\n\t" for c in shown)
    assert printable(shown) == shown
    shown.encode("utf-8")  # can be written
    assert printable(text) == "".join(
        c if c in "\n\t" or c.isprintable() else c.encode("unicode_escape").decode() for c in text
    )


@given(texts, st.one_of(st.none(), st.integers(8, 600)))
def test_one_line_is_one_printable_line_of_its_length(text: str, limit: int | None) -> None:
    shown = one_line(text, limit)
    assert shown.isprintable()
    assert limit is None or len(shown) <= limit
    if limit is None or len(shown) < limit:
        assert shown.split() == printable(" ".join(text.split())).split()


@pytest.mark.parametrize("n", [101, 10**5])
def test_the_middle_of_a_long_line_is_left_out(n: int) -> None:
    shown = one_line("start" + n * "x" + "end", 40)
    assert len(shown) == 40
    assert (shown[:5], shown[-3:], shown.count(" … ")) == ("start", "end", 1)


@given(st.lists(texts, min_size=1, max_size=30))
def test_a_list_of_names_has_its_length(names: list[str]) -> None:
    shown = listed(names)
    assert shown.isprintable()
    assert len(shown) <= 10 * (LONGEST_NAME + 2) + 30
    assert shown.startswith(one_name(names[0]))
    assert shown.endswith(f" and {len(names) - 10:,} more") == (len(names) > 10)


@given(st.recursive(texts, lambda inner: st.lists(inner) | st.dictionaries(texts, inner)))
def test_json_is_printable_and_keeps_its_value(value: object) -> None:
    shown = json_text(value)
    assert all(c.isprintable() or c == "\n" for c in shown)
    assert json.loads(shown) == value


def test_json_in_other_scripts_can_be_read() -> None:
    assert json_text(["Überholung 漢"]) == '[\n  "Überholung 漢"\n]'


@given(st.floats(min_value=0, allow_nan=False) | st.integers(0, 10**6))
def test_a_number_survives_json(value: float) -> None:
    read = json.loads(json_text(json_number(value)))
    assert float(read) == value
    assert isinstance(read, int) == (value < math.inf and value == int(value))


@pytest.mark.parametrize("kind", [InputError, OutputError, ConvergenceError])
def test_every_error_is_one_short_line(kind: type[Exception]) -> None:
    error = kind(f"\x1b[2J{'name' * 10**5}\nforged.npy: is fine")
    assert str(error).isprintable()
    assert len(str(error)) == 500
    assert "\x1b" not in "".join(traceback.format_exception_only(error))


def test_an_error_with_fields_of_its_own() -> None:
    assert str(MissingExtraError("dask", "sweeps")) == "dask is not installed: pip install 'mnemoscope[sweeps]'"


names = st.text(string.ascii_letters + string.digits + "_-é", min_size=1, max_size=8)
spaced = st.lists(names, min_size=1, max_size=3).map(" ".join)
folders = st.lists(names, min_size=1, max_size=4)


@given(folders, names)
def test_of_an_absolute_path_the_last_part_stays(parents: list[str], name: str) -> None:
    parents = [f"Q{part}Q" for part in parents]
    last = f"L{name}L.npy"
    for path in (
        "/" + "/".join([*parents, last]),
        "C:\\" + "\\".join([*parents, last]),
        "~/" + "/".join([*parents, last]),
    ):
        for text in (f"{path}: cannot be read", f"open({path})", f"no such file: {path}", f"a\n  at {path}\n"):
            shown = without_origin(text)
            assert last in shown
            assert not [part for part in parents if part in shown], shown
            assert without_origin(shown) == shown


@given(st.lists(spaced.map(lambda name: f"Q{name}Q"), min_size=1, max_size=4), names)
def test_between_quotes_folders_may_have_spaces(parents: list[str], name: str) -> None:
    shown = without_origin(f"open('/{'/'.join(parents)}/L{name}')")
    assert shown == f"open('L{name}')"


@pytest.mark.parametrize(
    "text",
    [
        "a / b",
        "1/2 and/or 3/4",
        "https://example.org/a/b",
        "x[:, 0] / y",
        r"re.match('\d+\w+')",
        "m/s, ./here/x",
        "'/'",
    ],
)
def test_what_is_no_absolute_path_stays(text: str) -> None:
    assert without_origin(text) == text


def test_a_traceback_names_no_folder_of_this_machine_and_not_the_machine(tmp_path: Path) -> None:
    script = tmp_path / "secret-project" / "script.py"
    script.parent.mkdir()
    script.write_text("import json\ndef work():\n    json.loads('{')\n")
    scope: dict[str, object] = {}
    exec(compile(script.read_text(), script, "exec"), scope)
    try:
        scope["work"]()  # type: ignore[operator]
    except ValueError:
        trace = traceback.format_exc()
    told = trace + f"worker {os.uname().nodename}:8786 in {Path.home()} and {Path.cwd()}"
    assert str(tmp_path) in told
    shown = without_origin(told)
    for secret in (str(tmp_path), str(Path.home()), str(Path.cwd()), os.uname().nodename):
        assert secret not in shown
    assert 'script.py", line 3, in work' in shown
    assert shown.count("\n") == told.count("\n")
