"""``mnemoscope predict``."""

from typing import Annotated

import typer

from mnemoscope.cli.options import DATA, LARGEST, SMALLEST, AsJson, MaxMemory, noise_draws_of, print_json, print_line
from mnemoscope.reading import check_memory


def predict(
    psi_p: Annotated[float, typer.Option(help="Features per dimension, p/d.", min=SMALLEST, max=LARGEST)],
    time: Annotated[float, typer.Option(help="Time t of the Ornstein-Uhlenbeck process.", min=SMALLEST, max=LARGEST)],
    ridge: Annotated[float, typer.Option(help="Ridge λ.", min=SMALLEST, max=LARGEST)],
    psi_n: Annotated[
        float | None,
        typer.Option(help="Samples per dimension, n/d; that of --data if left out.", min=SMALLEST, max=LARGEST),
    ] = None,
    noise_draws: Annotated[str, typer.Option(help="Noise draws m of each sample: from 1 to 1e30, or inf.")] = "inf",
    activation: Annotated[str, typer.Option(help="relu, tanh, erf, gelu or sine.")] = "relu",
    data: Annotated[str | None, typer.Option(help=f"Take the covariance of a data set: {DATA}")] = None,
    whitening: Annotated[
        float | None, typer.Option(help="Whiten the data with this ridge first.", min=0, max=LARGEST)
    ] = None,
    max_memory: MaxMemory = None,
    as_json: AsJson = False,
) -> None:
    """What the precise learning curves of random-feature scores say: losses, side of the crossover, what would help."""
    del max_memory  # it is in force already
    from mnemoscope.data import load
    from mnemoscope.theory import predict as run_predict

    dataset = None if data is None else load(data, progress=True)
    if dataset is not None:  # the sum, what a block adds to it, and the covariance
        check_memory(f"the covariance of {dataset.name}", 3 * 8 * dataset.dim**2)
    prediction = run_predict(
        psi_n=psi_n,
        psi_p=psi_p,
        noise_draws=noise_draws_of(noise_draws, LARGEST),
        time=time,
        ridge=ridge,
        activation=activation,
        data=None if dataset is None else dataset.array,
        whitening=whitening,
    )
    if as_json:
        print_json(prediction.payload())
    else:
        print_line(prediction.sentence)
