"""What is asked of one series."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from cad.case.choices import Part
from cad.case.stopwatch import Stopwatch
from cad.domain import ClinicalContext
from cad.report.words.choices import ReportForm
from dicom_io.read.priors import Priors


@dataclass(frozen=True, slots=True)
class CaseRequest:
    """What to do with one series. `stopwatch` belongs to this case alone and may hold the time of reading it.

    `context` is what was given beside the images; age and sex of the header complete it. `priors` are earlier
    examinations to compare with. `form` is that of the results. `ordered` is when they were
    asked for, if not now.
    """

    parts: frozenset[Part] = frozenset(Part)
    min_score: float | None = None
    context: ClinicalContext = field(default_factory=ClinicalContext)
    priors: Priors = field(default_factory=Priors)
    form: ReportForm = field(default_factory=ReportForm)
    ordered: datetime | None = None
    stopwatch: Stopwatch = field(default_factory=Stopwatch)
