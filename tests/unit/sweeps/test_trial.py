import hashlib
import math
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from mnemoscope.errors import InputError
from mnemoscope.sweeps import Result, Trial, grid
from mnemoscope.sweeps.trial import batches, check_result

from .sweep_trials import Batched, Coin


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"bias": 0.5, "seed": 0, "sed": 1}, "sed"),
        ({"bias": 0.5}, "seed: is missing"),
        ({"bias": "0.5", "seed": 0}, "bias"),
        ({"bias": 0.5, "seed": 1.0}, "seed"),
        ({"bias": 0.5, "seed": True}, "seed"),
        ({"bias": 1.5, "seed": 0}, "bias"),
        ({"bias": math.nan, "seed": 0}, "bias"),
        ({"bias": 0.5, "seed": -1}, "seed"),
        ({"bias": 0.5, "seed": 0, "side": "edge"}, "side"),
    ],
)
def test_bad_specs_are_refused_by_the_name_of_the_field(fields: dict[str, Any], named: str) -> None:
    with pytest.raises(InputError, match=rf"^Coin: {named}") as caught:
        Coin(**fields)
    assert "\n" not in str(caught.value)


def test_nan_is_refused_where_the_field_has_no_range() -> None:
    with pytest.raises(InputError, match=r"^Batched: scale: .*NaN"):
        Batched(scale=math.nan, seed=0)


def test_every_problem_is_named_at_once() -> None:
    with pytest.raises(InputError, match=r"bias: .*got 2; seed: .*got -1; sed: .*"):
        Coin(bias=2, seed=-1, sed=0)  # type: ignore[call-arg]


def test_specs_are_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Coin(bias=0.5, seed=0).seed = 1


def test_numpy_numbers_are_numbers() -> None:
    assert Coin(bias=np.float32(0.5), seed=np.int64(3)) == Coin(bias=0.5, seed=3)


def test_the_key_is_the_hash_of_the_canonical_json() -> None:
    text = '{"revision":1,"spec":{"bias":0.5,"seed":3,"side":"heads"},"trial":"Coin"}'
    assert Coin(seed=3, bias=0.5).key == hashlib.sha256(text.encode()).hexdigest()


@given(st.lists(st.tuples(st.floats(0.01, 0.99), st.integers(0, 9)), min_size=2, max_size=2))
def test_keys_are_equal_exactly_where_specs_are(pair: list[tuple[float, int]]) -> None:
    first, second = (Coin(bias=bias, seed=seed) for bias, seed in pair)
    assert (first.key == second.key) == (first == second)


def test_revision_and_class_are_part_of_the_key() -> None:
    class Coin2(Coin):
        pass

    class Revised(Coin):
        revision: ClassVar[int] = 2

    Revised.__name__ = "Coin"
    keys = {kind(bias=0.5, seed=0).key for kind in (Coin, Coin2, Revised)}
    assert len(keys) == 3


def test_infinity_is_a_value() -> None:
    class Noise(Trial):
        noise_draws: float = Field(gt=0)

        def run(self) -> Result:
            return {}

    assert Noise(noise_draws=math.inf).spec == {"noise_draws": "Infinity"}
    assert Noise(noise_draws=math.inf).key != Noise(noise_draws=1e300).key


def test_taken_and_unknown_names_are_refused_where_the_class_is_written() -> None:
    with pytest.raises(InputError, match="finished"):
        type("Bad", (Coin,), {"__annotations__": {"finished": int}, "__module__": __name__})
    with pytest.raises(InputError, match="batch_fields: sed"):
        type("Bad", (Coin,), {"batch_fields": ("sed",), "__module__": __name__})


def test_grid_is_every_combination_in_order() -> None:
    trials = grid(Coin, bias=np.array([0.25, 0.5]), seed=range(3), side="tails")
    assert [(t.bias, t.seed, t.side) for t in trials] == [(b, s, "tails") for b in (0.25, 0.5) for s in range(3)]


def test_grid_refuses_a_field_without_values() -> None:
    with pytest.raises(InputError, match="Coin: seed"):
        grid(Coin, bias=0.5, seed=[])


def test_batches_are_alike_and_small_enough() -> None:
    trials = grid(Batched, seed=range(6), scale=[1.0, 2.0])
    groups = batches(trials)
    assert sorted(trial.key for group in groups for trial in group) == sorted(trial.key for trial in trials)
    assert sorted(map(len, groups)) == [2, 2, 4, 4]
    assert all(len({trial.scale for trial in group}) == 1 for group in groups)
    assert [len(group) for group in batches(grid(Coin, bias=0.5, seed=range(3)))] == [1, 1, 1]


@pytest.mark.parametrize(
    ("result", "named"),
    [
        ({"loss": "high"}, "loss"),
        ({"loss": 1j}, "loss"),
        ({"curve": ("step", [[1.0]])}, "curve"),
        ({"a": ("step", [1.0]), "b": ("step", [1.0, 2.0])}, "result b"),
        ({"seed": 1.0}, "seed"),
        ({"curve": ("bias", [1.0])}, "bias"),
        ({"finished": 1.0}, "finished"),
        ({"step": ("step", [1, 1]), "a": ("step", [1.0, 2.0])}, "step"),
    ],
)
def test_results_that_cannot_be_labelled_are_refused_by_name(result: Result, named: str) -> None:
    with pytest.raises(InputError, match=named):
        check_result(Coin(bias=0.5, seed=0), result)
