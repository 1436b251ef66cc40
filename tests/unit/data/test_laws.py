import pytest
import torch

from mnemoscope.data import Gaussian, GaussianMixture, LinearManifold
from mnemoscope.errors import InputError
from tests.laws import gaussian, manifold, mixture

EYE = torch.eye(2, dtype=torch.float64)


def test_draws_have_the_laws_moments(generator: torch.Generator) -> None:
    law = mixture(3, 4, generator)
    draws = law.sample(200_000, generator)
    mean = (law.weights[:, None] * law.means).sum(dim=0)
    # The standard error is about 0.005; ten of them.
    torch.testing.assert_close(draws.mean(dim=0), mean, atol=0.05, rtol=0)
    assert draws.dtype == torch.float64


def test_fit_recovers_a_gaussian(generator: torch.Generator) -> None:
    law = gaussian(3, generator)
    fitted = Gaussian.fit(law.sample(200_000, generator))
    x = torch.randn(10, 3, generator=generator, dtype=torch.float64)
    torch.testing.assert_close(fitted.score(x), law.score(x), atol=0.1, rtol=0.05)


def test_manifold_draws_stay_on_it_and_need_noise_for_a_density(generator: torch.Generator) -> None:
    law = manifold(5, 2, generator)
    assert law.intrinsic_dimension == 2
    draws = law.sample(50, generator)
    assert torch.linalg.matrix_rank(draws, atol=1e-8) == 2
    with pytest.raises(InputError, match="sigma > 0"):
        law.log_density(draws)
    assert torch.isfinite(law.log_density(draws, sigma=0.1)).all()


@pytest.mark.parametrize(
    ("means", "covariances", "weights", "complaint"),
    [
        (torch.zeros(1, 2), torch.zeros(1, 3, 3), None, "shape"),
        (torch.zeros(1, 2).double(), -EYE[None], None, "positive semi-definite"),
        (torch.zeros(1, 2).double(), torch.tensor([[[1.0, 2.0], [0.0, 1.0]]]).double(), None, "symmetric"),
        (torch.zeros(2, 2).double(), torch.stack([EYE, EYE]), torch.tensor([0.5, 0.6]), "sum 1"),
        (torch.zeros(2, 2).double(), torch.stack([EYE, EYE]), torch.tensor([1.5, -0.5]), "positive"),
    ],
)
def test_impossible_laws_are_refused(
    means: torch.Tensor, covariances: torch.Tensor, weights: torch.Tensor | None, complaint: str
) -> None:
    with pytest.raises(InputError, match=complaint):
        GaussianMixture(means, covariances, weights)


def test_manifold_is_a_gaussian() -> None:
    basis = torch.tensor([[1.0], [1.0]], dtype=torch.float64)
    x = torch.ones(1, 2, dtype=torch.float64)
    expected = torch.distributions.MultivariateNormal(torch.zeros(2).double(), basis @ basis.mT + EYE).log_prob(x)
    torch.testing.assert_close(LinearManifold(basis).log_density(x, sigma=1.0), expected)
