"""What keeps a search for nodules from being what is promised: before "no nodule" is said, this is asked.

How much of the lungs can be searched, whether the noise leaves the smallest nodule that is promised visible, whether
the lung is dark enough for it to stand out, and whether the slices are thin enough.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cad.domain import Caution, LungMask, Volume
from cad.policy import SearchPolicy
from cad.science.lungs.opacities import Opacity

ROBUST = 1.4826
"""Standard deviation of a normal distribution as a multiple of the median deviation."""


@dataclass(frozen=True, slots=True)
class SearchedLung:
    """What the images say of a search: the share of the lungs without an opacity, the noise of the parenchyma in HU (of
    one voxel), its median attenuation, and the thickness or distance of the slices in mm, the larger one."""

    share: float
    noise_hu: float
    lung_hu: float
    slice_mm: float


def searched_lung(
    volume: Volume, lungs: LungMask, opacities: tuple[Opacity, ...], thickness_mm: float | None
) -> SearchedLung:
    """The quality of a search in these lungs."""
    step = slice(None, None, max(1, len(volume.hu) // 64))
    hu, inside = volume.hu[step], lungs.labels[step] > 0
    values = hu[inside]
    parenchyma = values[(values > -1000) & (values < -500)]
    pairs = np.diff(hu.astype(np.int32), axis=2)[inside[:, :, 1:] & inside[:, :, :-1] & (hu[:, :, 1:] < -700)]
    noise = ROBUST * float(np.median(np.abs(pairs - np.median(pairs)))) / np.sqrt(2) if pairs.size else 0.0
    ml = float(np.count_nonzero(lungs.labels)) * lungs.grid.voxel_volume_mm3 / 1000
    dense = sum(o.volume_ml for o in opacities if not o.is_mass)
    return SearchedLung(
        share=max(0.0, 1 - dense / ml),
        noise_hu=noise,
        lung_hu=float(np.median(parenchyma)) if parenchyma.size else 0.0,
        slice_mm=max(thickness_mm or 0.0, volume.grid.spacing_kji_mm[0]),
    )


def search_limits(searched: SearchedLung, policy: SearchPolicy) -> tuple[Caution, ...]:
    """One caution that names what is not as the search needs it; none when all of it is."""
    found = []
    if searched.share < policy.least_share:
        found.append(f"{100 * searched.share:.0f} % of the lungs hold air and were searched")
    if searched.noise_hu > policy.most_noise_hu:
        found.append(f"noise of {searched.noise_hu:.0f} HU hides nodules of {policy.promised_mm:g} mm")
    if searched.lung_hu > policy.densest_lung_hu:
        found.append(f"the lungs measure {searched.lung_hu:.0f} HU, against which faint nodules do not stand out")
    if searched.slice_mm > policy.thickest_mm:
        found.append(f"slices of {searched.slice_mm:g} mm hide nodules of {policy.promised_mm:g} mm")
    if not found:
        return ()
    text = "; ".join(found)
    return (Caution("search-limited", f"The search for nodules was limited: {text}."),)
