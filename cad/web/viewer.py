"""The viewer's web server: OHIF, its configuration and read-only access to the PACS, all on one origin.

One origin because the browser lets OHIF use shared memory only on a cross-origin isolated page, and because the PACS
credentials then stay on the server. That access has no login of its own: serve it on the loopback address, or behind a
reverse proxy that authenticates.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path

import requests
from fastapi import FastAPI, Request, Response
from fastapi.responses import FileResponse, PlainTextResponse, StreamingResponse
from fastapi.staticfiles import StaticFiles
from starlette.middleware.trustedhost import TrustedHostMiddleware

from cad.web.ohif import app_config

ISOLATION_HEADERS = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
}
FORWARDED_REQUEST_HEADERS = ("accept", "accept-encoding", "accept-language", "range", "if-none-match")
DROPPED_RESPONSE_HEADERS = frozenset({"connection", "keep-alive", "transfer-encoding", "server", "date"})
CHUNK_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class DicomWebServer:
    """Where the PACS answers DICOMweb, and how to log in; `read_timeout_s` is per read, not per transfer."""

    root_url: str
    username: str = field(repr=False)
    password: str = field(repr=False)
    connect_timeout_s: float = 5.0
    read_timeout_s: float = 120.0


def viewer_app(dist: Path, pacs: DicomWebServer, hosts: tuple[str, ...] = ("127.0.0.1", "localhost")) -> FastAPI:
    """The web application: OHIF from the folder `dist`, and `/dicom-web` forwarded to `pacs` (GET only).

    `hosts` are the host names it answers to; another name is refused, so that a foreign page cannot reach the PACS
    through a re-bound name.
    """
    app = FastAPI(title="lungcad viewer", docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(hosts))
    app.middleware("http")(_isolate)

    @app.get("/app-config.js")
    def configuration() -> Response:
        return Response(app_config("/dicom-web"), media_type="text/javascript")

    @app.get("/dicom-web/{path:path}")
    def forward(path: str, request: Request) -> Response:
        return forwarded(pacs, path, request)

    @app.get("/viewer")
    @app.get("/segmentation")
    def viewer() -> FileResponse:
        return FileResponse(dist / "index.html", media_type="text/html")

    app.mount("/", StaticFiles(directory=dist, html=True))
    return app


def forwarded(pacs: DicomWebServer, path: str, request: Request) -> Response:
    """The answer of the PACS to a GET of `path` below its DICOMweb root, streamed; 502 when the PACS is away.

    The browser's Host is passed on, because the DICOMweb plug-in builds its retrieve and bulk-data URLs from it.
    """
    headers = {name: request.headers[name] for name in FORWARDED_REQUEST_HEADERS if name in request.headers}
    headers["host"] = request.headers["host"]
    try:
        answer = requests.get(
            f"{pacs.root_url.rstrip('/')}/{path}",
            params=request.url.query,
            headers=headers,
            auth=(pacs.username, pacs.password),
            timeout=(pacs.connect_timeout_s, pacs.read_timeout_s),
            stream=True,
            allow_redirects=False,
        )
    except (requests.ConnectionError, requests.Timeout):
        return PlainTextResponse("The PACS does not answer.", status_code=HTTPStatus.BAD_GATEWAY)
    kept = {name: value for name, value in answer.headers.items() if name.lower() not in DROPPED_RESPONSE_HEADERS}
    return StreamingResponse(_body(answer), status_code=answer.status_code, headers=kept)


def _body(answer: requests.Response) -> Iterator[bytes]:
    """The bytes of the answer as they are on the wire, so that Content-Encoding and Content-Length stay true."""
    try:
        yield from answer.raw.stream(CHUNK_BYTES, decode_content=False)
    finally:
        answer.close()


async def _isolate(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    response = await call_next(request)
    for name, value in ISOLATION_HEADERS.items():
        response.headers[name] = value
    return response
