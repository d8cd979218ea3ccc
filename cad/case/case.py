"""One case from a loaded series to results: shared by the command line and the worker."""

from __future__ import annotations

from dataclasses import dataclass, replace

from cad.case.choices import Part
from cad.case.identity import job_key, result_key, written_key
from cad.case.networks import CaseTools
from cad.case.patient import with_header
from cad.case.request import CaseRequest
from cad.domain import (
    ClinicalContext,
    Findings,
    NotAssessed,
    NotAssessedReason,
)
from cad.exam.analyze import Request, analyze
from cad.policy import GrowthPolicy
from cad.report.json.findings import Circumstances, Document, findings_document, with_timings
from cad.report.pdf.report import ReportCase, report_pdf
from cad.report.statements import Statements, state
from cad.report.statements.provenance import Provenance
from cad.report.words.choices import Language
from dicom_io.read.dates import image_date
from dicom_io.read.priors import Priors
from dicom_io.read.reading import LoadedSeries
from dicom_io.read.study_header import study_header_of
from dicom_io.uids import device_uid
from dicom_io.write.identity import in_zone_of
from dicom_io.write.objects import EncodingContext, ReportObjects, report_objects
from dicom_io.write.source_images import image_numbers


@dataclass(frozen=True, slots=True, eq=False)
class CaseResult:
    """Everything about one series. `document` is findings.json as far as it is known before the results are written.

    `pdf` is the page for people, which `objects` hold too; `seconds` passed since the order.
    """

    loaded: LoadedSeries
    findings: Findings
    statements: Statements
    objects: ReportObjects
    pdf: bytes
    document: Document
    job_key: str
    provenance: Provenance
    seconds: float
    language: Language = Language.BOTH


def read_case(loaded: LoadedSeries, tools: CaseTools, request: CaseRequest) -> CaseResult:
    """Analyses a series and encodes its results.

    Raises Refusal when there are no lungs in view, unless calcium alone is asked for.
    """
    started = request.ordered or tools.clock()
    context, disagreements = with_header(request.context, loaded.patient)
    order = _order(loaded, context, request)
    found = analyze(loaded.volume, tools.networks, tools.policy, order, request.stopwatch.stage)
    findings = _with_priors_left_out(found, request.priors)
    key = result_key(job_key(loaded.series, tools.software_version, findings.models), request)
    said_of_patient = map(str, loaded.evidence.patient_and_study)
    device = device_uid(tools.software_version, findings.models)
    statements = state(findings, tools.policy.wording)
    provenance = Provenance(tools.software_version, key, started, tools.host_cores)
    circumstances = Circumstances(context, (*loaded.cautions, *disagreements), request.form.language)
    document = findings_document(loaded.series, statements, circumstances, provenance)
    with request.stopwatch.stage("write"):
        pdf = report_pdf(report_case(loaded, statements, provenance, request.form.language, tools.policy.growth))
        encoding = EncodingContext(
            job_key=written_key(key, started, said_of_patient),
            now=in_zone_of(loaded, started),
            software_version=tools.software_version,
            device_uid=device,
            form=request.form,
        )
        objects = report_objects(statements, loaded, encoding, pdf)
    seconds = request.stopwatch.seconds()
    return CaseResult(
        loaded=loaded,
        findings=findings,
        statements=statements,
        objects=objects,
        pdf=pdf,
        document=with_timings(document, seconds),
        job_key=key,
        provenance=provenance,
        seconds=seconds["total"],
        language=request.form.language,
    )


def report_case(
    loaded: LoadedSeries, statements: Statements, provenance: Provenance, language: Language, growth: GrowthPolicy
) -> ReportCase:
    """What the page for people shows of a series."""
    return ReportCase(
        header=study_header_of(loaded.evidence.datasets[0]),
        series=loaded.series,
        volume=loaded.volume,
        cautions=loaded.cautions,
        statements=statements,
        provenance=provenance,
        language=language,
        growth=growth,
        image_numbers=image_numbers(loaded),
    )


def _order(loaded: LoadedSeries, context: ClinicalContext, request: CaseRequest) -> Request:
    """What the pipeline is asked for."""
    day = image_date(loaded.evidence.datasets[0])
    return Request(
        identity_seed=loaded.series.series_uid,
        min_score=request.min_score,
        with_nodules=Part.NODULES in request.parts,
        context=context,
        contrast=loaded.series.contrast,
        priors=request.priors.scans,
        acquired=request.priors.acquired or (None if day is None else day.day),
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
