"""One trained network, or one formula, and what it says of the limit of many layers.

``part`` says which:

    depth            gradient descent at depth L: successive distances, and the weights on a grid of k/L
    fit              the long run of Figure 2: loss, Polyak–Łojasiewicz ratio and smoothness along it
    ode              a network that reads its weights off a smooth path, against the ODE of that path
    counter-example  the scalar ReLU network of Appendix D
    images           convolutional networks on Fashion-MNIST (``images``)
    cifar-10         the same on CIFAR-10
    scores           residual score networks on a few digits (``scores``)

The theory's text and its authors' code differ in Figure 2: the code leaves out 1/√q and 1/√width and averages the loss
over n·d. ``fit`` follows the code, because with the text's factors the loss falls more than ten times more slowly;
``depth`` follows the text, where factors do not change a slope.
"""

from typing import Literal, TypeAlias

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from mnemoscope.residual import NeuralODE, ResidualBranches, ResidualMLP, SmoothPath, descend, smoothness
from mnemoscope.residual.layers import resample_layers
from mnemoscope.residual.smoothness import successive_distances
from mnemoscope.studies.deep_limits.images import train_images
from mnemoscope.studies.deep_limits.scores import train_score
from mnemoscope.sweeps import Result, Trial
from mnemoscope.theory import alternating_limit, euler_error_bound

DIM = 16
"""q = d = d'; A and B are the identity and stay."""
DEPTH_WIDTH, FIT_WIDTH = 32, 64
SEGMENT = 256
"""Layers between checkpoints: what stays in the cache is cheaper to compute twice than to write and read back."""
DEPTH_RATE, FIT_RATE = 1e-2, 5e-3
"""Steps of the flow; on the weights L times as long."""
SHARES = (0.02, 0.1, 0.2, 0.4, 1.0)
"""Of all steps: where ``depth`` looks."""
PLACES = 32
"""Points of [0, 1] at which networks of different depths are compared."""
SHOWN = 6
"""Weights of Figure 2 that are drawn along the depth."""
RATIO, PAIR_RATE = 3.0, 0.1
"""C of the counter-example, and the step of its descent."""

Part: TypeAlias = Literal["depth", "fit", "ode", "counter-example", "images", "cifar-10", "scores"]


class DepthTrial(Trial, frozen=True):
    """One network and one measurement on it."""

    part: Part
    depth: int = Field(ge=1)
    activation: Literal["identity", "relu", "gelu", "tanh"] = "gelu"
    initialization: Literal["tied", "smooth", "iid"] = "tied"
    n_samples: int = Field(ge=1)
    steps: int = Field(ge=0)
    seed: int = Field(ge=0)

    def run(self) -> Result:
        generator = torch.Generator().manual_seed(self.seed)
        if self.part == "depth":
            return _depth(self, generator)
        if self.part == "fit":
            return _fit(self, generator)
        if self.part == "ode":
            return _ode(self, generator)
        if self.part == "counter-example":
            return _counter_example(self)
        if self.part in ("images", "cifar-10"):
            return train_images(
                "cifar-10" if self.part == "cifar-10" else "fashion-mnist",
                self.depth,
                self.activation,
                self.initialization,
                self.n_samples,
                self.steps,
                generator,
            )
        return train_score(self.depth, self.initialization, self.n_samples, self.steps, self.seed)


def _problem(
    trial: DepthTrial, width: int, normalized: bool, generator: torch.Generator
) -> tuple[ResidualMLP, Tensor, Tensor]:
    """A network whose ends stay, and standard normal data; the data do not depend on the depth of a tied network.

    In double precision: in single, the distance to the deepest network levels off after ten iterations, and steps of
    the long run become smaller than the spacing of the weights.
    """
    branches = ResidualBranches(
        DIM,
        width,
        trial.depth,
        activation=trial.activation,
        initialization=trial.initialization,
        normalized=normalized,
        segment=SEGMENT,
        generator=generator,
        dtype=torch.float64,
    )
    network = ResidualMLP(DIM, DIM, branches)
    for end in (network.lift, network.project):
        end.requires_grad_(False)
    x, y = torch.randn(2, trial.n_samples, DIM, generator=generator, dtype=torch.float64)
    return network, x, y


def _depth(trial: DepthTrial, generator: torch.Generator) -> Result:
    network, x, y = _problem(trial, DEPTH_WIDTH, True, generator)
    looks = [round(share * trial.steps) for share in SHARES]
    rows, paths, accumulated = [], [], 0.0
    for record in descend(network, x, y, steps=trial.steps, learning_rate=DEPTH_RATE):
        layers = network.branches.layers
        distances = successive_distances(layers)
        if record.step in looks:
            rows.append((float(distances.max()), accumulated**0.5, record.loss))
            paths.append(resample_layers(layers, PLACES).numpy())
        accumulated += float(distances.double().square().sum())
    maximum, total, loss = np.array(rows).T
    return {
        "iteration": ("iteration", np.array(looks)),
        "maximum": ("iteration", maximum),
        "accumulated": ("iteration", total),
        "descent_loss": ("iteration", loss),
        "path": (("iteration", "place", "weight"), np.stack(paths)),
    }


def _fit(trial: DepthTrial, generator: torch.Generator) -> Result:
    network, x, y = _problem(trial, FIT_WIDTH, False, generator)
    looks = np.unique(np.geomspace(1, trial.steps, 60).round().astype(int))
    rows, shown, fallen = [], [], 0.0
    for record in descend(network, x, y, steps=trial.steps, learning_rate=FIT_RATE / DIM):
        if record.step in looks:
            found = smoothness(network, shuffles=99)
            judged = found.jump_share, found.step_correlation, found.p_value, found.maximum
            rows.append((record.loss / DIM, record.ratio / DIM, *judged, fallen))
            shown.append(network.branches.outer.detach().flatten(1)[:, :SHOWN].numpy().copy())
        # The loss averaged over outputs is ℓ/d: its ratio is P/d, and its logarithm falls by the integral of that.
        fallen += FIT_RATE * record.ratio / DIM
        if record.step == 0:
            first = record.loss / DIM
    names = ("fit_loss", "fit_ratio", "fit_jumps", "fit_correlation", "fit_p", "fit_maximum", "fit_fall")
    columns = {name: ("fit_step", column) for name, column in zip(names, np.array(rows).T, strict=True)}
    return {
        "fit_step": ("fit_step", looks),
        "fit_start": first,
        **columns,
        "fit_weights": (("fit_step", "fit_layer", "shown"), np.stack(shown)),
    }


def _ode(trial: DepthTrial, generator: torch.Generator) -> Result:
    """Both the network and its ODE in double precision, from one random state."""
    shapes = {"inner": (DEPTH_WIDTH, DIM), "outer": (DIM, DEPTH_WIDTH)}
    paths = {name: SmoothPath(shape, generator=generator, dtype=torch.float64) for name, shape in shapes.items()}
    h = torch.randn(trial.n_samples, DIM, generator=generator, dtype=torch.float64)
    branches = ResidualBranches(DIM, DEPTH_WIDTH, trial.depth, activation=trial.activation, dtype=torch.float64)
    ode = NeuralODE(
        lambda state, z: branches.velocity(state, z["inner"], z["outer"]),
        lambda s: {name: path(torch.tensor([s], dtype=torch.float64))[0] for name, path in paths.items()},
    )
    s = torch.arange(1, trial.depth + 1, dtype=torch.float64) / trial.depth
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
    bound = euler_error_bound(trial.depth, **norms, dim=DIM, width=DEPTH_WIDTH, start_norm=start)
    return {"ode_error": float(errors.max()), "ode_bound": float(bound)}


def _counter_example(trial: DepthTrial) -> Result:
    pairs = trial.depth // 2
    network = ResidualMLP(1, 1, ResidualBranches(1, 1, 2 * pairs, activation="relu", dtype=torch.float64))
    for parameter in (network.lift, network.project, network.branches.outer):
        parameter.requires_grad_(False)
    signs = torch.tensor([-1.0, 1.0], dtype=torch.float64).repeat(pairs)
    with torch.no_grad():
        network.branches.outer.fill_(1.0)
        network.branches.inner.copy_((signs / (2 * pairs))[:, None, None])
    x = torch.linspace(0.5, 1.5, trial.n_samples, dtype=torch.float64)[:, None]
    for _ in descend(network, x, RATIO * x, steps=trial.steps, learning_rate=PAIR_RATE):
        pass  # only the end is looked at
    weights = network.branches.inner.detach().flatten()
    limit = alternating_limit(RATIO, pairs)
    return {
        "pair_gap": float(weights.diff().abs().min()),
        "pair_error": float((weights[1::2] - limit).abs().max()),
    }
