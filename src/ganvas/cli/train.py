"""`ganvas train`: the command with the flags of one architecture. Light, for a fast `--help`."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ganvas.cli.flags import Everyday
from ganvas.cli.nested import given, help_panels, needed, settings_class
from ganvas.cli.settings import wanted_settings
from ganvas.models import registry
from ganvas.training.presets import ARCH_OF

if TYPE_CHECKING:
    from rich.console import Console

DEFAULT_ARCH = "dcgan"
"""Whose model flags are shown when neither an architecture nor a preset is named."""


def command_for(tokens: Sequence[str], *, with_nested: bool = True) -> Callable[..., int]:
    """Make the command with the nested flags that a command line needs, or with none."""
    arch = named_arch(tokens)
    Settings = settings_class(arch, needed(tokens, arch) if with_nested else ())

    def train(images: str, /, *, flags: Everyday = Everyday(), settings: Any = None) -> int:  # noqa: B008
        """Train a GAN on your pictures; the same command again continues.

        What no flag sets is decided by the preset and the pictures: --dry-run shows it.
        Model flags are those of --arch or --preset: --arch dcgan --help shows dcgan's.

        Parameters
        ----------
        images
            A folder, a zip, or builtin:NAME (digits, emoji).
        """
        wanted = wanted_settings(flags, given(settings) if settings else {})
        if flags.dry_run:
            from ganvas.cli.dry_run import show_settings

            return show_settings(images, wanted)
        from ganvas.cli.running import run

        return run(images, flags, wanted)

    # Cyclopts reads annotations, and this one exists only now.
    train.__annotations__["settings"] = Settings
    return train


def print_nested_flags(tokens: Sequence[str], console: "Console") -> None:
    """Print the second part of the page of help, below the flags of every day."""
    from ganvas.cli.help import columns

    for panel in help_panels(named_arch(tokens)):
        columns(console, console.options, panel)


def named_arch(tokens: Sequence[str]) -> str:
    """Find the architecture in a command line before it is parsed, for its own flags."""
    named = {}
    for token, following in zip(tokens, [*tokens[1:], ""], strict=True):
        name, equals, value = token.partition("=")
        named[name] = value if equals else following
    arch = named.get("--arch", ARCH_OF.get(named.get("--preset", "")))
    return arch if arch in registry.names() else DEFAULT_ARCH
