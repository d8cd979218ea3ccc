"""`lungcad validate`: a batch of series with references, each read as by `analyze`, and the figures of all.

A row that cannot be read, or whose reference cannot, is said and left out of the figures; the others go on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cad.case.files import write_json
from cad.case.folders import complete_folder
from cad.commands.validation_references import BadReference, CaseTruth, ManifestRow, TrueFate, TrueNodule, read_truth
from cad.commands.validation_report import report_text
from cad.domain import Artery, Candidate, PointLps
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

SCHEMA = "lungcad.validation/1"
REPORT, TEXT = "report.json", "report.md"

SAME_PLACE_MM = 10.0
"""A nodule of the comparison this near to one of the reference is that one; the nearest counts."""

Analyse = Callable[[ManifestRow], Mapping[str, Any]]
"""Reads a series to the document findings.json. Raises Refusal."""


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
            said, case, document = _read(row, batch.analyse)
            rows.append({"row": number, "series": row.name, **said})
            say(f"{number} of {len(batch.rows)}: {said['status']} {said.get('text', '')}".strip())
            if case is not None and document is not None:
                cases.append(case)
                provenance = provenance or document["provenance"]
        report = report_of(cases, batch, rows, provenance)
        write_json(partial / REPORT, report)
        (partial / TEXT).write_text(report_text(report), encoding="utf-8")
    return report


def report_of(
    cases: Sequence[CaseComparison], batch: Batch, rows: Sequence[Figures], provenance: Mapping[str, Any] | None
) -> Figures:
    """The report: counts, the figures of each part that any reference speaks of, and every row."""
    names = ("version", "models", "policy_version")
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
        "provenance": None if provenance is None else {name: provenance[name] for name in names},
    }


def _read(row: ManifestRow, analyse: Analyse) -> tuple[Figures, CaseComparison | None, Mapping[str, Any] | None]:
    """What is said of one row, its comparison and its document; without these two when it cannot be read."""
    try:
        truth = read_truth(row.truth)
        if not all(path.exists() for path in (row.series, row.prior) if path is not None):
            return {"status": "failed", "reason": "not-found", "text": "the series is not there"}, None, None
        document = analyse(row)
    except BadReference as problem:
        return {"status": "failed", "reason": "bad-reference", "text": str(problem)}, None, None
    except Refusal as refusal:
        return {"status": "failed", "reason": refusal.reason.value, "text": refusal.text}, None, None
    case = compared(row.name, document, truth)
    return {"status": "read", **_row_figures(document, case)}, case, document


def compared(name: str, document: Mapping[str, Any], truth: CaseTruth) -> CaseComparison:
    """One series' findings.json beside its reference."""
    nodules = document["nodules"]
    marks = [] if nodules is None else [_mark(nodule) for nodule in nodules]
    return CaseComparison(
        name=name,
        nodules=None
        if truth.nodules is None or nodules is None
        else match_marks(marks, [one.reference for one in truth.nodules], truth.patient),
        volumes=tuple(_volumes(nodules or (), truth.nodules or ())),
        calcium=None if truth.calcium is None else (_calcium(document["calcium"]), truth.calcium),
        statuses=tuple((_status_of(fate, document["followup"]), fate.status) for fate in truth.fates),
    )


def _mark(nodule: Mapping[str, Any]) -> Candidate:
    return Candidate(
        PointLps(*nodule["centre_lps_mm"]), max(nodule["diameters_mm"]["mean"], 0.1), nodule["score"], "lungcad"
    )


def _volumes(nodules: Sequence[Mapping[str, Any]], truths: Sequence[TrueNodule]) -> list[tuple[float, float]]:
    """Measured and true volume of each reference nodule that was found: by the best mark within its radius."""
    pairs = []
    for truth in truths:
        reference = truth.reference
        on = [
            nodule
            for nodule in nodules
            if is_hit(PointLps(*nodule["centre_lps_mm"]), reference.centre, reference.diameter_mm)
        ]
        if on and truth.volume_mm3 is not None and not reference.ignore:
            best = max(on, key=lambda nodule: float(nodule["score"]))
            pairs.append((float(best["volume_mm3"]), truth.volume_mm3))
    return pairs


def _calcium(calcium: Mapping[str, Any]) -> CalciumReading:
    if calcium["status"] != "scored":
        return CalciumReading(None, {})
    arteries = {Artery(name): float(score["agatston"]) for name, score in calcium["arteries"].items()}
    return CalciumReading(float(calcium["agatston"]), arteries)


def _status_of(fate: TrueFate, followup: Mapping[str, Any] | None) -> str:
    """The status that the comparison gives to a nodule of the reference; "not-found" when it lists none there."""
    if followup is None:
        return "not-found"
    distances = [
        (distance, str(change["status"]))
        for change in followup["nodules"]
        if (distance := _distance(fate, change)) is not None and distance <= SAME_PLACE_MM
    ]
    return min(distances)[1] if distances else "not-found"


def _distance(fate: TrueFate, change: Mapping[str, Any]) -> float | None:
    """How far a nodule of the comparison lies from one of the reference, now or, when it is gone, then."""
    places = ((fate.centre, "place_in_current_lps_mm"), (fate.prior_centre, "prior_centre_lps_mm"))
    for centre, name in places:
        place = change.get(name)
        if centre is not None and place is not None:
            return distance_mm(centre, PointLps(*place))
    return None


def _row_figures(document: Mapping[str, Any], case: CaseComparison) -> Figures:
    """What one row shows: found and missed nodules, both calcium scores, statuses."""
    figures: Figures = {"seconds": document["timings_s"]["total"]}
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
            "reason": document["calcium"]["reason"],
        }
    if case.statuses:
        figures["followup"] = [{"found": found, "reference": true} for found, true in case.statuses]
    return figures
