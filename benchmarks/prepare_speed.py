"""How fast pictures are prepared, against plain Pillow, and how much memory that takes.

Prints JSON lines. `prepare_ratio`: pictures per second of processor time and process of
`ganvas.data`, divided by those of open, convert and resize(LANCZOS); medians of interleaved
blocks. Goal: at least 6. `rss_anon_mb`: the most memory of its own that a process holds which
inspects and prepares a set of tiny pictures; it must not grow with `pixels_mb`.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from ganvas.data.decode import Target, decode
from ganvas.data.scan import Entry, scan

WIDTH, HEIGHT = 4000, 3000
RESOLUTION = 64
TARGET = Target(
    resolution=RESOLUTION,
    channels=3,
    fit="crop",
    background="#ffffff",
    min_size_px=8,
    max_megapixels=100.0,
)

MEMORY = """
import re, sys
from pathlib import Path
import numpy as np
from ganvas.data.config import DataConfig
from ganvas.data.inspect import inspect
from ganvas.data.store import prepare

def rss_anon_mb():
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"RssAnon:\\s+(\\d+)", status)[1]) / 1024

most = 0.0
def report(done, total):
    global most
    most = max(most, rss_anon_mb())

resolution = int(sys.argv[2])
inspect(sys.argv[1], settings={"resolution": resolution}, progress=report)
store = prepare(sys.argv[1], DataConfig(resolution=resolution), progress=report)
for start in range(0, len(store) - 64, 64):
    store.batch(np.arange(start, start + 64))
print(len(store), most, rss_anon_mb(), store.images.nbytes / 2**20)
"""


def main() -> None:
    """Measure speed, then memory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, default=24)
    parser.add_argument("--blocks", type=int, default=5)
    parser.add_argument("--tiny", type=int, nargs=2, default=[1_000, 50_000])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        measure_speed(Path(name), options.photos, options.blocks)
    for num in options.tiny:
        with tempfile.TemporaryDirectory() as name:
            measure_memory(Path(name), num)


def measure_speed(folder: Path, num: int, blocks: int) -> None:
    """Time both ways in turn over the same photos, one process, everything in the page cache."""
    for k in range(num):
        make_photo(folder / f"{k:03d}.jpg", seed=k)
    entries = scan(folder).entries
    ways: dict[str, Callable[[Sequence[Entry]], object]] = {
        "pillow": prepare_plainly,
        "ganvas": lambda entries: decode(entries, TARGET),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(blocks):
        for name, way in ways.items():
            start = time.process_time()
            way(entries)
            seconds[name].append((time.process_time() - start) / num)
    per_second = {name: 1 / statistics.median(values) for name, values in seconds.items()}
    report(
        benchmark="prepare_speed",
        megapixels=WIDTH * HEIGHT / 1e6,
        photos=num,
        blocks=blocks,
        file_mb=statistics.mean(entry.size_bytes for entry in entries) / 1e6,
        pillow_per_second=per_second["pillow"],
        ganvas_per_second=per_second["ganvas"],
        prepare_ratio=per_second["ganvas"] / per_second["pillow"],
    )


def measure_memory(folder: Path, num: int) -> None:
    """Let a process of its own prepare many tiny pictures and read them once."""
    rng = np.random.default_rng(0)
    (folder / "pictures").mkdir()
    for k in range(num):
        noise = rng.integers(0, 256, (12, 12, 3), np.uint8)
        Image.fromarray(noise).save(folder / "pictures" / f"{k:06d}.bmp")
    command = [sys.executable, "-c", MEMORY, str(folder / "pictures"), str(RESOLUTION)]
    environment = os.environ | {"GANVAS_CACHE": str(folder / "cache")}
    start = time.perf_counter()
    said = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    seconds = time.perf_counter() - start
    prepared, most, after, pixels = map(float, said.stdout.split())
    report(
        benchmark="prepare_memory",
        pictures=int(prepared),
        seconds=seconds,
        rss_anon_mb=most,
        rss_anon_after_mb=after,
        pixels_mb=pixels,
    )


def prepare_plainly(entries: Sequence[Entry]) -> np.ndarray:
    """Do what a usual data set class does: all pixels decoded, then one resize."""
    rows = []
    for entry in entries:
        with entry.open() as file, Image.open(file) as image:
            side = min(image.size)
            left, top = (image.width - side) // 2, (image.height - side) // 2
            square = image.convert("RGB").crop((left, top, left + side, top + side))
            rows.append(square.resize((RESOLUTION, RESOLUTION), Image.Resampling.LANCZOS))
    return np.stack([np.asarray(row) for row in rows])


def make_photo(path: Path, *, seed: int) -> None:
    """Write a 12-megapixel JPEG with about as much detail as a photo."""
    rng = np.random.default_rng(seed)
    slope = np.linspace(0, 1, WIDTH)[None, :, None] * rng.uniform(0, 160, 3)
    slope = slope + np.linspace(0, 1, HEIGHT)[:, None, None] * rng.uniform(0, 90, 3)
    noise = Image.fromarray(rng.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8))
    blurred = np.asarray(noise.filter(ImageFilter.GaussianBlur(1.5))).astype(np.float64)
    Image.fromarray((slope * 0.6 + blurred * 0.4).astype(np.uint8)).save(path, quality=90)


def report(**values: object) -> None:
    """Print one JSON line."""
    rounded = {k: round(v, 3) if isinstance(v, float) else v for k, v in values.items()}
    print(json.dumps(rounded), flush=True)


if __name__ == "__main__":
    main()
