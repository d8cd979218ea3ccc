"""One series as a command names it → its results: what analyze and validate share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from cad.case.case import CaseResult, read_case
from cad.case.choices import Part
from cad.case.networks import CaseTools
from cad.case.patient import parse_patient
from cad.case.request import CaseRequest
from cad.case.stopwatch import Stopwatch
from cad.commands.options import say
from cad.domain import ClinicalContext
from cad.policy import Policy
from cad.report.words.choices import ReportForm
from dicom_io.read.priors import Priors, load_priors
from dicom_io.read.reading import load_series


@dataclass(frozen=True, slots=True)
class SeriesOrder:
    """Which series is read and with what. Without `parts` everything is asked for."""

    series: tuple[Path, ...]
    priors: tuple[Path, ...] = ()
    patient: Path | None = None
    parts: tuple[str, ...] | None = None
    min_score: float | None = None
    form: ReportForm = field(default_factory=ReportForm)


def read_series(order: SeriesOrder, load: Callable[[], CaseTools], stopwatch: Stopwatch) -> CaseResult:
    """Reads and analyses a series. `load` gives the networks, once the series is known to be fit. Raises Refusal."""
    context = ClinicalContext() if order.patient is None else parse_patient(order.patient.read_bytes())
    with stopwatch.stage("read"):
        loaded = load_series(order.series, Policy().series)
        priors = load_priors(loaded, order.priors, Policy().series) if order.priors else Priors()
    say(loaded.series.choice)
    for caution in priors.cautions:
        say(caution.text)
    request = CaseRequest(
        parts=frozenset(map(Part, order.parts)) if order.parts else frozenset(Part),
        min_score=order.min_score,
        context=context,
        priors=priors,
        form=order.form,
        stopwatch=stopwatch,
    )
    return read_case(loaded, load(), request)
