"""Pictures of calcium: the slices with the most coronary calcium, each lesion outlined in its site's colour."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from cad.domain import (
    Artery,
    CalciumScore,
    CalciumSite,
    Nodule,
    OtherCalcium,
    UInt8Array,
    Volume,
)
from cad.report.pictures.colours import SITE_RGB
from cad.report.pictures.lettering import draw_text, length_of, wrapped
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
    grey_panel,
    nodule_panels,
    outlined,
)
from cad.report.pictures.windows import MEDIASTINAL_WINDOW_HU
from cad.report.statements import Statements
from cad.report.statements.calcium import CalciumStatement, coronary_and_named
from cad.report.statements.heart_lung import HeartLung, Level
from cad.report.words.calcium import heart_reason, lung_reason, score
from cad.report.words.languages import LanguageWords
from cad.report.words.pictures import PictureLabels

SIDE_MM = 150.0
"""Side of a picture: a heart of ordinary size."""

SIDE_MARGIN = 1.3
"""Calcium that is spread wider than the side divided by this gets a wider picture."""

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


def calcium_page(volume: Volume, statement: CalciumStatement, words: LanguageWords) -> CalciumPage | None:
    """The slices with the most calcium, the score and a legend; None when there is no lesion to show."""
    calcium = statement.score
    if not statement.slices:
        return None
    lines = [
        words.calcium.LABELS.estimate,
        words.calcium.summary(statement),
        words.calcium.LABELS.very_high if calcium.very_high else words.calcium.apart(statement),
    ]
    page = empty_page(lines, words.pictures.LABELS, CALCIUM_PAGE_PIXELS)
    for number, k in enumerate(statement.slices):
        left = PANEL_GAP_PIXELS + number * (PANEL_PIXELS + PANEL_GAP_PIXELS)
        page.paste(Image.fromarray(calcium_panel(volume, calcium, k, words.pictures.LABELS)), (left, HEADER_PIXELS))
    _draw_legend(ImageDraw.Draw(page), legend(statement, words), HEADER_PIXELS + PANEL_PIXELS + 10)
    return CalciumPage(as_array(page), statement.slices[0])


def calcium_panel(
    volume: Volume, calcium: CalciumScore, k: int, words: PictureLabels, pixels: int = PANEL_PIXELS
) -> UInt8Array:
    """Slice `k` around the calcium with the outline of each lesion in its colour, RGB [row, column, 3]."""
    view = calcium_view(volume, calcium, k, pixels)
    rgb = grey_panel(volume, view, MEDIASTINAL_WINDOW_HU)
    for lesion in reversed(calcium.lesions):
        rgb = outlined(rgb, lesion.mask, view, SITE_RGB[lesion.site], OUTLINE_PIXELS)
    panel = Image.fromarray(rgb)
    draw_edges(ImageDraw.Draw(panel), view, words)
    return as_array(panel)


def calcium_view(volume: Volume, calcium: CalciumScore, k: int, pixels: int = PANEL_PIXELS) -> View:
    """The square window of slice `k` that holds all coronary calcium, or that of aorta and valves without any."""
    coronary, named = coronary_and_named(calcium)
    boxes = [lesion.mask.slices[1:] for lesion in coronary or named]
    low = np.min([[axis.start for axis in box] for box in boxes], axis=0)
    high = np.max([[axis.stop - 1 for axis in box] for box in boxes], axis=0)
    _, dj, di = volume.grid.spacing_kji_mm
    extent_mm = float(max((high - low + 1) * (dj, di)))
    j, i = ((low + high) / 2).tolist()
    return View(PLANES[0], volume.grid, (float(k), j, i), max(SIDE_MM, SIDE_MARGIN * extent_mm), pixels)


def _draw_legend(pen: ImageDraw.ImageDraw, entries: Iterable[tuple[CalciumSite, str]], top: int) -> None:
    """A swatch for each site that has lesions, with its name and score."""
    left = float(2 * PANEL_GAP_PIXELS)
    for site, text in entries:
        pen.rectangle((left, top, left + SWATCH_PIXELS, top + SWATCH_PIXELS), fill=SITE_RGB[site])
        draw_text(pen, (left + SWATCH_PIXELS + 6, top - 2), text, TEXT_POINTS, fill=TEXT_RGB)
        left += SWATCH_PIXELS + 6 + length_of(text, TEXT_POINTS) + 22


def legend(statement: CalciumStatement, words: LanguageWords) -> Iterator[tuple[CalciumSite, str]]:
    """The sites that have lesions, and what stands beside their colours."""
    for site, one in statement.sites:
        if one.lesions:
            if site is OtherCalcium.OTHER:
                yield site, words.calcium.site(site)
            else:
                apart = words.pictures.LABELS.not_coronary.format(words.calcium.site(site))
                name = site.value if isinstance(site, Artery) else apart
                yield site, f"{name} {score(one.agatston)}"


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


def heart_lung_page(volume: Volume, statements: Statements, words: LanguageWords) -> CalciumPage | None:
    """The page of heart and lungs; None unless both were asked for."""
    both, nodule = statements.heart_lung, statements.shown
    if both is None:
        return None
    slices = () if statements.calcium is None else statements.calcium.slices
    page = empty_page([words.calcium.LABELS.heart_lung], words.pictures.LABELS, HEART_LUNG_PAGE_PIXELS)
    for number, card in enumerate(
        (_lung_card(volume, both, nodule, words), _heart_card(volume, both, statements, words))
    ):
        _draw_card(page, card, PANEL_GAP_PIXELS + number * (CARD_PIXELS + PANEL_GAP_PIXELS))
    shown = [nodule.diameters.slice_k] if nodule is not None else list(slices)
    return CalciumPage(as_array(page), shown[0] if shown else None)


def _lung_card(volume: Volume, both: HeartLung, nodule: Nodule | None, words: LanguageWords) -> _Card:
    picture = None if nodule is None else nodule_panels(volume, nodule, words.pictures.LABELS)[0]
    shown = "" if nodule is None else words.pictures.LABELS.shown.format(words.calcium.nodule_caption(nodule))
    level = None if both.lung is None else both.lung.level
    return _Card(
        words.calcium.LABELS.lung, words.calcium.level(level), level, lung_reason(words.calcium, both) + shown, picture
    )


def _heart_card(volume: Volume, both: HeartLung, statements: Statements, words: LanguageWords) -> _Card:
    statement, level = statements.calcium, None if both.heart is None else both.heart.level
    if statement is None:
        return _Card(
            words.calcium.LABELS.heart, words.calcium.level(level), None, heart_reason(words.calcium, both), None
        )
    labels = words.pictures.LABELS
    picture = calcium_panel(volume, statement.score, statement.slices[0], labels) if statement.slices else None
    very_high = f" {words.calcium.LABELS.very_high}" if statement.score.very_high else ""
    reason = f"{words.calcium.summary(statement)}{very_high}"
    return _Card(words.calcium.LABELS.heart, words.calcium.level(level), level, reason, picture)


def _draw_card(page: Image.Image, card: _Card, left: int) -> None:
    pen = ImageDraw.Draw(page)
    top = CARD_TOP_PIXELS
    pen.rectangle((left, top, left + CARD_PIXELS, top + BADGE_PIXELS), fill=LEVEL_RGB[card.level])
    middle = top + BADGE_PIXELS / 2
    draw_text(pen, (left + 10, middle), card.title, TITLE_POINTS, fill=TEXT_RGB, anchor="lm")
    draw_text(pen, (left + CARD_PIXELS - 10, middle), card.word, TITLE_POINTS, fill=TEXT_RGB, anchor="rm")
    top += BADGE_PIXELS + 8
    if card.picture is None:
        pen.rectangle((left, top, left + CARD_PIXELS, top + PANEL_PIXELS), outline=DIM_TEXT_RGB, fill=BACKGROUND_RGB)
    else:
        page.paste(Image.fromarray(card.picture), (left + (CARD_PIXELS - PANEL_PIXELS) // 2, top))
    top += PANEL_PIXELS + 8
    lines = wrapped(card.reason, CARD_PIXELS - 8, TEXT_POINTS)
    if len(lines) > CARD_LINES:
        lines = [*lines[: CARD_LINES - 1], f"{lines[CARD_LINES - 1]} ..."]
    for number, line in enumerate(lines):
        draw_text(pen, (left + 4, top + number * LINE_PIXELS), line, TEXT_POINTS, fill=TEXT_RGB)
