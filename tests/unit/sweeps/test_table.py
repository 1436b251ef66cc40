import math
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from mnemoscope.errors import InputError
from mnemoscope.sweeps import Result, Trial, grid
from mnemoscope.sweeps.table import tabulate
from mnemoscope.sweeps.trial import check_result

from .sweep_trials import Coin


class Anything(Trial):
    n_samples: int = 0
    noise_draws: float = 1.0
    network: str = "mlp"
    widths: tuple[float, ...] | None = None
    exact: bool = False

    def run(self) -> Result:
        return {}


def table_of(trials: list[Any], result: dict[str, Any] | None = None) -> xr.Dataset:
    return tabulate(trials, {t.key: check_result(t, t.run() if result is None else result) for t in trials})


@given(st.permutations(grid(Coin, bias=[0.2, 0.7], seed=range(4), side=["heads", "tails"])), st.integers(0, 16))
def test_every_value_is_where_its_spec_says(trials: list[Coin], n_finished: int) -> None:
    # The slow and obvious way: look every trial up by its labels.
    table = tabulate(trials, {trial.key: check_result(trial, trial.run()) for trial in trials[:n_finished]})
    assert dict(table.finished.sizes) == {"bias": 2, "seed": 4, "side": 2}
    for i, trial in enumerate(trials):
        cell = table.sel(bias=trial.bias, seed=trial.seed, side=trial.side)
        assert bool(cell.finished) == (i < n_finished)
        if i < n_finished:
            result = trial.run()
            assert cell["count"] == result["count"]
            np.testing.assert_array_equal(cell.path, result["path"][1])
            assert cell.path.dtype == np.float32
        elif n_finished:
            assert np.isnan(cell["count"])
            assert bool(cell.path.isnull().all())


def test_trials_that_fill_no_grid_get_one_dimension() -> None:
    trials = [*grid(Coin, bias=[0.2, 0.7], seed=range(2)), Coin(bias=0.2, seed=9)]
    table = table_of(trials)
    assert table["count"].dims == ("trial",)
    assert table.seed.values.tolist() == [0, 1, 0, 1, 9]
    assert table.side.item() == "heads"
    for i, trial in enumerate(trials):
        assert table["count"].values[i] == trial.run()["count"]


def test_fields_of_every_type_become_coordinates() -> None:
    trials = grid(
        Anything,
        n_samples=[4, 8],
        noise_draws=[1, math.inf],
        network=["mlp", "unet"],
        widths=[None, (1.0, math.inf)],
        exact=[False, True],
    )
    table = table_of(trials, {"loss": 0.0})
    assert table.loss.sel(n_samples=8, noise_draws=math.inf, network="unet", widths='[1.0,"Infinity"]', exact=True) == 0
    assert [table[name].dtype.kind for name in ("n_samples", "noise_draws", "exact")] == ["i", "f", "b"]


def test_lengths_that_differ_are_padded_and_coordinates_aligned() -> None:
    trials = grid(Anything, n_samples=[1, 2])
    results = [
        {"loss": ("step", [1.0, 2.0]), "step": ("step", [10, 30]), "spectrum": ("mode", [5.0])},
        {"loss": ("step", [3.0, 4.0]), "step": ("step", [30, 20]), "spectrum": ("mode", [6.0, 7.0])},
    ]
    table = tabulate(trials, {t.key: check_result(t, r) for t, r in zip(trials, results, strict=True)})
    nan = math.nan
    assert table.step.values.tolist() == [10, 20, 30]
    np.testing.assert_array_equal(table.loss, [[1.0, nan, 2.0], [nan, 4.0, 3.0]])
    np.testing.assert_array_equal(table.spectrum, [[5.0, nan], [6.0, 7.0]])
    reference = xr.concat([xr.Dataset(r)[["loss"]] for r in results], dim="n_samples", join="outer").sortby("step")
    np.testing.assert_array_equal(table.loss, reference.loss)


def test_one_trial_has_no_dimension() -> None:
    table = table_of([Coin(bias=0.2, seed=0)])
    assert table["count"].dims == ()
    assert table["count"] == Coin(bias=0.2, seed=0).run()["count"]


def test_dimensions_that_disagree_are_refused() -> None:
    trials = grid(Anything, n_samples=[1, 2])
    results = [{"a": ("x", [1.0])}, {"a": ("y", [1.0])}]
    with pytest.raises(InputError, match="result a"):
        tabulate(trials, {t.key: check_result(t, r) for t, r in zip(trials, results, strict=True)})
