"""What following is judged by: the hit rule, right and wrong pairs, and the names of changes."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from cad.domain import (
    AxisLengths,
    ChangeStatus,
    Composition,
    Grid,
    Nodule,
    NoduleChange,
    NoduleMask,
    NoduleSize,
    PointLps,
    PriorNodule,
    Side,
    SizeChange,
)
from cad.qa.followup import Course, Share, figures, judged
from tests.made.nodules import a_nodule

WIDE = Grid((40, 40, 40), np.eye(4))
HERE, THERE, ELSEWHERE = PointLps(5, 5, 5), PointLps(8, 5, 5), PointLps(30, 30, 30)
TEN_MM = math.pi / 6 * 1000


def a_course(percent: float | None = 0.0, *, place: PointLps = HERE) -> Course:
    """A nodule of 10 mm now that was 3 mm beside it then; without a percentage it is new."""
    then = None if percent is None else TEN_MM / (1 + percent / 100)
    moved = PointLps(place.x + 3, place.y, place.z)
    return Course(Composition.SOLID, place, None if percent is None else moved, TEN_MM, then)


def nodule_at(centre: PointLps) -> Nodule:
    mask = NoduleMask(np.ones((1, 1, 1), dtype=np.bool_), (0, 0, 0), WIDE)
    return replace(a_nodule(Composition.SOLID, Side.LEFT), centre=centre, mask=mask, volume_mm3=TEN_MM)


def a_prior(centre: PointLps) -> PriorNodule:
    size = NoduleSize(Composition.SOLID, AxisLengths(10, 10), TEN_MM)
    return PriorNodule("2", "Nodule 1", centre, size, TEN_MM, None, Side.LEFT)


def a_change(
    status: ChangeStatus, *, current: int | None, prior: PointLps | None, percent: float = 0.0
) -> NoduleChange:
    nodule = None if prior is None else a_prior(prior)
    size = SizeChange(status, 180, percent, None, None, 0.0, None, None)
    is_pair = current is not None and prior is not None
    return NoduleChange("1", status, current, nodule, size if is_pair else None, HERE, THERE)


def test_a_pair_that_names_the_same_nodule_twice_is_right() -> None:
    change = a_change(ChangeStatus.STABLE, current=0, prior=THERE, percent=2.0)
    result = judged([a_course()], [nodule_at(HERE)], [change])
    (one,) = result.followed
    assert (one.found_now, one.found_then, one.matched, one.status) == (True, True, True, ChangeStatus.STABLE)
    assert one.percent == 2.0
    assert result.wrong_pairs == 0


def test_a_pair_with_another_nodule_is_wrong() -> None:
    courses = [a_course(), a_course(place=ELSEWHERE)]
    crossed = a_change(ChangeStatus.STABLE, current=0, prior=courses[1].then)
    result = judged(courses, [nodule_at(HERE)], [crossed])
    assert result.wrong_pairs == 1
    assert not any(one.matched for one in result.followed)
    assert [one.found_now for one in result.followed] == [True, False]
    assert [one.found_then for one in result.followed] == [False, True]


def test_a_pair_with_something_that_nobody_put_there_is_wrong() -> None:
    strange = a_change(ChangeStatus.STABLE, current=0, prior=ELSEWHERE)
    assert judged([a_course(None)], [nodule_at(HERE)], [strange]).wrong_pairs == 1


def test_pairs_of_other_things_are_left_aside() -> None:
    other = a_change(ChangeStatus.GROWING, current=0, prior=ELSEWHERE)
    result = judged([a_course()], [nodule_at(PointLps(20, 20, 20))], [other])
    assert result.wrong_pairs == 0
    assert not result.followed[0].found_now


def test_a_nodule_called_new_and_gone_is_found_twice_and_not_matched() -> None:
    changes = [
        a_change(ChangeStatus.NEW, current=0, prior=None),
        a_change(ChangeStatus.RESOLVED, current=None, prior=THERE),
    ]
    found = figures([judged([a_course()], [nodule_at(HERE)], changes)])
    assert found.matched == Share(0, 1)
    assert found.changes == Share(0, 0)


@pytest.mark.parametrize(
    ("percent", "expected"),
    [
        (4.9, ChangeStatus.STABLE),
        (-4.9, ChangeStatus.STABLE),
        (15.0, None),
        (26.0, ChangeStatus.GROWING),
        (-26.0, ChangeStatus.SHRINKING),
        (None, ChangeStatus.NEW),
    ],
)
def test_a_change_has_the_name_that_its_truth_asks_for(percent: float | None, expected: ChangeStatus | None) -> None:
    assert a_course(percent).expected is expected


def test_a_nodule_that_is_gone_ought_to_be_called_resolved() -> None:
    gone = replace(a_course(), now=None, volume_now_mm3=None)
    change = a_change(ChangeStatus.RESOLVED, current=None, prior=THERE)
    found = figures([judged([gone], [], [change])])
    assert found.resolved == Share(1, 1)


def test_doubling_measured_as_fourfold_is_twice_too_fast() -> None:
    change = a_change(ChangeStatus.GROWING, current=0, prior=THERE, percent=300.0)
    found = figures([judged([a_course(100.0)], [nodule_at(HERE)], [change])])
    assert found.doubling_times == 1
    assert found.log_doubling_error == pytest.approx(math.log(2))
    assert found.volume_ratio_error == pytest.approx(math.log(2))
    assert found.changes == Share(1, 1)


def test_a_share_has_wilsons_interval() -> None:
    """Newcombe, Stat Med 1998, table I: 81 of 263 is 0.2553 to 0.3662."""
    interval = Share(81, 263).interval
    assert interval == pytest.approx((0.2553, 0.3662), abs=5e-5)
