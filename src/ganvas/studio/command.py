"""`ganvas studio`: the command. Light, for a fast `--help`; the page is loaded when it starts."""

import ipaddress
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from ganvas.core.errors import ConfigError, MissingExtraError
from ganvas.runs.folder import runs_root

PORT = 7860


def studio(
    *,
    host: str = "127.0.0.1",
    port: int | None = None,
    pictures: Annotated[tuple[Path, ...], Parameter(negative_iterable="", show_default=False)] = (),
) -> None:
    """Open the local web page: train, generate, repaint and learn without a terminal.

    Ctrl-C ends the page; trainings that it started go on, and are there when it comes back.

    Parameters
    ----------
    host
        Address to listen on; any but this machine's own is guarded by a token in the link.
    port
        Port to listen on; without it the first free one from 7860.
    pictures
        Folder whose pictures may be used; several: repeat it. Without it the home folder and the
        working folder.
    """
    if find_spec("gradio") is None or find_spec("fastapi") is None:
        raise MissingExtraError("gradio", "studio", "the studio")
    if port is not None and not 0 < port < 65536:
        raise ConfigError(f"--port is {port}: choose from 1 to 65535")
    for folder in pictures:
        if not folder.is_dir():
            raise ConfigError(f"--pictures {folder} is not a folder")
    from ganvas.studio.server import serve

    serve(
        runs_root(),
        tuple(pictures) or (Path.cwd(), Path.home()),
        host=host,
        ports=range(PORT, PORT + 40) if port is None else (port,),
        needs_token=not is_loopback(host),
    )


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
