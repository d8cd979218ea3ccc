"""The HTTP API: notices of new series, the job table, findings, health and metrics. Thin."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Annotated, Any

from fastapi import Depends, FastAPI, HTTPException, Query, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBasic, HTTPBasicCredentials, HTTPBearer
from pydantic import BaseModel, ConfigDict, Field

from cad.case.patient import clinical_context
from cad.errors import Refusal, Unavailable
from cad.report.json.findings import plain_text
from cad.service.health import Health
from cad.service.intake import Rest
from cad.service.jobs import IllegalTransition, Job, JobState
from cad.service.meter import CONTENT_TYPE, Meter
from cad.service.store import Store
from cad.service.worker import Clock, describe_bug
from cad.web.administration import PAGE_HEADERS, Administration, add_administration, retry_job
from cad.web.comparison import add_comparison
from cad.web.guards import Guards
from cad.web.lookup import findings_of, known_job
from cad.web.scan_cache import ScanCache
from orthanc.spool import Spool

logger = logging.getLogger(__name__)

BEARER = HTTPBearer(auto_error=False)
BASIC = HTTPBasic(auto_error=False)
CHALLENGE = {"WWW-Authenticate": 'Basic realm="lungcad"'}
"""Programs send the token as a bearer; a browser asks a person for it as the password of any user."""

AFTER_A_WRONG_TOKEN_S = 1.0
"""How long a wrong token waits for its answer: a guess a second, on each of the connections that are allowed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiDependencies:
    """What the routes need. `health` answers at once, whatever hangs; `resting` are the series of the PACS that cannot
    be looked at now, and `look_now` tries one of them.

    `hosts` are the names under which we may be asked, None any: without a token, a page of a site that takes our
    address for its own name would read everything.
    """

    store: Store
    notify: Callable[[str], None]
    health: Callable[[], Health]
    clock: Clock
    scans: ScanCache
    token: str | None = field(default=None, repr=False)
    spool: Spool | None = None
    resting: Callable[[], tuple[Rest, ...]] = tuple
    look_now: Callable[[str], None] = lambda _series_id: None
    hosts: tuple[str, ...] | None = None
    meter: Meter = field(default_factory=Meter)


class Notice(BaseModel):
    """A series that the PACS holds, by the PACS's own id, what is known of its patient (docs/patient.md), and whether
    it is wanted at once."""

    model_config = ConfigDict(extra="forbid")

    series_id: str = Field(pattern=r"^[0-9A-Za-z-]{1,64}$")
    patient: dict[str, Any] | None = None
    urgent: bool = False


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
    urgent: bool
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
    _add_metrics(api, dependencies, guard)
    parts = Administration(
        store=dependencies.store,
        health=dependencies.health,
        clock=dependencies.clock,
        spool=dependencies.spool,
        resting=dependencies.resting,
        look_now=dependencies.look_now,
    )
    add_administration(api, parts, guard)
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
        if notice.urgent:
            dependencies.store.note_urgent(notice.series_id)
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
        return _view(retry_job(dependencies.store, key, dependencies.clock()), dependencies.store)

    @api.post("/api/v1/jobs/{key}/urgent", dependencies=guard)
    def urgent(key: str) -> JobView:
        """Put a job before those that are not urgent. 409 when it does not wait any more."""
        known = known_job(dependencies.store, key)
        if not dependencies.store.hurry(key):
            raise IllegalTransition(f"the job is {known.state}")
        return _view(known_job(dependencies.store, key), dependencies.store)

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
    """Asked without a token, and answered from what is known: in the event loop, so that no thread is needed."""

    @api.get("/health")
    async def health() -> JSONResponse:
        """Each needed system, how many jobs are in each state, what waits for a person; 503 when a system is down."""
        now = dependencies.health()
        content = {
            "status": now.status,
            "systems": dict(now.systems),
            "attention": list(now.attention),
            "jobs": dict(now.counts),
            "oldest_waiting_s": now.oldest_waiting_s,
        }
        return JSONResponse(content, status_code=200 if now.is_ready else 503)

    @api.get("/health/ready")
    async def ready() -> JSONResponse:
        """Whether every needed system works (200) or not (503): whether to send work here."""
        is_ready = dependencies.health().is_ready
        return JSONResponse({"ready": is_ready}, status_code=200 if is_ready else 503)

    @api.get("/health/live")
    async def live() -> JSONResponse:
        """Whether the service itself runs (200), or only a restart helps (503)."""
        is_alive = not dependencies.health().dead
        return JSONResponse({"live": is_alive}, status_code=200 if is_alive else 503)


def _add_metrics(api: FastAPI, dependencies: ApiDependencies, guard: list[Any]) -> None:
    @api.get("/metrics", dependencies=guard)
    async def metrics() -> Response:
        """Numbers for Prometheus, in its text format."""
        return Response(dependencies.meter.exposition(dependencies.health()), media_type=CONTENT_TYPE)


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
        urgent=job.priority > 0,
        code=job.code,
        text=job.text,
        facts=dict(job.facts),
        objects=[{"modality": item.modality, "sop_uid": item.sop_uid} for item in store.objects(job.key)],
    )


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
