"""The contract of a score."""

import math

import torch
from torch import Tensor

from mnemoscope.scores import Score
from mnemoscope.testing.checks import assert_close

_STEP = 1e-5


class ScoreContract:
    """What samplers, monitors and audits rely on in a score; subclass it and give ``score``.

    Attributes:
        double: whether the score computes in double precision when x has it; then its derivative by autograd is
            compared with finite differences, and the tolerances are tight. Networks say False.
    """

    double: bool = True

    def score(self) -> Score:
        """The score under test."""
        raise NotImplementedError

    def log_density(self, x: Tensor, t: float) -> Tensor | None:  # noqa: ARG002
        """The log density, shape ``(batch,)``, computed some other way; override it, and its gradient is compared."""
        return None

    def times(self) -> list[float]:
        """Where it is tested: three times at which the noise is a fair share of σ(t_max)."""
        process = self.score().process
        return [float(process.time_of(share * process.ratio(process.t_max))) for share in (0.01, 0.1, 0.5)]

    def queries(self, t: float, n: int = 6) -> Tensor:
        """Points at which it is tested, shape ``(n, *event)``: normal draws about as large as x_t."""
        score = self.score()
        scale = math.hypot(float(score.process.alpha(t)), float(score.process.sigma(t)))
        draws = torch.randn(n, *score.event_shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        return (scale * draws).to(score.device, torch.float64 if self.double else torch.float32)

    @property
    def tolerance(self) -> float:
        """On values that must agree, in units of the largest."""
        return 1e-8 if self.double else 1e-4

    def test_has_the_shape_and_dtype_of_its_argument(self) -> None:
        """Single precision stays single, double stays double."""
        score = self.score()
        for t in self.times():
            for dtype in (torch.float32, torch.float64) if self.double else (torch.float32,):
                x = self.queries(t).to(dtype)
                for name, function in (("score", score), ("denoiser", score.denoiser), ("noise", score.noise)):
                    found = function(x, t)
                    assert found.shape == x.shape, f"{name}: shape {tuple(found.shape)} for {tuple(x.shape)}"
                    assert found.dtype == dtype, f"{name}: {found.dtype} for x in {dtype}"
                    assert bool(found.isfinite().all()), f"{name}: not finite at t = {t:g}"

    def test_one_time_for_all_is_the_same_time_for_each(self) -> None:
        """A number, a scalar tensor and a vector of equal times agree."""
        score = self.score()
        for t in self.times():
            x = self.queries(t)
            expected = score(x, t)
            for shape in ((), (len(x),)):
                time = torch.full(shape, t, dtype=torch.float64, device=x.device)
                assert_close(score(x, time), expected, self.tolerance, f"score at t of shape {shape}")

    def test_items_do_not_know_each_other(self) -> None:
        """Each item, with its own time, has the score that it has alone."""
        score, times = self.score(), self.times()
        x = torch.cat([self.queries(t, 2) for t in times])
        each = torch.tensor(times, dtype=torch.float64, device=x.device).repeat_interleave(2)
        alone = torch.cat([score(x[i : i + 1], each[i]) for i in range(len(x))])
        for i, item in enumerate(score(x, each)):
            assert_close(item, alone[i], self.tolerance, f"item {i} of a batch")

    def test_denoiser_and_noise_follow_from_the_score(self) -> None:
        """E[x_0|x_t] = (x + σ² s)/α and ε̂ = −σ s, also where they are computed another way."""
        score = self.score()
        for t in self.times():
            x = self.queries(t)
            found = score(x, t)
            alpha, sigma = float(score.process.alpha(t)), float(score.process.sigma(t))
            assert_close(score.denoiser(x, t), (x + sigma**2 * found) / alpha, self.tolerance, "denoiser")
            assert_close(score.noise(x, t), -sigma * found, self.tolerance, "noise")

    def test_leaves_its_argument_and_gives_the_same_again(self) -> None:
        """A score is a function: no draws, and x is not written to."""
        score = self.score()
        for t in self.times():
            x = self.queries(t)
            before, first = x.clone(), score(x, t).clone()
            assert torch.equal(x, before), "x was changed"
            assert torch.equal(score(x, t), first), "the second call differs from the first"

    def test_its_derivative_is_that_of_finite_differences(self) -> None:
        """Through autograd, in one component along one direction; only where ``double``."""
        score = self.score()
        for t in self.times() if self.double else ():
            x = self.queries(t, 2).requires_grad_()
            draws = self.queries(t, 6)
            direction, component = draws[2:4], draws[4:]
            (slope,) = torch.autograd.grad(score(x, t), x, component)
            with torch.no_grad():
                change = score(x + _STEP * direction, t) - score(x - _STEP * direction, t)
            expected = (change * component).flatten(1).sum(1) / (2 * _STEP)
            assert_close((slope * direction).flatten(1).sum(1), expected, 1e-5, f"derivative at t = {t:g}")

    def test_is_the_gradient_of_its_density(self) -> None:
        """Only where ``log_density`` is given."""
        score = self.score()
        for t in self.times():
            x = self.queries(t).requires_grad_()
            density = self.log_density(x, t)
            if density is None:
                return
            (expected,) = torch.autograd.grad(density.sum(), x)
            assert_close(score(x.detach(), t), expected, self.tolerance, f"score at t = {t:g}")
