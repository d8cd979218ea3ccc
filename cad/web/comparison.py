"""The comparison page and what it shows: slices of both scans, their geometry and the map between them. Thin."""

from __future__ import annotations

import enum
import gzip
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.responses import HTMLResponse

from cad.service.store import Store
from cad.web.lookup import findings_of, known_job
from cad.web.scan_cache import CachedScan, ScanCache, Wanted

WEB_FOLDER = Path(__file__).parent / "static"
MODULES = tuple(f"comparison/{path.name}" for path in sorted((WEB_FOLDER / "comparison").glob("*.js")))
"""The parts of the page's script, which imports them by these names."""

SCRIPT = "text/javascript"
ASSETS = {
    **dict.fromkeys(("comparison.js", *MODULES), SCRIPT),
    "comparison.css": "text/css",
    "icon.svg": "image/svg+xml",
}
BINARY = "application/octet-stream"
GZIP_LEVEL = 1
"""A slice of 512 × 512 shrinks to half of its size in some milliseconds; more effort gains little on noise."""

NO_STORE = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
"""Nothing of a patient stays in a browser's cache on disk."""
PAGE_HEADERS = {
    **NO_STORE,
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}


class Which(enum.StrEnum):
    """The two scans of a comparison."""

    CURRENT = "current"
    PRIOR = "prior"


def add_comparison(api: FastAPI, store: Store, scans: ScanCache, guard: list[Any]) -> None:
    """Adds the page, its script and style, and the routes that it asks for images and the map."""
    _add_page(api, store, guard)
    _add_scans(api, store, scans, guard)

    @api.get("/api/v1/jobs/{key}/comparison-map", dependencies=guard)
    def comparison_map(key: str, request: Request) -> Response:
        """The map between both scans (form: cad.report.json.followup_map). 404 when nothing was compared."""
        known_job(store, key)
        found = store.comparison_map(key)
        if found is None:
            raise HTTPException(404, "this job has no comparison")
        return _binary(found, request)


def _add_page(api: FastAPI, store: Store, guard: list[Any]) -> None:
    templates = jinja2.Environment(loader=jinja2.FileSystemLoader(WEB_FOLDER), autoescape=True)
    assets = {name: (WEB_FOLDER / name).read_bytes() for name in ASSETS}

    @api.get("/jobs/{key}/comparison", response_class=HTMLResponse, dependencies=guard)
    def page(key: str) -> HTMLResponse:
        """The comparison page of a job."""
        job = known_job(store, key)
        return HTMLResponse(templates.get_template("comparison.html").render(key=job.key), headers=PAGE_HEADERS)

    @api.get("/assets/{name:path}", dependencies=guard)
    def asset(name: str) -> Response:
        """The scripts and the style of the page, and the icon of both pages. 404 for all but these."""
        if name not in assets:
            raise HTTPException(404, "there is no such file")
        return Response(assets[name], media_type=ASSETS[name], headers={**NO_STORE, "Cache-Control": "no-cache"})


def _add_scans(api: FastAPI, store: Store, scans: ScanCache, guard: list[Any]) -> None:
    @api.get("/api/v1/jobs/{key}/scans/{which}", dependencies=guard)
    def scan(key: str, which: Which) -> dict[str, Any]:
        """How the slices of a scan lie in the patient. 404 when there is no earlier scan."""
        return _geometry(scans.scan(_wanted(store, key, which)))

    @api.get("/api/v1/jobs/{key}/scans/{which}/slices/{k}", dependencies=guard)
    def one_slice(key: str, which: Which, k: int, request: Request) -> Response:
        """The Hounsfield units of slice k (from 0, feet to head) as little-endian int16 [j, i]. 404 outside."""
        hu = scans.scan(_wanted(store, key, which)).volume.hu
        if not 0 <= k < hu.shape[0]:
            raise HTTPException(404, "there is no such slice")
        return _binary(np.ascontiguousarray(hu[k], dtype="<i2").tobytes(), request)


def _wanted(store: Store, key: str, which: Which) -> Wanted:
    """The series of the current or the latest earlier scan, by the findings of the job."""
    document = findings_of(store, key)
    if which is Which.CURRENT:
        return Wanted(document["series"]["study_uid"], document["series"]["series_uid"])
    followup = document["followup"]
    if followup is None:
        raise HTTPException(404, "no earlier examination was compared")
    return Wanted(followup["prior_study_uid"], followup["prior_series_uid"])


def _geometry(scan: CachedScan) -> dict[str, Any]:
    """Shape [k, j, i], affine from (k, j, i, 1) to LPS mm in rows, and what the headers say of the images."""
    grid, series = scan.volume.grid, scan.series
    return {
        "shape": list(grid.shape),
        "affine_kji_to_lps": [[float(value) for value in row] for row in grid.affine],
        "spacing_mm": list(series.spacing_mm),
        "slice_thickness_mm": series.slice_thickness_mm,
        "kernel": series.kernel,
        "contrast": series.contrast,
        "series_number": scan.series_number,
        "image_numbers": list(scan.numbers),
    }


def _binary(content: bytes, request: Request) -> Response:
    """Bytes, packed where the asker can unpack them."""
    headers = {**NO_STORE, "Vary": "Accept-Encoding"}
    if "gzip" in request.headers.get("accept-encoding", ""):
        content = gzip.compress(content, GZIP_LEVEL, mtime=0)
        headers["Content-Encoding"] = "gzip"
    return Response(content, media_type=BINARY, headers=headers)
