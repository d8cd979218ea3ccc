"""The HTTP API: notices of new series, the job table, findings, health and the pages for people. Thin."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Annotated, Any

import jinja2
from fastapi import Depends, FastAPI, HTTPException, Query, Request
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBasic, HTTPBasicCredentials, HTTPBearer
from pydantic import BaseModel, ConfigDict, Field

from cad.case.patient import clinical_context
from cad.errors import Refusal, Unavailable
from cad.report.json.findings import plain_text
from cad.service.jobs import Event, EventKind, IllegalTransition, Job, JobState
from cad.service.store import Store
from cad.service.worker import Clock, describe_bug
from cad.web.comparison import WEB_FOLDER, add_comparison
from cad.web.guards import Guards
from cad.web.lookup import findings_of, known_job
from cad.web.scan_cache import ScanCache

logger = logging.getLogger(__name__)

BEARER = HTTPBearer(auto_error=False)
BASIC = HTTPBasic(auto_error=False)
CHALLENGE = {"WWW-Authenticate": 'Basic realm="lungcad"'}
"""Programs send the token as a bearer; a browser asks a person for it as the password of any user."""

JOBS_SHOWN = 200
"""What fits on a page that a person reads; the API gives more with `limit`."""

AFTER_A_WRONG_TOKEN_S = 1.0
"""How long a wrong token waits for its answer: a guess a second, on each of the connections that are allowed."""

PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiDependencies:
    """What the routes need. `checks` name each needed system; a check raises Unavailable when it is down.

    `set_aside` counts the received series that could not be read. `hosts` are the names under which we may be asked,
    None any: without a token, a page of a site that takes our address for its own name would read everything.
    """

    store: Store
    notify: Callable[[str], None]
    checks: dict[str, Callable[[], None]]
    clock: Clock
    scans: ScanCache
    token: str | None = field(default=None, repr=False)
    set_aside: Callable[[], int] = lambda: 0
    hosts: tuple[str, ...] | None = None


class Notice(BaseModel):
    """A series that the PACS holds, by the PACS's own id, and what is known of its patient (docs/patient.md)."""

    model_config = ConfigDict(extra="forbid")

    series_id: str = Field(pattern=r"^[0-9A-Za-z-]{1,64}$")
    patient: dict[str, Any] | None = None


class Watched(BaseModel):
    """The series will be looked at."""

    series_id: str


class JobView(BaseModel):
    """A job as the API shows it. Times are ISO 8601 in UTC."""

    key: str
    state: JobState
    source: str
    series_uid: str
    slices: int
    created: str
    updated: str
    claims: int
    crashes: int
    interruptions: int
    not_before: str
    code: str | None
    text: str | None
    facts: dict[str, Any]
    objects: list[dict[str, str]]


def create_api(dependencies: ApiDependencies) -> FastAPI:
    """The application. Refusal becomes 422, Unavailable 503, an impossible request on a job 409."""
    api = FastAPI(title="lungcad", version=version("lungcad"), docs_url=None, redoc_url=None)
    api.add_exception_handler(Unavailable, _unavailable)
    api.add_exception_handler(Refusal, _refused)
    api.add_exception_handler(IllegalTransition, _conflict)
    api.add_exception_handler(Exception, _bug)
    guard = [Depends(_token_guard(dependencies.token))]
    _add_notices(api, dependencies, guard)
    _add_jobs(api, dependencies, guard)
    _add_health(api, dependencies)
    _add_page(api, dependencies, guard)
    add_comparison(api, dependencies.store, dependencies.scans, guard)
    api.add_middleware(Guards, hosts=dependencies.hosts)
    return api


def _add_notices(api: FastAPI, dependencies: ApiDependencies, guard: list[Any]) -> None:
    @api.post("/api/v1/series", status_code=202, dependencies=guard)
    def notify(notice: Notice) -> Watched:
        """Look at a series of the PACS soon. Answered once the notice is safe in the table.

        422 when what is said of the patient does not fit; it counts for analyses that begin later.
        """
        if notice.patient is not None:
            clinical_context(notice.patient)
            dependencies.store.note_patient(notice.series_id, notice.patient)
        dependencies.notify(notice.series_id)
        return Watched(series_id=notice.series_id)


def _add_jobs(api: FastAPI, dependencies: ApiDependencies, guard: list[Any]) -> None:
    @api.get("/api/v1/jobs", dependencies=guard)
    def jobs(state: JobState | None = None, limit: Annotated[int, Query(ge=1, le=10_000)] = 1000) -> list[JobView]:
        """The newest jobs, newest first."""
        states = tuple(JobState) if state is None else (state,)
        return [_view(job, dependencies.store) for job in dependencies.store.jobs(states, limit)]

    @api.get("/api/v1/jobs/{key}", dependencies=guard)
    def job(key: str) -> JobView:
        """One job."""
        return _view(known_job(dependencies.store, key), dependencies.store)

    @api.post("/api/v1/jobs/{key}/retry", dependencies=guard)
    def retry(key: str) -> JobView:
        """Try a job again now, with a clean record. 409 while it is being worked on and when it is done."""
        known = known_job(dependencies.store, key)
        if known.owner is not None:
            raise IllegalTransition("the job is being worked on")
        after = dependencies.store.advance(known, Event(EventKind.RETRIED), dependencies.clock())
        if after is None:
            raise IllegalTransition("the job has just changed")
        return _view(after, dependencies.store)

    @api.get("/api/v1/jobs/{key}/findings", dependencies=guard)
    def findings(key: str) -> dict[str, Any]:
        """The findings document of a job. 404 before there is one, 422 when the series was refused."""
        return findings_of(dependencies.store, key)

    @api.get("/jobs/{key}/text", response_class=PlainTextResponse, dependencies=guard)
    def text(key: str) -> PlainTextResponse:
        """The sentences of a job, to be pasted into a report. 404 before there are any, 422 when it was refused."""
        said = plain_text(findings_of(dependencies.store, key))
        if not said:
            raise HTTPException(404, "the results were made by a version without sentences")
        return PlainTextResponse(said, headers=PAGE_HEADERS)


def _add_health(api: FastAPI, dependencies: ApiDependencies) -> None:
    @api.get("/health")
    def health() -> JSONResponse:
        """Each needed system and how many jobs are in each state; 503 when a system is down."""
        systems = {name: _condition(check) for name, check in dependencies.checks.items()}
        try:
            counts = {state.value: count for state, count in dependencies.store.counts().items()}
            systems["store"] = "ok"
        except Unavailable as outage:
            counts = {}
            systems["store"] = outage.text
        is_well = all(condition == "ok" for condition in systems.values())
        return JSONResponse(
            {"status": "ok" if is_well else "degraded", "systems": systems, "jobs": counts},
            status_code=200 if is_well else 503,
        )


def _add_page(api: FastAPI, dependencies: ApiDependencies, guard: list[Any]) -> None:
    templates = jinja2.Environment(loader=jinja2.FileSystemLoader(WEB_FOLDER), autoescape=True)

    @api.get("/", response_class=HTMLResponse, dependencies=guard)
    def status() -> HTMLResponse:
        """The status page."""
        systems = {name: _condition(check) for name, check in dependencies.checks.items()}
        jobs = dependencies.store.jobs(limit=JOBS_SHOWN)
        page = templates.get_template("status.html").render(
            version=version("lungcad"),
            systems=systems,
            counts=dependencies.store.counts(),
            jobs=jobs,
            compared=dependencies.store.compared(job.key for job in jobs),
            now=dependencies.clock(),
            arriving=len(dependencies.store.watched()),
            set_aside=dependencies.set_aside(),
        )
        return HTMLResponse(page, headers=PAGE_HEADERS)


def _token_guard(token: str | None) -> Callable[..., Awaitable[None]]:
    async def guard(
        request: Request,
        bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(BEARER)],
        basic: Annotated[HTTPBasicCredentials | None, Depends(BASIC)],
    ) -> None:
        if token is None:
            return
        given = bearer.credentials if bearer else basic.password if basic else ""
        if not secrets.compare_digest(given.encode(), token.encode()):
            if given:
                logger.warning("a wrong token from %s", "?" if request.client is None else request.client.host)
                await asyncio.sleep(AFTER_A_WRONG_TOKEN_S)
            raise HTTPException(401, "the API asks for its token", headers=CHALLENGE)

    return guard


def _view(job: Job, store: Store) -> JobView:
    return JobView(
        key=job.key,
        state=job.state,
        source=job.source.value,
        series_uid=job.series_uid,
        slices=len(job.sop_uids),
        created=job.created.isoformat(),
        updated=job.updated.isoformat(),
        claims=job.claims,
        crashes=job.crashes,
        interruptions=job.interruptions,
        not_before=job.not_before.isoformat(),
        code=job.code,
        text=job.text,
        facts=dict(job.facts),
        objects=[{"modality": item.modality, "sop_uid": item.sop_uid} for item in store.objects(job.key)],
    )


def _condition(check: Callable[[], None]) -> str:
    try:
        check()
    except Unavailable as outage:
        return outage.text
    return "ok"


def _unavailable(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Unavailable)
    return JSONResponse({"code": error.code, "text": error.text}, status_code=503)


def _refused(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Refusal)
    return JSONResponse({"reason": error.reason.value, "text": error.text, "facts": error.facts}, status_code=422)


def _conflict(_request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"code": "conflict", "text": str(error)}, status_code=409)


def _bug(request: Request, error: Exception) -> JSONResponse:
    logger.error("%s %s: %s", request.method, request.scope["route"].path, describe_bug(error))
    return JSONResponse({"code": "bug", "text": "unexpected error; see the log"}, status_code=500)
