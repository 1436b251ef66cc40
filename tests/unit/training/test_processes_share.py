"""Two processes that share a batch train the network that one process trains, up to rounding."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

SCRIPT = """
import sys
from pathlib import Path
import torch

def job(folder):
    from mnemoscope.networks import NetworkSpec, build_network
    from mnemoscope.processes import OrnsteinUhlenbeck
    from mnemoscope.training import TrainingSpec, fit

    data = torch.randn(10, 4, generator=torch.Generator().manual_seed(0))
    network = build_network(NetworkSpec("mlp", (4,), {"width": 8}), 0)
    spec = TrainingSpec(steps=5, batch_size=8, optimizer="sgd", learning_rate=0.1)
    fit(network, data, OrnsteinUhlenbeck(), spec, checkpoints=Path(folder))

if __name__ == "__main__":
    from accelerate import debug_launcher

    debug_launcher(job, (sys.argv[1],), num_processes=2)
"""


@pytest.mark.slow
def test_two_processes_equal_one(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()
    names: dict[str, Any] = {"__name__": "here"}
    exec(SCRIPT, names)
    names["job"](one)
    script = tmp_path / "job.py"
    script.write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, str(script), str(two)], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    trained = [load_file(folder / "step-00000005" / "network.safetensors") for folder in (one, two)]
    for name, weights in trained[0].items():
        torch.testing.assert_close(trained[1][name], weights, rtol=1e-5, atol=1e-6)
