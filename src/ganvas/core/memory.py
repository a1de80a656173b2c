"""How much memory is left: of the machine, and of the container or batch job this runs in."""

from pathlib import Path, PurePosixPath

UNKNOWN_BYTES = 4 * 10**9
"""What is assumed where the system does not say."""


def free_bytes(root: Path = Path("/")) -> int:
    """Return what can be taken without swapping or being killed; `root` holds proc and sys."""
    try:
        lines = (root / "proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return UNKNOWN_BYTES
    values = dict(line.split(":", 1) for line in lines)
    return min([int(values["MemAvailable"].split()[0]) * 1024, *_left_in_groups(root)])


def _left_in_groups(root: Path) -> list[int]:
    """What the control groups above this process, of version 2 or 1, leave to it."""
    try:
        lines = (root / "proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    found = []
    for _, controllers, group in (line.split(":", 2) for line in lines):
        if controllers == "":
            base, names = root / "sys/fs/cgroup", ("memory.max", "memory.current")
        elif "memory" in controllers.split(","):
            base = root / "sys/fs/cgroup/memory"
            names = "memory.limit_in_bytes", "memory.usage_in_bytes"
        else:
            continue
        # In a container the group may be named as seen from outside; its files are the base's then.
        for one in (PurePosixPath(group), *PurePosixPath(group).parents):
            left = _left(base / str(one).lstrip("/"), *names)
            if left is not None:
                found.append(left)
    return found


def _left(folder: Path, limit: str, used: str) -> int | None:
    try:
        most = (folder / limit).read_text(encoding="ascii").strip()
        taken = int((folder / used).read_text(encoding="ascii"))
        stat = (folder / "memory.stat").read_text(encoding="ascii").splitlines()
    except (OSError, ValueError):
        return None
    if most == "max":
        return None
    # Files that were read and can be forgotten count as used, and are not.
    forgettable = dict(line.split(maxsplit=1) for line in stat).get("inactive_file", "0")
    return max(0, int(most) - taken + int(forgettable))
