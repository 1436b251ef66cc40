"""The study as a whole: what it plans, that every spec is checked, and that figures come with whatever is finished."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure

from mnemoscope.errors import InputError
from mnemoscope.studies import Experiment, load_study
from mnemoscope.studies.random_features import RandomFeatures, curve_figures
from mnemoscope.studies.random_features.copies import Copies
from mnemoscope.studies.random_features.image_theory import ImageTheory
from mnemoscope.studies.random_features.size import Size
from mnemoscope.studies.random_features.unet import UNet
from mnemoscope.theory import phase_diagram
from tests.unit.studies.random_features_results import TINY, few_trials, made_up, table

pytestmark = pytest.mark.usefixtures("no_installed_images")

KINDS = ["curve", "size", "training-time", "spectrum", "image-theory", "copies", "unet"]
FIGURES = {
    "curve": ["learning-curves", "noise-draws", "phase-diagram"],
    "image-theory": ["images"],
}
EXPERIMENTS = pytest.mark.parametrize("kind", RandomFeatures.experiments, ids=KINDS)


def test_the_experiments() -> None:
    assert [experiment.kind() for experiment in load_study("random-features").experiments] == KINDS


@pytest.mark.parametrize(("preset", "number"), [("quick", 238), ("paper", 495)])
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
def test_a_trial_depends_on_its_spec_alone(kind: type[Experiment]) -> None:
    first, same, other = (
        {name: repr(value) for name, value in kind(**TINY[kind] | {"seed": seed}).run().items()} for seed in (0, 0, 1)
    )
    assert first == same
    assert first != other


@pytest.fixture(scope="module", autouse=True)
def one_phase_diagram() -> Any:
    """Computed once for each m: it does not depend on the trials."""
    known: dict[float, Any] = {}

    def remembered(*, noise_draws: float, **setting: Any) -> Any:
        if noise_draws not in known:
            known[noise_draws] = phase_diagram(noise_draws=noise_draws, **setting)
        return known[noise_draws]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(curve_figures, "phase_diagram", remembered)
        yield


@EXPERIMENTS
@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
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
