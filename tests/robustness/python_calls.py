"""Every public function with every bad value for every argument: it works, or it raises one line of ours.

Run in a process of its own (``python -m tests.robustness.python_calls``): the tests' type checker would answer first.
Prints a line for each call that does neither.
"""

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

import mnemoscope as mn
from mnemoscope.auditing import make_features
from mnemoscope.data import load_labels
from mnemoscope.scores import TemperedScore, condition_weights

RNG = np.random.default_rng(15)
ITEMS = RNG.random((40, 4)).astype(np.float32)
TENSOR = torch.from_numpy(ITEMS)
PROCESS = mn.VariancePreserving()
ONE = torch.eye(4)


class Odd:
    """An object that NumPy cannot make an array of."""

    def __array__(self, *_: object, **__: object) -> None:
        raise RuntimeError("odd\nindeed")


warnings.simplefilter("ignore")  # of torch, that some kinds of tensors are on their way in or out

DATA: dict[str, Any] = {
    "none": None,
    "text": "train.npy",
    "number": 3.0,
    "odd": Odd(),
    "object": object(),
    "mapping": {"x": ITEMS},
    "list": ITEMS.tolist(),
    "ragged": [[1.0, 2.0], [3.0]],
    "generator": (row for row in ITEMS),
    "0-d": np.array(1.0),
    "1-d": ITEMS[:, 0],
    "no items": ITEMS[:0],
    "no values": ITEMS[:, :0],
    "integers": (ITEMS * 99).astype(np.int64),
    "bytes": (ITEMS * 99).astype(np.uint8),
    "booleans": ITEMS > 0.5,
    "half": ITEMS.astype(np.float16),
    "long": ITEMS.astype(np.longdouble),
    "complex": ITEMS.astype(complex),
    "objects": ITEMS.astype(object),
    "texts": ITEMS.astype(str),
    "dates": ITEMS.astype("M8[s]"),
    "records": np.zeros(40, [("x", "f4"), ("y", "f4")]),
    "masked": np.ma.masked_array(ITEMS, ITEMS > 0.9),
    "unmasked": np.ma.masked_array(ITEMS),
    "matrix": np.asarray(ITEMS).reshape(len(ITEMS), -1).view(np.matrix),
    "NaN": np.where(np.arange(40)[:, None] == 7, np.nan, ITEMS),
    "infinite": np.where(np.arange(40)[:, None] == 7, np.inf, ITEMS),
    "big-endian": ITEMS.astype(">f4"),
    "tensor": TENSOR,
    "gradient": TENSOR.clone().requires_grad_(),
    "sparse": TENSOR.to_sparse(),
    "rows": TENSOR.to_sparse_csr(),
    "quantized": torch.quantize_per_tensor(TENSOR, 0.1, 0, torch.quint8),
    "bfloat16": TENSOR.bfloat16(),
    "float8": TENSOR.to(torch.float8_e4m3fn),
    "complex tensor": TENSOR.to(torch.complex64),
    "meta": TENSOR.to("meta"),
    "integer tensor": (TENSOR * 99).long(),
    "dataset": mn.Dataset(ITEMS),
    "torch dataset": torch.utils.data.TensorDataset(TENSOR),
    "tensors": list(TENSOR),
    "gradients": list(TENSOR.clone().requires_grad_()),
}
NUMBERS: dict[str, Any] = {
    "none": None,
    "text": "3",
    "zero": 0,
    "negative": -1,
    "half": 0.5,
    "whole float": 3.0,
    "NaN": float("nan"),
    "infinite": float("inf"),
    "huge": 10**30,
    "endless": 10**400,
    "truth": True,
    "complex": 1j,
    "array": np.ones(2),
    "scalar": np.int64(3),
    "0-d": torch.tensor(3),
    "gradient": torch.tensor(3.0, requires_grad=True),
    "meta": torch.tensor(3, device="meta"),
    "list": [3],
    "object": object(),
}
KINDS: dict[str, Any] = {"none": None, "text": "x", "number": 3, "list": [], "object": object(), "class": dict}


def plain(x: Tensor, t: Tensor) -> Tensor:
    return -x


MODELS: dict[str, Any] = {
    "none": lambda *_: None,
    "array": lambda x, _: x.detach().numpy(),
    "scalar": lambda x, _: x.sum(),
    "too few": lambda x, _: x[:1],
    "another shape": lambda x, _: x[:, :1],
    "one axis more": lambda x, _: x[..., None],
    "integers": lambda x, _: x.long(),
    "complex": lambda x, _: x.to(torch.complex64),
    "sparse": lambda x, _: x.to_sparse(),
    "double": lambda x, _: -x.double(),
    "half": lambda x, _: -x.bfloat16(),
    "NaN": lambda x, _: x * torch.nan,
    "list": lambda x, _: [x],
    "pair": lambda x, _: (x, x),
}


class Returning(nn.Module):
    """A network that returns what a function does."""

    def __init__(self, function: Callable[[Tensor, Tensor], Any]) -> None:
        super().__init__()
        self.function, self.weight = function, nn.Parameter(torch.ones(()))

    def forward(self, x: Tensor, level: Tensor) -> Any:
        return self.function(x * self.weight, level)


def draw(score: Any = plain, process: Any = PROCESS, n: Any = 2, **options: Any) -> Tensor:
    defaults = {"generator": torch.Generator(), "n_steps": 2, "event_shape": (4,), "batch_size": 2}
    return mn.sample(score, process, n, **{**defaults, **options})


def trained(data: Any = TENSOR, network: Any = None, process: Any = PROCESS, spec: Any = None, **options: Any) -> Any:
    network = nn.Module() if network is nn.Module else network or mn.MLP((4,), width=2)
    return mn.fit(network, data, process, spec or mn.TrainingSpec(steps=1, batch_size=2), **options)


def compared(**options: Any) -> Any:
    given = {"halves": mn.halves(TENSOR), "model": plain, "process": PROCESS, "n_samples": 4, "n_steps": 1} | options
    split, model, process = (given.pop(name) for name in ("halves", "model", "process"))
    return mn.compare_halves(split, model, plain, process, n_items=2, **given)


def advised(data: Any = TENSOR, steps: Any = 5, **options: Any) -> Any:
    given = {"network": mn.NetworkSpec("mlp", (4,), {"width": 2}), "training": mn.TrainingSpec(batch_size=2)} | options
    return mn.advise(data, steps, **{"sizes": (2, 4), "seeds": 1, "probe_steps": 1, "try_changes": False} | given)


def watched(**options: Any) -> Any:
    given = {"train": TENSOR, "holdout": TENSOR + 0.1, "process": PROCESS, "n_samples": 40, "n_steps": 1} | options
    score = given.pop("score", plain)
    return mn.MemorizationMonitor(**given).update(score, 0)


def predicted(**options: Any) -> Any:
    return mn.predict(**{"psi_n": 4.0, "psi_p": 2.0, "time": 0.1, "ridge": 1e-3} | options)


def audited(generated: Any = ITEMS + 0.01, train: Any = ITEMS, **options: Any) -> Any:
    return mn.audit(generated, train, **options)


def at(score: Any) -> Callable[[Any], Any]:
    return lambda x: score(x, 0.5)


CALLS: list[tuple[str, Callable[[Any], Any], dict[str, Any]]] = [
    ("Dataset(array)", mn.Dataset, DATA),
    ("Dataset(value_range)", lambda v: mn.Dataset(ITEMS, "d", v), NUMBERS),
    ("Dataset.split(n_holdout)", lambda v: mn.Dataset(ITEMS).split(v, 0), NUMBERS),
    ("Dataset.split(seed)", lambda v: mn.Dataset(ITEMS).split(3, v), NUMBERS),
    ("audit(generated)", lambda v: audited(v), DATA),
    ("audit(train)", lambda v: audited(train=v), DATA),
    ("audit(holdout)", lambda v: audited(holdout=v), DATA),
    ("audit(classes)", lambda v: audited(classes=v), DATA),
    ("audit(resolution)", lambda v: audited(resolution=v), NUMBERS),
    ("audit(seed)", lambda v: audited(seed=v), NUMBERS),
    ("audit(max_memory)", lambda v: audited(max_memory=v), NUMBERS),
    ("audit(measures)", lambda v: audited(measures=v), KINDS),
    ("audit(transformations)", lambda v: audited(transformations=v), KINDS),
    ("audit(features)", lambda v: audited(features=v), KINDS),
    ("audit(features returns)", lambda v: audited(features=lambda x: v(x, None)), MODELS),
    ("audit(schema)", lambda v: audited(schema=v), KINDS),
    ("audit(repeats)", lambda v: audited(repeats=v), KINDS),
    ("compare", lambda v: mn.compare(v, v), KINDS),
    ("load", mn.load, {"text": "x", "number": 3, "none": None}),
    ("load(schema)", lambda v: mn.load("digits", schema=v), KINDS),
    ("load(max_memory)", lambda v: mn.load("digits", max_memory=v), NUMBERS),
    ("load(workers)", lambda v: mn.load("digits", workers=v), NUMBERS),
    ("load_labels", load_labels, {"text": "x"}),
    ("nearest_neighbours(queries)", lambda v: mn.nearest_neighbours(v, ITEMS, 1), DATA),
    ("nearest_neighbours(data)", lambda v: mn.nearest_neighbours(ITEMS, v, 1), DATA),
    ("nearest_neighbours(k)", lambda v: mn.nearest_neighbours(ITEMS, ITEMS, v), NUMBERS),
    ("nearest_neighbours(ignore)", lambda v: mn.nearest_neighbours(ITEMS, ITEMS, 1, ignore=v), DATA),
    ("nearest_neighbours(exclude)", lambda v: mn.nearest_neighbours(ITEMS, ITEMS, 1, exclude=v), DATA),
    ("EmpiricalScore(train)", lambda v: draw(mn.EmpiricalScore(v, PROCESS), event_shape=None), DATA),
    ("EmpiricalScore(process)", lambda v: mn.EmpiricalScore(ITEMS, v), KINDS),
    ("EmpiricalScore(weights)", lambda v: mn.EmpiricalScore(ITEMS, PROCESS, v), {**DATA, **KINDS, "none": "none"}),
    ("EmpiricalScore(x)", at(mn.EmpiricalScore(ITEMS, PROCESS)), DATA),
    ("TikhonovScore(train)", lambda v: mn.TikhonovScore(v, PROCESS, 0.1), DATA),
    ("TikhonovScore(c)", lambda v: mn.TikhonovScore(ITEMS, PROCESS, v), NUMBERS),
    ("TikhonovScore(x)", at(mn.TikhonovScore(ITEMS, PROCESS, 0.1)), DATA),
    ("EmpiricalBayesScore(tau)", lambda v: mn.EmpiricalBayesScore(ITEMS, PROCESS, v), NUMBERS),
    ("TemperedScore(temperature)", lambda v: TemperedScore(ITEMS, PROCESS, v), NUMBERS),
    ("condition_weights", lambda v: condition_weights(v, torch.zeros(4), 1.0), DATA),
    ("condition_weights(condition)", lambda v: condition_weights(ITEMS[:, 0], v, 1.0), NUMBERS),
    ("condition_weights(sigma)", lambda v: condition_weights(ITEMS[:, 0], 0.5, v), NUMBERS),
    ("Gaussian(mean)", lambda v: mn.Gaussian(v, ONE), DATA),
    ("Gaussian(covariance)", lambda v: mn.Gaussian(torch.zeros(4), v), DATA),
    ("Gaussian.fit", mn.Gaussian.fit, DATA),
    ("GaussianMixture(means)", lambda v: mn.GaussianMixture(v, ONE.expand(40, 4, 4)), DATA),
    ("LinearManifold", mn.LinearManifold, DATA),
    ("LawScore(law)", lambda v: mn.LawScore(v, PROCESS), KINDS),
    ("LawScore(process)", lambda v: mn.LawScore(mn.Gaussian(torch.zeros(4), ONE), v), KINDS),
    ("LawScore(x)", at(mn.LawScore(mn.Gaussian(torch.zeros(4), ONE), PROCESS)), DATA),
    ("sample(score)", lambda v: draw(v), {k: v for k, v in KINDS.items() if k != "class"}),
    ("sample(score returns)", lambda v: draw(v), MODELS),
    ("sample(network returns)", lambda v: draw(Returning(v)), MODELS),
    ("sample(process)", lambda v: draw(process=v), KINDS),
    ("sample(n)", lambda v: draw(n=v), NUMBERS),
    ("sample(n_steps)", lambda v: draw(n_steps=v), {k: v for k, v in NUMBERS.items() if k not in ("huge", "endless")}),
    ("sample(batch_size)", lambda v: draw(batch_size=v), NUMBERS),
    ("sample(tolerance)", lambda v: draw(tolerance=v), NUMBERS),
    ("sample(generator)", lambda v: draw(generator=v), KINDS),
    ("sample(solver)", lambda v: draw(solver=v), KINDS),
    ("sample(event_shape)", lambda v: draw(event_shape=v), NUMBERS),
    ("sample(initial)", lambda v: draw(initial=v, n=40), {k: v for k, v in DATA.items() if k != "none"}),
    ("fit(data)", lambda v: trained(v), DATA),
    ("fit(network)", lambda v: trained(network=v), {k: v for k, v in KINDS.items() if v}),
    ("fit(network returns)", lambda v: trained(network=Returning(v)), MODELS),
    ("fit(process)", lambda v: trained(process=v), KINDS),
    ("fit(spec)", lambda v: trained(spec=v), {k: v for k, v in KINDS.items() if v}),
    ("fit(watch_every)", lambda v: trained(watch_every=v), NUMBERS),
    ("fit(checkpoint_every)", lambda v: trained(checkpoint_every=v), NUMBERS),
    ("fit(monitor)", lambda v: trained(monitor=v), {k: v for k, v in KINDS.items() if v}),
    ("fit(labels)", lambda v: trained(labels=v, network=mn.MLP((4,), width=2, classes=3)), DATA),
    ("MemorizationMonitor(train)", lambda v: watched(train=v), DATA),
    ("MemorizationMonitor(holdout)", lambda v: watched(holdout=v), DATA),
    ("MemorizationMonitor(process)", lambda v: watched(process=v), KINDS),
    ("MemorizationMonitor(n_samples)", lambda v: watched(n_samples=v), NUMBERS),
    ("MemorizationMonitor(seed)", lambda v: watched(seed=v), NUMBERS),
    ("MemorizationMonitor.update(score)", lambda v: watched(score=v), MODELS),
    ("halves(data)", mn.halves, DATA),
    ("halves(seed)", lambda v: mn.halves(ITEMS, v), NUMBERS),
    ("compare_halves(halves)", lambda v: compared(halves=v), KINDS),
    ("compare_halves(first)", lambda v: compared(model=v), MODELS),
    ("compare_halves(process)", lambda v: compared(process=v), KINDS),
    ("compare_halves(n_samples)", lambda v: compared(n_samples=v), NUMBERS),
    ("advise(data)", lambda v: advised(v), DATA),
    ("advise(steps)", lambda v: advised(steps=v), NUMBERS),
    ("advise(n)", lambda v: advised(n=v), NUMBERS),
    ("advise(seeds)", lambda v: advised(seeds=v), {k: v for k, v in NUMBERS.items() if k not in ("huge", "endless")}),
    ("advise(sizes)", lambda v: advised(sizes=v), NUMBERS),
    ("advise(network)", lambda v: advised(network=v), {k: v for k, v in KINDS.items() if v}),
    ("advise(training)", lambda v: advised(training=v), {k: v for k, v in KINDS.items() if v}),
    ("MLP(event_shape)", mn.MLP, NUMBERS),
    ("MLP(width)", lambda v: mn.MLP((4,), width=v), {k: v for k, v in NUMBERS.items() if k not in ("huge", "endless")}),
    ("NetworkScore(network)", lambda v: mn.NetworkScore(v, PROCESS, (4,)), KINDS),
    ("NetworkScore(x)", at(mn.NetworkScore(mn.MLP((4,), width=2), PROCESS, (4,))), DATA),
    ("NetworkSpec(event_shape)", lambda v: mn.build_network(mn.NetworkSpec("mlp", v), 0), NUMBERS),
    ("NetworkSpec(width)", lambda v: mn.build_network(mn.NetworkSpec("mlp", (4,), {"width": v}), 0), NUMBERS),
    ("build_network(seed)", lambda v: mn.build_network(mn.NetworkSpec("mlp", (4,), {"width": 2}), v), NUMBERS),
    ("build_network(spec)", lambda v: mn.build_network(v, 0), KINDS),
    ("VariancePreserving(t_max)", lambda v: mn.VariancePreserving(t_max=v), NUMBERS),
    ("EDM(t_min)", lambda v: mn.EDM(t_min=v), NUMBERS),
    *(
        (f"TrainingSpec({name})", lambda v, name=name: mn.TrainingSpec(**{name: v}), NUMBERS)
        for name in (
            "steps",
            "batch_size",
            "noise_draws",
            "learning_rate",
            "ema_decay",
            "seed",
            "times",
            "optimizer",
            "data_std",
            "warmup_steps",
            "clip_norm",
            "label_dropout",
            "schedule",
            "predicts",
            "regularizers",
        )
    ),
    *(
        (f"predict({name})", lambda v, name=name: predicted(**{name: v}), NUMBERS)
        for name in ("psi_n", "psi_p", "time", "ridge", "noise_draws", "whitening", "activation")
    ),
    ("predict(data)", lambda v: predicted(data=v), DATA),
    ("learning_curve(spectrum)", lambda v: mn.learning_curve(psi_n=4, psi_p=2, time=1, ridge=1, spectrum=v), DATA),
    ("make_features", make_features, KINDS),
]


def faults() -> Iterator[str]:
    """A line for each call that neither works nor raises one line of ours."""
    for function, call, values in CALLS:
        for kind, value in values.items():
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    call(value)
            except mn.MnemoscopeError as error:
                text = str(error)
                if not text or "\n" in text or len(text) > 500:
                    yield f"{function} with {kind}: {type(error).__name__} of {len(text)} characters: {text[:200]!r}"
            except Exception as error:
                yield f"{function} with {kind}: {type(error).__name__}: {str(error)[:120]!r}"


if __name__ == "__main__":
    for fault in faults():
        print(fault, flush=True)  # noqa: T201
    print(f"{sum(len(values) for _, _, values in CALLS)} calls")  # noqa: T201
