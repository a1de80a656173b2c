"""Generator files: whole and self-describing, and harmless whoever made them."""

import contextlib
import json
import pickle
import struct
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from ganvas.core.errors import CheckpointError, RunError
from ganvas.runs import generator_file
from ganvas.runs.generator_file import load_generator_file, read_header, save_generator

HEADER = {"model": {"arch": "mlp"}, "class_names": ["Käse", "日本"], "nimg": 2000}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "generator.safetensors"


def header_of(values: object) -> bytes:
    text = json.dumps(values).encode()
    return struct.pack("<Q", len(text)) + text


def test_weights_and_header_come_back(path: Path) -> None:
    weight = torch.randn(3, 2, 4, 4).contiguous(memory_format=torch.channels_last)
    save_generator(path, {"w": weight, "same": weight}, HEADER)
    tensors, header = load_generator_file(path)
    assert header == {"format": 1} | HEADER == read_header(path)
    assert tensors.keys() == {"w", "same"}
    assert torch.equal(tensors["w"], weight)
    assert torch.equal(tensors["same"], weight)


def test_pickles_are_refused_without_being_opened(path: Path, tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return Path.touch, (tmp_path / "executed",)

    torch.save(Bomb(), tmp_path / "model.pt")
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        (tmp_path / f"{protocol}.pkl").write_bytes(pickle.dumps(Bomb(), protocol))
    for bad in (*tmp_path.glob("*.pt"), *tmp_path.glob("*.pkl")):
        with pytest.raises(CheckpointError, match=r"opens no others, because .pt and .pkl"):
            load_generator_file(bad)
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "not a safetensors file"),
        (struct.pack("<Q", 2**62) + b"{", "not a safetensors file"),
        (struct.pack("<Q", 400_000) + b"[" * 400_000, "not a safetensors file"),
        (header_of({"__metadata__": {"ganvas": "[" * 400_000}}), "not a safetensors file"),
        (header_of([]), "not written by ganvas"),
        (header_of({"__metadata__": {"ganvas": "[]"}}), "not written by ganvas"),
        (header_of({"__metadata__": {"ganvas": '{"format": 2}'}}), "has format 2, this ganvas"),
        (
            header_of(
                {
                    "__metadata__": {"ganvas": '{"format": 1}'},
                    "w": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]},
                }
            ),
            "is damaged",
        ),
    ],
)
def test_bad_files_are_refused_with_a_sentence(path: Path, content: bytes, sentence: str) -> None:
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=sentence):
        load_generator_file(path)


def test_a_missing_file_and_a_foreign_one(path: Path) -> None:
    with pytest.raises(CheckpointError, match="cannot be read: No such file"):
        load_generator_file(path)
    save_file({"w": torch.ones(2)}, path)
    with pytest.raises(CheckpointError, match="not written by ganvas"):
        load_generator_file(path)


@settings(max_examples=50)
@given(st.data())
def test_a_damaged_file_never_raises_anything_else(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("file") / "generator.safetensors"
    save_generator(path, {"w": torch.ones(2, 3), "b": torch.ones(3)}, HEADER)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    with contextlib.suppress(CheckpointError):
        tensors, header = load_generator_file(path)
        assert header["format"] == 1
        assert sum(tensor.numel() for tensor in tensors.values()) <= 9 * 4


def test_a_failed_write_keeps_the_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_generator(path, {"w": torch.zeros(1)}, HEADER)

    def full(tensors: object, target: Path, metadata: object) -> None:
        target.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(generator_file, "save_file", full)
    with pytest.raises(RunError, match=r"generator.safetensors cannot be written: No space left"):
        save_generator(path, {"w": torch.ones(1)}, HEADER)
    assert torch.equal(load_generator_file(path)[0]["w"], torch.zeros(1))
    assert list(path.parent.iterdir()) == [path]


def test_what_we_could_not_read_is_not_written(path: Path) -> None:
    with pytest.raises(CheckpointError):
        save_generator(path, {"w": torch.ones(1)}, {"class_names": ["x" * 100] * 20_000})
    assert not path.exists()


def test_opening_never_unpickles(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_generator(path, {"w": torch.ones(1)}, HEADER)
    for module, name in (
        (pickle, "load"),
        (pickle, "loads"),
        (pickle, "Unpickler"),
        (torch, "load"),
    ):
        monkeypatch.setattr(module, name, lambda *args, **kwargs: pytest.fail("unpickled"))
    load_generator_file(path)
