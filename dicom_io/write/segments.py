"""Statements → what a segmentation shows: the nodules, then calcium by artery, then calcium at other sites.

So segment n is the n-th nodule, whatever else there is, and the numbers of the arteries follow.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from highdicom.color import CIELabColor
from pydicom.sr.coding import Code

from cad.domain import Artery, CalciumScore, CalciumSite, Nodule, NoduleMask, OtherCalcium
from cad.report.pictures.colours import SITE_RGB
from cad.report.statements import Statements
from dicom_io import codes
from dicom_io.uids import derived_uid

SEGMENT_HUES_DEGREES = (40.0, 200.0, 310.0, 130.0, 260.0, 85.0)
"""Hue angles in CIELab of consecutive nodules, far apart, so that neighbours can be told."""

SEGMENT_LIGHTNESS = 70.0
SEGMENT_CHROMA = 60.0
"""Bright and saturated enough on lung and soft tissue; inside the gamut of a display at every hue above."""

NODULE_ALGORITHM = "lungcad nodule segmentation"
CALCIUM_ALGORITHM = "lungcad coronary calcium scoring"


@dataclass(frozen=True, slots=True, eq=False)
class Segment:
    """One segment: its voxels, what it is and where. `side` is a modifier of the region, for lungs."""

    label: str
    tracking_uid: str
    mask: NoduleMask
    property_type: Code
    region: Code
    side: Code | None
    colour: CIELabColor
    algorithm: str


def segments_of(statements: Statements, series_uid: str) -> tuple[Segment, ...]:
    """The segments of a report, in the order of their numbers; none when nothing was found."""
    found = [_of_nodule(number, one.nodule) for number, one in enumerate(statements.found, start=1)]
    if statements.calcium is not None:
        found.extend(_of_calcium(statements.calcium.score, series_uid))
    return tuple(found)


def _of_nodule(number: int, nodule: Nodule) -> Segment:
    return Segment(
        label=nodule.label,
        tracking_uid=nodule.tracking_uid,
        mask=nodule.mask,
        property_type=codes.NODULE,
        region=codes.LUNG,
        side=codes.LATERALITY[nodule.side],
        colour=segment_colour(number),
        algorithm=NODULE_ALGORITHM,
    )


def _of_calcium(calcium: CalciumScore, series_uid: str) -> Iterator[Segment]:
    """One segment for each site that has lesions: arteries first, each in the order of its enumeration."""
    for site in (*Artery, *OtherCalcium):
        masks = [lesion.mask for lesion in calcium.lesions if lesion.site is site]
        if masks:
            yield Segment(
                label=calcium_label(site),
                tracking_uid=calcium_tracking_uid(series_uid, site),
                mask=united(masks),
                property_type=codes.CALCIFICATION,
                region=site_code(site),
                side=None,
                colour=CIELabColor.from_rgb(*SITE_RGB[site]),
                algorithm=CALCIUM_ALGORITHM,
            )


def calcium_label(site: CalciumSite) -> str:
    """The name of a site's calcium in segments and groups: "LAD calcium", "aortic valve calcium"."""
    name = site.value if isinstance(site, Artery) else site.value.replace("-", " ")
    return f"{name[0].upper()}{name[1:]} calcium"


def calcium_tracking_uid(series_uid: str, site: CalciumSite | None) -> str:
    """The tracking UID of a site's calcium, or of the whole score (None): the same whenever the series is read."""
    return derived_uid(series_uid, "calcium", "total" if site is None else site.value)


def site_code(site: CalciumSite) -> Code:
    """The code of a site."""
    return codes.ARTERY[site] if isinstance(site, Artery) else codes.OTHER_CALCIUM[site]


def united(masks: Sequence[NoduleMask]) -> NoduleMask:
    """The voxels of any of the masks, at least one, which are on one grid."""
    low = np.min([mask.offset for mask in masks], axis=0)
    high = np.max([np.add(mask.offset, mask.voxels.shape) for mask in masks], axis=0)
    voxels = np.zeros(high - low, dtype=np.bool_)
    for mask in masks:
        k, j, i = np.subtract(mask.offset, low)
        dk, dj, di = mask.voxels.shape
        voxels[k : k + dk, j : j + dj, i : i + di] |= mask.voxels
    first_k, first_j, first_i = (int(n) for n in low)
    return NoduleMask(voxels, (first_k, first_j, first_i), masks[0].grid)


def segment_colour(number: int) -> CIELabColor:
    """The display colour of a nodule (1-based), the same in every viewer."""
    hue = np.deg2rad(SEGMENT_HUES_DEGREES[(number - 1) % len(SEGMENT_HUES_DEGREES)])
    return CIELabColor(SEGMENT_LIGHTNESS, float(SEGMENT_CHROMA * np.cos(hue)), float(SEGMENT_CHROMA * np.sin(hue)))
