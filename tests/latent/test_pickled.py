"""Reading a pickle calls nothing that it names, wherever the name is hidden."""

import contextlib
import io
import os
import pickle
import sys
import types
from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from official_layout import Generator, Persistent, snapshot, write

from ganvas.core.errors import CheckpointError
from ganvas.runs import pickled
from ganvas.runs.pickled import read_networks

pytestmark = pytest.mark.filterwarnings("ignore:TypedStorage is deprecated")


class Bomb:
    """Makes a folder when it is unpickled in the ordinary way."""

    def __init__(self, where):
        self.where = str(where)

    def __reduce__(self):
        return os.mkdir, (self.where,)


@pytest.fixture
def fuse(tmp_path):
    return tmp_path / "exploded"


def assert_refused(path, fuse, reason="names posix.mkdir|names nt.mkdir"):
    with pytest.raises(CheckpointError, match=reason):
        read_networks(path)
    assert not fuse.exists()


def test_the_bomb_is_a_bomb(fuse):
    pickle.loads(pickle.dumps(Bomb(fuse)))
    assert fuse.exists()


@pytest.mark.parametrize("protocol", range(6))
def test_a_payload_at_the_top(tmp_path, fuse, protocol):
    assert_refused(write(tmp_path / "a.pkl", Bomb(fuse), protocol), fuse)


def test_a_payload_beside_the_networks_and_one_inside(tmp_path, fuse):
    made = snapshot()
    assert_refused(write(tmp_path / "a.pkl", made | {"augment_pipe": Bomb(fuse)}), fuse)
    made["G_ema"].mapping.fc0._forward_hooks[0] = Bomb(fuse)
    assert_refused(write(tmp_path / "b.pkl", made), fuse)


def with_bytes(data):
    class Loaded:
        def __reduce__(self):
            return torch.storage._load_from_bytes, (data,)

    return Loaded()


def legacy(found):
    """The parts of a stream of torch.save before its numbers."""
    stream = io.BytesIO()
    torch.save(torch.zeros(2).storage(), stream, _use_new_zipfile_serialization=False)
    stream.seek(0)
    head = [pickle.load(stream) for _ in range(3)]
    return b"".join(pickle.dumps(part, 2) for part in [*head, found])


def test_a_payload_in_the_bytes_of_a_tensor(tmp_path, fuse):
    for number, data in enumerate([pickle.dumps(Bomb(fuse)), legacy(Bomb(fuse))]):
        path = write(tmp_path / f"{number}.pkl", {"G": with_bytes(data)})
        assert_refused(path, fuse)
    # One pickle within the other may not name what the outer one may.
    inner = legacy(with_bytes(b""))
    path = write(tmp_path / "c.pkl", {"G": with_bytes(inner)})
    assert_refused(path, fuse, "names torch.storage._load_from_bytes")
    # What the name means to torch: it does run the payload.
    with contextlib.suppress(Exception):
        torch.storage._load_from_bytes(legacy(Bomb(fuse)))
    assert fuse.exists()


def test_a_module_that_looks_like_the_right_one(tmp_path, fuse, monkeypatch):
    for module, name in (("torch_utils.persistence_", "f"), ("torch_utils.persistence", "f")):
        fake = types.ModuleType(module)

        def f(where):
            Path(where).mkdir()

        f.__module__, f.__qualname__, fake.f = module, name, f
        monkeypatch.setitem(sys.modules, module, fake)
        path = tmp_path / "a.pkl"
        # Not `write`: the fake modules must still be there when the file is read.
        monkeypatch.setitem(sys.modules, "torch_utils", types.ModuleType("torch_utils"))

        class Call:
            def __reduce__(self, f=f):
                return f, (str(fuse),)

        path.write_bytes(pickle.dumps(Call(), 4))
        assert_refused(path, fuse, f"names {module}.f")


@pytest.mark.parametrize("name", ["_rebuild_tensor_v2.__globals__", "_rebuild_tensor_v2.__call__"])
def test_a_name_with_dots_is_no_way_round(tmp_path, fuse, name):
    data = b"\x80\x04" + b"\x8c\x0ctorch._utils" + b"\x8c" + bytes([len(name)]) + name.encode()
    (tmp_path / "a.pkl").write_bytes(data + b"\x93.")
    assert_refused(tmp_path / "a.pkl", fuse, "which no network needs")


STATES = {
    "a dict": b"}\x8c\x04make\x8c\x01x\x73",
    "slots": b"N}\x8c\x04make\x8c\x01x\x73\x86",
    "a setstate": b"}\x8c\x0c__setstate__\x8c\x01x\x73",
    "slots of a class": b"N}\x8c\x07__new__\x8c\x01x\x73\x86",
}


@pytest.mark.parametrize("state", STATES.values(), ids=STATES)
@pytest.mark.parametrize("name", sorted(pickled.STAND_INS))
def test_no_stand_in_can_be_changed(tmp_path, fuse, name, state):
    module, _, short = name.rpartition(".")
    head = b"\x80\x04\x8c" + bytes([len(module)]) + module.encode()
    data = head + b"\x8c" + bytes([len(short)]) + short.encode() + b"\x93" + state
    # Build, drop it, and leave an empty table: it must not come as far as the table.
    data += b"b0}."
    (tmp_path / "a.pkl").write_bytes(data)
    before = dict(pickled.STAND_INS)
    with pytest.raises(CheckpointError, match="not a StyleGAN2 pickle"):
        read_networks(tmp_path / "a.pkl")
    assert dict(pickled.STAND_INS) == before
    assert read_networks(write(tmp_path / "b.pkl", {"G": Persistent()}))


def test_a_payload_in_the_state_of_an_object(tmp_path, fuse):
    class Stated:
        def __reduce__(self):
            return OrderedDict, (), {"x": Bomb(fuse)}

    assert_refused(write(tmp_path / "a.pkl", {"G": Stated()}), fuse)

    class Restated(Persistent):
        def __reduce__(self):
            function, arguments, _ = super().__reduce__()
            return function, arguments, {"_modules": {}}

    path = write(tmp_path / "b.pkl", {"G": Restated()})
    assert_refused(path, fuse, "is not a StyleGAN2 pickle")


def test_the_source_inside_is_not_run(tmp_path):
    # Its source ends the process: reading it twice shows that it was left alone.
    path = write(tmp_path / "a.pkl", snapshot())
    networks = read_networks(path)
    assert set(networks) == {"G", "D", "G_ema"}
    assert "torch_utils.persistence" not in sys.modules


def test_numbers_come_back_as_they_were(tmp_path):
    G = Generator()
    G.mapping.w_avg = torch.randn(4, 6).T[:, 2]  # a view with strides and an offset
    G.mapping.fc0.weight = torch.nn.Parameter(torch.randn(6, 6).half())
    G.synthesis.b8.conv1.weight.data = G.synthesis.b8.conv1.weight.data.to(
        memory_format=torch.channels_last
    )
    (network,) = read_networks(write(tmp_path / "a.pkl", {"G": G})).values()
    expected = G.state_dict()
    tensors = network.tensors()
    assert set(tensors) == set(expected)
    assert all(torch.equal(tensors[name], value.float()) for name, value in expected.items())
    assert all(value.dtype == torch.float32 for value in tensors.values())
    assert network.settings["mapping.fc0.bias_gain"] == 0.01
    assert network.shapes["mapping.fc0.weight"] == (6, 6)


@pytest.mark.parametrize(
    ("view", "reason"),
    [
        ((0, (3,), (1,)), "larger than its numbers"),
        ((1, (2,), (1,)), "larger than its numbers"),
        ((0, (10**9,), (0,)), "larger than its numbers"),
        ((-1, (2,), (1,)), "impossible shape"),
        ((2**70, (0,), (1,)), "empty or larger"),
        ((0, (2,), (1, 1)), "not a StyleGAN2 pickle"),
    ],
)
def test_a_tensor_cannot_claim_more_than_its_numbers(tmp_path, view, reason):
    class Claim:
        def __reduce__(self):
            return torch._utils._rebuild_tensor_v2, (torch.zeros(2).storage(), *view, False, {})

    with pytest.raises(CheckpointError, match=reason):
        read_networks(write(tmp_path / "a.pkl", Claim()))


def test_knots_and_torn_files_are_refused(tmp_path):
    G = Generator()
    G.mapping.fc1 = G.mapping.fc0
    with pytest.raises(CheckpointError, match="in two places"):
        read_networks(write(tmp_path / "a.pkl", {"G": G}))
    whole = write(tmp_path / "b.pkl", snapshot()).read_bytes()
    for size in (0, 1, 100, len(whole) // 2, len(whole) - 1):
        (tmp_path / "c.pkl").write_bytes(whole[:size])
        with pytest.raises(CheckpointError, match="not a StyleGAN2 pickle"):
            read_networks(tmp_path / "c.pkl")
    with pytest.raises(CheckpointError, match="has no network called"):
        read_networks(write(tmp_path / "d.pkl", {"x": 1}))
    with pytest.raises(CheckpointError, match="cannot be read"):
        read_networks(tmp_path / "missing.pkl")


def test_the_tensorflow_version_is_named(tmp_path):
    data = b"\x80\x03cdnnlib.tflib.network\nNetwork\n)\x81."
    (tmp_path / "a.pkl").write_bytes(data)
    with pytest.raises(CheckpointError, match="TensorFlow version"):
        read_networks(tmp_path / "a.pkl")
