"""The measurements against slow twins and known answers on tiny settings."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from scipy.spatial import Voronoi
from scipy.special import softmax

from mnemoscope.auditing import clopper_pearson
from mnemoscope.errors import InputError
from mnemoscope.processes import VariancePreserving
from mnemoscope.scores import EmpiricalBayesScore, EmpiricalScore
from mnemoscope.studies.regularization import (
    Collapse,
    ImageCopies,
    Network,
    Path,
    Symmetric,
    TwoPictures,
    TwoPicturesNetwork,
    collapse,
    fourier_networks,
    image_copies,
    image_quality,
    network,
    path,
    plane,
    two_pictures,
)
from mnemoscope.studies.regularization.closed_forms import closed_form
from mnemoscope.studies.study import Experiment
from mnemoscope.sweeps.trial import check_result
from mnemoscope.theory import copy_share
from tests.tolerances import EXACT, FLOAT32


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch, no_installed_images: None) -> None:
    """Small samples."""
    for module, sizes in (
        (collapse, {"LATENTS": 200}),
        (path, {"TRAJECTORIES": 5}),
        (network, {"CHECKPOINT_EVERY": 20, "LATENTS": 50}),
        (image_quality, {"SAMPLES": 60, "HELD_OUT": 100}),
        (image_copies, {"CHECKPOINTS": (2, 4)}),
        (
            two_pictures,
            {"SAMPLES": 60, "NETWORK_SAMPLES": 2, "CHECKPOINT_EVERY": 1, "SAMPLER_STEPS": 8, "MEASUREMENT_NOISE": 0.07},
        ),
    ):
        for name, value in sizes.items():
            monkeypatch.setattr(module, name, value)


def outcome(kind: type[Experiment], **fields: Any) -> dict[str, Any]:
    trial = kind(**{"seed": 0} | fields)
    result = trial.run()
    check_result(trial, result)
    return dict(result)


@pytest.mark.parametrize(
    ("kind", "fields", "bad"),
    [
        (Collapse, {"score": "tikhonov", "strength": -1.0}, "strength"),
        (Collapse, {"score": "network"}, "score"),
        (Network, {"width": 0, "steps": 1}, "width"),
        (Network, {"steps": 0}, "steps"),
        (ImageCopies, {"data": "digits", "score": "nearest"}, "score"),
        (Symmetric, {"data": "points"}, "data"),
        (TwoPictures, {"seed": -1}, "seed"),
    ],
)
def test_a_spec_out_of_range_is_refused_by_name(kind: type[Experiment], fields: dict[str, Any], bad: str) -> None:
    with pytest.raises(InputError, match=f"^{kind.__name__}: {bad}: "):
        kind(**{"seed": 0} | fields)


# -- closed forms ------------------------------------------------------------------------------------------------------


def test_the_points_are_those_of_the_source() -> None:
    points = plane.training_points()
    assert points.shape == (20, 2)
    assert points[0] == pytest.approx([1.62434536, -0.61175641])
    assert len(Voronoi(points).regions) >= 20
    x = torch.tensor([[0.0, 0.0], [1.5, -0.6]])
    slow = [min(math.dist(point, p) for p in points) for point in x.tolist()]
    assert plane.distances(x).tolist() == pytest.approx(slow)


@pytest.mark.parametrize("process", ["variance-exploding", "variance-preserving"])
def test_paths_end_on_the_points_at_the_rate_of_sigma(process: str) -> None:
    found = outcome(Path, process=process)
    sigma, distance = found["sigma"][1], found["to_limit"][1]
    assert distance.shape == (plane.FLOW_STAGES, 5)
    assert np.all(distance[-1] < 5 * sigma[-1])
    late = sigma < 1e-2
    for one in distance.T:
        assert np.polyfit(np.log(sigma[late]), np.log(one[late]), 1)[0] == pytest.approx(1, abs=0.05)
    weights = found["weight"][1]
    assert weights.sum(axis=1) == pytest.approx(np.ones(len(weights)))
    assert weights[-1].max() == pytest.approx(1)
    # The first trajectory's weights, from the positions by the textbook formula.
    stage, p = 100, plane.PROCESSES[process]
    t = found["time"][1][stage]
    gaps = found["position"][1][stage, 0] - float(p.alpha(t)) * plane.training_points()
    assert weights[stage] == pytest.approx(softmax(-(gaps**2).sum(axis=1) / (2 * float(p.sigma(t)) ** 2)))


@pytest.mark.parametrize("data", ["pair", "square"])
def test_symmetric_starts_end_between_the_points_and_others_on_one(data: str) -> None:
    found = outcome(Symmetric, data=data)
    special = found["on_boundary"][1]
    assert special.sum() == 5
    assert np.all(found["track"][1][:, special, 0] == 0), "the symmetry is broken by rounding"
    assert found["to_middle"][1][special].max() < 1e-3 < 0.9 < found["to_point"][1][special].min()
    assert found["to_point"][1][~special].max() < 1e-3


@pytest.mark.parametrize("c", [1e-5, 1e-4, 1e-2])
def test_the_tikhonov_score_leaves_the_predicted_share_of_copies(c: float) -> None:
    found = outcome(Collapse, score="tikhonov", strength=c)
    low, high = clopper_pearson(found["collapsed"], found["latents"])
    assert low <= float(copy_share(c, collapse.COPY_DISTANCE)) <= high


def test_the_exact_score_collapses_and_a_large_threshold_prevents_it() -> None:
    assert outcome(Collapse, score="empirical")["collapsed"] == 200
    assert outcome(Collapse, score="tempered", strength=4.0)["collapsed"] == 200
    assert outcome(Collapse, score="empirical-bayes", strength=10.0)["collapsed"] < 5


def test_the_threshold_of_empirical_bayes_is_in_units_of_a_typical_density() -> None:
    train, process = np.eye(6), plane.PROCESSES["variance-exploding"]
    score = closed_form("empirical-bayes", 2.0, train, process, 0)
    x = torch.randn(5, 6, generator=generators(0)[0], dtype=torch.float64)
    expected = EmpiricalBayesScore(train, process, 2 * math.exp(-3))(x, 0.2)
    torch.testing.assert_close(score(x, 0.2), expected, rtol=EXACT, atol=EXACT)
    unlike = EmpiricalBayesScore(train, process, 2.0)(x, 0.2)
    assert (expected.norm(dim=1) > 1.5 * unlike.norm(dim=1)).all()
    planar = closed_form("empirical-bayes", 2.0, train[:, :2], process, 0)(x[:, :2], 0.2)
    torch.testing.assert_close(planar, EmpiricalBayesScore(train[:, :2], process, 2.0)(x[:, :2], 0.2))


# -- the trained network -----------------------------------------------------------------------------------------------


def generators(*seeds: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in seeds]


@pytest.mark.parametrize("singular", [False, True])
def test_the_batched_networks_are_ordinary_ones(singular: bool) -> None:
    networks = fourier_networks.FourierNetworks.draw(generators(3, 4), 16, singular=singular)
    x, t = torch.randn(6, 2, generator=generators(0)[0]), torch.tensor(0.3)
    sigma = float(fourier_networks.PROCESS.sigma(t))
    for run in range(2):
        weights = [p[run] for p in networks.parameters]
        phase = 2 * math.pi * 0.3 * networks.frequencies[run].expand(6, -1)
        hidden = torch.cat([x, phase.sin(), phase.cos()], dim=1)
        for layer in range(4):
            hidden = torch.nn.functional.linear(hidden, weights[2 * layer].T, weights[2 * layer + 1][0])
            hidden = hidden.relu() if layer < 3 else hidden
        expected = hidden / sigma if singular else hidden
        torch.testing.assert_close(networks.run(run).score(x, t), expected, rtol=FLOAT32, atol=FLOAT32)


def test_a_run_does_not_depend_on_its_batch() -> None:
    several = [Network(width=8, steps=40, seed=seed) for seed in (0, 1)]
    together = Network.run_batch(several)
    for trial, result in zip(several, together, strict=True):
        alone = trial.run()
        assert alone["epoch"][1].tolist() == [20, 40]
        assert alone["within_0_5"][1] == pytest.approx(result["within_0_5"][1], abs=0.021)
    assert together[0]["within_0_5"][1] != together[1]["within_0_5"][1]


def test_the_average_of_the_weights_warms_up() -> None:
    networks = fourier_networks.FourierNetworks.draw(generators(0), 4, singular=False)
    average, slow = networks.copy(), 0.0
    for step in range(1, 301):
        for parameter in networks.parameters:
            parameter.data.fill_(float(step))
        fourier_networks._update_average(average, networks, step)
        if step % 10 == 0:
            decay = 0.0 if step <= 100 else min(0.9999, 1 - (step - 100) ** (-2 / 3))
            slow = decay * slow + (1 - decay) * step
        if step == 99:
            assert float(average.parameters[0].detach().mean()) == 90
    assert float(average.parameters[0].mean()) == pytest.approx(slow, rel=FLOAT32)


def test_the_exact_score_has_the_least_loss() -> None:
    """Draws, noise and target belong together: the exact score beats the zero score and a wrong sign by far."""
    points = torch.from_numpy(plane.training_points())
    x, t, sigma, noise = (
        torch.cat(part) for part in zip(*fourier_networks._draws(generators(0), points)[:50], strict=True)
    )
    score = EmpiricalScore(points, fourier_networks.PROCESS)
    exact = torch.stack([score(x[k].double(), t[k, :, 0].double()) for k in range(len(x))])
    losses = [float((factor * sigma * exact + noise).square().mean()) for factor in (1, 0, -1)]
    assert losses[0] < 0.6 * losses[1] < 0.3 * losses[2]


# -- images ------------------------------------------------------------------------------------------------------------


def test_regularization_trades_copies_for_quality() -> None:
    exact = outcome(ImageCopies, data="digits", score="empirical")
    mild = outcome(ImageCopies, data="digits", score="tikhonov", strength=0.1)
    strong = outcome(ImageCopies, data="digits", score="tikhonov", strength=1.0)
    assert exact["copies"][1] == [1.0]
    assert strong["copies"][1] == [0.0]
    assert exact["mmd"][1] < mild["mmd"][1] < strong["mmd"][1]
    assert np.all(mild["denoising_loss"][1] < exact["denoising_loss"][1])
    assert exact["null"][1] < 0.1


def test_a_network_is_measured_along_its_training() -> None:
    found = outcome(ImageCopies, data="digits", score="network", width=8, steps=4)
    assert found["checkpoint"][1].tolist() == [2, 4]
    assert found["denoising_loss"][1].shape == (2, len(image_quality.NOISE_LEVELS))
    assert found["copies"][1].tolist() == [0, 0]


def test_the_two_pictures_are_found_as_often_as_bayes_says() -> None:
    found = outcome(TwoPictures)
    assert found["prior_distance"] == found["posterior_distance"] == 0
    assert found["prior_expected"] == 0.5
    assert 0.9 < found["posterior_expected"] < 1
    for name in ("prior", "posterior"):
        low, high = clopper_pearson(found[f"{name}_large"], 60)
        assert low <= found[f"{name}_expected"] <= high


def test_the_pictures_have_squares_of_their_sizes() -> None:
    assert [(two_pictures.picture(64, side) > 0).sum() for side in (12, 14)] == [144, 196]


def test_the_unet_is_sampled_along_its_training() -> None:
    found = outcome(TwoPicturesNetwork, width=8, steps=2)
    assert found["to_picture"][1].shape == (2, 2)
    assert found["shown"][1].shape == (2, 2, 16, 16)


def test_slopes_are_those_of_the_late_stages() -> None:
    sigma = np.geomspace(1, 1e-6, 50)
    distance = np.where(sigma > 1e-2, 5.0, 3 * sigma**0.5)
    slopes, largest = path.late_slopes(sigma, np.stack([distance, 2 * sigma], axis=1))
    assert slopes == pytest.approx([0.5, 1])
    assert largest == pytest.approx(0.5)


def test_the_processes_are_those_of_the_source() -> None:
    ve, vp = plane.PROCESSES.values()
    assert float(ve.diffusion(0.7)) == pytest.approx(10**0.7)
    assert isinstance(vp, VariancePreserving)
    assert float(vp.diffusion(0.5)) ** 2 == pytest.approx(0.001 + 2.999 * 0.5)


def test_a_time_of_zero_leaves_training_with_a_penalty_finite(monkeypatch: pytest.MonkeyPatch) -> None:
    """Single precision draws t = 0, where σ = 0, once in 2²⁴ times: seed 1 of the study does in its 43,710th step."""

    def at_zero(generators: Sequence[torch.Generator], data: torch.Tensor) -> list[tuple[torch.Tensor, ...]]:
        return [(x, 0 * t, 0 * sigma, noise) for x, t, sigma, noise in draws(generators, data)]

    draws = fourier_networks._draws
    monkeypatch.setattr(fourier_networks, "_draws", at_zero)
    generator = torch.Generator().manual_seed(0)
    networks = fourier_networks.FourierNetworks.draw([generator], 8, singular=False)
    data = torch.randn(5, 2, generator=generator)
    (average,) = fourier_networks.train(networks, data, [generator], steps=3, penalty=0.1, every=3)
    assert all(bool(weights.isfinite().all()) for weights in (*networks.parameters, *average.parameters))
