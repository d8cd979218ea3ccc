"""Key images and the labels of lesions in English."""

from __future__ import annotations

from collections.abc import Mapping

from cad.domain import Caution, Nodule, NotAssessedReason
from cad.report.statements.followup import ChangeStatement, SizeSaid
from cad.report.statements.nodules import NoduleStatement
from cad.report.words.en import followup, nodules
from cad.report.words.numbers import (
    attenuation_hu,
    axes_mm,
    change_percent,
    days_interval,
    signed_mm,
    signed_percent,
    size_volume,
    volume_mm3,
    whole,
)
from cad.report.words.pictures import PictureLabels

LABELS = PictureLabels(
    title="lungcad: lung nodules",
    title_with_calcium="lungcad: lung nodules and coronary calcium",
    footer="lungcad: research use only, not a medical device; automatic result, to be verified by a physician",
    research_use="Research use only, not a medical device. Automatic result, not verified by a physician.",
    planes=("Axial", "Coronal", "Sagittal"),
    series="Series {}, {} slices of {:.2f} mm",
    lungs="Lungs in view: right {right:.0f} ml, left {left:.0f} ml",
    no_lungs="Lungs were not segmented",
    lung_colours="Lungs: right blue, left green",
    no_nodule="No nodule was detected.",
    not_assessed="Nodules were not assessed: {}.",
    score_note="Suspicion: probability that radiologists call it suspicious; not the probability of cancer.",
    caution="Caution: {}",
    more_lines="... and {} more lines, see the report",
    not_coronary="{} (not coronary)",
    shown=" Shown: {}.",
    then="{} (then)",
    now="{} (now)",
    wide="{:.0f} mm wide",
    out_of_view="outside the field of view",
    whole_series="Series{number}{description}, {slices} slices, was processed",
    nothing_found="{} by automatic nodule detection. No nodule was detected.",
    nodules_not_assessed="{}. Nodules were not assessed: {}.",
    language=("en", "English"),
)

REASON: Mapping[NotAssessedReason, str] = {}
"""The stable names of the reasons are English words."""


def beside(nodule: Nodule, change: str = "") -> str:
    """One neutral line about a nodule and its `change`: viewers show it beside the lesion."""
    lobe = None if nodule.location is None else nodule.location.lobe
    place = f"{nodule.side.value} lung" if lobe is None else lobe.value
    label = f"{nodule.label}: {nodule.diameters.mean_mm:.1f} mm {nodule.composition.value} {place}"
    return f"{label}, {change}" if change else label


def change(one: ChangeStatement | None) -> str:
    """The change in a few words; empty when there is nothing to say."""
    if one is None:
        return ""
    if one.change is None:
        return one.record.status.value
    days = one.change.doubling_time_days
    doubling = "" if days is None else f", doubling time {whole(days)} days"
    return f"{one.record.status.value} {signed_percent(one.change.volume_percent)}{doubling}"


def nodule_lines(said: NoduleStatement, series: object = None, image: str | None = None) -> list[str]:
    """The lines above a nodule's panels: title, measurements, signs and probabilities."""
    nodule, cells = said.nodule, nodules.cells(said)
    numbers = "" if image is None else f", {'' if series is None else f'series {series} '}image {image}"
    title = f"{nodule.label}: {cells.place}, {cells.composition}{numbers} (z = {nodule.centre.z:.1f} mm)"
    solid_part = "" if said.solid is None else f", solid {axes_mm(said.solid.axes)} mm"
    measures = (
        f"{nodule.diameters.mean_mm:.1f} mm ({axes_mm(nodule.diameters)} mm){solid_part}, {_volume(said)}, "
        f"core {attenuation_hu(nodule):.0f} HU, detector score {nodule.score:.2f}"
    )
    parts = [cells.signs] if said.signs else []
    if said.suspicion is not None:
        parts.append(f"reader-suspicion score {100 * said.suspicion:.0f}/100 (no cancer probability)")
    if said.brock is not None:
        parts.append(f"Brock {cells.brock}")
    return [title, measures, *(["; ".join(parts)] if parts else [])]


def _volume(said: NoduleStatement) -> str:
    return f"{volume_mm3(said.nodule.volume_mm3, said.interval_mm3)} mm3"


def summary_line(said: NoduleStatement) -> str:
    """One nodule on the summary page."""
    cells = nodules.cells(said)
    parts = [
        f"{said.nodule.label}: {said.nodule.diameters.mean_mm:.1f} mm, {cells.composition}, {cells.place}",
        _volume(said),
    ]
    if said.suspicion is not None:
        parts.append(f"reader-suspicion score {100 * said.suspicion:.0f}/100")
    if said.brock is not None:
        parts.append(f"Brock {cells.brock}")
    return ", ".join(parts)


def overlay_lines(nodule: Nodule, image: str | None, place: tuple[int, int]) -> tuple[str, ...]:
    """The lines of a whole slice with a nodule."""
    number = "" if image is None else f"image {image}, "
    return (
        f"{nodule.label}   {nodule.composition.value}, {nodule.side.value} lung",
        f"{nodule.diameters.mean_mm:.1f} mm ({axes_mm(nodule.diameters)} mm), {nodule.volume_mm3:.0f} mm3",
        f"{number}slice {place[0]} of {place[1]} from the feet, z = {nodule.centre.z:.1f} mm",
    )


def comparison_lines(said: ChangeStatement, then: str, now: str) -> list[str]:
    """The lines above the panels: what became of the nodule, its sizes with their dates, and the doubling time."""
    cells, place = followup.cells(said), followup.place(said)
    lines = [
        f"{cells.nodule}: {cells.verdict}{place and f', {place}'}",
        f"{then}: {_size(said.then)}; {now}: {_size(said.now)}",
    ]
    if said.change is None:
        return lines
    days = said.change.doubling_time_days
    interval = days_interval(said.change.doubling_time_interval_days)
    doubling = "" if days is None else f", doubling time {whole(days)} days{interval}"
    return [
        *lines,
        f"Volume {change_percent(said.change)} in {whole(said.change.interval_days)} days, mean diameter "
        f"{signed_mm(said.change.mean_diameter_mm)}{doubling}",
    ]


def _size(size: SizeSaid | None) -> str:
    return "not seen" if size is None else f"{size_volume(size)} mm3, {size.mean_diameter_mm:.1f} mm"


def caution(one: Caution) -> str:
    """What a reader should know."""
    return LABELS.caution.format(one.text)
