"""How the service reads a series: the same case as the command line, from the objects of a PACS."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pydicom.dataset import Dataset

from cad.case.case import read_case
from cad.case.choices import NetworkChoice
from cad.case.networks import CaseTools, load_tools
from cad.case.request import CaseRequest
from cad.domain import Caution, Findings, FollowUp, PriorScan
from cad.errors import Reason, Refusal
from cad.policy import SeriesPolicy
from cad.report.json.followup_map import comparison_map
from cad.report.words.choices import DEFAULT_FORM, ReportForm
from cad.report.words.languages import LANGUAGES
from cad.report.words.refusals import RefusalWords
from cad.service.jobs import Job
from cad.service.prior_search import EarlierScan, History
from cad.service.settings import Settings
from cad.service.worker import AnalysisOutcome, Asked, Note, SeriesAnalysis
from dicom_io.read.priors import Priors, priors_of
from dicom_io.read.readback import EarlierReport, read_back
from dicom_io.read.reading import LoadedSeries, best_series, load_datasets
from dicom_io.uids import device_uid
from dicom_io.write.identity import EncodingContext, zoned
from dicom_io.write.sr.note import note_of

NOTHING_EXPECTED = frozenset(
    {
        Reason.NOT_CT,
        Reason.LOCALIZER_ONLY,
        Reason.SECONDARY_CAPTURE_ONLY,
        Reason.PROJECTIONS_ONLY,
        Reason.NOT_AXIAL,
        Reason.NOT_IN_PACS,
    }
)
"""Of such series nobody expects a result: a note of each localizer and reformat would bury the others."""

FAILED = "failed"
"""The code of a note where the analysis itself failed."""

OTHER_VERSION = Caution(
    "prior-other-version",
    "The report of an earlier examination was made by another version of lungcad; its nodules are as measured then.",
)


def installed_analysis(settings: Settings) -> SeriesAnalysis:
    """The analysis by the installed networks, on the device and the runtime of the settings."""
    machinery = NetworkChoice(settings.device, settings.detector, settings.runtime)
    tools = load_tools(machinery)
    analysis = analysis_with(tools, settings.min_score, form_of(settings))
    return analysis if settings.notes else replace(analysis, note=None)


def form_of(settings: Settings) -> ReportForm:
    """The form of the results that an installation asks for."""
    return ReportForm(settings.report_language, settings.lesion_names)


def analysis_with(tools: CaseTools, min_score: float | None, form: ReportForm = DEFAULT_FORM) -> SeriesAnalysis:
    """The analysis with these tools; a `min_score` of None means the detector's own threshold."""

    def choose(images: Sequence[Dataset]) -> Sequence[Dataset]:
        return best_series(images, tools.policy.series)

    def run(datasets: Sequence[Dataset], asked: Asked) -> AnalysisOutcome:
        request = CaseRequest(min_score=min_score, context=asked.context, form=form, ordered=asked.at)
        with request.stopwatch.stage("read"):
            loaded = load_datasets(datasets, tools.policy.series)
            device = device_uid(tools.software_version, tools.networks.identities)
            priors = priors_in(asked.history, loaded, tools.policy.series, device)
        result = read_case(loaded, tools, replace(request, priors=priors))
        return AnalysisOutcome(result.objects.all(), result.document, _map_of(result.findings))

    return SeriesAnalysis(tools.networks.identities, run, choose, noting(tools, form))


def noting(tools: CaseTools, form: ReportForm) -> Note:
    """What makes the note that a series was not analysed, in the language of the reports."""
    device = device_uid(tools.software_version, tools.networks.identities)

    def note(job: Job, datasets: Sequence[Dataset], refusal: Refusal | None) -> Dataset | None:
        if refusal is not None and refusal.reason in NOTHING_EXPECTED:
            return None
        encoding = EncodingContext(job.key, zoned(datasets[0], job.created), tools.software_version, device, form)
        sentences = [text for words in LANGUAGES[form.language] for text in _why(refusal, words.refusals)]
        return note_of(datasets, sentences, FAILED if refusal is None else refusal.reason.value, encoding)

    return note


def _why(refusal: Refusal | None, words: RefusalWords) -> tuple[str, ...]:
    return words.failed() if refusal is None else words.not_analysed(refusal.reason, refusal.text)


def priors_in(history: History, current: LoadedSeries, policy: SeriesPolicy, device: str) -> Priors:
    """The earlier examinations of a history, with the nodules of lungcad's own reports where these can be used.

    `device` names the software and networks of now: a report of others is used, and that is said.
    """
    loaded, cautions = _loaded(history, policy)
    found = priors_of(current, [series for series, _ in loaded])
    results = {series.series.series_uid: scan.results for series, scan in loaded}
    scans = []
    for scan in found.scans:
        report, said = read_back(results[scan.series.series_uid], scan.series)
        scans.append(scan if report is None else _with_report(scan, report))
        cautions += said if report is None or report.device_uid == device else (OTHER_VERSION,)
    return Priors(tuple(scans), found.acquired, tuple(dict.fromkeys((*history.cautions, *cautions, *found.cautions))))


def _loaded(history: History, policy: SeriesPolicy) -> tuple[list[tuple[LoadedSeries, EarlierScan]], list[Caution]]:
    """The earlier examinations that can be read, and a caution for each that cannot."""
    loaded: list[tuple[LoadedSeries, EarlierScan]] = []
    cautions: list[Caution] = []
    for scan in history.scans:
        try:
            loaded.append((load_datasets(scan.images, policy), scan))
        except Refusal as refusal:
            text = f"An earlier examination cannot be read ({refusal.reason.value}): {refusal.text}."
            cautions.append(Caution("prior-unsuitable", text))
    return loaded, cautions


def _with_report(scan: PriorScan, report: EarlierReport) -> PriorScan:
    return replace(scan, nodules=report.nodules, lung_rads=report.lung_rads, reports=report.references)


def _map_of(findings: Findings) -> bytes | None:
    followup, lungs = findings.followup, findings.lungs
    return comparison_map(followup, lungs) if isinstance(followup, FollowUp) and lungs is not None else None
