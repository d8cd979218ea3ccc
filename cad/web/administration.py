"""The pages of an administrator: what the service does, what waits for a person, and the few acts that there are.

Acts are forms without scripts; `cad.web.guards` lets no page of another site ask for them. After an act the browser is
sent back to the page (303), so that a reload repeats nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import jinja2
from fastapi import FastAPI, HTTPException
from fastapi.responses import HTMLResponse, RedirectResponse

from cad.service.health import Health
from cad.service.intake import Rest
from cad.service.jobs import Event, EventKind, IllegalTransition, Job, JobState
from cad.service.store import Store
from cad.service.worker import Clock
from cad.web.comparison import WEB_FOLDER
from cad.web.lookup import known_job
from orthanc.spool import Spool

JOBS_SHOWN = 200
"""What fits on a page that a person reads; the API gives more with `limit`."""

PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'",
    "Cache-Control": "no-store",
}

RETRIABLE = frozenset({JobState.REFUSED, JobState.FAILED, JobState.QUEUED, JobState.DELIVERING})


@dataclass(frozen=True, slots=True, kw_only=True)
class Administration:
    """What the pages show and do. `resting` are the series of the PACS that cannot be looked at now."""

    store: Store
    health: Callable[[], Health]
    clock: Clock
    spool: Spool | None = None
    resting: Callable[[], tuple[Rest, ...]] = tuple
    look_now: Callable[[str], None] = lambda _series_id: None


def retry_job(store: Store, key: str, now: datetime) -> Job:
    """Try a job again now, with a clean record. Raises IllegalTransition while it is worked on and when it is done."""
    known = known_job(store, key)
    if known.owner is not None:
        raise IllegalTransition("the job is being worked on")
    after = store.advance(known, Event(EventKind.RETRIED), now)
    if after is None:
        raise IllegalTransition("the job has just changed")
    return after


def add_administration(api: FastAPI, parts: Administration, guard: list[Any]) -> None:
    """The status page, the series that were set aside, and their acts."""
    templates = jinja2.Environment(loader=jinja2.FileSystemLoader(WEB_FOLDER), autoescape=True)

    @api.get("/", response_class=HTMLResponse, dependencies=guard)
    def status() -> HTMLResponse:
        """The status page."""
        jobs = parts.store.jobs(limit=JOBS_SHOWN)
        page = templates.get_template("status.html").render(
            version=version("lungcad"),
            health=parts.health(),
            jobs=jobs,
            retriable=RETRIABLE,
            compared=parts.store.compared(job.key for job in jobs),
            now=parts.clock(),
            arriving=len(parts.store.watched()),
            set_aside=_aside(parts.spool),
            resting=parts.resting(),
        )
        return HTMLResponse(page, headers=PAGE_HEADERS)

    @api.post("/jobs/{key}/retry", dependencies=guard)
    def retry(key: str) -> RedirectResponse:
        """Try a job again, from the page."""
        retry_job(parts.store, key, parts.clock())
        return _back()

    @api.post("/jobs/{key}/urgent", dependencies=guard)
    def urgent(key: str) -> RedirectResponse:
        """Put a job before those that are not urgent. 404 when it does not wait."""
        if not parts.store.hurry(key):
            raise HTTPException(404, "no such job waits")
        return _back()

    @api.post("/aside/{name}/{act}", dependencies=guard)
    def aside(name: str, act: str) -> RedirectResponse:
        """Read a received series that was set aside again, or delete it. 404 when there is none of this name."""
        acts = {} if parts.spool is None else {"retry": parts.spool.take_back, "delete": parts.spool.delete_aside}
        if act not in acts or not acts[act](name):
            raise HTTPException(404, "no such series is set aside")
        return _back()

    @api.post("/series/{series_id}/look", dependencies=guard)
    def look(series_id: str) -> RedirectResponse:
        """Look at a series of the PACS now."""
        parts.look_now(series_id)
        return _back()


def _aside(spool: Spool | None) -> list[dict[str, object]]:
    found = () if spool is None else spool.aside()
    return [
        {"name": one.name, "reason": one.reason, "files": one.files, "since": datetime.fromtimestamp(one.since_s, UTC)}
        for one in found
    ]


def _back() -> RedirectResponse:
    return RedirectResponse("/", status_code=303)
