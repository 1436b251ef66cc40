"""Items that several processes hold, together in each of them: in the order of the ranks, whatever each has.

torchmetrics gathers tensors of one number of axes and one dtype, and waits for ever where a process has none. Here what
each has is told first, so that all refuse in the same words or none does. What is sent is bytes: every number format
arrives as it is, and nothing is pickled.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor, distributed

from mnemoscope.errors import InputError

_DTYPES = (
    *(torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.uint16, torch.uint32),
    *(torch.uint64, torch.float16, torch.bfloat16, torch.float32, torch.float64),
    *(torch.float8_e4m3fn, torch.float8_e5m2, torch.float8_e4m3fnuz, torch.float8_e5m2fnuz),
)
_MOST_AXES = 8


class _Form(NamedTuple):
    """What a process tells of its items."""

    n_samples: int
    event_shape: tuple[int, ...]
    dtype: torch.dtype

    def __str__(self) -> str:
        return f"{self.event_shape} of {self.dtype}"


def gathered(items: list[Tensor], what: str, group: Any = None) -> list[Tensor]:
    """The items of all processes of a group, a tensor for each that has some; of this one where there is no other.

    Args:
        items: batches, each of shape ``(n, *event)``, all of one event shape and dtype.
        what: what errors call them.
        group: of ``torch.distributed``; all processes if left out.

    Raises:
        InputError: processes whose items differ in shape or dtype, in each of them.
    """
    if not (distributed.is_available() and distributed.is_initialized()):
        return items
    place = torch.device("cuda") if distributed.get_backend(group) == "nccl" else torch.device("cpu")
    own = torch.cat(items).contiguous() if items else torch.zeros((0, 1), dtype=torch.uint8)
    forms = [_read(numbers.tolist()) for numbers in _all(_told(own).to(place), group)]
    filled = [form for form in forms if form.n_samples]
    if len({(form.event_shape, form.dtype) for form in filled}) > 1:
        raise InputError(f"{what}: processes hold items of different forms, {' and '.join(map(str, filled))}")
    if not filled:
        return []
    sizes = [form.n_samples * form.dtype.itemsize * int(torch.Size(form.event_shape).numel()) for form in forms]
    sent = torch.zeros(max(sizes), dtype=torch.uint8, device=place)
    sent[: own.nbytes] = own.reshape(-1).view(torch.uint8).to(place)
    found = []
    for form, size, received in zip(forms, sizes, _all(sent, group), strict=True):
        if form.n_samples:
            # A copy begins where every number format may.
            values = received[:size].clone().view(form.dtype).reshape(form.n_samples, *form.event_shape)
            found.append(values.to(own.device if items else place))
    return found


def _all(tensor: Tensor, group: Any) -> list[Tensor]:
    received = [torch.zeros_like(tensor) for _ in range(distributed.get_world_size(group))]
    distributed.all_gather(received, tensor, group=group)
    return received


def _told(items: Tensor) -> Tensor:
    sizes = [*items.shape, *([0] * (_MOST_AXES - items.ndim))]
    return torch.tensor([_DTYPES.index(items.dtype), items.ndim, *sizes], dtype=torch.int64)


def _read(numbers: list[int]) -> _Form:
    dtype, n_axes, n_samples, *sizes = numbers
    return _Form(n_samples, tuple(sizes[: n_axes - 1]), _DTYPES[dtype])
