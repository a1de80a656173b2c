"""What is left of the memory, told by folders that look like /proc and /sys."""

from pathlib import Path

import pytest

from ganvas.core import memory

GIB = 2**30


def system(root: Path, groups: str, files: dict[str, str]) -> Path:
    written = {"proc/meminfo": f"MemTotal: {64 * 2**20} kB\nMemAvailable: {32 * 2**20} kB\n"}
    written |= {"proc/self/cgroup": groups}
    for name, text in (written | files).items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def limits(folder: str, limit: int | str, used: int, names=("memory.max", "memory.current")):
    texts = str(limit), str(used), f"anon 5\ninactive_file {GIB}\n"
    return {
        f"sys/fs/cgroup/{folder}{name}": text
        for name, text in zip((*names, "memory.stat"), texts, strict=True)
    }


V1 = ("memory.limit_in_bytes", "memory.usage_in_bytes")


@pytest.mark.parametrize(
    ("groups", "files", "gib"),
    [
        ("0::/\n", {}, 32),
        ("0::/\n", limits("", 8 * GIB, 3 * GIB), 6),
        ("0::/job/step\n", limits("job/", 8 * GIB, 3 * GIB) | limits("job/step/", "max", 5), 6),
        ("0::/outside/abc\n", limits("", 4 * GIB, 2 * GIB), 3),
        ("4:memory:/job\n", limits("memory/job/", 8 * GIB, 3 * GIB, V1), 6),
        ("4:memory:/job\n", limits("memory/", 2**63 - 4096, 3 * GIB, V1), 32),
        ("3:cpu:/job\n", limits("job/", 1 * GIB, 0), 32),
        ("0::/\n", limits("", 2 * GIB, 4 * GIB), 0),
    ],
)
def test_the_narrowest_limit_counts(groups, files, gib, tmp_path):
    assert memory.free_bytes(system(tmp_path, groups, files)) == gib * GIB


def test_where_nothing_is_told(tmp_path):
    assert memory.free_bytes(tmp_path) == memory.UNKNOWN_BYTES


def test_this_machine():
    assert memory.free_bytes() > 10**6
