"""`lungcad validate`: a batch of series with references, each read as by `analyze`, and the figures of all.

A row that cannot be read, or whose reference cannot, is said and left out of the figures; the others go on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cad.case.case import CaseResult
from cad.case.files import write_json
from cad.case.folders import complete_folder
from cad.commands.validation_references import BadReference, CaseTruth, ManifestRow, TrueFate, TrueNodule, read_truth
from cad.commands.validation_report import report_text
from cad.domain import Candidate, Nodule, NoduleChange, PointLps
from cad.errors import Refusal
from cad.geometry import distance_mm
from cad.policy import CalciumPolicy
from cad.qa.froc import is_hit, match_marks
from cad.qa.validation import (
    CalciumReading,
    CaseComparison,
    Figures,
    calcium_figures,
    detection_figures,
    followup_figures,
    volume_figures,
)
from cad.report.json.nodules import model_document
from cad.report.statements import Statements, Subject
from cad.report.statements.calcium import CalciumStatement
from cad.report.statements.followup import FollowupStatement

SCHEMA = "lungcad.validation/1"
REPORT, TEXT = "report.json", "report.md"

SAME_PLACE_MM = 10.0
"""A nodule of the comparison this near to one of the reference is that one; the nearest counts."""

Analyse = Callable[[ManifestRow], CaseResult]
"""Reads a series. Raises Refusal."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What is validated: the rows of a manifest, how each is read, and the score from which a mark is reported."""

    rows: Sequence[ManifestRow]
    analyse: Analyse
    threshold: float
    policy: CalciumPolicy


def validate(batch: Batch, out: Path, say: Callable[[str], None]) -> Figures:
    """Reads every row, and writes `report.json` and `report.md` into the new folder `out`; returns the report."""
    with complete_folder(out) as partial:
        rows, cases, provenance = [], [], None
        for number, row in enumerate(batch.rows, start=1):
            said, case, made = _read(row, batch.analyse)
            rows.append({"row": number, "series": row.name, **said})
            say(f"{number} of {len(batch.rows)}: {said['status']} {said.get('text', '')}".strip())
            if case is not None:
                cases.append(case)
                provenance = provenance or made
        report = report_of(cases, batch, rows, provenance)
        write_json(partial / REPORT, report)
        (partial / TEXT).write_text(report_text(report), encoding="utf-8")
    return report


def report_of(
    cases: Sequence[CaseComparison], batch: Batch, rows: Sequence[Figures], provenance: Figures | None
) -> Figures:
    """The report: counts, the figures of each part that any reference speaks of, and every row."""
    return {
        "schema": SCHEMA,
        "series": len(rows),
        "read": len(cases),
        "failed": len(rows) - len(cases),
        "nodules": detection_figures(cases, batch.threshold),
        "volumes": volume_figures(cases),
        "calcium": calcium_figures(cases, batch.policy),
        "followup": followup_figures(cases),
        "rows": list(rows),
        "provenance": provenance,
    }


def _provenance(result: CaseResult) -> Figures:
    """What read the batch."""
    return {
        "version": result.provenance.version,
        "models": [model_document(model) for model in result.statements.models],
        "policy_version": result.statements.policy_version,
    }


def _read(row: ManifestRow, analyse: Analyse) -> tuple[Figures, CaseComparison | None, Figures | None]:
    """What is said of one row, its comparison and what read it; without these two when it cannot be read."""
    try:
        truth = read_truth(row.truth)
        if not all(path.exists() for path in (row.series, row.prior) if path is not None):
            return {"status": "failed", "reason": "not-found", "text": "the series is not there"}, None, None
        result = analyse(row)
    except BadReference as problem:
        return {"status": "failed", "reason": "bad-reference", "text": str(problem)}, None, None
    except Refusal as refusal:
        return {"status": "failed", "reason": refusal.reason.value, "text": refusal.text}, None, None
    case = compare(row.name, result.statements, truth)
    return {"status": "read", **_row_figures(result, case)}, case, _provenance(result)


def compare(name: str, statements: Statements, truth: CaseTruth) -> CaseComparison:
    """What was found in one series beside its reference."""
    nodules = None if statements.nodules is None else [one.nodule for one in statements.nodules]
    marks = [] if nodules is None else [_mark(nodule) for nodule in nodules]
    return CaseComparison(
        name=name,
        nodules=None
        if truth.nodules is None or nodules is None
        else match_marks(marks, [one.reference for one in truth.nodules], truth.patient),
        volumes=tuple(_volumes(nodules or (), truth.nodules or ())),
        calcium=None if truth.calcium is None else (_calcium(statements.calcium), truth.calcium),
        statuses=tuple((_status_of(fate, statements.followup), fate.status) for fate in truth.fates),
    )


def _mark(nodule: Nodule) -> Candidate:
    """The mark of a nodule, rounded as findings.json is, which others compare with the same references."""
    diameter_mm = max(round(nodule.diameters.mean_mm, 2), 0.1)
    return Candidate(_rounded(nodule.centre), diameter_mm, round(nodule.score, 4), "lungcad")


def _rounded(point: PointLps) -> PointLps:
    return PointLps(*(round(value, 2) for value in (point.x, point.y, point.z)))


def _volumes(nodules: Sequence[Nodule], truths: Sequence[TrueNodule]) -> list[tuple[float, float]]:
    """Measured and true volume of each reference nodule that was found: by the best mark within its radius."""
    pairs = []
    for truth in truths:
        reference = truth.reference
        on = [nodule for nodule in nodules if is_hit(_rounded(nodule.centre), reference.centre, reference.diameter_mm)]
        if on and truth.volume_mm3 is not None and not reference.ignore:
            best = max(on, key=lambda nodule: round(nodule.score, 4))
            pairs.append((round(best.volume_mm3, 1), truth.volume_mm3))
    return pairs


def _calcium(statement: CalciumStatement | None) -> CalciumReading:
    if statement is None:
        return CalciumReading(None, {})
    arteries = {artery: round(one.agatston, 2) for artery, one in statement.score.arteries}
    return CalciumReading(round(statement.score.agatston, 2), arteries)


def _status_of(fate: TrueFate, followup: FollowupStatement | None) -> str:
    """The status that the comparison gives to a nodule of the reference; "not-found" when it lists none there."""
    if followup is None:
        return "not-found"
    distances = [
        (distance, one.record.status.value)
        for one in followup.changes
        if (distance := _distance(fate, one.record)) is not None and distance <= SAME_PLACE_MM
    ]
    return min(distances)[1] if distances else "not-found"


def _distance(fate: TrueFate, change: NoduleChange) -> float | None:
    """How far a nodule of the comparison lies from one of the reference, now or, when it is gone, then."""
    then = None if change.prior is None else change.prior.centre
    for centre, place in ((fate.centre, change.place_in_current), (fate.prior_centre, then)):
        if centre is not None and place is not None:
            return distance_mm(centre, _rounded(place))
    return None


def _row_figures(result: CaseResult, case: CaseComparison) -> Figures:
    """What one row shows: found and missed nodules, both calcium scores, statuses."""
    why = result.statements.missing.get(Subject.CALCIUM)
    figures: Figures = {"seconds": round(result.seconds, 3)}
    if case.nodules is not None:
        figures["nodules"] = {
            "references": len(case.nodules.hits),
            "found": sum(hit is not None for hit in case.nodules.hits),
            "false": len(case.nodules.false_scores),
        }
    if case.calcium is not None:
        found, truth = case.calcium
        figures["calcium"] = {
            "agatston": found.agatston,
            "reference": truth.agatston,
            "reason": None if why is None else why.reason.value,
        }
    if case.statuses:
        figures["followup"] = [{"found": found, "reference": true} for found, true in case.statuses]
    return figures
