import pytest

from mnemoscope.choose import check_name, choose
from mnemoscope.errors import InputError

TABLE = {"one": 1, "two": 2}


def test_a_known_name_is_looked_up() -> None:
    assert choose("two", TABLE, "number") == 2
    check_name("one", ("one", "two"), "number")


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (TABLE, "number: unknown name 'three', choose one of one, two"),
        ({}, r"number: unknown name 'three', choose one of \(none\)"),
    ],
)
def test_an_unknown_name_lists_what_there_is(names: dict[str, int], message: str) -> None:
    for refuse in (choose, check_name):
        with pytest.raises(InputError, match=f"^{message}$"):
            refuse("three", names, "number")
