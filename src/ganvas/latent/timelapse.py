"""The same seeds through the training, as one moving picture."""

from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from ganvas.core.errors import RunError
from ganvas.latent.film import check_film, write_film
from ganvas.runs.folder import RunFolder

CAPTION_PX = 24
LAST_FRAME_FACTOR = 8


def timelapse(
    run: str | Path,
    out: str | Path,
    *,
    root: str | Path = "runs",
    seconds: float = 8.0,
    max_frames: int = 120,
    max_px: int = 1024,
    caption: bool = True,
) -> Path:
    """Write the run's sample grids to `out` (.webp, .gif or .mp4) as an animation.

    Every frame has the size of the largest grid, at most `max_px`; more than `max_frames` grids
    are thinned out evenly. The last frame stays longer. Raises RunError when there are none.
    """
    out = Path(out)
    check_film(out)
    folder = RunFolder.find(Path(root), str(run))
    frames = grids(folder, max_frames=max_frames, max_px=max_px, caption=caption)
    frame_ms = max(20, round(1000 * seconds / len(frames)))
    durations = [frame_ms] * len(frames)
    durations[-1] *= LAST_FRAME_FACTOR
    write_film(out, [frame for _, frame in frames], durations)
    return out


def grids(
    folder: RunFolder, *, max_frames: int, max_px: int, caption: bool
) -> list[tuple[str, Image.Image]]:
    """Return how many pictures the run had seen, and its sample grid of then, all of one size.

    `caption` also writes the first below the second. Raises RunError when there are none.
    """
    samples = _thinned(folder.samples(), max_frames)
    if not samples:
        raise RunError(f"{folder.path} has no sample grids yet")
    size = _common_size([path for _, path in samples], max_px)
    named = [(_caption(nimg), path) for nimg, path in samples]
    return [(text, _frame(path, size, text if caption else None)) for text, path in named]


def _thinned(samples: Sequence[tuple[int, Path]], max_frames: int) -> Sequence[tuple[int, Path]]:
    if len(samples) <= max_frames:
        return samples
    last = len(samples) - 1
    return [samples[round(k * last / (max_frames - 1))] for k in range(max_frames)]


def _common_size(paths: list[Path], max_px: int) -> tuple[int, int]:
    sizes = []
    for path in paths:
        with Image.open(path, formats=["PNG"]) as image:
            sizes.append(image.size)
    width, height = max(w for w, _ in sizes), max(h for _, h in sizes)
    scale = min(1.0, max_px / max(width, height))
    return round(width * scale), round(height * scale)


def _frame(path: Path, size: tuple[int, int], caption: str | None) -> Image.Image:
    with Image.open(path, formats=["PNG"]) as image:
        grid = image.convert("RGB")
    scale = min(size[0] / grid.width, size[1] / grid.height)
    if scale != 1:
        inner = (max(1, round(grid.width * scale)), max(1, round(grid.height * scale)))
        grid = grid.resize(inner, Image.Resampling.LANCZOS)
    frame = Image.new("RGB", (size[0], size[1] + (CAPTION_PX if caption else 0)), "white")
    frame.paste(grid, ((size[0] - grid.width) // 2, (size[1] - grid.height) // 2))
    if caption:
        font = ImageFont.load_default(CAPTION_PX * 0.6)
        centre = (size[0] / 2, size[1] + CAPTION_PX / 2)
        ImageDraw.Draw(frame).text(centre, caption, fill="black", font=font, anchor="mm")
    return frame


def _caption(nimg: int) -> str:
    return f"{nimg / 1000:,.0f} kimg" if nimg >= 100_000 else f"{nimg / 1000:,.1f} kimg"
