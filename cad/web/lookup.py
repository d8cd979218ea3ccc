"""What a route needs of the job table, with the status of the answer when it is not there."""

from __future__ import annotations

from typing import Any

from fastapi import HTTPException

from cad.service.jobs import Job, JobState
from cad.service.store import Store


def known_job(store: Store, key: str) -> Job:
    """The job with this key. Raises HTTPException 404."""
    job = store.job(key)
    if job is None:
        raise HTTPException(404, "there is no such job")
    return job


def findings_of(store: Store, key: str) -> dict[str, Any]:
    """The findings document of a job. Raises HTTPException: 404 before there is one, 422 when it was refused."""
    known = known_job(store, key)
    if known.state is JobState.REFUSED:
        content = {"reason": known.code, "text": known.text, "facts": dict(known.facts)}
        raise HTTPException(422, content)
    document = store.document(key)
    if document is None:
        raise HTTPException(404, "this job has no findings yet")
    return document
