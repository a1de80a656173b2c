"""Small pictures with something in them."""

import numpy as np
from PIL import Image, ImageDraw


def drawn_photo(width: int = 64, height: int = 48) -> Image.Image:
    """A house on a meadow under a sky."""
    image = Image.new("RGB", (width * 4, height * 4), (140, 180, 230))
    draw = ImageDraw.Draw(image)
    w, h = image.size
    draw.rectangle((0, h * 0.65, w, h), fill=(90, 150, 70))
    draw.rectangle((w * 0.3, h * 0.4, w * 0.6, h * 0.8), fill=(190, 170, 150))
    draw.polygon(
        [(w * 0.25, h * 0.4), (w * 0.65, h * 0.4), (w * 0.45, h * 0.2)], fill=(150, 60, 50)
    )
    draw.ellipse((w * 0.75, h * 0.1, w * 0.9, h * 0.3), fill=(250, 240, 180))
    return image.resize((width, height), Image.Resampling.LANCZOS)


def drawn_painting(size: int = 64, seed: int = 0) -> Image.Image:
    """Many strokes of few warm colours."""
    generator = np.random.default_rng(seed)
    colors = [(230, 120, 30), (250, 200, 80), (120, 30, 20), (40, 20, 60)]
    image = Image.new("RGB", (size, size), colors[0])
    draw = ImageDraw.Draw(image)
    for k in range(size * 4):
        x, y = generator.uniform(0, size, 2)
        draw.line((x, y, x + 6, y + generator.uniform(-3, 3)), fill=colors[k % 4], width=2)
    return image
