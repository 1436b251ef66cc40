"""Two processes that share a batch train the network that one process trains, up to rounding."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

SCRIPT = """
import sys
from pathlib import Path
import torch
from accelerate import debug_launcher

def job(folder):
    from mnemoscope.networks import NetworkSpec, build_network
    from mnemoscope.processes import OrnsteinUhlenbeck
    from mnemoscope.training import TrainingSpec, fit

    data = torch.randn(10, 4, generator=torch.Generator().manual_seed(0))
    network = build_network(NetworkSpec("mlp", (4,), {"width": 8}), 0)
    spec = TrainingSpec(steps=5, batch_size=8, optimizer="sgd", learning_rate=0.1)
    fit(network, data, OrnsteinUhlenbeck(), spec, checkpoints=Path(folder))

if __name__ == "__main__":
    folder, processes = sys.argv[1], int(sys.argv[2])
    if processes == 1:
        job(folder)
    else:
        debug_launcher(job, (folder,), num_processes=processes)
"""


@pytest.mark.slow
def test_two_processes_equal_one(tmp_path: Path) -> None:
    import subprocess
    import sys

    script = tmp_path / "job.py"
    script.write_text(SCRIPT)
    trained = []
    for processes in (1, 2):
        folder = tmp_path / str(processes)
        folder.mkdir()
        command = [sys.executable, str(script), str(folder), str(processes)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        trained.append(load_file(folder / "step-00000005" / "network.safetensors"))
    for name, one in trained[0].items():
        torch.testing.assert_close(trained[1][name], one, rtol=1e-5, atol=1e-6)
