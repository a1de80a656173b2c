"""The server: the page in each language behind the guard, on this machine only unless asked."""

import errno
import os
import secrets
import socket
from collections.abc import Sequence
from pathlib import Path

# Before gradio is imported: it reads these once.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["HF_HUB_OFFLINE"] = "1"

import gradio as gr
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import RedirectResponse
from PIL import Image

from ganvas.core.errors import GanvasError
from ganvas.studio import page, uploads
from ganvas.studio.guard import LOOPBACK, MAX_UPLOAD_BYTES, Guard
from ganvas.studio.places import Places
from ganvas.studio.texts import LANGUAGES, preferred

LANGUAGE_COOKIE = "ganvas_language"


def make_app(
    places: Places, *, hosts: frozenset[str] | None = LOOPBACK, token: str | None = None
) -> FastAPI:
    """Make the whole application; `hosts` None answers to any name, so it needs a token."""
    assert hosts is not None or token is not None
    places.make()
    os.environ["GRADIO_TEMP_DIR"] = str(places.make("gradio").absolute())
    # What a component opens before we do is bounded too.
    Image.MAX_IMAGE_PIXELS = uploads.MAX_MEGAPIXELS * 10**6
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(Guard, hosts=hosts, token=token)

    @app.get("/")
    def home(request: Request) -> RedirectResponse:
        return RedirectResponse(f"/{preferred(request.headers.get('accept-language', ''))}/")

    for language in LANGUAGES:
        gr.mount_gradio_app(
            app,
            page.build(places, language),
            path=f"/{language}",
            theme=page.theme(),
            css_paths=[page.CSS],
            head=f'<script>document.documentElement.lang = "{language}"</script>',
            footer_links=[],
            run_history=False,
            show_error=False,
            max_file_size=MAX_UPLOAD_BYTES,
            allowed_paths=[str(places.make("pictures").absolute())],
            enable_monitoring=False,
            mcp_server=False,
            ssr_mode=False,
            pwa=False,
        )
    return app


def serve(
    runs: Path,
    pictures: Sequence[Path],
    *,
    host: str,
    ports: Sequence[int],
    needs_token: bool,
) -> None:
    """Listen until Ctrl-C. Raises GanvasError where no port is free."""
    places = Places(runs.absolute(), tuple(one.absolute() for one in pictures))
    token = secrets.token_urlsafe(24) if needs_token else None
    listening = _listen(host, ports)
    port = listening.getsockname()[1]
    app = make_app(places, hosts=None if needs_token else LOOPBACK, token=token)
    shown = f"[{host}]" if ":" in host else host
    query = f"?token={token}" if token else ""
    print(f"ganvas studio: http://{shown}:{port}/{query}", flush=True)
    print("Open this address in a browser. Ctrl-C ends the page, not the trainings.", flush=True)
    config = uvicorn.Config(app, log_level="warning", server_header=False, ws="none")
    uvicorn.Server(config).run(sockets=[listening])


def _listen(host: str, ports: Sequence[int]) -> socket.socket:
    kind = socket.AF_INET6 if ":" in host else socket.AF_INET
    for port in ports:
        listening = socket.socket(kind, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((host, port))
            listening.listen(128)
        except OSError as error:
            listening.close()
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise GanvasError(
                    f"--host {host} cannot be listened on: {error.strerror}"
                ) from None
        else:
            return listening
    raise GanvasError(f"port {ports[0]} is in use: choose another --port")
