"""What every request passes before a route: bounds, where it comes from, and the headers of every answer."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LARGEST_BODY = 1 << 20
"""Bytes. What is known of a patient fits in a few thousand; the rest is read before anybody is asked for a token."""

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

HEADERS: Mapping[str, str] = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""Of every answer that does not say otherwise: findings are patient data, and no page of others may hold ours."""


class TooLarge(Exception):
    """More was sent than anything that is asked for."""


class Guards:
    """Refuses other names than ours, bodies that are too large, and acts that another site's page asks for.

    `hosts` are the names under which we may be asked, None any. Sets the headers of answers.
    """

    def __init__(self, app: ASGIApp, hosts: Collection[str] | None = None) -> None:
        self._app = app
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        answer = _with_headers(send)
        if self._hosts is not None and _name_of(headers.get("host", "")) not in self._hosts:
            await _refusal(400, "this is not the name of this service")(scope, receive, answer)
        elif _is_too_large(headers):
            await _refusal(413, "the body is too large")(scope, receive, answer)
        elif scope["method"] not in SAFE_METHODS and _is_of_another_site(headers):
            await _refusal(403, "a page of another site asked for this")(scope, receive, answer)
        else:
            try:
                await self._app(scope, _bounded(receive), answer)
            except TooLarge:
                await _refusal(413, "the body is too large")(scope, receive, answer)


def _name_of(host: str) -> str:
    """The name in a Host header, without its port."""
    return host.partition("]")[0] + "]" if host.startswith("[") else host.partition(":")[0]


def _is_too_large(headers: Headers) -> bool:
    length = headers.get("content-length", "0")
    return not length.isdecimal() or int(length) > LARGEST_BODY


def _is_of_another_site(headers: Headers) -> bool:
    """Whether a browser says that the page that asks is not ours; programs say nothing (Fetch Metadata, RFC 6454)."""
    if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return True
    origin = headers.get("origin")
    return origin is not None and urlsplit(origin).netloc != headers.get("host")


def _bounded(receive: Receive) -> Receive:
    received = 0

    async def bounded() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > LARGEST_BODY:
            raise TooLarge
        return message

    return bounded


def _with_headers(send: Send) -> Send:
    async def answer(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return answer


def _refusal(status: int, text: str) -> JSONResponse:
    return JSONResponse({"code": "refused", "text": text}, status_code=status)
