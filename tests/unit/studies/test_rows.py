from typing import Any

import numpy as np
import pytest
from pydantic import Field

from mnemoscope.studies.rows import frame, rows
from mnemoscope.sweeps import Result, Trial, grid
from mnemoscope.sweeps.table import tabulate
from mnemoscope.sweeps.trial import check_result


class Loss(Trial):
    network: str = "mlp"
    n_samples: int = Field(ge=1)
    seed: int

    def run(self) -> Result:
        return {"loss": self.seed / self.n_samples, "path": ("step", np.arange(3.0) + self.seed)}


FULL = grid(Loss, n_samples=[8, 2], seed=range(3))
RAGGED = [*FULL, Loss(n_samples=5, seed=9)]
ONE = FULL[:1]


@pytest.mark.parametrize("trials", [FULL, RAGGED, ONE], ids=["a grid", "no grid", "one trial"])
@pytest.mark.parametrize("unfinished", [(), (0,), (1, 4)])
def test_rows_are_the_finished_trials_whatever_their_layout(trials: list[Loss], unfinished: tuple[int, ...]) -> None:
    done = [trial for i, trial in enumerate(trials) if i not in unfinished]
    table = tabulate(trials, {trial.key: check_result(trial, trial.run()) for trial in done})
    if not done:
        assert rows(table).sizes["trial"] == 0
        return
    found, flat = rows(table), frame(table)
    for name in ("network", "n_samples", "seed"):
        assert found[name].values.tolist() == flat[name].tolist() == [getattr(trial, name) for trial in done]
    assert found.loss.values.tolist() == flat.loss.tolist() == [trial.run()["loss"] for trial in done]
    assert found.path.dims == ("trial", "step")
    assert found.path.values.tolist() == [trial.run()["path"][1].tolist() for trial in done]
    assert "path" not in flat


@pytest.mark.parametrize("where", [{"n_samples": 2}, {"seed": 1, "n_samples": 8}, {"network": "mlp"}, {"seed": 77}])
def test_rows_are_selected_by_their_fields(where: dict[str, Any]) -> None:
    for trials in (FULL, RAGGED):
        table = tabulate(trials, {trial.key: check_result(trial, trial.run()) for trial in trials})
        wanted = [t.run()["loss"] for t in trials if all(getattr(t, k) == v for k, v in where.items())]
        assert rows(table, **where).loss.values.tolist() == wanted
