"""Pictures of calcium: the slices with the most coronary calcium, each lesion outlined in its site's colour."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from cad.domain import (
    Artery,
    CalcifiedLesion,
    CalciumScore,
    CalciumSite,
    Findings,
    Nodule,
    NotAssessed,
    OtherCalcium,
    UInt8Array,
    Volume,
)
from cad.policy import HeartLungPolicy
from cad.report.pictures.colours import SITE_RGB
from cad.report.pictures.nodules import (
    BACKGROUND_RGB,
    DIM_TEXT_RGB,
    FOOTER_PIXELS,
    HEADER_PIXELS,
    LINE_PIXELS,
    PAGE_WIDTH_PIXELS,
    PANEL_GAP_PIXELS,
    PANEL_PIXELS,
    PLANES,
    TEXT_POINTS,
    TEXT_RGB,
    TITLE_POINTS,
    View,
    as_array,
    draw_edges,
    empty_page,
    font_of,
    grey_panel,
    nodule_panels,
    outlined,
    wrapped,
)
from cad.report.statements.heart_lung import HeartLung, Level, heart_lung_of, most_suspicious
from cad.report.words.calcium import score
from cad.report.words.en import calcium as english

MEDIASTINAL_WINDOW = (40.0, 400.0)
"""Centre and width in HU: the usual window of soft tissue in the chest."""

SIDE_MM = 150.0
"""Side of a picture: a heart of ordinary size."""

SIDE_MARGIN = 1.3
"""Calcium that is spread wider than the side divided by this gets a wider picture."""

SLICES = 3
APART_MM = 4.5
"""Slices of a page are at least this far apart where there are enough: neighbours show the same plaques."""

OUTLINE_PIXELS = 2
"""Width of an outline: plaques are small, and their own pixels stay visible."""

LEGEND_PIXELS = 32
SWATCH_PIXELS = 14
CALCIUM_PAGE_PIXELS = HEADER_PIXELS + PANEL_PIXELS + LEGEND_PIXELS + FOOTER_PIXELS


@dataclass(frozen=True, slots=True, eq=False)
class CalciumPage:
    """A page, RGB [row, column, 3], and the canonical slice of its first picture; None when it shows none."""

    pixels: UInt8Array
    slice_k: int | None


def calcium_page(volume: Volume, calcium: CalciumScore) -> CalciumPage | None:
    """The slices with the most calcium, the score and a legend; None when there is no lesion to show."""
    slices = calcium_slices(calcium)
    if not slices:
        return None
    lines = [
        english.LABELS.estimate,
        english.summary(calcium),
        english.LABELS.critical if calcium.critical else english.apart(calcium),
    ]
    page = empty_page(lines, CALCIUM_PAGE_PIXELS)
    for number, k in enumerate(slices):
        left = PANEL_GAP_PIXELS + number * (PANEL_PIXELS + PANEL_GAP_PIXELS)
        page.paste(Image.fromarray(calcium_panel(volume, calcium, k)), (left, HEADER_PIXELS))
    _draw_legend(ImageDraw.Draw(page), calcium, HEADER_PIXELS + PANEL_PIXELS + 10)
    return CalciumPage(as_array(page), slices[0])


def calcium_slices(calcium: CalciumScore, most: int = SLICES) -> tuple[int, ...]:
    """The canonical slices with the most coronary calcium, the one with the most first, then those of aorta and valves.

    What belongs to none of them is no reason to show a slice.
    """
    chosen: list[int] = []
    for lesions in _coronary_and_named(calcium):
        areas = _areas(lesions)
        for k in sorted(areas, key=lambda slice_k: (-areas[slice_k], slice_k)):
            depth_mm = lesions[0].mask.grid.spacing_kji_mm[0]
            if all(abs(k - other) * depth_mm >= APART_MM for other in chosen):
                chosen.append(k)
    return tuple(chosen[:most])


def _coronary_and_named(calcium: CalciumScore) -> tuple[list[CalcifiedLesion], list[CalcifiedLesion]]:
    """The lesions of the arteries, and those of aorta and valves."""
    coronary = [lesion for lesion in calcium.lesions if isinstance(lesion.site, Artery)]
    named = (OtherCalcium.AORTA, OtherCalcium.AORTIC_VALVE, OtherCalcium.MITRAL_VALVE)
    return coronary, [lesion for lesion in calcium.lesions if lesion.site in named]


def _areas(lesions: Sequence[CalcifiedLesion]) -> dict[int, int]:
    """How many voxels of lesions each slice has, where there are any."""
    found: dict[int, int] = {}
    for lesion in lesions:
        for row, plane in enumerate(lesion.mask.voxels):
            if count := int(np.count_nonzero(plane)):
                k = lesion.mask.offset[0] + row
                found[k] = found.get(k, 0) + count
    return found


def calcium_panel(volume: Volume, calcium: CalciumScore, k: int, pixels: int = PANEL_PIXELS) -> UInt8Array:
    """Slice `k` around the calcium with the outline of each lesion in its colour, RGB [row, column, 3]."""
    view = calcium_view(volume, calcium, k, pixels)
    rgb = grey_panel(volume, view, MEDIASTINAL_WINDOW)
    for lesion in reversed(calcium.lesions):
        rgb = outlined(rgb, lesion.mask, view, SITE_RGB[lesion.site], OUTLINE_PIXELS)
    panel = Image.fromarray(rgb)
    draw_edges(ImageDraw.Draw(panel), view)
    return as_array(panel)


def calcium_view(volume: Volume, calcium: CalciumScore, k: int, pixels: int = PANEL_PIXELS) -> View:
    """The square window of slice `k` that holds all coronary calcium, or that of aorta and valves without any."""
    coronary, named = _coronary_and_named(calcium)
    boxes = [lesion.mask.slices[1:] for lesion in coronary or named]
    low = np.min([[axis.start for axis in box] for box in boxes], axis=0)
    high = np.max([[axis.stop - 1 for axis in box] for box in boxes], axis=0)
    _, dj, di = volume.grid.spacing_kji_mm
    extent_mm = float(max((high - low + 1) * (dj, di)))
    j, i = ((low + high) / 2).tolist()
    return View(PLANES[0], volume.grid, (float(k), j, i), max(SIDE_MM, SIDE_MARGIN * extent_mm), pixels)


def _draw_legend(pen: ImageDraw.ImageDraw, calcium: CalciumScore, top: int) -> None:
    """A swatch for each site that has lesions, with its name and score."""
    left = float(2 * PANEL_GAP_PIXELS)
    font = font_of(TEXT_POINTS)
    for site, text in legend(calcium):
        pen.rectangle((left, top, left + SWATCH_PIXELS, top + SWATCH_PIXELS), fill=SITE_RGB[site])
        pen.text((left + SWATCH_PIXELS + 6, top - 2), text, TEXT_RGB, font)
        left += SWATCH_PIXELS + 6 + font.getlength(text) + 22


def legend(calcium: CalciumScore) -> Iterator[tuple[CalciumSite, str]]:
    """The sites that have lesions, and what stands beside their colours."""
    sites: list[tuple[CalciumSite, float, int]] = [
        *((artery, one.agatston, one.lesions) for artery, one in calcium.arteries),
        *((other, one.agatston, one.lesions) for other, one in calcium.other),
    ]
    for site, agatston, lesions in sites:
        if lesions:
            if site is OtherCalcium.OTHER:
                yield site, english.site(site)
            else:
                name = site.value if isinstance(site, Artery) else f"{english.site(site)} (not coronary)"
                yield site, f"{name} {score(agatston)}"


LEVEL_RGB = {Level.LOW: (40, 130, 70), Level.MEDIUM: (176, 120, 0), Level.HIGH: (180, 40, 40), None: (90, 90, 90)}
"""Behind the words low, medium, high, and not assessed."""

CARD_PIXELS = (PAGE_WIDTH_PIXELS - 3 * PANEL_GAP_PIXELS) // 2
BADGE_PIXELS = 34
CARD_LINES = 5
CARD_TOP_PIXELS = 46
HEART_LUNG_PAGE_PIXELS = (
    CARD_TOP_PIXELS + BADGE_PIXELS + 8 + PANEL_PIXELS + 8 + CARD_LINES * LINE_PIXELS + FOOTER_PIXELS + 8
)


@dataclass(frozen=True, slots=True, eq=False)
class _Card:
    """One half of the page: its title, level and reason, and a picture or None."""

    title: str
    word: str
    level: Level | None
    reason: str
    picture: UInt8Array | None


def heart_lung_page(volume: Volume, findings: Findings, policy: HeartLungPolicy) -> CalciumPage | None:
    """The page of heart and lungs; None unless both were asked for."""
    both = heart_lung_of(findings, policy)
    if both is None:
        return None
    nodule = most_suspicious(findings)
    slices = calcium_slices(findings.calcium) if isinstance(findings.calcium, CalciumScore) else ()
    page = empty_page([english.LABELS.heart_lung], HEART_LUNG_PAGE_PIXELS)
    for number, card in enumerate((_lung_card(volume, both, nodule), _heart_card(volume, both, findings, slices))):
        _draw_card(page, card, PANEL_GAP_PIXELS + number * (CARD_PIXELS + PANEL_GAP_PIXELS))
    shown = [nodule.diameters.slice_k] if nodule is not None else list(slices)
    return CalciumPage(as_array(page), shown[0] if shown else None)


def _lung_card(volume: Volume, both: HeartLung, nodule: Nodule | None) -> _Card:
    picture = None if nodule is None else nodule_panels(volume, nodule)[0]
    shown = "" if nodule is None else f" Shown: {english.nodule_caption(nodule)}."
    level = None if isinstance(both.lung, NotAssessed) else both.lung.level
    reason = english.lung_reason(both.lung) + shown
    return _Card(english.LABELS.lung, english.level(both.lung), level, reason, picture)


def _heart_card(volume: Volume, both: HeartLung, findings: Findings, slices: Sequence[int]) -> _Card:
    calcium, level = findings.calcium, getattr(both.heart, "level", None)
    if not isinstance(calcium, CalciumScore):
        return _Card(english.LABELS.heart, english.level(both.heart), None, english.heart_reason(both.heart), None)
    picture = calcium_panel(volume, calcium, slices[0]) if slices else None
    critical = f" {english.LABELS.critical}" if calcium.critical else ""
    reason = f"{english.summary(calcium)}{critical}"
    return _Card(english.LABELS.heart, english.level(both.heart), level, reason, picture)


def _draw_card(page: Image.Image, card: _Card, left: int) -> None:
    pen = ImageDraw.Draw(page)
    top = CARD_TOP_PIXELS
    pen.rectangle((left, top, left + CARD_PIXELS, top + BADGE_PIXELS), fill=LEVEL_RGB[card.level])
    middle = top + BADGE_PIXELS / 2
    pen.text((left + 10, middle), card.title, TEXT_RGB, font_of(TITLE_POINTS), "lm")
    pen.text((left + CARD_PIXELS - 10, middle), card.word, TEXT_RGB, font_of(TITLE_POINTS), "rm")
    top += BADGE_PIXELS + 8
    if card.picture is None:
        pen.rectangle((left, top, left + CARD_PIXELS, top + PANEL_PIXELS), outline=DIM_TEXT_RGB, fill=BACKGROUND_RGB)
    else:
        page.paste(Image.fromarray(card.picture), (left + (CARD_PIXELS - PANEL_PIXELS) // 2, top))
    top += PANEL_PIXELS + 8
    lines = wrapped(card.reason, CARD_PIXELS - 8)
    if len(lines) > CARD_LINES:
        lines = [*lines[: CARD_LINES - 1], f"{lines[CARD_LINES - 1]} ..."]
    for number, line in enumerate(lines):
        pen.text((left + 4, top + number * LINE_PIXELS), line, TEXT_RGB, font_of(TEXT_POINTS))
