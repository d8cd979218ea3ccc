"""Airway nodules (note 11) and cystic lesions (note 12) that a reader found."""

from __future__ import annotations

from cad.domain import AirwayFinding, AirwaySite, AirwayStatus, CystChange, CystFinding, CystKind
from cad.policy import LungRadsPolicy
from cad.science.guidelines.lung_rads.rows import NOT_OF_A_LESION, step_down
from cad.science.guidelines.verdicts import Opinion, Verdict

CLASSIFIED_CYSTS = (CystKind.THICK_WALLED, CystKind.MULTILOCULAR)


def airway_opinion(airway: AirwayFinding, policy: LungRadsPolicy) -> Opinion:
    """An endotracheal or endobronchial nodule: segmental or more proximal 4A at first, 4B when it persists."""
    where = f"airway nodule, {airway.site.value}, {airway.status.value}"
    if airway.contains_air:
        return Opinion((Verdict("2", f"{where}: contains air, which favours secretions"),))
    if airway.multiple_tubular:
        text = f"{where}: multiple tubular, taken as benign; if infection is suspected the category is 0"
        return Opinion((Verdict("2", f"{where}: multiple tubular"),), (text,))
    if airway.site is AirwaySite.SUBSEGMENTAL:
        category = policy.growing_subsegmental_airway if airway.status is AirwayStatus.GROWING else "2"
        return Opinion((Verdict(category, where),))
    is_first_sight = airway.status in (AirwayStatus.BASELINE, AirwayStatus.NEW)
    return Opinion((Verdict("4A" if is_first_sight else "4B", where),))


def cyst_opinion(cyst: CystFinding, policy: LungRadsPolicy) -> Opinion:
    """A cystic lesion; thin-walled, fluid-containing and multiple cysts are not classified."""
    where = f"cyst, {cyst.kind.value}, {cyst.change.value}"
    match cyst.change:
        case CystChange.WALL | CystChange.LOCULES_OR_OPACITY:
            return Opinion((Verdict("4B", where),))
        case CystChange.BECAME_MULTILOCULAR:
            return Opinion((Verdict("4A", where),))
        case _ if cyst.kind not in CLASSIFIED_CYSTS:
            return Opinion((), (f"{where}: not classified",))
        case CystChange.GROWING:
            return Opinion((Verdict("3" if cyst.kind is CystKind.THICK_WALLED else "4B", where),))
        case CystChange.STABLE:
            return _stable_cyst(cyst, where, policy)
        case _:
            return Opinion((Verdict("4A", where),))


def _stable_cyst(cyst: CystFinding, where: str, policy: LungRadsPolicy) -> Opinion:
    """Stepped management, from 4A when no category of the lesion was given; without the interval nothing steps."""
    given = cyst.earlier_category
    before = "4A" if given is None or given.value in NOT_OF_A_LESION else given.value
    if cyst.interval_days is None:
        return Opinion((Verdict(before, where),), (f"{where}: the interval is not known, so category {before} stays",))
    because = f"{where}: category {before} {cyst.interval_days:.0f} days before"
    return Opinion((Verdict(step_down(before, cyst.interval_days, policy), because),))
