"""Nodules of two examinations whose borders were found in different ways are measured again, both in one way.

A network's outline and a threshold see a nodule with another amount of vessel, wall or ground glass; the difference of
the two volumes would then be that of the methods.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from cad.domain import Candidate, Delineation, Match, Nodule, NoduleReading, PointLps, PriorNodule
from cad.exam.followup.examination import Examined, Tools, prior_nodule
from cad.exam.nodules import Scene, marks_read, measure_as
from cad.geometry import sphere_diameter_mm

ORIGIN = "measured-alike"
"""`Candidate.origin` of a nodule that is measured again where it is."""


_Look = tuple[Candidate, NoduleReading | None]
"""A nodule that is measured again: where, and what the networks see there."""


def measure_alike(
    scene: Scene, nodules: tuple[Nodule, ...], exam: Examined, matches: Sequence[Match], tools: Tools
) -> tuple[tuple[Nodule, ...], Examined]:
    """The current nodules and the examination, with the sizes of matched ones measured in one way where they can be.

    The networks' outlines are taken where they are sure enough of both, else the attenuation alone decides. What an
    earlier report says of a nodule stands.
    """
    unlike = [match for match in matches if _is_unlike(nodules[match.current], exam.nodules[match.prior], exam)]
    here = _looks(scene, [_mark(n.centre, n.volume_mm3) for n in (nodules[m.current] for m in unlike)], tools)
    there = _looks(exam.scene, [_mark(n.centre, n.volume_mm3) for n in (exam.nodules[m.prior] for m in unlike)], tools)
    now, then = list(nodules), {}
    for match, look_now, look_then in zip(unlike, here, there, strict=True):
        again_now, again_then = _both(scene, look_now, exam.scene, look_then, tools)
        if again_now.delineation is again_then.delineation is not Delineation.BALL:
            now[match.current] = _resized(nodules[match.current], again_now)
            then[exam.nodules[match.prior].tracking_uid] = again_then
    return tuple(now), _with_sizes(exam, then)


def _is_unlike(now: Nodule, then: PriorNodule, exam: Examined) -> bool:
    """Whether the border of a nodule was found in another way then; of an earlier report's that is not known."""
    how = exam.delineations.get(then.tracking_uid)
    return how is not None and how is not now.delineation


def _mark(centre: PointLps, volume_mm3: float) -> Candidate:
    return Candidate(centre, sphere_diameter_mm(volume_mm3), 0.0, ORIGIN)


def _looks(scene: Scene, candidates: Sequence[Candidate], tools: Tools) -> tuple[_Look, ...]:
    return marks_read(scene, tuple(candidates), tools.networks).pairs() if candidates else ()


def _both(scene: Scene, now: _Look, scene_then: Scene, then: _Look, tools: Tools) -> tuple[Nodule, Nodule]:
    """Both nodules by the networks' outlines where these are sure enough, else by attenuation."""
    is_outlined = all(
        reading is not None and reading.certainty >= tools.policy.followup.alike_min_certainty
        for _, reading in (now, then)
    )

    def again(where: Scene, look: _Look) -> Nodule:
        candidate, reading = look
        return measure_as(where, candidate, reading if is_outlined else None, tools.policy)

    return again(scene, now), again(scene_then, then)


def _resized(nodule: Nodule, again: Nodule) -> Nodule:
    """The nodule with another extent; what it is and where stays."""
    return replace(
        nodule,
        centre=again.centre,
        mask=again.mask,
        diameters=again.diameters,
        volume_mm3=again.volume_mm3,
        mean_hu=again.mean_hu,
        composition=again.composition,
        delineation=again.delineation,
        measures=again.measures,
    )


def _with_sizes(exam: Examined, again: Mapping[str, Nodule]) -> Examined:
    nodules = tuple(_resized_prior(n, again[n.tracking_uid]) if n.tracking_uid in again else n for n in exam.nodules)
    how = {uid: nodule.delineation for uid, nodule in again.items()}
    return replace(exam, nodules=nodules, delineations={**exam.delineations, **how})


def _resized_prior(nodule: PriorNodule, again: Nodule) -> PriorNodule:
    other = prior_nodule(again)
    return replace(
        nodule,
        centre=other.centre,
        size=other.size,
        volume_mm3=other.volume_mm3,
        mass_mg=other.mass_mg,
        volume_interval_mm3=other.volume_interval_mm3,
    )
