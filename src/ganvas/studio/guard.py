"""The door: who may talk to the page, how much they may send, what their browser may do."""

import secrets
from http.cookies import SimpleCookie
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ganvas.core.errors import GanvasError

COOKIE = "ganvas_token"
LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
MAX_UPLOAD_BYTES = 2 * 2**30
MAX_BODY_BYTES = 16 * 2**20
SAFE_METHODS = ("GET", "HEAD")
HEADERS = {
    "content-security-policy": (
        "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
        "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
        "media-src 'self' data: blob:; worker-src 'self' blob:; connect-src 'self' data: blob:; "
        "font-src 'self' data:; object-src 'none'; base-uri 'self'; frame-ancestors 'none'; "
        "form-action 'self'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}
"""Nothing from other servers is loaded, and no other page may show or read this one."""


class TooMuch(GanvasError):
    """More bytes arrive than a request may have."""


class Guard:
    """ASGI middleware in front of everything; `token` is asked for where it is given.

    A foreign name in Host means a page elsewhere whose name was bent to this machine (DNS
    rebinding); a foreign Origin means a page elsewhere that sends forms or scripts here.
    """

    def __init__(self, app: ASGIApp, *, hosts: frozenset[str] | None, token: str | None) -> None:
        self.app, self.hosts, self.token = app, hosts, token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with a refusal, or pass on with limits and headers."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        answer = self._refusal(scope, headers) or self._admission(scope, headers)
        if answer is None:
            limit = MAX_UPLOAD_BYTES if scope["path"].endswith("/upload") else MAX_BODY_BYTES
            if int(headers.get("content-length", "0")) > limit:
                answer = PlainTextResponse("This is larger than the studio takes.", 413)
            receive = _limited(receive, limit)
        send = _with_headers(send)
        try:
            await (answer or self.app)(scope, receive, send)
        except TooMuch as error:
            await PlainTextResponse(str(error), 413)(scope, receive, send)

    def _refusal(self, scope: Scope, headers: Headers) -> Response | None:
        host = headers.get("host", "")
        if self.hosts is not None and _name(host) not in self.hosts:
            return PlainTextResponse("This page answers to its own address only.", 400)
        origin = headers.get("origin")
        if scope["method"] not in SAFE_METHODS and origin and urlsplit(origin).netloc != host:
            return PlainTextResponse("Another page may not send anything here.", 403)
        site, mode = headers.get("sec-fetch-site"), headers.get("sec-fetch-mode")
        if site == "cross-site" and (mode != "navigate" or scope["method"] != "GET"):
            return PlainTextResponse("Another page may not read anything here.", 403)
        return None

    def _admission(self, scope: Scope, headers: Headers) -> Response | None:
        """Take the token out of the link into a cookie, or ask for it."""
        if self.token is None:
            return None
        asked = parse_qsl(scope["query_string"].decode("latin-1"))
        if self._is_token(dict(asked).get("token", "")):
            rest = urlencode([pair for pair in asked if pair[0] != "token"])
            answer = RedirectResponse(scope["path"] + (f"?{rest}" if rest else ""), 303)
            answer.set_cookie(COOKIE, self.token, httponly=True, samesite="lax")
            return answer
        cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
        if cookie is not None and self._is_token(cookie.value):
            return None
        return PlainTextResponse("Open the link that `ganvas studio` has printed.", 401)

    def _is_token(self, given: str) -> bool:
        assert self.token is not None
        return secrets.compare_digest(given.encode(), self.token.encode())


def _name(host: str) -> str:
    """Drop the port: localhost:7860 -> localhost, [::1]:7860 -> [::1]."""
    return host[: host.index("]") + 1] if "]" in host else host.partition(":")[0].lower()


def _limited(receive: Receive, limit: int) -> Receive:
    seen = 0

    async def counted() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > limit:
            raise TooMuch("This is larger than the studio takes.")
        return message

    return counted


def _with_headers(send: Send) -> Send:
    extra = [(name.encode(), text.encode()) for name, text in HEADERS.items()]

    async def headed(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", []), *extra]
        await send(message)

    return headed
