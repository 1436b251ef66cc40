"""A network that reads its weights off a smooth path, against the ODE of that path."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
import xarray as xr
from matplotlib.figure import Figure
from pydantic import Field

from mnemoscope.residual import NeuralODE, ResidualBranches, SmoothPath
from mnemoscope.studies.deep_limits.regression import DIM, PAPER, draw_power, slope
from mnemoscope.studies.rows import rows
from mnemoscope.studies.study import Claim, Experiment, Plot, Preset, Seeds
from mnemoscope.sweeps import Result, grid
from mnemoscope.theory import euler_error_bound

WIDTH = 32

CAPTION = (
    "Distance of the output of a network of L layers to the ODE whose weights it reads off: each dot one random path,"
    " the largest over the inputs. The thick line is 1/L."
)


class Ode(Experiment, frozen=True):
    """Both the network and its ODE in double precision, from one random state."""

    depth: int = Field(ge=1)
    n_samples: int = Field(ge=1)
    seed: int = Field(ge=0)

    def run(self) -> Result:
        generator = torch.Generator().manual_seed(self.seed)
        shapes = {"inner": (WIDTH, DIM), "outer": (DIM, WIDTH)}
        paths = {name: SmoothPath(shape, generator=generator, dtype=torch.float64) for name, shape in shapes.items()}
        h = torch.randn(self.n_samples, DIM, generator=generator, dtype=torch.float64)
        branches = ResidualBranches(DIM, WIDTH, self.depth, generator=generator, dtype=torch.float64)
        ode = NeuralODE(
            lambda state, z: branches.velocity(state, z["inner"], z["outer"]),
            lambda s: {name: path(torch.tensor([s], dtype=torch.float64))[0] for name, path in paths.items()},
        )
        s = torch.arange(1, self.depth + 1, dtype=torch.float64) / self.depth
        with torch.no_grad():
            for name, path in paths.items():
                getattr(branches, name).copy_(path(s))
            errors = torch.linalg.vector_norm(branches(h) - ode(h, steps=400), dim=1)
        fine, norms = torch.linspace(0, 1, 1001, dtype=torch.float64), {}
        for name, path in paths.items():
            along = path(fine)
            norms[f"{name}_norm"] = float(torch.linalg.matrix_norm(along, ord=2).max())
            norms[f"{name}_slope"] = float(torch.linalg.matrix_norm(along.diff(dim=0), ord=2).max()) * 1000
        start = float(torch.linalg.vector_norm(h, dim=1).max())
        bound = euler_error_bound(self.depth, **norms, dim=DIM, width=WIDTH, start_norm=start)
        return {"error": float(errors.max()), "bound": float(bound)}

    @classmethod
    def plan(cls, preset: Preset, seeds: Seeds) -> Sequence[Experiment]:
        deepest, number = (256, 3) if preset == "quick" else (2048, 10)
        depths = [depth for depth in (16, 32, 64, 128, 256, 512, 1024, 2048) if depth <= deepest]
        return grid(cls, depth=depths, n_samples=20, seed=seeds(1 + number)[1:])

    @classmethod
    def claims(cls, results: xr.Dataset) -> Iterator[Claim]:
        trials = rows(results)
        mean = np.log(trials.error).groupby(trials.depth).mean()
        measured, text = slope(mean.depth, np.exp(mean))
        yield Claim(
            "ode-slope",
            f"A network that reads its weights off a smooth path is C/L away from its ODE{text}.",
            f"{PAPER}, Proposition 2",
            measured,
            0.1,
            -1.0,
        )
        yield Claim(
            "ode-bound",
            "That error stays below the bound with its constant (largest error/bound).",
            f"{PAPER}, Proposition 2",
            float((trials.error / trials.bound).max()),
            (None, 1.0),
        )

    @classmethod
    def plots(cls, results: xr.Dataset) -> Iterator[Plot]:
        trials = rows(results)
        yield Plot("ode", CAPTION, lambda figure: _draw(figure, trials))


def _draw(figure: Figure, trials: xr.Dataset) -> None:
    axes = figure.add_subplot(xscale="log", yscale="log", xlabel="depth L", ylabel="largest ‖h_L − H(1)‖")
    axes.plot(trials.depth, trials.error, "o", markersize=4, label="measured")
    means = np.exp(np.log(trials.error).groupby(trials.depth).mean())
    draw_power(axes, means.depth.values, float(means[0]), -1.0, "1/L")
    axes.legend()
