"""`lungcad evaluate-followup`: how well nodules are followed, on pairs of real scans with nodules of known course."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, fields, replace
from datetime import date, timedelta
from pathlib import Path
from time import perf_counter

import numpy as np

from cad.case.networks import CaseTools
from cad.commands.training import CROPS, MIN_READERS, training_scans
from cad.domain import CtSeries, Findings, FloatArray, FollowUp, NotAssessed, PriorScan
from cad.exam.analyze import Request, analyze
from cad.qa.followup import Followed, PairResult, Share, figures, judged
from cad.report.json.findings import Document
from models.training.figures.pairs import BlendedPair, PairPlan, blend_pair
from models.training.material.scans import TrainingScan
from models.training.material.shapes import read_shapes

SCHEMA = "lungcad.followup-evaluation/1"
LATER, INTERVAL_DAYS = date(2020, 7, 1), 180
SEED, DEPTHS_MM = 7100, (12.0, -10.0, 18.0, -6.0)
"""Breaths between the examinations, deeper and shallower in turn."""


@dataclass(frozen=True, slots=True)
class PairsOrder:
    """The folder of labelled scans and crops, laid out as for training, and how many pairs each scan gives."""

    data: Path
    pairs_per_scan: int = 1


def evaluate_followup(order: PairsOrder, tools: CaseTools, say: Callable[[str], None]) -> Document:
    """The figures of following, on every scan of the folder. Raises Refusal when a scan cannot be read."""
    shapes = tuple(read_shapes(order.data / CROPS, MIN_READERS))
    results, pairs = [], []
    for number, (name, scan) in enumerate(training_scans(order.data, say)):
        own = [shape for shape in shapes if shape.patient != name]
        for repeat in range(order.pairs_per_scan):
            turn = number + repeat
            plan = PairPlan(depth_mm=DEPTHS_MM[turn % len(DEPTHS_MM)], seed=SEED + 10 * number + repeat)
            pair = blend_pair(scan, own, plan)
            findings = compared(scan, pair, tools)
            result = _result(pair, findings)
            say(f"{name}: {_line(result)}")
            results.append(result)
            pairs.append(_pair_document(name, plan, result, findings.followup))
    return {"schema": SCHEMA, "interval_days": INTERVAL_DAYS, "figures": _figures(results), "pairs": pairs}


def compared(scan: TrainingScan, pair: BlendedPair, tools: CaseTools) -> Findings:
    """What an analysis of the pair's current scan finds, with the earlier one as prior."""
    now = _series(scan, pair.current.grid.spacing_kji_mm, "current")
    then = _series(scan, pair.prior.grid.spacing_kji_mm, "prior")
    acquired = LATER - timedelta(days=INTERVAL_DAYS)
    prior = PriorScan(then, pair.prior, acquired, float(INTERVAL_DAYS))
    request = Request(now.series_uid, priors=(prior,), acquired=LATER, clock=perf_counter)
    return analyze(pair.current, tools.networks, tools.policy, request, lambda _: nullcontext())


def _series(scan: TrainingScan, spacing_kji_mm: tuple[float, float, float], name: str) -> CtSeries:
    dz, dy, dx = spacing_kji_mm
    return CtSeries(
        study_uid=f"{scan.name}.{name}",
        series_uid=f"{scan.name}.{name}.1",
        sop_uids=(),
        slices=scan.volume.grid.shape[0],
        spacing_mm=(dx, dy, dz),
        slice_thickness_mm=scan.slice_thickness_mm,
        kernel=scan.kernel or None,
        kvp=None,
        contrast=None,
        choice="made for evaluation",
    )


def _result(pair: BlendedPair, findings: Findings) -> PairResult:
    if isinstance(findings.nodules, NotAssessed) or not isinstance(findings.followup, FollowUp):
        nothing = judged(pair.courses, (), ())
        return replace(nothing, wrong_pairs=0)
    return judged(pair.courses, findings.nodules, findings.followup.changes)


def _line(result: PairResult) -> str:
    both = [one for one in result.followed if one.found_now and one.found_then]
    return f"{sum(one.matched for one in both)} of {len(both)} nodules seen twice matched, {result.wrong_pairs} wrong"


def _figures(results: Sequence[PairResult]) -> Document:
    found = figures(results)
    values = {field.name: getattr(found, field.name) for field in fields(found) if field.name != "by_expected"}
    return {
        **{name: _share(value) if isinstance(value, Share) else value for name, value in values.items()},
        "by_expected": {status.value: _share(share) for status, share in found.by_expected},
    }


def _share(share: Share) -> Document:
    return {"right": share.right, "of": share.of, "share": share.value, "ci95": share.interval}


def _pair_document(name: str, plan: PairPlan, result: PairResult, followup: FollowUp | NotAssessed) -> Document:
    exam = followup.latest if isinstance(followup, FollowUp) else None
    return {
        "scan": name,
        "plan": asdict(plan),
        "seconds": None if exam is None or exam.seconds is None else round(exam.seconds, 2),
        "method": None if exam is None else exam.transform.quality.method,
        "registration_error_mm": None if exam is None else _registration_error(result, exam.transform.to_moving),
        "wrong_pairs": result.wrong_pairs,
        "nodules": [_course_document(one) for one in result.followed],
    }


def _registration_error(result: PairResult, to_moving: Callable[[FloatArray], FloatArray]) -> float | None:
    """Mean distance in mm from where the current nodules are put in the earlier scan to where they are there."""
    pairs = [(one.course.now, one.course.then) for one in result.followed]
    both = [(now.as_array(), then.as_array()) for now, then in pairs if now is not None and then is not None]
    if not both:
        return None
    now, then = (np.stack(points) for points in zip(*both, strict=True))
    return round(float(np.linalg.norm(to_moving(now) - then, axis=1).mean()), 3)


def _course_document(one: Followed) -> Document:
    course = one.course
    return {
        "kind": course.kind.value,
        "volume_then_mm3": course.volume_then_mm3,
        "volume_now_mm3": course.volume_now_mm3,
        "found_then": one.found_then,
        "found_now": one.found_now,
        "matched": one.matched,
        "expected": None if course.expected is None else course.expected.value,
        "status": None if one.status is None else one.status.value,
        "change_percent": course.percent,
        "measured_percent": one.percent,
    }


def summary_line(document: Document) -> str:
    """The main figures in a line."""
    found = document["figures"]
    assert isinstance(found, dict)
    matched, changes = found["matched"], found["changes"]
    return (
        f"{found['nodules']} nodules: {matched['right']} of {matched['of']} seen twice matched, "
        f"{found['wrong_pairs']} wrong pairs, {changes['right']} of {changes['of']} changes called right"
    )
