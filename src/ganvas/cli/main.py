"""The `ganvas` command: finds the verb, turns every error into one sentence and an exit code.

Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted.
"""

import gc
import io
import os
import sys
import traceback
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

# Saves a scan of all installed packages, a quarter of the time `--help` takes.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")

from ganvas.core.errors import ConfigError, GanvasError

if TYPE_CHECKING:
    from cyclopts import App
    from cyclopts.help import HelpPanel
    from rich.console import Console, ConsoleOptions

# Where a verb is, what follows it, and what it does. Import paths, so that a verb costs nothing
# until it is used, and help never needs torch.
VERBS = {
    # Not the command itself: that one is made when it is known which architecture's flags it has.
    "train": (
        "ganvas.cli.train:command_for",
        "IMAGES [OPTIONS]",
        "Train a GAN on your pictures; again: it continues.",
    ),
    "inspect": (
        "ganvas.cli.inspect:inspect",
        "IMAGES [--json]",
        "Show what is in a folder, and what is skipped.",
    ),
    "generate": (
        "ganvas.cli.generate:generate",
        "RUN -o DIR [OPTIONS]",
        "Make new pictures with a trained run.",
    ),
    "walk": (
        "ganvas.cli.walk:walk",
        "RUN -o FILE [OPTIONS]",
        "Walk from seed to seed in an endless film.",
    ),
    "mix": (
        "ganvas.cli.mix:mix",
        "RUN -o FILE [OPTIONS]",
        "Mix styles: the shapes of one picture, the colours of another.",
    ),
    "directions": (
        "ganvas.cli.directions:directions",
        "RUN -o FILE [OPTIONS]",
        "Show in which directions pictures change most.",
    ),
    "project": (
        "ganvas.cli.project:project",
        "RUN PHOTO -o DIR [OPTIONS]",
        "Find the latent of a photo.",
    ),
    "timelapse": (
        "ganvas.cli.timelapse:timelapse",
        "RUN -o FILE",
        "Show how a run learned, as a small film.",
    ),
    "evaluate": (
        "ganvas.cli.evaluate:evaluate",
        "RUN [OPTIONS]",
        "Measure how good a run's pictures are.",
    ),
    "doctor": (
        "ganvas.cli.doctor:doctor",
        "RUN [-o FILE] [--json]",
        "Explain how a training is doing.",
    ),
    "tune": (
        "ganvas.cli.tune:tune",
        "IMAGES --minutes M -o FILE [OPTIONS]",
        "Look for settings that suit your pictures.",
    ),
    "export": (
        "ganvas.cli.export:export",
        "RUN -o FILE [--format FORMAT]",
        "Write a generator for other programs, or a page.",
    ),
    "stylize": (
        "ganvas.cli.stylize:stylize",
        "CONTENT STYLE [STYLE ...] -o OUT [OPTIONS]",
        "Repaint a photo in the style of a painting.",
    ),
    "demo": (
        "ganvas.cli.demo:demo",
        "[-o DIR]",
        "Train and repaint on pictures that come with ganvas.",
    ),
    "studio": (
        "ganvas.studio.command:studio",
        "[--host H] [--port P]",
        "Open the local web page: everything without a terminal.",
    ),
    "info": (
        "ganvas.cli.info:info",
        "[--json]",
        "Show versions, devices, precision, cache and extras.",
    ),
}

HELP = "Train a GAN on your own pictures, make new ones, and repaint photos."
EPILOGUE = (
    "IMAGES is a folder, a zip, or builtin:digits, builtin:emoji. "
    "RUN is a run's folder, its name under runs/, its number, or an exported file. "
    "GANVAS_RUNS names another folder for runs, GANVAS_CACHE one for prepared pictures. "
    "--debug anywhere shows the traceback of an error."
)
DEBUG = "--debug"
HELP_FLAGS = {"--help", "-h"}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code."""
    tokens = list(sys.argv[1:] if argv is None else argv)
    debug = DEBUG in tokens
    _settle_streams()
    # Hardly anything that is imported is ever freed: a search for it takes a tenth of the time.
    gc.disable()
    if not debug:
        warnings.showwarning = _show_warning  # type: ignore[assignment]
    try:
        return _dispatch([token for token in tokens if token != DEBUG])
    except BrokenPipeError:
        # The reader (`| head`) has left; a second write at exit must not raise again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (Exception, KeyboardInterrupt) as error:
        if debug:
            traceback.print_exception(error)
        code, sentence = _explain(error)
        if isinstance(error, GanvasError):
            _end_all(code)
        print(f"ganvas: {sentence}", file=sys.stderr)
        return code
    finally:
        gc.enable()


def build(tokens: Sequence[str]) -> "App":
    """Make the parser; the flags of `train` depend on what `tokens` name."""
    from cyclopts import App

    app = App(
        name="ganvas",
        usage="Usage: ganvas COMMAND ...",
        help=HELP,
        help_epilogue=EPILOGUE,
        help_format="plaintext",
        help_formatter=_draw_panel,
        version=_version,
        suppress_keyboard_interrupt=False,
    )
    for order, (verb, (path, arguments, line)) in enumerate(VERBS.items()):
        chosen = tokens[:1] == [verb]
        app.command(
            train_command(tokens) if chosen and verb == "train" else path,
            name=verb,
            # The verb itself shows its whole docstring, the list of verbs one line each.
            help=None if chosen else line,
            help_epilogue="",
            usage=f"Usage: ganvas {verb} {arguments}",
            sort_key=order,
        )
    return app


def train_command(tokens: Sequence[str]) -> Callable[..., int]:
    """Make `train` with the flags that the command line needs."""
    from ganvas.cli.train import command_for

    return command_for(tokens, with_nested=not wants_page(tokens))


def wants_page(tokens: Sequence[str]) -> bool:
    """Whether this asks for the page of help of a verb."""
    return len(tokens) > 1 and tokens[0] in VERBS and not HELP_FLAGS.isdisjoint(tokens)


def _draw_panel(console: "Console", options: "ConsoleOptions", panel: "HelpPanel") -> None:
    from ganvas.cli.help import columns

    columns(console, options, panel)


def _dispatch(tokens: list[str]) -> int:
    app = build(tokens)
    if wants_page(tokens):
        # Straight to the page: parsing first would take as long again.
        app.help_print(tokens[:1])
        if tokens[0] == "train":
            from ganvas.cli.train import print_nested_flags

            print_nested_flags(tokens, app.console)
        return 0
    command, arguments, _ = app.parse_args(tokens, exit_on_error=False, print_error=False)
    gc.enable()
    result = command(*arguments.args, **arguments.kwargs)
    return result if isinstance(result, int) else 0


def _end_all(code: int) -> None:
    from ganvas.training.launch import end_all

    end_all(code)


def _explain(error: BaseException) -> tuple[int, str]:
    from cyclopts import CycloptsError

    match error:
        case KeyboardInterrupt():
            return 130, "interrupted"
        case CycloptsError():
            verb = " ".join(["ganvas", *(error.command_chain or ())])
            return 2, f"{error} See: {verb} --help"
        case ConfigError():
            return 2, str(error)
        case GanvasError():
            return 1, str(error)
        case OSError() if error.strerror:
            where = f": {error.filename}" if error.filename else ""
            return 1, f"{error.strerror}{where}"
        case _:
            kind = type(error).__name__
            return 1, f"{kind}: {error} (unexpected: {DEBUG} shows where, please report it)"


def _version() -> str:
    from importlib import metadata

    return metadata.version("ganvas")


def _settle_streams() -> None:
    """Let file names that are not valid text be printed with `?` and not stop the program."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _show_warning(message: Warning | str, category: type[Warning], *_where: object) -> None:
    """Show what a user should know as one line; libraries' notes to programmers are left out."""
    if issubclass(category, UserWarning):
        print(f"ganvas: note: {message}", file=sys.stderr)
