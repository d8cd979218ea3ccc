"""Airway nodules (note 11) and cystic lesions (note 12) that a reader found."""

from __future__ import annotations

from cad.domain import AirwayFinding, AirwaySite, AirwayStatus, CystChange, CystFinding, CystKind, Phrase
from cad.policy import LungRadsPolicy
from cad.policy.guidelines.rules import LungRadsRule
from cad.science.guidelines.lung_rads.rows import NOT_OF_A_LESION, step_down
from cad.science.guidelines.verdicts import Opinion, Verdict

CLASSIFIED_CYSTS = (CystKind.THICK_WALLED, CystKind.MULTILOCULAR)


def airway_opinion(airway: AirwayFinding, policy: LungRadsPolicy) -> Opinion:
    """An endotracheal or endobronchial nodule: segmental or more proximal 4A at first, 4B when it persists."""
    where = Phrase(LungRadsRule.AIRWAY, site=airway.site, status=airway.status)
    is_first_sight = airway.status in (AirwayStatus.BASELINE, AirwayStatus.NEW)
    if airway.contains_air and is_first_sight:  # note 11c; what persists or grows is tissue, note 11d
        return Opinion((Verdict("2", Phrase(LungRadsRule.AIRWAY_AIR, where=where)),))
    stays = (Phrase(LungRadsRule.AIRWAY_AIR_STAYS, where=where),) if airway.contains_air else ()
    if airway.multiple_tubular:
        tubular = Phrase(LungRadsRule.AIRWAY_TUBULAR, where=where)
        return Opinion((Verdict("2", tubular),), (Phrase(LungRadsRule.AIRWAY_TUBULAR_BENIGN, where=where),))
    if airway.site is AirwaySite.SUBSEGMENTAL:
        category = policy.growing_subsegmental_airway if airway.status is AirwayStatus.GROWING else "2"
        return Opinion((Verdict(category, where),), stays)
    return Opinion((Verdict("4A" if is_first_sight else "4B", where),), stays)


def cyst_opinion(cyst: CystFinding, policy: LungRadsPolicy) -> Opinion:
    """A cystic lesion; thin-walled, fluid-containing and multiple cysts are not classified."""
    where = Phrase(LungRadsRule.CYST, kind=cyst.kind, change=cyst.change)
    match cyst.change:
        case CystChange.WALL | CystChange.LOCULES_OR_OPACITY:
            return Opinion((Verdict("4B", where),))
        case CystChange.BECAME_MULTILOCULAR:
            return Opinion((Verdict("4A", where),))
        case _ if cyst.kind not in CLASSIFIED_CYSTS:
            return Opinion((), (Phrase(LungRadsRule.CYST_NOT_CLASSIFIED, where=where),))
        case CystChange.GROWING:
            return Opinion((Verdict("3" if cyst.kind is CystKind.THICK_WALLED else "4B", where),))
        case CystChange.STABLE:
            return _stable_cyst(cyst, where, policy)
        case _:
            return Opinion((Verdict("4A", where),))


def _stable_cyst(cyst: CystFinding, where: Phrase, policy: LungRadsPolicy) -> Opinion:
    """Stepped management, from 4A when no category of the lesion was given; without the interval nothing steps."""
    given = cyst.earlier_category
    before = "4A" if given is None or given.value in NOT_OF_A_LESION else given.value
    if cyst.interval_days is None:
        stays = Phrase(LungRadsRule.CYST_INTERVAL_UNKNOWN, where=where, category=before)
        return Opinion((Verdict(before, where),), (stays,))
    because = Phrase(LungRadsRule.CYST_STEPPED, where=where, category=before, days=cyst.interval_days)
    return Opinion((Verdict(step_down(before, cyst.interval_days, policy), because),))
