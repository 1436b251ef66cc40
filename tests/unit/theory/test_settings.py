"""Every function takes the same settings, and refuses one that is missing, misspelt or not what it works on."""

import functools

import pytest

from mnemoscope.errors import InputError
from mnemoscope.theory import (
    early_stopping,
    feature_spectrum,
    learning_curve,
    phase_diagram,
    predict,
    spectral_density,
    training_curve,
)

FUNCTIONS = {
    "learning_curve": functools.partial(learning_curve, ridge=1e-3),
    "training_curve": functools.partial(training_curve, training_time=1.0),
    "early_stopping": early_stopping,
    "phase_diagram": functools.partial(phase_diagram, ridge=1e-3),
    "spectral_density": functools.partial(spectral_density, eigenvalue=1.0),
    "feature_spectrum": feature_spectrum,
    "predict": functools.partial(predict, ridge=1e-3),
}
SETTINGS = {"psi_n": 4.0, "psi_p": [2.0, 6.0], "noise_draws": 2, "time": 0.1, "activation": "tanh"}
every_function = pytest.mark.parametrize("name", FUNCTIONS)


def of(name: str) -> dict[str, object]:
    """Settings that the function takes: two of them answer for one point only."""
    return SETTINGS | ({"psi_p": 6.0} if name in ("feature_spectrum", "predict") else {})


@every_function
def test_the_settings_are_taken(name: str) -> None:
    assert FUNCTIONS[name](**of(name)) is not None


@every_function
def test_a_misspelt_setting_is_named(name: str) -> None:
    with pytest.raises(TypeError, match="'noise_drawn', the settings are activation, noise_draws, psi_"):
        FUNCTIONS[name](**of(name), noise_drawn=3)


@every_function
@pytest.mark.parametrize("missing", ["psi_p", "time"])
def test_a_missing_setting_is_named(name: str, missing: str) -> None:
    settings = of(name)
    del settings[missing]
    with pytest.raises(TypeError, match=f"missing argument '{missing}'"):
        FUNCTIONS[name](**settings)


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if name != "predict"])
def test_the_number_of_samples_is_required(name: str) -> None:
    with pytest.raises(TypeError, match="missing argument 'psi_n'"):
        FUNCTIONS[name](**{key: value for key, value in of(name).items() if key != "psi_n"})


@pytest.mark.parametrize("name", ["feature_spectrum", "predict"])
@pytest.mark.parametrize("setting", ["psi_p", "time", "noise_draws"])
def test_a_grid_is_refused_where_one_point_is_answered_for(name: str, setting: str) -> None:
    with pytest.raises(InputError, match=rf"{setting}: pass one number, got float64 of shape \(2,\)"):
        FUNCTIONS[name](**(of(name) | {setting: [1.0, 2.0]}))
