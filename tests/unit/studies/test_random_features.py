"""The study as a whole: what it plans, that every spec is checked, and that figures come with whatever is finished."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure

from mnemoscope.errors import InputError
from mnemoscope.studies import Experiment, load_study
from mnemoscope.studies.random_features import RandomFeatures, curve_figures, digits, spectrum, training_time, unet
from mnemoscope.studies.random_features.copies import Copies
from mnemoscope.studies.random_features.image_theory import ImageTheory
from mnemoscope.studies.random_features.size import Size
from mnemoscope.studies.random_features.unet import UNet
from tests.unit.studies.random_features_results import TINY, few_trials, made_up, table

pytestmark = pytest.mark.usefixtures("no_installed_images")

KINDS = ["curve", "curve-limit", "size", "training-time", "spectrum", "image-theory", "copies", "unet"]
FIGURES = {
    "curve": ["learning-curves", "noise-draws", "phase-diagram"],
    "image-theory": ["images"],
}
EXPERIMENTS = pytest.mark.parametrize("kind", RandomFeatures.experiments, ids=KINDS)


def test_the_experiments() -> None:
    assert [experiment.kind() for experiment in load_study("random-features").experiments] == KINDS


@pytest.mark.parametrize(("preset", "number"), [("quick", 437), ("paper", 843)])
def test_presets_plan_every_experiment_and_keep_seeds_apart(preset: Any, number: int) -> None:
    zero, one = (
        [trial for alike in load_study("random-features").plan(preset, seed).values() for trial in alike]
        for seed in (0, 1)
    )
    assert {trial.kind() for trial in zero} == set(KINDS)
    assert len({trial.key for trial in zero}) == len(zero) == number
    assert not {trial.seed for trial in zero} & {trial.seed for trial in one}
    assert {trial.data for trial in zero if isinstance(trial, ImageTheory)} == {"digits"}


@pytest.mark.parametrize(
    ("kind", "field"),
    [(Size, name) for name in ("dim", "psi_n", "psi_p", "noise_draws", "time", "ridge")]
    + [(Copies, name) for name in ("n_samples", "n_features", "ridge")]
    + [(UNet, name) for name in ("n_samples", "width", "steps", "noise_draws")],
)
def test_a_spec_out_of_range_is_refused_by_name(kind: type[Experiment], field: str) -> None:
    with pytest.raises(InputError, match=f"{kind.__name__}: {field}"):
        kind(**TINY[kind] | {field: 0})


@pytest.mark.parametrize("kind", [Copies, UNet])
def test_a_first_time_beyond_the_sampler_s_start_is_refused(kind: type[Experiment]) -> None:
    with pytest.raises(InputError, match=f"{kind.__name__}: time"):
        kind(**TINY[kind] | {"time": 3.0})


@EXPERIMENTS
def test_a_trial_depends_on_its_spec_alone(kind: type[Experiment], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digits, "SAMPLES", 60)
    monkeypatch.setattr(unet, "FRESH_DRAWS", 50)
    first, same, other = (
        {name: repr(value) for name, value in kind(**TINY[kind] | {"seed": seed}).run().items()} for seed in (0, 0, 1)
    )
    assert first == same
    assert first != other


@pytest.fixture(scope="module")
def theory_once() -> Iterator[None]:
    """What figures draw of the theory, computed once for each m: the trials here do not differ in the rest."""
    known: dict[Any, Any] = {}

    def once(function: Callable[..., Any]) -> Callable[..., Any]:
        def remembered(*row: Any, noise_draws: float, **others: Any) -> Any:
            key = function.__name__, noise_draws, np.max(others.get("psi_p", 0.0))
            if key not in known:
                known[key] = function(*row, noise_draws=noise_draws, **others)
            return known[key]

        return remembered

    theory = {
        curve_figures: ("theory_at", "phase_diagram"),
        training_time: ("training_curve",),
        spectrum: ("spectral_density",),
    }
    with pytest.MonkeyPatch.context() as patch:
        for module, names in theory.items():
            for name in names:
                patch.setattr(module, name, once(getattr(module, name)))
        yield


@pytest.mark.usefixtures("theory_once")
@EXPERIMENTS
@settings(max_examples=3, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.data())
def test_figures_come_with_whatever_is_finished(kind: type[Experiment], data: st.DataObject) -> None:
    trials = few_trials(kind)
    finished = data.draw(st.lists(st.sampled_from(trials), min_size=1, unique=True))
    drawn = list(kind.plots(table(trials, [(trial, made_up(trial)) for trial in finished])))
    assert [plot.name for plot in drawn] == FIGURES.get(kind.kind(), [kind.kind()])
    for plot in drawn:
        figure = Figure()
        plot.draw(figure)
        figure.draw_without_rendering()
        assert any(axes.has_data() for axes in figure.axes), plot.name


def test_a_caption_says_what_is_left_out() -> None:
    trials = few_trials(ImageTheory)
    (plot,) = ImageTheory.plots(table(trials, [(trial, made_up(trial)) for trial in trials]))
    assert "digits, whitened, -3.0% to -3.0%" in plot.caption
    assert "Fashion-MNIST is skipped" in plot.caption
