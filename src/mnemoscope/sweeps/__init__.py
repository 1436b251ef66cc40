"""Many trials, each computed once, on one machine or many, whatever crashes on the way.

A trial is a frozen, validated spec that knows how to compute its result; a sweep is a list of trials and a
directory. Every finished trial is one file with a checksum, written in one step by the process that computed it; the
labelled results in DIR/results.zarr are derived from these files. Nothing else is state: whatever is killed, the same
call goes on where the files end.

    class Coin(Trial):
        bias: float = Field(gt=0, lt=1)
        seed: int = Field(ge=0)

        def run(self) -> Result:
            return {"heads": (np.random.default_rng(self.seed).random(100) < self.bias).mean()}

    done = sweep(grid(Coin, bias=[0.3, 0.5], seed=range(100)), "coins", scheduler="local:2")
    done.results["coin"].heads.mean("seed")  # as does xarray.open_datatree("coins/results.zarr")["coin"]
"""

from mnemoscope.sweeps.certificates import Certificates
from mnemoscope.sweeps.execution import check_scheduler
from mnemoscope.sweeps.provenance import code_version
from mnemoscope.sweeps.session import Session, session
from mnemoscope.sweeps.store import Store
from mnemoscope.sweeps.stored import CorruptRecordError, Failure, Record
from mnemoscope.sweeps.sweep import Sweep, check_trials, read_sweep, sweep
from mnemoscope.sweeps.trial import Result, Trial, grid

__all__ = [
    "Certificates",
    "CorruptRecordError",
    "Failure",
    "Record",
    "Result",
    "Session",
    "Store",
    "Sweep",
    "Trial",
    "check_scheduler",
    "check_trials",
    "code_version",
    "grid",
    "read_sweep",
    "session",
    "sweep",
]
