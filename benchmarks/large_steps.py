"""Speed of the large-steps study: networks trained as one batch, risks by quadrature.

    python -m benchmarks large_steps

Two promises:

- the (η × seeds) grid of Fig. 2, trained as one batch, is at least 5 times faster than one network at a time in the
  same process, with the same weights to float tolerance;
- the exact risk and gradient of one network cost less than Monte Carlo estimates of equal accuracy by 100 times. What
  Monte Carlo would cost follows from the measured variance and time of a draw: variance/accuracy² draws. The quadrature
  is held to 1e-8; the same is shown for one part in a thousand, which anyone would ask for.
"""

import torch
from tests.references.networks import two_layer_descent

from benchmarks.timing import row, seconds, seconds_in_turn
from mnemoscope.mean_field import TwoLayerBatch, denoising_draws, stochastic_descent
from mnemoscope.processes import OrnsteinUhlenbeck
from mnemoscope.theory.large_steps import Neurons, NoisedPoints, relu_risk, relu_risk_gradient, risk

RATES = [0.5, 0.1, 0.05, 0.01]
RUNS, STEPS, WIDTH, BATCH, LARGE_BATCH, TIME = 8, 200, 1000, 50, 5000, 0.05
DRAWS = 20_000
PROCESS = OrnsteinUhlenbeck()


def trained(first: int, last: int) -> TwoLayerBatch:
    """Networks ``first`` to ``last`` of the grid, trained together."""
    generators = [torch.Generator().manual_seed(seed) for seed in range(first, last)]
    rates = [rate for rate in RATES for _ in range(RUNS)][first:last]
    data = torch.stack([torch.randn(20, 1, generator=generator) for generator in generators])
    networks = TwoLayerBatch.draw(1, 1, WIDTH, generators)
    draw = denoising_draws(data, PROCESS, [TIME] * len(rates), BATCH, generators)
    stochastic_descent(networks, draw, learning_rates=rates, steps=[STEPS] * len(rates))
    return networks


def by_autograd(networks: TwoLayerBatch, x: torch.Tensor, target: torch.Tensor, steps: int) -> list[torch.Tensor]:
    """What one would write first: one network, autograd, torch.optim."""
    weights = [networks.inner[0], networks.bias[0], networks.outer[0]]
    return two_layer_descent(weights, x, target, RATES[0], steps=steps)


def batch_rows() -> list[dict[str, object]]:
    n_networks = RUNS * len(RATES)
    together = seconds(lambda: trained(0, n_networks))
    alone = seconds(lambda: [trained(k, k + 1) for k in range(n_networks)], repeats=2)
    batch = trained(0, n_networks)
    difference = max(
        float((getattr(trained(k, k + 1), name)[0] - getattr(batch, name)[k]).abs().max())
        for k in (0, n_networks // 2, n_networks - 1)
        for name in ("inner", "bias", "outer")
    )
    x, target = torch.randn(2, BATCH, 1, generator=torch.Generator().manual_seed(0))
    plain = n_networks * seconds(lambda: by_autograd(batch, x, target, STEPS))
    steps = n_networks * STEPS
    return [
        row("two-layer grid, one network and step, batched (µs)", 1e6 * together / steps),
        row("… one network at a time over batched", alone / together, 5, alone / together >= 5),
        row("… by autograd and torch.optim over batched", plain / together),
        row("… largest difference of the weights", difference, 1e-4, difference <= 1e-4),
    ]


def large_batch_rows() -> list[dict[str, object]]:
    """A step of Fig. 3: two dimensions and the time."""
    generator = torch.Generator().manual_seed(0)
    x, target = (torch.randn(1, LARGE_BATCH, n, generator=generator) for n in (3, 2))
    networks = TwoLayerBatch.draw(3, 2, WIDTH, [generator])
    expected = by_autograd(networks, x[0], target[0], 1)
    rate = torch.tensor(RATES[:1])
    ours, plain = seconds_in_turn(
        lambda: networks.descend(x, target, 0 * rate), lambda: by_autograd(networks, x[0], target[0], 1)
    )
    networks.descend(x, target, rate)
    found = (networks.inner[0], networks.bias[0], networks.outer[0])
    difference = max(float((w - v).abs().max()) for w, v in zip(found, expected, strict=True))
    return [
        row("a step of Fig. 3 on 5,000 samples (ms)", 1e3 * ours),
        row("… by autograd and torch.optim over it", plain / ours),
        row("… largest difference of the weights", difference, 1e-4, difference <= 1e-4),
    ]


def quadrature_rows() -> list[dict[str, object]]:
    generator = torch.Generator().manual_seed(0)
    points = NoisedPoints.at_time(torch.randn(20, generator=generator).sort().values, PROCESS, TIME)
    draw = TwoLayerBatch.draw(1, 1, WIDTH, [generator], dtype=torch.float64)
    draw.bias.normal_(generator=generator)
    neurons = Neurons(*(weights[0] for weights in draw.scalar_weights()))

    def sampled() -> tuple[torch.Tensor, torch.Tensor]:
        """Losses of independent draws, and their gradients in the outer weights."""
        x = points.x[torch.randint(points.n_samples, (DRAWS,), generator=generator)]
        noise = torch.randn(DRAWS, generator=generator, dtype=torch.float64)
        y = points.mu * x + points.sigma * noise
        units = torch.relu(y[:, None] * neurons.inner + neurons.bias) / WIDTH
        residual = units @ neurons.outer + noise / points.sigma
        return residual**2, 2 * residual[:, None] * units

    exact, gradient = relu_risk_gradient(points, neurons)
    losses, slopes = sampled()
    one_draw = seconds(sampled) / DRAWS
    took = {
        "risk": seconds(lambda: relu_risk(points, neurons)),
        "gradient": seconds(lambda: relu_risk_gradient(points, neurons)),
    }
    variance = {"risk": float(losses.var()), "gradient": float(slopes.var(dim=0).sum())}
    size = {"risk": float(exact), "gradient": float(gradient.outer.norm())}
    by_panels = abs(risk(points, neurons, neurons.kinks) - float(exact))
    rows = [row("exact risk against Gauss–Legendre panels, difference", by_panels, 1e-8, by_panels <= 1e-8)]
    for what in ("risk", "gradient"):
        rows.append(row(f"exact {what}, width {WIDTH}, 20 points (ms)", 1e3 * took[what]))
        for accuracy, text in ((1e-8, "1e-8"), (1e-3 * size[what], "1e-3 of its size")):
            ratio = variance[what] / accuracy**2 * one_draw / took[what]
            rows.append(row(f"… Monte Carlo to {text} over it", ratio, 100, ratio >= 100))
    return rows


def rows() -> list[dict[str, object]]:
    """All rows, in order."""
    return batch_rows() + large_batch_rows() + quadrature_rows()
