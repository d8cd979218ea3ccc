"""The order of a comparison: examine, link, tell the changes."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass

from cad.domain import (
    Candidate,
    Caution,
    FollowUp,
    Nodule,
    NodulePast,
    NotAssessed,
    NotAssessedReason,
    PriorScan,
)
from cad.exam.followup.changes import Course, change_cautions, changes, pasts, tracked_nodules
from cad.exam.followup.examination import Examined, Tools, examine
from cad.exam.followup.tracks import link
from cad.exam.nodules import Scene


@dataclass(frozen=True, slots=True, eq=False)
class CurrentScan:
    """The current scan with its nodules, and the marks that were too faint to become nodules."""

    scene: Scene
    nodules: tuple[Nodule, ...]
    faint: tuple[Candidate, ...]
    acquired: datetime.date


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """The current nodules, with those found again and with the tracking UIDs that they had, and their past.

    `pasts` are in the order of the nodules; they are empty when nothing could be compared.
    """

    nodules: tuple[Nodule, ...]
    followup: FollowUp | NotAssessed
    cautions: tuple[Caution, ...]
    pasts: tuple[NodulePast, ...] = ()


def compare(current: CurrentScan, priors: Sequence[PriorScan], tools: Tools) -> Comparison:
    """The comparison of the current scan with earlier ones, in any order; changes refer to the latest of them.

    An earlier scan that cannot be compared is left out with a caution; without any, nothing was assessed.
    """
    ordered = sorted(priors, key=lambda scan: (-scan.interval_days, scan.series.series_uid))
    found = [examine(scan, current.scene, tools) for scan in ordered]
    refused = tuple(one for one in found if isinstance(one, Caution))
    exams = [one for one in found if isinstance(one, Examined)]
    if not exams:
        return Comparison(current.nodules, NotAssessed(NotAssessedReason.NO_SUITABLE_PRIOR), refused)
    tracks = link(current.scene, current.nodules, current.faint, exams, tools)
    course = Course(tracks, current.scene, current.acquired, tools.policy.growth, tools.policy.nodules)
    registration = (caution for one in exams for caution in one.exam.transform.quality.cautions)
    return Comparison(
        nodules=tracked_nodules(course),
        followup=FollowUp(current.acquired, tuple(one.exam for one in exams), changes(course)),
        cautions=tuple(dict.fromkeys((*refused, *registration, *change_cautions(course)))),
        pasts=pasts(course),
    )
