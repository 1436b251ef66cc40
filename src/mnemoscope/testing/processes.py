"""The contract of a forward process."""

import math

import torch
from torch import Tensor

from mnemoscope.processes import Process
from mnemoscope.testing.checks import assert_close, assert_each_close, assert_refuses

_SLOPE = 1e-5
"""On derivatives by central differences with a relative step of 1e-4: its square, with room, and rounding."""

_STEP = 1e-4
_EXACT = 1e-8


class ProcessContract:
    """What samplers, scores and training rely on in x_t = α(t) x_0 + σ(t) ε; subclass it and give ``process``."""

    def process(self) -> Process:
        """The process under test."""
        raise NotImplementedError

    def times(self) -> Tensor:
        """Where it is tested: a dozen times from t_min to t_max, in double precision."""
        process = self.process()
        return torch.logspace(math.log10(process.t_min), math.log10(process.t_max), 12, dtype=torch.float64)

    def test_there_is_no_noise_at_time_zero(self) -> None:
        """α(0) = 1 and σ(0) = 0: x at time zero is the data."""
        process = self.process()
        assert float(process.alpha(0.0)) == 1, "alpha(0) must be 1"
        assert float(process.sigma(0.0)) == 0, "sigma(0) must be 0"

    def test_signal_and_noise_are_positive(self) -> None:
        """α > 0 and σ > 0 from t_min to t_max, and finite."""
        process, times = self.process(), self.times()
        for name, values in (("alpha", process.alpha(times)), ("sigma", process.sigma(times))):
            assert bool((values > 0).all() and values.isfinite().all()), f"{name} must be positive and finite"

    def test_coefficients_have_the_shape_of_the_time(self) -> None:
        """Numbers give scalars; a tensor of times gives one value for each, in its dtype."""
        process, times = self.process(), self.times()
        for name in ("alpha", "sigma", "drift", "diffusion", "ratio", "time_of"):
            function = getattr(process, name)
            given = process.ratio(times) if name == "time_of" else times
            whole = function(given)
            assert whole.shape == given.shape, f"{name}: shape {tuple(whole.shape)} for {tuple(given.shape)}"
            assert whole.dtype == given.dtype, f"{name}: {whole.dtype} for times in {given.dtype}"
            assert function(given.float()).dtype == torch.float32, f"{name}: single precision must stay single"
            for time in (given[3], float(given[3])):
                assert_each_close(function(time), whole[3], _EXACT, f"{name} of {type(time).__name__}")

    def test_ratio_is_noise_over_signal_and_increases(self) -> None:
        """The ratio is σ/α and strictly increasing: time and noise level stand for each other."""
        process, times = self.process(), self.times()
        ratio = process.ratio(times)
        assert_each_close(ratio, process.sigma(times) / process.alpha(times), _EXACT, "ratio")
        assert bool((ratio.diff() > 0).all()), "ratio must increase with time"

    def test_time_of_is_the_inverse_of_the_ratio(self) -> None:
        """time_of(ratio(t)) = t."""
        process, times = self.process(), self.times()
        assert_each_close(process.time_of(process.ratio(times)), times, _EXACT, "time_of(ratio(t))")

    def test_drift_is_the_slope_of_the_log_signal(self) -> None:
        """The drift is f = α'/α, against finite differences."""
        process, times = self.process(), self.times()
        slope = self._slope(process.alpha(times * (1 + _STEP)).log(), process.alpha(times * (1 - _STEP)).log())
        error = (process.drift(times) - slope).abs() / slope.abs().clamp(min=1)
        assert float(error.max()) <= _SLOPE, f"drift differs from (log alpha)' by up to {float(error.max()):.2g}"

    def test_diffusion_follows_from_signal_and_noise(self) -> None:
        """The diffusion is g² = (σ²)' − 2 f σ², against finite differences."""
        process, times = self.process(), self.times()
        variance_slope = self._slope(process.sigma(times * (1 + _STEP)) ** 2, process.sigma(times * (1 - _STEP)) ** 2)
        expected = variance_slope - 2 * process.drift(times) * process.sigma(times) ** 2
        assert_each_close(process.diffusion(times) ** 2, expected, _SLOPE, "diffusion²")

    def test_one_time_for_all_is_the_same_time_for_each(self) -> None:
        """A number, a scalar tensor and a vector of equal times agree, in the dtype of x."""
        process, t = self.process(), float(self.times()[6])
        for dtype in (torch.float32, torch.float64):
            x0, noise = self._normal(2, 4, 2, 3).to(dtype)
            together = process.perturb(x0, t, noise)
            assert together.dtype == dtype, f"perturb: {together.dtype} for x in {dtype}"
            for time in (torch.tensor(t, dtype=torch.float64), torch.full((4,), t, dtype=torch.float64)):
                assert_close(process.perturb(x0, time, noise), together, 1e-6, f"perturb at t of shape {time.shape}")

    def test_a_time_of_the_wrong_shape_is_refused(self) -> None:
        """Neither a scalar nor one time for each item."""
        process = self.process()
        x = self._normal(4, 2)
        assert_refuses(lambda: process.coefficients(x, self.times()[:3]), "t of shape (3,) with four items")

    def test_score_denoiser_and_noise_say_the_same(self) -> None:
        """Each of the three, from each other."""
        process, times = self.process(), self.times()[2:7]
        x0, noise = self._normal(2, 5, 3)
        x = process.perturb(x0, times, noise)
        score = -noise / process.sigma(times)[:, None]
        for name, found, expected in (
            ("score_from_noise", process.score_from_noise(noise, times), score),
            ("score_from_denoiser", process.score_from_denoiser(x0, x, times), score),
            ("noise_from_score", process.noise_from_score(score, times), noise),
            ("noise_from_denoiser", process.noise_from_denoiser(x0, x, times), noise),
            ("denoiser_from_score", process.denoiser_from_score(score, x, times), x0),
            ("denoiser_from_noise", process.denoiser_from_noise(noise, x, times), x0),
        ):
            assert_close(found, expected, 1e-6, name)

    def test_forward_draws_have_the_moments_of_the_kernel(self) -> None:
        """Mean α x_0 and standard deviation σ of 20,000 draws, within five standard errors, from a fixed generator."""
        process, t, n = self.process(), float(self.times()[6]), 20_000
        x = process.forward(torch.full((n, 1), 3.0, dtype=torch.float64), t, torch.Generator().manual_seed(0))
        alpha, sigma = float(process.alpha(t)), float(process.sigma(t))
        assert abs(float(x.mean()) - 3 * alpha) < 5 * sigma / math.sqrt(n), "forward: mean"
        assert abs(float(x.std()) / sigma - 1) < 5 / math.sqrt(2 * n), "forward: standard deviation"

    def _slope(self, above: Tensor, below: Tensor) -> Tensor:
        return (above - below) / (2 * _STEP * self.times())

    @staticmethod
    def _normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
