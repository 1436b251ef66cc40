"""Implementations that are wrong in one way each."""

from dataclasses import dataclass

import numpy as np
import torch

from mnemoscope.auditing.measures import AbsoluteDistance, Authenticity, DistanceRatio
from mnemoscope.processes import OrnsteinUhlenbeck
from mnemoscope.processes.base import as_time
from mnemoscope.scores import Score


@dataclass(frozen=True)
class NoisyStart(OrnsteinUhlenbeck):
    def sigma(self, t):
        return torch.sqrt(1e-4 - torch.expm1(-2 * as_time(t)))


@dataclass(frozen=True)
class NegativeSignal(OrnsteinUhlenbeck):
    def alpha(self, t):
        return torch.exp(-as_time(t)) - 0.1


@dataclass(frozen=True)
class ScalarDrift(OrnsteinUhlenbeck):
    def drift(self, t):
        return torch.tensor(-1.0, dtype=torch.float64)


@dataclass(frozen=True)
class AlwaysDouble(OrnsteinUhlenbeck):
    def alpha(self, t):
        return super().alpha(t).double()


@dataclass(frozen=True)
class SquaredRatio(OrnsteinUhlenbeck):
    def ratio(self, t):
        return super().ratio(t) ** 2


@dataclass(frozen=True)
class FallingNoise(OrnsteinUhlenbeck):
    def sigma(self, t):
        return torch.sin(as_time(t))

    def ratio(self, t):
        return self.sigma(t) / self.alpha(t)


@dataclass(frozen=True)
class WrongInverse(OrnsteinUhlenbeck):
    def time_of(self, ratio):
        return torch.log1p(as_time(ratio)) / 2


@dataclass(frozen=True)
class HalfDrift(OrnsteinUhlenbeck):
    def drift(self, t):
        return super().drift(t) / 2


@dataclass(frozen=True)
class HalfDiffusion(OrnsteinUhlenbeck):
    def diffusion(self, t):
        return super().diffusion(t) / 2


@dataclass(frozen=True)
class FirstTimeForAll(OrnsteinUhlenbeck):
    def coefficients(self, x, t):
        time = as_time(t)
        return super().coefficients(x, time if time.ndim == 0 else time[0] * 2)


@dataclass(frozen=True)
class DoubleDraws(OrnsteinUhlenbeck):
    def perturb(self, x0, t, noise):
        return super().perturb(x0, t, noise).double()


@dataclass(frozen=True)
class AnyTime(OrnsteinUhlenbeck):
    def coefficients(self, x, t):
        return super().coefficients(x, as_time(t).flatten()[:1])


@dataclass(frozen=True)
class SignedWrong(OrnsteinUhlenbeck):
    def noise_from_score(self, score, t):
        return -super().noise_from_score(score, t)


@dataclass(frozen=True)
class SmallDraws(OrnsteinUhlenbeck):
    def forward(self, x0, t, generator):
        return 0.99 * super().forward(x0, t, generator)


class Gaussian(Score):
    """The score of N(0, I) noised: −x/(α² + σ²). Right; the others break it."""

    event_shape = (3,)

    def __init__(self):
        self.process = OrnsteinUhlenbeck()

    def __call__(self, x, t):
        alpha, sigma = self.process.coefficients(x, t)
        return -x / (alpha**2 + sigma**2)


class FlatScore(Gaussian):
    def __call__(self, x, t):
        return super().__call__(x, t)[..., :2]


class DoubleScore(Gaussian):
    def __call__(self, x, t):
        return super().__call__(x, t).double()


class ScalarTimeOnly(Gaussian):
    def __call__(self, x, t):
        late = as_time(t).ndim == 1
        return super().__call__(x, t) * (1.1 if late else 1)


class BatchNormalised(Gaussian):
    def __call__(self, x, t):
        return super().__call__(x, t) + x.mean(dim=0)


class OtherDenoiser(Gaussian):
    def denoiser(self, x, t):
        return x


class OtherNoise(Gaussian):
    def noise(self, x, t):
        return self(x, t)


class Drawn(Gaussian):
    def __call__(self, x, t):
        return super().__call__(x, t) + 1e-3 * torch.randn_like(x)


class Overwriting(Gaussian):
    def __call__(self, x, t):
        found = super().__call__(x, t)
        with torch.no_grad():
            x.mul_(0.5)
        return found


class Detached(Gaussian):
    def __call__(self, x, t):
        return super().__call__(x.detach(), t) + 0 * x


class TwiceTheScore(Gaussian):
    def __call__(self, x, t):
        return 2 * super().__call__(x, t)


class IntegerFlags(DistanceRatio):
    def flags(self, search):
        return super().flags(search).astype(int)


class OneScore(DistanceRatio):
    def scores(self, search):
        return super().scores(search)[:1].repeat(2)


class LogScores(DistanceRatio):
    def scores(self, search):
        return np.log(np.maximum(super().scores(search), 1e-9))


class AmongOthers(DistanceRatio):
    def scores(self, search):
        return super().scores(search) / np.median(search.nearest.distances[:, 0])


class MissesExactCopies(DistanceRatio):
    def flags(self, search):
        return super().flags(search) & (search.nearest.distances[:, 0] > 0)


class ExactCopiesWithoutScale(DistanceRatio):
    def scores(self, search):
        return np.where(search.nearest.distances[:, 0] == 0, 1e-6, super().scores(search))


class FlagsAll(DistanceRatio):
    def scores(self, search):
        return np.zeros(len(search.items))


class FarIsACopy(DistanceRatio):
    def scores(self, search):
        found = super().scores(search)
        return np.where(found < 0.1, found, 0.01 / np.maximum(found, 1e-9))


class HasAUnit(DistanceRatio):
    def scores(self, search):
        return search.nearest.distances[:, 0]


class HasAUnitAndSaysSo(HasAUnit):
    scale_free = False


class MeetsItself(DistanceRatio):
    def scores(self, search):
        first, second = search.index.neighbours(search.items, 2).distances.T
        return first / second


class DeafToTransformations(DistanceRatio):
    def scores(self, search):
        first, second = search.index.neighbours(search.items, 2, search.left_out).distances.T
        return first / second


class FooledByNarrowGenerators(Authenticity):
    calibrates = True


class CalibratesDistances(AbsoluteDistance):
    calibrates = True


class Wordless(DistanceRatio):
    def rule(self, geometry):
        return "near enough"


class Nameless(DistanceRatio):
    limits = "none that we know of"
