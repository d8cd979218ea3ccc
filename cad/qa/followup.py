"""How well nodules are followed: the comparison of two examinations against the known course of every nodule.

A nodule was detected when a measured one lies within its radius (the hit rule of LUNA16). Judged are pairs that name at
least one nodule of known course; what else the scans hold is left aside.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from cad.domain import ChangeStatus, Composition, Nodule, NoduleChange, PointLps
from cad.geometry import distance_mm, sphere_diameter_mm
from cad.qa.froc import is_hit

STABLE_PERCENT, CLEAR_PERCENT = 5.0, 25.0
"""A true change below the first ought to be called stable, one beyond the second growing or shrinking."""


@dataclass(frozen=True, slots=True)
class Course:
    """The truth of one nodule: where it is and its volume at both examinations; None where it is absent."""

    kind: Composition
    now: PointLps | None
    then: PointLps | None
    volume_now_mm3: float | None
    volume_then_mm3: float | None

    @property
    def percent(self) -> float | None:
        """The change of volume; None when it was not there at both."""
        if self.volume_now_mm3 is None or self.volume_then_mm3 is None:
            return None
        return (self.volume_now_mm3 / self.volume_then_mm3 - 1) * 100

    @property
    def expected(self) -> ChangeStatus | None:
        """What it ought to be called; None for a change that is neither small nor clear."""
        percent = self.percent
        if percent is None:
            return ChangeStatus.NEW if self.then is None else ChangeStatus.RESOLVED
        if abs(percent) <= STABLE_PERCENT:
            return ChangeStatus.STABLE
        if abs(percent) <= CLEAR_PERCENT:
            return None
        return ChangeStatus.GROWING if percent > 0 else ChangeStatus.SHRINKING


@dataclass(frozen=True, slots=True)
class Followed:
    """What the comparison made of one course.

    `found_now` and `found_then`: it was measured at that examination. `matched`: one change names both. `status` is
    what it was called, None when no change names it; `percent` the change of volume as measured.
    """

    course: Course
    found_now: bool
    found_then: bool
    matched: bool
    status: ChangeStatus | None
    percent: float | None


@dataclass(frozen=True, slots=True)
class PairResult:
    """One pair of examinations: its courses in their order, and how many pairs of nodules are wrong.

    A pair is wrong when it joins a nodule of known course with anything but itself.
    """

    followed: tuple[Followed, ...]
    wrong_pairs: int


def judged(courses: Sequence[Course], nodules: Sequence[Nodule], changes: Sequence[NoduleChange]) -> PairResult:
    """The comparison held against the truth. `nodules` are the current ones, that `changes` number."""
    named = [(change, *_courses_of(change, courses, nodules)) for change in changes]
    wrong = sum(_is_pair(change) and here != there for change, here, there in named)
    followed = tuple(_followed(n, course, named) for n, course in enumerate(courses))
    return PairResult(followed, wrong)


Named = tuple[NoduleChange, int | None, int | None]
"""A change, and the numbers of the courses that it names now and then."""


def _is_pair(change: NoduleChange) -> bool:
    return change.current is not None and change.prior is not None


def _courses_of(
    change: NoduleChange, courses: Sequence[Course], nodules: Sequence[Nodule]
) -> tuple[int | None, int | None]:
    here = None if change.current is None else nodules[change.current].centre
    there = None if change.prior is None else change.prior.centre
    return (
        _hit(here, [(c.now, c.volume_now_mm3) for c in courses]),
        _hit(there, [(c.then, c.volume_then_mm3) for c in courses]),
    )


def _hit(centre: PointLps | None, truth: Iterable[tuple[PointLps | None, float | None]]) -> int | None:
    """The number of the nearest true nodule that the centre lies in."""
    if centre is None:
        return None
    reached = [
        (distance_mm(centre, place), number)
        for number, (place, volume) in enumerate(truth)
        if place is not None and volume is not None and is_hit(centre, place, sphere_diameter_mm(volume))
    ]
    return min(reached)[1] if reached else None


def _followed(number: int, course: Course, named: Sequence[Named]) -> Followed:
    mine = [(change, here, there) for change, here, there in named if number in (here, there)]
    pair = next((change for change, here, there in mine if here == there == number), None)
    said = pair or next((change for change, _, _ in mine), None)
    return Followed(
        course,
        found_now=any(here == number for _, here, _ in mine),
        found_then=any(there == number for _, _, there in mine),
        matched=pair is not None,
        status=None if said is None else said.status,
        percent=None if pair is None or pair.change is None else pair.change.volume_percent,
    )


@dataclass(frozen=True, slots=True)
class Share:
    """A share with its 95 % interval (Wilson, J Am Stat Assoc 1927)."""

    right: int
    of: int

    @property
    def value(self) -> float | None:
        """The share; None of nothing."""
        return self.right / self.of if self.of else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """The interval; None of nothing."""
        if not self.of:
            return None
        z2 = 1.959964**2
        p, n = self.right / self.of, self.of
        middle = (p + z2 / (2 * n)) / (1 + z2 / n)
        half = math.sqrt(z2 * (p * (1 - p) / n + z2 / (4 * n * n))) / (1 + z2 / n)
        return max(0.0, middle - half), min(1.0, middle + half)


@dataclass(frozen=True, slots=True)
class FollowUpFigures:
    """Figures over pairs of examinations.

    `matched` is of those found at both; `changes` of matched ones that ought to have one name; `by_expected` the same
    for each name. `new` and `resolved` are of those found at the examination that shows them. `log_doubling_error` is
    the median of |ln(doubling time) - ln(true)| over `doubling_times` matched ones that truly grew clearly and were
    measured larger; `volume_ratio_error` the median of |ln(ratio) - ln(true ratio)| over all matched.
    """

    nodules: int
    found_now: Share
    found_then: Share
    matched: Share
    wrong_pairs: int
    changes: Share
    by_expected: tuple[tuple[ChangeStatus, Share], ...]
    new: Share
    resolved: Share
    doubling_times: int
    log_doubling_error: float | None
    volume_ratio_error: float | None


NAMED = (ChangeStatus.GROWING, ChangeStatus.STABLE, ChangeStatus.SHRINKING)
"""What a nodule that both examinations show can be called."""


def figures(results: Sequence[PairResult]) -> FollowUpFigures:
    """The figures over all pairs."""
    seen = [one for result in results for one in result.followed]
    shown_now = [one for one in seen if one.course.now is not None]
    shown_then = [one for one in seen if one.course.then is not None]
    both = [one for one in seen if one.found_now and one.found_then]
    matched = [one for one in both if one.matched]
    clear = [one for one in matched if one.course.expected is not None]
    doubling = _known(_doubling_error(one) for one in seen)
    return FollowUpFigures(
        nodules=len(seen),
        found_now=_share(one.found_now for one in shown_now),
        found_then=_share(one.found_then for one in shown_then),
        matched=_share(one.matched for one in both),
        wrong_pairs=sum(result.wrong_pairs for result in results),
        changes=_share(one.status is one.course.expected for one in clear),
        by_expected=tuple((name, _called_right(clear, name)) for name in NAMED),
        new=_called_right([one for one in shown_now if one.found_now], ChangeStatus.NEW),
        resolved=_called_right([one for one in shown_then if one.found_then], ChangeStatus.RESOLVED),
        doubling_times=len(doubling),
        log_doubling_error=_median(doubling),
        volume_ratio_error=_median(_known(_ratio_error(one) for one in matched)),
    )


def _called_right(ones: Iterable[Followed], name: ChangeStatus) -> Share:
    """Of those that ought to be called so, how many were."""
    return _share(one.status is name for one in ones if one.course.expected is name)


def _share(rights: Iterable[bool]) -> Share:
    values = list(rights)
    return Share(sum(values), len(values))


def _known(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None]


def _median(values: Sequence[float]) -> float | None:
    return float(np.median(values)) if values else None


def _doubling_error(one: Followed) -> float | None:
    """|ln(VDT) - ln(true VDT)| of a nodule that truly grew clearly; the interval of time cancels."""
    true = one.course.percent
    if true is None or true <= CLEAR_PERCENT or one.percent is None or one.percent <= 0:
        return None
    return abs(math.log(math.log1p(true / 100)) - math.log(math.log1p(one.percent / 100)))


def _ratio_error(one: Followed) -> float | None:
    true = one.course.percent
    if true is None or one.percent is None:
        return None
    return abs(math.log1p(one.percent / 100) - math.log1p(true / 100))
