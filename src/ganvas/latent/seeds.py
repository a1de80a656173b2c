"""Seeds and found latents as people write them: "0-3,9" (no torch here)."""

from ganvas.core.errors import ConfigError

MAX_SEEDS = 1_000_000
END = 2**63


def parse_seeds(text: str) -> list[int]:
    """Read "0-63" or "0,4,9" or "0-3,9", in the order given."""
    seeds: list[int] = []
    for part in text.split(","):
        first, dash, last = (piece.strip() for piece in part.partition("-"))
        if not _is_number(first) or (dash and not _is_number(last)):
            raise ConfigError(f"seeds {text!r} are not a list of numbers: write 0-63 or 0,4,9")
        start, stop = int(first), int(last or first) + 1
        if stop <= start:
            raise ConfigError(f"seeds {part.strip()} count down: write {last}-{first}")
        if len(seeds) + stop - start > MAX_SEEDS:
            raise ConfigError(f"seeds {text!r} are more than {MAX_SEEDS:,}")
        seeds.extend(range(start, stop))
    return seeds


def parse_stations(text: str) -> list[int | str]:
    """Read seeds among which paths of latents stand: "0-3,photo/latent.json"."""
    found: list[int | str] = []
    for part in text.split(","):
        found += [part.strip()] if part.strip().endswith(".json") else parse_seeds(part)
    return found


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 20 and int(text) < END
