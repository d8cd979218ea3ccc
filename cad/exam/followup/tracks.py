"""Nodules of all examinations → one track each: which one it is in every scan that shows it."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

from cad.domain import Candidate, Matching, Nodule, PointLps, PriorNodule, Sighted
from cad.exam.followup.examination import (
    AFFINE,
    Examined,
    Tools,
    is_in_view,
    places_in_current,
    places_in_prior,
    prior_nodule,
)
from cad.exam.followup.remeasurement import measure_alike
from cad.exam.followup.search import Known, found_again, known_of
from cad.exam.nodules import Scene, describe
from cad.policy import MatchingPolicy
from cad.science.followup.matching import match_nodules


@dataclass(frozen=True, slots=True)
class Seen:
    """A nodule as one earlier examination, by its number, shows it; `merged` were nodules apart from it then."""

    exam: int
    nodule: PriorNodule
    merged: tuple[PriorNodule, ...] = ()


@dataclass(frozen=True, slots=True)
class Track:
    """One nodule over the examinations.

    `place` is where it is, or would be, in the current scan. `current` is its number there, None when it is gone.
    `seen` holds the earlier examinations that show it, oldest first. `split` are the numbers of current nodules that
    were one with it then; each of these has a track of its own that is `part` of this one.
    """

    place: PointLps
    current: int | None
    seen: tuple[Seen, ...]
    split: tuple[int, ...] = ()
    part: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Linked:
    """All current nodules, and the tracks; `again` are the tracking UIDs of nodules that were only found again."""

    nodules: tuple[Nodule, ...]
    exams: tuple[Examined, ...]
    tracks: tuple[Track, ...]
    again: frozenset[str]


def link(
    scene: Scene, nodules: tuple[Nodule, ...], faint: tuple[Candidate, ...], exams: Sequence[Examined], tools: Tools
) -> Linked:
    """The tracks of all nodules of the current scan and of the latest examination, followed back to the oldest."""
    *older, latest = exams
    latest, all_nodules, matching = _both_searched(scene, nodules, faint, latest, tools)
    all_nodules, latest = measure_alike(scene, all_nodules, latest, matching.matches, tools)
    tracks = _tracks(all_nodules, latest, len(older), matching)
    searched = [latest]
    for number, exam in reversed(list(enumerate(older))):
        exam, tracks = _followed_back(exam, number, tracks, all_nodules, tools)
        searched.insert(0, exam)
    again = frozenset(nodule.tracking_uid for nodule in all_nodules[len(nodules) :])
    return Linked(_with_lasting_labels(all_nodules, tracks, searched), tuple(searched), tracks, again)


def _with_lasting_labels(
    nodules: tuple[Nodule, ...], tracks: Sequence[Track], exams: Sequence[Examined]
) -> tuple[Nodule, ...]:
    """The nodules under the label that each had before; new ones under numbers that no nodule of any visit has."""
    before = {
        track.current: track.seen[-1].nodule.label
        for track in tracks
        if track.current is not None and track.seen and not track.part
    }
    numbers = [_number_of(nodule.label) for exam in exams for nodule in exam.nodules]
    unused = itertools.count(max(numbers, default=0) + 1)
    return tuple(
        replace(nodule, label=before[n] if n in before else f"Nodule {next(unused)}")
        for n, nodule in enumerate(nodules)
    )


def _number_of(label: str) -> int:
    """The number that a label ends in; 0 for a label that is not of lungcad."""
    digits = label.rpartition(" ")[2]
    return int(digits) if digits.isascii() and digits.isdecimal() else 0


def _both_searched(
    scene: Scene, nodules: tuple[Nodule, ...], faint: tuple[Candidate, ...], exam: Examined, tools: Tools
) -> tuple[Examined, tuple[Nodule, ...], Matching]:
    """The matching of current and latest nodules after both scans were searched again for what the other shows."""
    policy = matching_policy(exam, tools)
    first = match_nodules(_prior_sights(exam), _current_sights(nodules), policy)
    parts_now, parts_then = {c for _, c in first.splits}, {p for p, _ in first.merges}
    lone_now = [known_of(nodules[number]) for number in first.new if number not in parts_now]
    lone_then = [_known_then(exam, number) for number in first.resolved if number not in parts_then]
    wider = replace(tools, policy=replace(tools.policy, matching=policy))
    searched = _searched_in_prior(exam, lone_now, wider)
    shown = [known for known in lone_then if is_in_view(scene.volume, known.place, known.mean_diameter_mm / 2)]
    more = found_again(scene, shown, list(map(known_of, nodules)), faint, wider)
    added = _labelled(describe(scene, more, tools.policy), len(nodules))
    return _without_lone_finds(searched, nodules, added, policy)


def _without_lone_finds(
    exam: Examined, nodules: tuple[Nodule, ...], added: tuple[Nodule, ...], policy: MatchingPolicy
) -> tuple[Examined, tuple[Nodule, ...], Matching]:
    """The matching, without what was found again and yet has no counterpart."""
    found = match_nodules(_prior_sights(exam), _current_sights((*nodules, *added)), policy)
    matched_then, matched_now = {m.prior for m in found.matches}, {m.current for m in found.matches}
    kept = tuple(n for number, n in enumerate(added, start=len(nodules)) if number in matched_now)
    kept_then = [
        number
        for number, nodule in enumerate(exam.nodules)
        if number in matched_then or nodule.tracking_uid not in exam.again
    ]
    exam = _only(exam, kept_then)
    all_nodules = (*nodules, *_labelled(kept, len(nodules)))
    return exam, all_nodules, match_nodules(_prior_sights(exam), _current_sights(all_nodules), policy)


def _tracks(nodules: tuple[Nodule, ...], exam: Examined, number: int, matching: Matching) -> tuple[Track, ...]:
    tracks: dict[int, Track] = {}
    wholes = {current: prior for prior, current in reversed(matching.splits)}
    for match in matching.matches:
        merged = tuple(exam.nodules[p] for p, c in matching.merges if c == match.current)
        split = tuple(c for c, p in sorted(wholes.items()) if p == match.prior)
        seen = Seen(number, exam.nodules[match.prior], merged)
        tracks[match.current] = Track(nodules[match.current].centre, match.current, (seen,), split)
    for current in matching.new:
        seen_in = (Seen(number, exam.nodules[wholes[current]]),) if current in wholes else ()
        tracks[current] = Track(nodules[current].centre, current, seen_in, part=current in wholes)
    merged_away = {p for p, _ in matching.merges}
    gone = [p for p in matching.resolved if p not in merged_away]
    resolved = [Track(exam.places[p], None, (Seen(number, exam.nodules[p]),)) for p in gone]
    return (*(tracks[current] for current in sorted(tracks)), *resolved)


def _followed_back(
    exam: Examined, number: int, tracks: tuple[Track, ...], nodules: tuple[Nodule, ...], tools: Tools
) -> tuple[Examined, tuple[Track, ...]]:
    """The tracks with what an older examination shows of them, matched by their place and their earliest known size."""
    policy = matching_policy(exam, tools)
    whole = [n for n, track in enumerate(tracks) if not track.part]
    sights = [_track_sight(tracks[n], nodules) for n in whole]
    first = match_nodules(_prior_sights(exam), sights, policy)
    lone = [sights[n] for n in first.new if tracks[whole[n]].current is not None]
    wider = replace(tools, policy=replace(tools.policy, matching=policy))
    sought = [Known(sight.position, sight.mean_diameter_mm, sight.volume_mm3) for sight in lone]
    searched = _searched_in_prior(exam, sought, wider)
    found = match_nodules(_prior_sights(searched), sights, policy)
    shown = {whole[m.current]: Seen(number, searched.nodules[m.prior]) for m in found.matches}
    followed = (replace(track, seen=(shown[n], *track.seen)) if n in shown else track for n, track in enumerate(tracks))
    return searched, tuple(followed)


def _track_sight(track: Track, nodules: tuple[Nodule, ...]) -> Sighted:
    if track.seen:
        return _prior_sight(track.seen[0].nodule, track.place)
    assert track.current is not None
    return _current_sights((nodules[track.current],))[0]


def matching_policy(exam: Examined, tools: Tools) -> MatchingPolicy:
    """The limits of matching, wider where the registration is rough."""
    policy = tools.policy.matching
    is_rough = exam.exam.transform.quality.method == AFFINE
    return replace(policy, reach_mm=max(policy.reach_mm, tools.policy.followup.rough_reach_mm)) if is_rough else policy


def _searched_in_prior(exam: Examined, sought_now: Sequence[Known], tools: Tools) -> Examined:
    """The examination with the nodules that were found again at the places of current ones."""
    places = places_in_prior(exam.exam.transform, [known.place for known in sought_now])
    sought = [replace(known, place=place) for known, place in zip(sought_now, places, strict=True)]
    shown = [k for k in sought if is_in_view(exam.scene.volume, k.place, k.mean_diameter_mm / 2)]
    present = [Known(n.centre, n.size.axes.mean_mm, n.volume_mm3) for n in exam.nodules]
    found = _labelled(found_again(exam.scene, shown, present, exam.faint, tools), len(exam.nodules))
    return replace(
        exam,
        nodules=(*exam.nodules, *map(prior_nodule, found)),
        places=(*exam.places, *places_in_current(exam.exam.transform, [nodule.centre for nodule in found])),
        delineations={**exam.delineations, **{nodule.tracking_uid: nodule.delineation for nodule in found}},
        again=exam.again | {nodule.tracking_uid for nodule in found},
    )


def _only(exam: Examined, numbers: Sequence[int]) -> Examined:
    nodules, places = tuple(exam.nodules[n] for n in numbers), tuple(exam.places[n] for n in numbers)
    return replace(exam, nodules=nodules, places=places)


def _known_then(exam: Examined, number: int) -> Known:
    nodule = exam.nodules[number]
    return Known(exam.places[number], nodule.size.axes.mean_mm, nodule.volume_mm3)


def _labelled(nodules: tuple[Nodule, ...], after: int) -> tuple[Nodule, ...]:
    return tuple(replace(n, label=f"Nodule {number}") for number, n in enumerate(nodules, start=after + 1))


def _current_sights(nodules: Sequence[Nodule]) -> list[Sighted]:
    return [
        Sighted(
            position=n.centre,
            mean_diameter_mm=n.diameters.mean_mm,
            volume_mm3=n.volume_mm3,
            composition=n.composition,
            lobe=None if n.location is None else n.location.lobe,
        )
        for n in nodules
    ]


def _prior_sights(exam: Examined) -> list[Sighted]:
    return [_prior_sight(nodule, place) for nodule, place in zip(exam.nodules, exam.places, strict=True)]


def _prior_sight(nodule: PriorNodule, place: PointLps) -> Sighted:
    return Sighted(place, nodule.size.axes.mean_mm, nodule.volume_mm3, nodule.size.composition, nodule.lobe)
