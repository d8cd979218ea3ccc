"""Tracks → what became of each nodule: sizes over time, change with its uncertainty, and what guidelines need of it."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from cad.domain import (
    Caution,
    ChangeStatus,
    Delineation,
    EarlierSize,
    GrowthVerdict,
    LungRadsCategory,
    Nodule,
    NoduleChange,
    NodulePast,
    PointLps,
    PriorNodule,
    PriorSource,
    Sighting,
    SizeAt,
    SizeThen,
    VolumeGrowth,
)
from cad.exam.followup.examination import Examined, is_in_view, places_in_prior
from cad.exam.followup.tracks import Linked, Seen, Track
from cad.exam.nodules import Scene, imaging_of
from cad.policy import GrowthPolicy, NodulePolicy
from cad.science.followup.growth import size_change, volume_growth, volume_trend

VERDICTS = {
    ChangeStatus.GROWING: GrowthVerdict.INCREASE,
    ChangeStatus.STABLE: GrowthVerdict.STABLE,
    ChangeStatus.SHRINKING: GrowthVerdict.DECREASE,
}


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """All that changes follow from: the tracks, the current scan and its date, and the rule of growth."""

    linked: Linked
    scene: Scene
    acquired: datetime.date
    policy: GrowthPolicy
    nodules: NodulePolicy

    @property
    def latest(self) -> Examined:
        """The earlier examination that changes refer to."""
        return self.linked.exams[-1]

    def uid_of(self, track: Track) -> str:
        """The tracking UID that lasts: of the oldest report that names the nodule, else of the oldest examination."""
        own = None if track.current is None else self.linked.nodules[track.current].tracking_uid
        if own is not None and (track.part or not track.seen):
            return own
        reported = [s for s in track.seen if self.linked.exams[s.exam].exam.source is PriorSource.REPORT]
        return (reported or list(track.seen))[0].nodule.tracking_uid


def tracked_nodules(course: Course) -> tuple[Nodule, ...]:
    """The current nodules with the tracking UIDs that they had before."""
    uids = {track.current: course.uid_of(track) for track in course.linked.tracks}
    return tuple(replace(n, tracking_uid=uids[number]) for number, n in enumerate(course.linked.nodules))


def changes(course: Course) -> tuple[NoduleChange, ...]:
    """The change of every nodule that the latest examination can be asked for, resolved ones last."""
    found = [_change(course, track) for track in course.linked.tracks if not track.part]
    return tuple(change for change in found if change is not None)


def pasts(course: Course) -> tuple[NodulePast, ...]:
    """What earlier examinations say of each current nodule, in their order."""
    by_number = {track.current: _past(course, track) for track in course.linked.tracks if track.current is not None}
    return tuple(by_number[number] for number in range(len(course.linked.nodules)))


CAUTIONS = (
    ("place-outside-prior", "The earlier examination does not show the place of {}: not known to be new."),
    ("place-outside-current", "The current images do not show the place of an earlier nodule ({}): not followed."),
    ("change-of-the-mark", "No border was found of {}, now or before: the change of size is rough."),
    (
        "change-of-the-protocol",
        "The scans differ in slices, pixels, kernel or breath, which alone can explain the change of size of {}.",
    ),
    ("nodule-split", "Earlier one nodule, now several, whose volumes were added for the change: {}."),
)


def change_cautions(course: Course) -> tuple[Caution, ...]:
    """What a reader should know: places out of view, sizes that are those of marks, and nodules that split."""
    named: dict[str, list[str]] = {code: [] for code, _ in CAUTIONS}
    for track in course.linked.tracks:
        for code in _troubles(course, track):
            named[code].append(_name(course, track))
    return tuple(Caution(code, text.format(", ".join(named[code]))) for code, text in CAUTIONS if named[code])


def _troubles(course: Course, track: Track) -> Iterator[str]:
    """The codes of the cautions that a nodule gives reason for."""
    if track.part:
        return
    if not _is_shown_by_both(course, track):
        yield "place-outside-current" if track.current is None else "place-outside-prior"
    if track.current is not None and _is_borderless(course, track):
        yield "change-of-the-mark"
    if track.split:
        yield "nodule-split"
    change = _change(course, track)
    if change is not None and change.change is not None and change.change.by_protocol:
        yield "change-of-the-protocol"


def _name(course: Course, track: Track) -> str:
    """The labels of a nodule and of those that it split into; of one that is gone the label that it had."""
    if track.current is None:
        return track.seen[-1].nodule.label
    return " with ".join(course.linked.nodules[number].label for number in (track.current, *track.split))


def _change(course: Course, track: Track) -> NoduleChange | None:
    """What became of a nodule; None where one of the two scans does not show the place."""
    if not _is_shown_by_both(course, track):
        return None
    then, now = _seen_latest(course, track), _size_now(course, track)
    sizes = _history(course, track)
    change = None
    if then is not None and now is not None:
        change = size_change(_size_then(course, _latest_of(course, track)), now, course.policy)
    lone = ChangeStatus.NEW if then is None else ChangeStatus.RESOLVED
    return NoduleChange(
        tracking_uid=course.uid_of(track),
        status=lone if change is None else change.status,
        current=track.current,
        prior=then,
        change=change,
        place_in_current=track.place,
        place_in_prior=_place_in_prior(course, track) if then is None else then.centre,
        history=sizes,
        trend=volume_trend([entry.size for entry in sizes]),
        searched_again=_was_searched_again(course, track),
        parts=_parts(course, track),
    )


def _seen_latest(course: Course, track: Track) -> PriorNodule | None:
    return track.seen[-1].nodule if _is_in_latest(course, track) else None


def _is_in_latest(course: Course, track: Track) -> bool:
    return bool(track.seen) and track.seen[-1].exam == len(course.linked.exams) - 1


def _latest_of(course: Course, track: Track) -> Seen:
    assert _is_in_latest(course, track)
    return track.seen[-1]


def _is_shown_by_both(course: Course, track: Track) -> bool:
    """Whether both scans show the place of a nodule, so that its absence from one of them means something."""
    then = _seen_latest(course, track)
    if track.current is None:
        assert then is not None
        return is_in_view(course.scene.volume, track.place, then.size.axes.mean_mm / 2)
    radius_mm = course.linked.nodules[track.current].diameters.mean_mm / 2
    return then is not None or is_in_view(course.latest.scene.volume, _place_in_prior(course, track), radius_mm)


def _place_in_prior(course: Course, track: Track) -> PointLps:
    return places_in_prior(course.latest.exam.transform, (track.place,))[0]


def _was_searched_again(course: Course, track: Track) -> bool:
    then = _seen_latest(course, track)
    now = None if track.current is None else course.linked.nodules[track.current].tracking_uid
    return (then is not None and then.tracking_uid in course.latest.again) or now in course.linked.again


def _parts(course: Course, track: Track) -> tuple[str, ...]:
    merged = _latest_of(course, track).merged if _is_in_latest(course, track) else ()
    split = (course.linked.nodules[number].tracking_uid for number in track.split)
    return (*split, *(nodule.tracking_uid for nodule in merged))


def _is_borderless(course: Course, track: Track) -> bool:
    """Whether the size of a nodule that both examinations show is that of the mark in one of them."""
    then = _seen_latest(course, track)
    if then is None or track.current is None:
        return False
    is_now = course.linked.nodules[track.current].delineation is Delineation.BALL
    return is_now or course.latest.delineations.get(then.tracking_uid) is Delineation.BALL


def _history(course: Course, track: Track) -> tuple[SizeThen, ...]:
    """The nodule at every examination that shows it, oldest first, the current one included."""
    exams = course.linked.exams
    past = [SizeThen(exams[s.exam].exam.scan.acquired, _size_then(course, s), s.nodule.centre) for s in track.seen]
    now = _size_now(course, track)
    return (*past, *(() if now is None else (SizeThen(course.acquired, now, track.place),)))


def _size_now(course: Course, track: Track) -> SizeAt | None:
    """The size in the current scan, on day 0; of a nodule that split, of all its parts."""
    if track.current is None:
        return None
    nodules = [course.linked.nodules[number] for number in (track.current, *track.split)]
    intervals = [None if n.measures is None else n.measures.volume_interval_mm3 for n in nodules]
    return SizeAt(
        days=0.0,
        volume_mm3=sum(n.volume_mm3 for n in nodules),
        mean_diameter_mm=max(n.diameters.mean_mm for n in nodules),
        mass_mg=sum(n.mass_mg for n in nodules),
        volume_interval_mm3=_sum_of_intervals(intervals),
        composition=nodules[0].composition,
        imaging=imaging_of(course.scene, course.nodules),
    )


def _size_then(course: Course, seen: Seen) -> SizeAt:
    """The size at an earlier examination, on a day below 0; a mass of 0 stands for one that is not known."""
    nodules = (seen.nodule, *seen.merged)
    masses = [n.mass_mg for n in nodules]
    return SizeAt(
        days=-course.linked.exams[seen.exam].exam.scan.interval_days,
        volume_mm3=sum(n.volume_mm3 for n in nodules),
        mean_diameter_mm=max(n.size.axes.mean_mm for n in nodules),
        mass_mg=0.0 if None in masses else sum(mass for mass in masses if mass is not None),
        volume_interval_mm3=_sum_of_intervals([n.volume_interval_mm3 for n in nodules]),
        composition=seen.nodule.size.composition,
        imaging=imaging_of(course.linked.exams[seen.exam].scene, course.nodules),
    )


def _sum_of_intervals(intervals: Sequence[tuple[float, float] | None]) -> tuple[float, float] | None:
    """The interval of a sum of volumes, at its widest; None when one of them is not known."""
    known = [interval for interval in intervals if interval is not None]
    if len(known) < len(intervals):
        return None
    return sum(low for low, _ in known), sum(high for _, high in known)


def _past(course: Course, track: Track) -> NodulePast:
    """New, followed, or, where the earlier images do not show the place, at its first examination."""
    earlier = {e.interval_days: e for e in (_earlier(course, track, seen) for seen in track.seen)}
    if earlier:
        return NodulePast(Sighting.FOLLOWED, tuple(earlier[days] for days in sorted(earlier, reverse=True)))
    return NodulePast(Sighting.NEW if _is_shown_by_both(course, track) else Sighting.BASELINE)


def _earlier(course: Course, track: Track, seen: Seen) -> EarlierSize:
    exam, now = course.linked.exams[seen.exam], _size_now(course, track)
    assert now is not None
    growth = None if track.part else _growth(_size_then(course, seen), now, course.policy)
    return EarlierSize(exam.exam.scan.interval_days, seen.nodule.size, growth, _category_then(exam))


def _growth(then: SizeAt, now: SizeAt, policy: GrowthPolicy) -> VolumeGrowth:
    """The change of volume, significant only beyond the error of both measurements."""
    growth = volume_growth(then.volume_mm3, now.volume_mm3, now.days - then.days, policy)
    return replace(growth, verdict=VERDICTS[size_change(then, now, policy).status])


def _category_then(exam: Examined) -> LungRadsCategory | None:
    """The category of an examination belongs to a nodule only where there was one."""
    return exam.exam.scan.lung_rads if len(exam.nodules) == 1 else None
