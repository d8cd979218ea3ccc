"""How the service reads a series: the same case as the command line, from the objects of a PACS."""

from __future__ import annotations

from collections.abc import Sequence

from pydicom.dataset import Dataset

from cad.domain import ClinicalContext, Findings, FollowUp
from cad.service.case import CaseRequest, CaseTools, Machinery, load_tools, read_case
from cad.service.comparison_map import comparison_map
from cad.service.settings import Settings
from cad.service.worker import Reader, Reading
from cad.wording.words import Language
from dicom_io.reading import load_datasets


def installed_reader(settings: Settings) -> Reader:
    """The reader with the installed networks, on the device and the runtime of the settings."""
    machinery = Machinery(settings.device, settings.detector, settings.runtime)
    return reader_with(load_tools(machinery), settings.min_score, settings.report_language)


def reader_with(tools: CaseTools, min_score: float | None, language: Language = Language.BOTH) -> Reader:
    """A reader that uses these tools; a `min_score` of None means the detector's own threshold."""

    def read(datasets: Sequence[Dataset], context: ClinicalContext) -> Reading:
        request = CaseRequest(min_score=min_score, context=context, language=language)
        with request.stopwatch.stage("read"):
            loaded = load_datasets(datasets, tools.policy.series)
        result = read_case(loaded, tools, request)
        return Reading(result.objects.all(), result.document, _map_of(result.findings))

    return Reader(tools.networks.identities, read)


def _map_of(findings: Findings) -> bytes | None:
    followup = findings.followup
    return comparison_map(followup, findings.lungs) if isinstance(followup, FollowUp) else None
