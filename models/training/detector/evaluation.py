"""Evaluation of one fold: the detector on scans left out of its training, with inserted nodules and as they are.

Each left-out scan is filled several times; each filled copy is shown as it is and as other protocols would have shown
it (`models.training.material.rescan`), so that the effect of a protocol is measured on the same nodules.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import islice
from typing import Any

import numpy as np

from cad.domain import Candidate, Detector, Int16Array, LungMask, PointLps, Volume
from cad.geometry import grid_from
from cad.policy import CandidatePolicy
from cad.qa.froc import Reference, ScanMatch, match_marks
from cad.science.nodules.candidates import select_candidates
from models.training.detector.patches import Background, patient_of
from models.training.material.insertion import (
    UNLABELLED,
    Filled,
    Planter,
    fill,
    places_of,
    planted_shapes,
    planted_wholes,
    real_reference,
    wishes,
)
from models.training.material.rescan import DEGRADATIONS, rescan
from models.training.material.scans import Protocol
from models.training.material.shapes import NoduleShape
from models.training.material.transplants import Transplant

LOWEST_SCORE = 0.005
SEED_STEP = 1000
"""How far apart the seeds of two backgrounds are."""

AS_IS = "as it is"
NATURAL = "without inserted nodules"


@dataclass(frozen=True, slots=True)
class EvaluationPlan:
    """What is done with each left-out scan.

    `protocols` is by scan; one that is absent has the thickness that the background's blur tells, and no kernel.
    """

    copies: int = 4
    nodules: int = 10
    seed: int = 4000
    degradations: tuple[str, ...] = tuple(DEGRADATIONS)
    protocols: Mapping[str, Protocol] = field(default_factory=dict)
    lowest_score: float = LOWEST_SCORE


@dataclass(frozen=True, slots=True)
class CopyResult:
    """One reading: of which scan, which copy, shown how (`AS_IS`, a degradation or `NATURAL`), and what came of it.

    `on_unlabelled` are the scores of marks on nothing but places that look like a nodule and that nobody labelled;
    `match` ignores those.
    """

    scan: str
    copy: int
    shown: str
    match: ScanMatch
    on_unlabelled: tuple[float, ...] = ()

    @property
    def strict(self) -> ScanMatch:
        """The match with the marks on unlabelled places as false ones."""
        false = tuple(sorted((*self.match.false_scores, *self.on_unlabelled), reverse=True))
        return replace(self.match, false_scores=false)


@dataclass(frozen=True, slots=True)
class FoldResult:
    """All readings of a fold, the protocols of its scans, and the wishes for nodules that found no place, by name.

    `whole` are the readings of the same scans with whole real nodules in place of filled outlines.
    """

    readings: tuple[CopyResult, ...]
    protocols: Mapping[str, Protocol]
    dropped: tuple[str, ...]
    whole: tuple[CopyResult, ...] = ()

    def with_wholes(self) -> FoldResult:
        """The fold as if it had been measured with whole nodules alone, beside the scans as they are."""
        natural = tuple(reading for reading in self.readings if reading.shown == NATURAL)
        return FoldResult((*self.whole, *natural), self.protocols, ())

    def to_json(self) -> str:
        """The result as JSON, for `from_json`."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> FoldResult:
        """What `to_json` wrote. Raises KeyError or ValueError for anything else."""
        raw = json.loads(text)
        return cls(
            _readings(raw["readings"]),
            {name: Protocol(**p) for name, p in raw["protocols"].items()},
            tuple(raw["dropped"]),
            _readings(raw.get("whole", ())),
        )


def _readings(raw: Iterable[Mapping[str, Any]]) -> tuple[CopyResult, ...]:
    return tuple(
        CopyResult(r["scan"], r["copy"], r["shown"], _match(r["match"]), tuple(r["on_unlabelled"])) for r in raw
    )


def _match(raw: Mapping[str, Any]) -> ScanMatch:
    references = tuple(Reference(**{**r, "centre": PointLps(**r["centre"])}) for r in raw["references"])
    return ScanMatch(references, tuple(raw["hits"]), tuple(raw["false_scores"]), raw["cluster"])


@dataclass(frozen=True, slots=True)
class Strangers:
    """What is put into scans for measurement, all of patients that no network of the fold learnt from."""

    shapes: Sequence[NoduleShape]
    transplants: Sequence[Transplant] = ()

    @property
    def patients(self) -> frozenset[str]:
        """Whom they are of."""
        return frozenset((*(s.patient for s in self.shapes), *(t.patient for t in self.transplants)))


def evaluate_fold(
    detector: Detector, backgrounds: Sequence[Background], strangers: Strangers, plan: EvaluationPlan
) -> FoldResult:
    """The detector's readings of the left-out backgrounds, on the working grid, LPS = (i, j, k) mm.

    None of the strangers may be of a background's own patient. Scores are as the detector gives them, so it should be
    uncalibrated (slope 1, intercept 0). Whole nodules, where there are any, are shown as they are alone.
    """
    assert not strangers.patients & {patient_of(b) for b in backgrounds}
    plant, whole_plant = planted_shapes(strangers.shapes), planted_wholes(strangers.transplants)
    readings: list[CopyResult] = []
    wholes: list[CopyResult] = []
    dropped: list[str] = []
    for n, background in enumerate(backgrounds):
        seed = plan.seed + SEED_STEP * n
        copies, missing = _filled_readings(detector, background, plant, (plan, seed))
        readings += [*copies, _natural(detector, background, plan)]
        dropped += missing
        if strangers.transplants:
            as_they_are = replace(plan, degradations=())
            wholes += _filled_readings(detector, background, whole_plant, (as_they_are, seed))[0]
    protocols = {b.name: plan.protocols.get(b.name, _told_by_blur(b)) for b in backgrounds}
    return FoldResult(tuple(readings), protocols, tuple(dropped), tuple(wholes))


def _told_by_blur(background: Background) -> Protocol:
    return Protocol(round(background.optics.axial_sigma_mm / 0.32, 2), "")


def _filled_copies(background: Background, plant: Planter, context: tuple[EvaluationPlan, int]) -> Iterator[Filled]:
    """The plan's copies of a background, each filled with other nodules; the seed says with which."""
    plan, seed = context
    places, stream = places_of(background.hu, background.lungs, seed), wishes(seed)
    for copy in range(plan.copies):
        rng = np.random.default_rng([seed, copy])
        yield fill(background, places, plant, list(islice(stream, plan.nodules)), rng)


def _filled_readings(
    detector: Detector, background: Background, plant: Planter, context: tuple[EvaluationPlan, int]
) -> tuple[list[CopyResult], list[str]]:
    plan, seed = context
    readings, dropped = [], []
    for copy, scan in enumerate(_filled_copies(background, plant, context)):
        dropped += [f"{w.size}, {w.kind.value}, {w.location}" for w in scan.dropped]
        for shown in (AS_IS, *plan.degradations):
            hu = scan.hu if shown == AS_IS else rescan(scan.hu, background.lungs, shown, seed + copy)
            marks = marks_on(hu, background, detector, plan.lowest_score)
            readings.append(_read(background, (copy, shown), marks, scan.references))
    return readings, dropped


def _natural(detector: Detector, background: Background, plan: EvaluationPlan) -> CopyResult:
    """The scan as it is, with its real nodules as references."""
    references = [real_reference(lesion, "real", ignore=False) for lesion in background.lesions]
    references += [real_reference(lesion, "unsure", ignore=False) for lesion in background.unsure]
    references += [real_reference(lesion, UNLABELLED, ignore=True) for lesion in background.unlabelled]
    marks = marks_on(background.hu, background, detector, plan.lowest_score)
    return _read(background, (0, NATURAL), marks, references)


def _read(
    background: Background, which: tuple[int, str], marks: Sequence[Candidate], references: Sequence[Reference]
) -> CopyResult:
    copy, shown = which
    match = match_marks(marks, references, patient_of(background))
    known = [r for r in references if r.kind != UNLABELLED]
    without = match_marks(marks, known, patient_of(background)).false_scores
    on_unlabelled = tuple(sorted((Counter(without) - Counter(match.false_scores)).elements(), reverse=True))
    return CopyResult(background.name, copy, shown, match, on_unlabelled)


def marks_on(
    hu: Int16Array, background: Background, detector: Detector, lowest_score: float = LOWEST_SCORE
) -> tuple[Candidate, ...]:
    """The detector's marks on HU [k, j, i] of the background's 1 mm grid (LPS = i, j, k), as the product selects."""
    volume, lungs = working_volume(hu, background)
    return select_candidates(detector(volume, lungs, lowest_score), lungs, CandidatePolicy())


def working_volume(hu: Int16Array, background: Background) -> tuple[Volume, LungMask]:
    """HU [k, j, i] of the background's 1 mm grid (LPS = i, j, k mm) as volume and lungs."""
    grid = grid_from((hu.shape[0], hu.shape[1], hu.shape[2]), (1.0, 1.0, 1.0), PointLps(0, 0, 0))
    return Volume(np.array(hu), grid, "evaluation"), LungMask(np.array(background.lungs), grid)


@dataclass(frozen=True, slots=True)
class RealNodule:
    """A real nodule of a left-out scan: its best mark's score and how many false marks of that scan score higher.

    `sure` when enough readers saw it. A missed one has no score and every false mark of its scan above it.
    """

    scan: str
    diameter_mm: float
    sure: bool
    score: float | None
    false_marks_above: int


def real_nodules(reading: CopyResult) -> tuple[RealNodule, ...]:
    """The real nodules of one reading of a scan without inserted nodules."""
    match = reading.match
    return tuple(
        RealNodule(
            reading.scan,
            reference.diameter_mm,
            reference.kind == "real",
            hit,
            sum(1 for s in match.false_scores if hit is None or s > hit),
        )
        for reference, hit in zip(match.references, match.hits, strict=True)
    )
