"""The networks in a StyleGAN2 pickle as plain data: nothing that the file names is ever called.

A pickle is a program that calls whatever it names. Here a name must be in a table, and what stands
in for it keeps its arguments. `torch_utils.persistence` pickles a network as its class's name and
source, which is never looked at, and its attributes; the numbers of a tensor are a second pickle
(the form of torch.save before 1.6), for which the table is shorter still.
"""

import io
import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ganvas.core.errors import CheckpointError

if TYPE_CHECKING:
    from torch import Tensor

Refused = pickle.UnpicklingError
MALFORMED: tuple[type[Exception], ...] = (ArithmeticError, AttributeError, EOFError, LookupError)
MALFORMED += (RecursionError, Refused, TypeError, ValueError)
"""What an unpickler raises where bytes were exchanged: it meets tuples and tables only."""
NETWORKS = ("G", "D", "G_ema")
MAGIC = (0x1950A86A20F9469CFC6C, 1001)
"""How the numbers of a tensor begin: torch's magic number and its version."""
STORAGES = {
    "Double": ("float64", 8),
    "Float": ("float32", 4),
    "Half": ("float16", 2),
    "Long": ("int64", 8),
    "Int": ("int32", 4),
    "Byte": ("uint8", 1),
    "Bool": ("bool", 1),
}
"""What torch calls the numbers of a tensor: their type, and the bytes of each."""


@dataclass(frozen=True)
class PickledNetwork:
    """A network's parameters and buffers, and its plain attributes, by their dotted names."""

    arrays: dict[str, "Array"] = field(default_factory=dict)
    settings: dict[str, str | int | float] = field(default_factory=dict)

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        return {name: array.shape for name, array in self.arrays.items()}

    def tensors(self) -> "dict[str, Tensor]":
        """Return parameters and buffers in fp32."""
        return {name: array.tensor() for name, array in self.arrays.items()}


def is_pickle(path: str | Path) -> bool:
    """Whether a file is called a pickle."""
    return Path(path).suffix.lower() == ".pkl"


def read_networks(path: Path) -> dict[str, PickledNetwork]:
    """Read G, D and G_ema, those that are there, without running anything (no torch here).

    Raises CheckpointError naming what does not belong in such a file.
    """
    networks = {}
    try:
        found = _Reader(io.BytesIO(path.read_bytes()), STAND_INS).load()
        for name in NETWORKS:
            if isinstance(found.get(name), _Object):
                networks[name] = PickledNetwork()
                _flatten(found[name], "", networks[name], set())
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror}") from None
    except MemoryError:
        raise CheckpointError(f"{path} asks for more memory than there is") from None
    except MALFORMED as error:
        raise CheckpointError(f"{path} is not a StyleGAN2 pickle: {error}") from None
    if not networks:
        raise CheckpointError(f"{path} has no network called {' or '.join(NETWORKS)}")
    return networks


class Array(NamedTuple):
    """A tensor as it was pickled: a view of numbers."""

    dtype: str
    data: bytes
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]

    def tensor(self) -> "Tensor":
        """Return the numbers in fp32, in memory of their own."""
        import torch

        numbers = torch.frombuffer(bytearray(self.data), dtype=getattr(torch, self.dtype))
        return numbers.as_strided(self.shape, self.stride, self.offset).float().contiguous()


class _Storage(NamedTuple):
    dtype: str
    length: int
    data: bytes


class _Object(NamedTuple):
    """An object of a class that was pickled with its source."""

    meta: Any


class _StandIn(NamedTuple):
    """What a name in a pickle becomes. A tuple: the pickle can call it, and cannot change it."""

    make: Callable[..., Any]

    def __call__(self, *args: Any) -> Any:
        return self.make(*args)


class _Ignored(NamedTuple):
    """A number of numpy's: no network needs one."""

    def __setstate__(self, state: Any) -> None:
        """Keep nothing."""


class _Reader(pickle.Unpickler):
    """An unpickler that knows the names in a table, and no others."""

    def __init__(self, stream: io.BytesIO, names: Mapping[str, Any]) -> None:
        super().__init__(stream)
        self.names = names

    def find_class(self, module: str, name: str) -> Any:
        """Return what stands in for a name; nothing is imported."""
        if module.startswith("dnnlib.tflib"):
            raise Refused(
                "it is from the TensorFlow version; legacy.py of the PyTorch one converts"
            )
        if f"{module}.{name}" not in self.names:
            raise Refused(f"it names {module}.{name}, which no network needs")
        return self.names[f"{module}.{name}"]

    def persistent_load(self, pid: Any) -> Any:
        """Describe numbers that come after their pickle."""
        kind, numbers, key, _, count, view = pid
        if self.names is not IN_STORAGE or kind != "storage" or view is not None:
            raise Refused("it refers to something outside of it")
        return *numbers(), key, count


def _read_storage(data: bytes) -> _Storage:
    stream = io.BytesIO(data)
    magic, version, about, (dtype, size, key, count), keys = (
        _Reader(stream, IN_STORAGE).load() for _ in range(5)
    )
    if (magic, version) != MAGIC or keys != [key] or not about["little_endian"]:
        raise Refused("the numbers of a tensor in it are not as torch writes them")
    count_again, numbers = int.from_bytes(stream.read(8), "little"), stream.read()
    if count != count_again or len(numbers) != count * size:
        raise Refused("a tensor in it is not whole")
    return _Storage(dtype, count, numbers)


def _view(storage: _Storage, offset: int, shape: Any, stride: Any, *_: Any) -> Array:
    """Keep a view that lies within its numbers and is not larger."""
    if any(type(number) is not int or number < 0 for number in (offset, *shape, *stride)):
        raise Refused("a tensor in it has an impossible shape")
    size, last = 1, offset
    for number, step in zip(shape, stride, strict=True):
        size, last = size * number, last + (number - 1) * step
    if not 0 < size <= storage.length or last >= storage.length:
        raise Refused("a tensor in it is empty or larger than its numbers")
    return Array(storage.dtype, storage.data, offset, shape, stride)


def _flatten(network: _Object, prefix: str, found: PickledNetwork, seen: set[int]) -> None:
    """Give all that is in a network, and in the layers inside of it, its dotted name."""
    if id(network.meta) in seen:
        raise Refused("a layer in it stands in two places")
    seen.add(id(network.meta))
    state = network.meta["state"]
    for name, value in [*state["_parameters"].items(), *state["_buffers"].items()]:
        if isinstance(value, Array):
            found.arrays[prefix + name] = value
    for name, value in state.items():
        if isinstance(value, str | int | float):
            found.settings[prefix + name] = value
    for name, value in state["_modules"].items():
        if isinstance(value, _Object):
            _flatten(value, f"{prefix}{name}.", found, seen)


IN_STORAGE: Mapping[str, Any] = {
    f"torch.{name}Storage": _StandIn(partial(tuple, numbers)) for name, numbers in STORAGES.items()
}
STAND_INS: Mapping[str, Any] = {
    "torch_utils.persistence._reconstruct_persistent_obj": _StandIn(_Object),
    "torch.storage._load_from_bytes": _StandIn(_read_storage),
    "torch._utils._rebuild_tensor_v2": _StandIn(_view),
    "torch._utils._rebuild_parameter": _StandIn(lambda data, *_: data),
    "collections.OrderedDict": dict,
    "dnnlib.util.EasyDict": dict,
    "builtins.set": set,
    **{
        f"{module}.{name}": _StandIn(lambda *_: _Ignored())
        for module in ("numpy", "numpy.core.multiarray", "numpy._core.multiarray")
        for name in ("dtype", "scalar", "_reconstruct", "ndarray")
    },
}
"""Every name that may stand in the file, and all that happens when it is called."""
