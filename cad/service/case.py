"""One case from a loaded series to results: shared by the command line and the worker."""

from __future__ import annotations

import enum
import hashlib
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from importlib.metadata import version
from pathlib import Path

from cad.domain import (
    Candidate,
    ClinicalContext,
    Detector,
    Findings,
    LungMask,
    ModelIdentity,
    Networks,
    NotAssessed,
    NotAssessedReason,
    PriorScan,
    Volume,
)
from cad.pipeline import Request, analyze
from cad.policy import Policy
from cad.service.findings_json import Circumstances, Document, Provenance, findings_document, with_timings
from cad.service.jobs import job_key
from cad.service.patient import with_header
from cad.service.report import ReportCase, report_pdf
from cad.service.stopwatch import Stopwatch
from cad.wording.words import Language
from dicom_io.priors import Priors
from dicom_io.reading import LoadedSeries
from dicom_io.report_objects import EncodingContext, ReportObjects, report_objects
from dicom_io.uids import device_uid


class Part(enum.StrEnum):
    """What can be asked for by itself."""

    NODULES = "nodules"
    CALCIUM = "calcium"


def usable_cores() -> int:
    """How many processor cores this process may use."""
    return len(os.sched_getaffinity(0))


def software_version() -> str:
    """The installed version of lungcad."""
    return version("lungcad")


def utc_now() -> datetime:
    """The time of day."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class CaseTools:
    """What every case of one installation shares."""

    networks: Networks
    policy: Policy = field(default_factory=Policy)
    clock: Callable[[], datetime] = utc_now
    software_version: str = field(default_factory=software_version)
    host_cores: int = field(default_factory=usable_cores)


@dataclass(frozen=True, slots=True)
class CaseRequest:
    """What to do with one series. `stopwatch` belongs to this case alone and may hold the time of reading it.

    `context` is what was given beside the images; age and sex of the header complete it. `priors` are earlier
    examinations to compare with. `language` is that of the page for people.
    """

    parts: frozenset[Part] = frozenset(Part)
    min_score: float | None = None
    context: ClinicalContext = field(default_factory=ClinicalContext)
    priors: Priors = field(default_factory=Priors)
    language: Language = Language.BOTH
    stopwatch: Stopwatch = field(default_factory=Stopwatch)


@dataclass(frozen=True, slots=True, eq=False)
class CaseResult:
    """Everything about one series. `document` is findings.json as far as it is known before the results are written.

    `pdf` is the page for people, which `objects` hold too.
    """

    loaded: LoadedSeries
    findings: Findings
    objects: ReportObjects
    pdf: bytes
    document: Document
    job_key: str


LUNGCAD, MONAI_BUNDLE = "lungcad", "monai-bundle:"


@dataclass(frozen=True, slots=True)
class Machinery:
    """Which networks run, and on what.

    `detector` is "lungcad" or "monai-bundle:" and the folder of MONAI's bundle; `runtime` is one of "auto", "torch" and
    "openvino", for lungcad's own networks. Without `nodules` nothing that reads them is loaded.
    """

    device: str = "cpu"
    detector: str = LUNGCAD
    runtime: str = "auto"
    nodules: bool = True


class DetectorOnDemand:
    """A detector that is loaded when something is asked of it: by nobody, when nodules are not."""

    def __init__(self, load: Callable[[], Detector]) -> None:
        self._load = load

    @cached_property
    def _detector(self) -> Detector:
        return self._load()

    @property
    def identity(self) -> ModelIdentity:
        """That of the detector."""
        return self._detector.identity

    @property
    def default_min_score(self) -> float:
        """That of the detector."""
        return self._detector.default_min_score

    def __call__(self, volume: Volume, lungs: LungMask, min_score: float) -> tuple[Candidate, ...]:
        return self._detector(volume, lungs, min_score)


def load_tools(machinery: Machinery) -> CaseTools:
    """The tools with trained networks. Raises Unavailable when device, runtime or bundle cannot be used."""
    if not machinery.nodules:
        return CaseTools(Networks(DetectorOnDemand(lambda: _detector(machinery))))
    from models.nodule_reader import load_nodule_networks
    from models.registration.registering import TorchRegistrar

    device = machinery.device
    return CaseTools(Networks(_detector(machinery), load_nodule_networks(device), TorchRegistrar(device)))


def _detector(machinery: Machinery) -> Detector:
    # torch takes seconds to import; refusals do not need it
    if machinery.detector.startswith(MONAI_BUNDLE):
        from models.inference import device_named
        from models.monai_bundle import load_monai_bundle

        return load_monai_bundle(Path(machinery.detector.removeprefix(MONAI_BUNDLE)), device_named(machinery.device))
    from models.detector import load_detector

    return load_detector(machinery.device, machinery.runtime)


def read_case(loaded: LoadedSeries, tools: CaseTools, request: CaseRequest) -> CaseResult:
    """Analyses a series and encodes its results.

    Raises Refusal when there are no lungs in view, unless calcium alone is asked for.
    """
    started = tools.clock()
    context, disagreements = with_header(request.context, loaded.patient)
    order = _order(loaded, context, request)
    found = analyze(loaded.volume, tools.networks, tools.policy, order, request.stopwatch.stage)
    findings = _with_priors_left_out(found, request.priors)
    key = result_key(job_key(loaded.series, tools.software_version, findings.models), request)
    device = device_uid(tools.software_version, findings.models)
    document = findings_document(
        loaded.series,
        findings,
        Circumstances(context, (*loaded.cautions, *disagreements)),
        Provenance(tools.software_version, key, started, tools.host_cores),
    )
    wording = tools.policy.wording
    with request.stopwatch.stage("write"):
        pdf = report_pdf(ReportCase(loaded, findings, document, request.language, wording, tools.policy.growth))
        encoding = EncodingContext(key, started, tools.software_version, device, wording)
        objects = report_objects(findings, loaded, encoding, pdf)
    return CaseResult(loaded, findings, objects, pdf, with_timings(document, request.stopwatch.seconds()), key)


def _order(loaded: LoadedSeries, context: ClinicalContext, request: CaseRequest) -> Request:
    """What the pipeline is asked for."""
    return Request(
        identity_seed=loaded.series.series_uid,
        min_score=request.min_score,
        with_nodules=Part.NODULES in request.parts,
        context=context,
        contrast=loaded.series.contrast,
        priors=request.priors.scans,
        acquired=request.priors.acquired,
        clock=request.stopwatch.now,
        with_calcium=Part.CALCIUM in request.parts,
        series=loaded.series,
    )


def _with_priors_left_out(findings: Findings, priors: Priors) -> Findings:
    """The findings with what is to be said of the earlier series that were given, usable or not."""
    followup = findings.followup
    if priors.were_given and followup == NotAssessed(NotAssessedReason.NO_PRIOR):
        followup = NotAssessed(NotAssessedReason.NO_SUITABLE_PRIOR)
    return replace(findings, warnings=(*priors.cautions, *findings.warnings), followup=followup)


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
    if request.language is not Language.BOTH:
        differs.append(f"language {request.language.value}")
    return hashlib.sha256(" ".join([job_key, *differs]).encode()).hexdigest() if differs else job_key


def _prior_key(scan: PriorScan) -> tuple[object, ...]:
    """What decides how an earlier examination is compared: its images, and our report that its nodules come from."""
    return (scan.series.series_uid, scan.series.slices, *(report.sop_instance_uid for report in scan.reports))
