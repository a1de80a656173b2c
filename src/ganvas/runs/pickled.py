"""The networks in a StyleGAN2 pickle as plain data: nothing that the file names is ever called.

A pickle is a program that calls whatever it names. Here a name must be in a table, and what stands
in for it keeps its arguments. `torch_utils.persistence` pickles a network as its class's name and
source, which is never looked at, and its attributes; a tensor's bytes are a second pickle (the
form torch.save had before 1.6) for which the table is shorter still.
"""

import io
import pickle
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ganvas.core.errors import CheckpointError

if TYPE_CHECKING:
    from torch import Tensor

NETWORKS = ("G", "D", "G_ema")
MAGIC = (0x1950A86A20F9469CFC6C, 1001)
"""How the bytes of a tensor begin: torch's magic number and its version."""
STORAGES = {
    "Double": ("float64", 8),
    "Float": ("float32", 4),
    "Half": ("float16", 2),
    "BFloat16": ("bfloat16", 2),
    "Long": ("int64", 8),
    "Int": ("int32", 4),
    "Short": ("int16", 2),
    "Char": ("int8", 1),
    "Byte": ("uint8", 1),
    "Bool": ("bool", 1),
}
"""What torch calls a tensor's numbers: their type, and the bytes of each."""


def is_pickle(path: str | Path) -> bool:
    """Whether a file is called a pickle."""
    return Path(path).suffix.lower() == ".pkl"


@dataclass(frozen=True)
class PickledNetwork:
    """A network's numbers and plain attributes, by their dotted names."""

    arrays: dict[str, "Array"] = field(default_factory=dict)
    settings: dict[str, str | int | float] = field(default_factory=dict)

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of every parameter and buffer."""
        return {name: array.shape for name, array in self.arrays.items()}

    def tensors(self) -> "dict[str, Tensor]":
        """Every parameter and buffer in fp32."""
        return {name: array.tensor() for name, array in self.arrays.items()}


def read_networks(path: Path) -> dict[str, PickledNetwork]:
    """Read G, D and G_ema, those that are there, without running anything (no torch here).

    Raises CheckpointError naming what does not belong in such a file.
    """
    try:
        found = _Reader(io.BytesIO(path.read_bytes()), STAND_INS).load()
        if not isinstance(found, dict):
            raise ValueError("it holds no table of networks")
        kept = {name: found[name] for name in NETWORKS if isinstance(found.get(name), _Object)}
        networks = {name: PickledNetwork() for name in kept}
        for name, network in kept.items():
            _flatten(network, "", networks[name], set())
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror}") from None
    except MemoryError:
        raise CheckpointError(f"{path} asks for more memory than there is") from None
    # Whatever a malformed pickle makes of plain tuples and tables ends in one of these.
    except (pickle.UnpicklingError, ArithmeticError, AttributeError, EOFError) as error:
        raise CheckpointError(f"{path} is not a StyleGAN2 pickle: {error}") from None
    except (LookupError, RecursionError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path} is not a StyleGAN2 pickle: {error}") from None
    if not networks:
        raise CheckpointError(f"{path} holds no network called {' or '.join(NETWORKS)}")
    return networks


class Array(NamedTuple):
    """A tensor as it was pickled: a view of its bytes."""

    storage: "_Storage"
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]

    def tensor(self) -> "Tensor":
        """The numbers, in memory of their own, in fp32."""
        import torch

        numbers = torch.frombuffer(
            bytearray(self.storage.data), dtype=getattr(torch, self.storage.dtype)
        )
        return numbers.as_strided(self.shape, self.stride, self.offset).float().contiguous()


class _Storage(NamedTuple):
    dtype: str
    item_bytes: int
    data: bytes


class _Object(NamedTuple):
    """An object of a class that was pickled with its source."""

    meta: Any


class _StandIn(NamedTuple):
    """What a name in a pickle becomes. A tuple: a pickle can call it, and cannot change it."""

    make: Callable[..., Any]

    def __call__(self, *args: Any) -> Any:
        return self.make(*args)


class _Ignored(NamedTuple):
    """A number of numpy's, which no network needs to be read."""

    def __setstate__(self, state: Any) -> None:
        """Keep nothing."""


class _Reader(pickle.Unpickler):
    """An unpickler that knows the names in a table, and no others."""

    def __init__(self, stream: io.BytesIO, names: Mapping[str, Any]) -> None:
        super().__init__(stream)
        self.names = names

    def find_class(self, module: str, name: str) -> Any:
        """Return what stands in for a name; nothing is imported."""
        full = f"{module}.{name}"
        if full in self.names:
            return self.names[full]
        if full.startswith("dnnlib.tflib."):
            raise pickle.UnpicklingError(
                "it is from the TensorFlow version, whose layers are other ones; convert it with "
                "the official PyTorch version's legacy.py first"
            )
        raise pickle.UnpicklingError(f"it names {full}, which no network needs")

    def persistent_load(self, pid: Any) -> Any:
        """Describe a storage, whose bytes come after the pickle."""
        if self.names is not IN_STORAGE:
            raise pickle.UnpicklingError("it refers to something outside of it")
        kind, numbers, key, _, count, view = pid
        if kind != "storage" or view is not None or not isinstance(numbers, _StandIn):
            raise pickle.UnpicklingError("a tensor in it has no numbers of its own")
        return numbers(), key, count


def _read_storage(data: bytes) -> _Storage:
    stream = io.BytesIO(data)
    magic, version, about, ((dtype, item_bytes), key, count), keys = (
        _Reader(stream, IN_STORAGE).load() for _ in range(5)
    )
    if (magic, version) != MAGIC or keys != [key] or not about["little_endian"]:
        raise pickle.UnpicklingError("the bytes of a tensor in it are not as torch writes them")
    count_again = int.from_bytes(stream.read(8), "little")
    numbers = stream.read()
    if count != count_again or len(numbers) != count * item_bytes:
        raise pickle.UnpicklingError("a tensor in it is not whole")
    return _Storage(dtype, item_bytes, numbers)


def _view(storage: Any, offset: Any, shape: Any, stride: Any, *_: Any) -> Array:
    """Keep a view that lies within its storage and is not larger."""
    if not isinstance(storage, _Storage) or len(shape) != len(stride):
        raise pickle.UnpicklingError("a tensor in it has no numbers of its own")
    if any(type(number) is not int or number < 0 for number in (offset, *shape, *stride)):
        raise pickle.UnpicklingError("a tensor in it has an impossible shape")
    held = len(storage.data) // storage.item_bytes
    size, last = 1, offset
    for number, step in zip(shape, stride, strict=True):
        size, last = size * number, last + (number - 1) * step
    if size and (size > held or last >= held):
        raise pickle.UnpicklingError("a tensor in it is larger than its numbers")
    return Array(storage, offset, tuple(shape), tuple(stride))


def _flatten(network: _Object, prefix: str, found: PickledNetwork, seen: set[int]) -> None:
    """Give all that is in a network, and in the layers inside of it, its dotted name."""
    if id(network.meta) in seen:
        raise ValueError("a layer in it stands in two places")
    seen.add(id(network.meta))
    state = network.meta["state"]
    for name, value in _items(state, "_parameters", "_buffers"):
        if isinstance(value, Array):
            found.arrays[prefix + name] = value
    plain = {name: value for name, value in state.items() if isinstance(value, str | int | float)}
    found.settings.update({prefix + name: value for name, value in plain.items()})
    for name, value in _items(state, "_modules"):
        if isinstance(value, _Object):
            _flatten(value, f"{prefix}{name}.", found, seen)


def _items(state: Mapping[str, Any], *tables: str) -> Iterator[tuple[str, Any]]:
    return (item for table in tables for item in state[table].items())


def _ignored(*_: Any) -> _Ignored:
    return _Ignored()


def _first(data: Any, *_: Any) -> Any:
    return data


IN_STORAGE: Mapping[str, Any] = {
    f"torch.{name}Storage": _StandIn(partial(tuple, numbers)) for name, numbers in STORAGES.items()
}
STAND_INS: Mapping[str, Any] = {
    "torch_utils.persistence._reconstruct_persistent_obj": _StandIn(_Object),
    "torch.storage._load_from_bytes": _StandIn(_read_storage),
    "torch._utils._rebuild_tensor_v2": _StandIn(_view),
    "torch._utils._rebuild_parameter": _StandIn(_first),
    "collections.OrderedDict": dict,
    "dnnlib.util.EasyDict": dict,
    "builtins.set": set,
    "__builtin__.set": set,
    **{
        f"{module}.{name}": _StandIn(_ignored)
        for module in ("numpy", "numpy.core.multiarray", "numpy._core.multiarray")
        for name in ("dtype", "scalar", "_reconstruct", "ndarray")
    },
}
"""Every name that may stand in the file, and all that happens when it is called."""
