"""The residual score network in the training room."""

from pathlib import Path

import pytest
import torch

from mnemoscope.data import Dataset, Gaussian
from mnemoscope.networks import NetworkSpec
from mnemoscope.processes import VariancePreserving
from mnemoscope.residual import smoothness
from mnemoscope.training import TrainingSpec, load_run, train_run


def test_a_residual_network_trains_by_score_matching_and_is_read_back(tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(0)
    law = Gaussian(torch.zeros(3), torch.diag(torch.tensor([1.0, 0.1, 0.01])))
    data = Dataset(law.sample(500, generator=generator).float().numpy(), "made up", (-3.0, 3.0))
    spec = TrainingSpec(steps=200, batch_size=64, learning_rate=3e-2, ema_decay=0.9)
    network = NetworkSpec("residual", (3,), {"width": 32, "depth": 12})
    found = train_run(data, VariancePreserving(), network, spec, tmp_path / "run")
    assert sum(found.losses[-30:]) < 0.8 * sum(found.losses[:30])
    read = load_run(tmp_path / "run").score
    x = torch.randn(4, 3, generator=generator)
    torch.testing.assert_close(read(x, 0.3), found.score(x, 0.3))
    assert read.network.branches.depth == 12
    assert float(read.network.branches.outer.detach().abs().max()) > 0.05
    assert smoothness(read.network, names=["outer"]).smooth


def test_an_unknown_option_is_refused() -> None:
    with pytest.raises(ValueError, match=r"no option 'layers'.*width, depth, embedding"):
        NetworkSpec("residual", (3,), {"layers": 3})
