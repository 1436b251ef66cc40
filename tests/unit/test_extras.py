import sys
from pathlib import Path

import pytest

from mnemoscope.errors import MissingExtraError
from mnemoscope.extras import optional


def test_an_installed_module_is_imported() -> None:
    assert optional("json.decoder", "train") is sys.modules["json.decoder"]


def test_absence_is_the_command_that_installs_it() -> None:
    with pytest.raises(MissingExtraError) as caught:
        optional("no_such_module.inner", "sweeps")
    assert str(caught.value) == "no_such_module is not installed: pip install 'mnemoscope[sweeps]'"


def test_a_broken_module_keeps_its_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken_module.py").write_text("import no_such_module\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        optional("broken_module", "train")
