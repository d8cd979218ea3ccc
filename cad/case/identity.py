"""What names a job and its objects: hashes of what went in, so that the same input makes the same names. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime

from cad.case.request import CaseRequest
from cad.domain import ClinicalContext, CtSeries, ModelIdentity, PriorScan
from cad.report.words.choices import Language, LesionNames


def series_key(
    series_uid: str,
    sop_uids: Iterable[str],
    software_version: str,
    models: Sequence[ModelIdentity],
    beside: Iterable[str] = (),
) -> str:
    """Identity (64 hex digits) of the analysis of these slices by this software and these weights.

    `beside` says what else decides the results: which earlier examinations there are to compare with, and whom the
    series is said to be of. The order of the slices, the models and of `beside` does not matter.
    """
    parts = [series_uid, *sorted(set(sop_uids)), software_version, *sorted(model.sha256 for model in models)]
    known = sorted(set(beside))
    parts += ["earlier", *known] if known else []
    return _digest(parts)


def job_key(series: CtSeries, software_version: str, models: Sequence[ModelIdentity]) -> str:
    """Identity (64 hex digits) of the analysis of a series that has been read."""
    return series_key(series.series_uid, series.sop_uids, software_version, models)


def result_key(job_key: str, request: CaseRequest) -> str:
    """The identity of the objects of one analysis: the job's own, but other objects where the request changes them.

    A threshold changes the nodules, earlier examinations what is said of them, what was given beside the images the
    risks and recommendations of the report, and the language its page. What comes from the header belongs to the
    series.
    """
    differs = [] if request.min_score is None else [f"min_score {request.min_score!r}"]
    if request.priors.scans:
        differs.append(f"priors {[_prior_key(scan) for scan in request.priors.scans]!r}")
    if request.priors.cautions:
        differs.append(f"said of priors {sorted(caution.code for caution in request.priors.cautions)!r}")
    if request.context != ClinicalContext():
        differs.append(f"context {asdict(request.context)!r}")
    form = request.form
    if form.language is not Language.BOTH:
        differs.append(f"language {form.language.value}")
    if form.lesion_names is not LesionNames.OHIF:
        differs.append(f"lesion names {form.lesion_names.value}")
    return hashlib.sha256(" ".join([job_key, *differs]).encode()).hexdigest() if differs else job_key


def written_key(result_key: str, now: datetime, header: Iterable[str]) -> str:
    """The identity of the objects that are written now for a patient and study that the header names so.

    Objects that differ in a date or a name are other objects: archives keep the first that has a UID, or refuse.
    """
    parts = [result_key, now.astimezone(UTC).isoformat(), *header]
    return _digest(parts)


def _digest(parts: Iterable[str]) -> str:
    """SHA-256 over length-prefixed parts, so that no two inputs share one byte string."""
    return hashlib.sha256("".join(f"{len(part)}:{part}," for part in parts).encode()).hexdigest()


def _prior_key(scan: PriorScan) -> tuple[object, ...]:
    """What decides how an earlier examination is compared: its images, and our report that its nodules come from."""
    return (scan.series.series_uid, scan.series.slices, *(report.sop_instance_uid for report in scan.reports))
