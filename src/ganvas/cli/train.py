"""`ganvas train`: the command with the flags of one architecture. Light, for a fast `--help`."""

from collections.abc import Callable, Sequence
from typing import Any

from ganvas.cli.flags import Everyday, given, settings_class
from ganvas.models import registry

DEFAULT_ARCH = "dcgan"
"""Whose model flags are shown when no architecture is named."""


def command_for(arch: str) -> Callable[..., int]:
    """Make the command with the model flags of one architecture."""
    Settings = settings_class(arch)

    def train(images: str, /, *, flags: Everyday = Everyday(), settings: Any = None) -> int:  # noqa: B008
        """Train a GAN on your pictures; the same command again continues.

        What no flag sets is decided by the preset and the pictures: --dry-run shows it.
        Model flags are those of --arch: --arch dcgan --help shows dcgan's.

        Parameters
        ----------
        images
            A folder, a zip, or builtin:NAME (digits, emoji).
        """
        from ganvas.cli.running import run

        return run(images, flags, given(settings) if settings else {})

    # Cyclopts reads annotations, and this one exists only now.
    train.__annotations__["settings"] = Settings
    return train


def named_arch(tokens: Sequence[str]) -> str:
    """Find the architecture in a command line before it is parsed, for its own flags."""
    for token, following in zip(tokens, [*tokens[1:], ""], strict=True):
        name, equals, value = token.partition("=")
        arch = value if equals else following
        if name == "--arch" and arch in registry.names():
            return arch
    return DEFAULT_ARCH
