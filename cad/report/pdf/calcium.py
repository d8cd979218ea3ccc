"""The parts of a report that are about coronary calcium, and the page that sums up heart and lungs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from PIL import Image as PilImage
from reportlab.lib import colors
from reportlab.lib.units import mm
from reportlab.platypus import Flowable, Spacer, Table

from cad.domain import (
    CalciumSite,
    OtherCalcium,
    SiteScore,
    UInt8Array,
    Volume,
)
from cad.report.pdf.layout import BODY, SMALL, TINY, compact, picture
from cad.report.pdf.lettering import ACCENT, FAINT, RULE, Look, paragraph
from cad.report.pictures.calcium import LEVEL_RGB, calcium_panel
from cad.report.pictures.colours import SITE_RGB
from cad.report.pictures.nodules import nodule_panels
from cad.report.statements import Statements
from cad.report.statements.calcium import CalciumStatement
from cad.report.statements.heart_lung import HeartLung, Level
from cad.report.words.calcium import CalciumLabels, CalciumWords, heart_reason, lung_reason, result, score, volume
from cad.report.words.choices import Language
from cad.report.words.language import Words
from cad.report.words.languages import LANGUAGES, words_of
from cad.report.words.numbers import DASH

EMPHASIS = colors.HexColor("#b3261e")

COLUMNS: Sequence[float] = (0.012, 0.4, 0.2, 0.2, 0.15)
"""Parts of the width: colour, site, Agatston, volume, lesions."""

APART_ROW = 6
"""Of the heading below the arteries and their total."""

PICTURE_PIXELS = 480
CARD_PICTURE_WIDTH = 66 * mm
PICTURE_WIDTH = 52 * mm
CARD_GAP = 5 * mm
CARD_PADDING = 6
SWATCH_GAP = 6
BADGE = Look(13, colors.white, bold=True)
"""Letters of a level on its colour."""


@dataclass(frozen=True, slots=True, eq=False)
class CalciumCase:
    """What these parts show. `width` is that of the page's text, in points."""

    volume: Volume
    statements: Statements
    language: Language
    width: float

    @property
    def words(self) -> tuple[tuple[CalciumWords, Words], ...]:
        """The languages, the first one first."""
        return tuple((one.calcium, one.nodules) for one in LANGUAGES[self.language])


def calcium_overview(case: CalciumCase) -> Iterator[Flowable]:
    """The result in a sentence of each language, a very high one marked; nothing when it was not asked for."""
    if not case.statements.mentions_calcium:
        return
    yield from (paragraph(result(words, case.statements), Look(BODY + 0.7, bold=True)) for words, _ in case.words)
    yield from _very_high(case)
    yield Spacer(0, 1 * mm)


def _very_high(case: CalciumCase) -> Iterator[Flowable]:
    """That the score is very high; nothing where it is not."""
    statement = case.statements.calcium
    if statement is not None and statement.score.very_high:
        yield from (paragraph(words.LABELS.very_high, Look(10, EMPHASIS, bold=True)) for words, _ in case.words)


def calcium_section(case: CalciumCase, *, has_pictures: bool) -> Iterator[Flowable]:
    """Table, pictures, advice and caveats of a score; nothing when calcium was not scored."""
    statement = case.statements.calcium
    if statement is None:
        return
    calcium = statement.score
    yield paragraph(_both(case, lambda labels: labels.estimate), Look(BODY + 1.2, ACCENT, bold=True))
    yield _table(case, statement)
    yield Spacer(0, 1.5 * mm)
    if has_pictures and statement.slices:
        labels = words_of(case.language).pictures.LABELS
        panels = (calcium_panel(case.volume, calcium, k, labels, PICTURE_PIXELS) for k in statement.slices)
        shown = [_picture(panel, PICTURE_WIDTH) for panel in panels]
        table = Table([shown], colWidths=[case.width / 3] * len(shown), hAlign="LEFT")
        table.setStyle(compact())
        yield table
        yield Spacer(0, 1.5 * mm)
    yield from (paragraph(words.advice(calcium), Look(BODY)) for words, _ in case.words)
    yield Spacer(0, 1 * mm)
    yield from (paragraph(words.caveats(calcium), Look(SMALL, FAINT)) for words, _ in case.words)
    yield from (paragraph(words.variant(calcium) + words.LABELS.stop, Look(TINY, FAINT)) for words, _ in case.words)
    yield Spacer(0, 1 * mm)


def heart_lung_section(case: CalciumCase) -> Iterator[Flowable]:
    """The page of heart and lungs; nothing unless both were asked for."""
    both = case.statements.heart_lung
    if both is None:
        return
    yield paragraph(_both(case, lambda labels: labels.heart_lung), Look(14, ACCENT, bold=True))
    yield Spacer(0, 3 * mm)
    yield _cards(case, both)
    yield Spacer(0, 1.5 * mm)
    yield from (paragraph(words.LABELS.rule, Look(TINY, FAINT)) for words, _ in case.words)
    yield Spacer(0, 4 * mm)
    if very_high := list(_very_high(case)):
        yield from (*very_high, Spacer(0, 1 * mm))
    yield from calcium_section(case, has_pictures=False)


def _both(case: CalciumCase, label: Callable[[CalciumLabels], str]) -> str:
    """A label in the languages of the report, on one line."""
    return "  ".join(dict.fromkeys(label(words.LABELS) for words, _ in case.words))


def _table(case: CalciumCase, statement: CalciumStatement) -> Table:
    """A row for each artery and their total, and apart from them one for each other site with calcium."""
    calcium = statement.score
    names = [lambda _: "", *(_named(name) for name in ("artery", "agatston", "volume", "lesions"))]
    rows = [[paragraph(_both(case, name), Look(7, FAINT)) for name in names]]
    rows += [_row(_site(case, artery), one) for artery, one in calcium.arteries]
    rows.append(_row(_both(case, lambda labels: labels.total), statement.total, bold=True))
    marks = [(row, SITE_RGB[artery]) for row, (artery, one) in enumerate(calcium.arteries, start=1) if one.lesions]
    if calcium.other:
        rows.append(["", paragraph(_both(case, lambda labels: labels.apart), Look(7, FAINT)), "", "", ""])
        marks += [(row, SITE_RGB[site]) for row, (site, _) in enumerate(calcium.other, start=len(rows))]
        rows += [_row(_site(case, site), one, has_score=site is not OtherCalcium.OTHER) for site, one in calcium.other]
    table = Table(rows, colWidths=[case.width * part for part in COLUMNS], hAlign="LEFT")
    lines = (("LINEBELOW", (1, 0), (-1, -1), 0.4, RULE), ("LEFTPADDING", (1, 0), (1, -1), SWATCH_GAP))
    apart = [("SPAN", (1, APART_ROW), (-1, APART_ROW))] if calcium.other else []
    table.setStyle(compact(*lines, *apart, *(_swatch(*mark) for mark in marks)))
    return table


def _named(name: str) -> Callable[[CalciumLabels], str]:
    return lambda labels: str(getattr(labels, name))


def _site(case: CalciumCase, site: CalciumSite) -> str:
    return "  ".join(words.site(site) for words, _ in case.words)


def _row(name: str, one: SiteScore, *, bold: bool = False, has_score: bool = True) -> list[object]:
    """A row of the table; dashes where a score would mean nothing."""
    numbers = (score(one.agatston), volume(one.volume_mm3)) if has_score else (DASH, DASH)
    texts = (name, *numbers, str(one.lesions))
    return ["", *(paragraph(text, Look(SMALL, bold=bold)) for text in texts)]


def _swatch(row: int, rgb: tuple[int, int, int]) -> tuple[object, ...]:
    """The colour of a site's outlines, before its name."""
    return ("BACKGROUND", (0, row), (0, row), _colour(rgb))


def _colour(rgb: tuple[int, int, int]) -> colors.Color:
    red, green, blue = (part / 255 for part in rgb)
    return colors.Color(red, green, blue)


def _picture(pixels: UInt8Array, width: float) -> Flowable:
    return picture(PilImage.fromarray(pixels), width)


@dataclass(frozen=True, slots=True, eq=False)
class _Card:
    """One half of the page, from top to bottom; a card without a picture has none and no caption."""

    title: str
    level: Level | None
    reasons: list[Flowable]
    picture: list[Flowable]


def _cards(case: CalciumCase, both: HeartLung) -> Table:
    """Both halves side by side, each with its level on its colour."""
    lung, heart = _lung_card(case, both), _heart_card(case, both)
    width = (case.width - CARD_GAP) / 2
    rows = [
        [paragraph(lung.title, BADGE), "", paragraph(heart.title, BADGE)],
        [lung.reasons, "", heart.reasons],
        [lung.picture, "", heart.picture],
    ]
    table = Table(rows, colWidths=[width, CARD_GAP, width], hAlign="LEFT")
    style = compact(
        *(
            command
            for column, card in ((0, lung), (2, heart))
            for command in (
                ("BACKGROUND", (column, 0), (column, 0), _colour(LEVEL_RGB[card.level])),
                ("BOX", (column, 0), (column, -1), 0.6, RULE),
                ("LEFTPADDING", (column, 0), (column, -1), CARD_PADDING),
                ("RIGHTPADDING", (column, 0), (column, -1), CARD_PADDING),
                ("TOPPADDING", (column, 0), (column, -1), CARD_PADDING),
                ("BOTTOMPADDING", (column, 0), (column, -1), CARD_PADDING),
            )
        )
    )
    table.setStyle(style)
    return table


def _lung_card(case: CalciumCase, both: HeartLung) -> _Card:
    level, nodule = None if both.lung is None else both.lung.level, case.statements.shown
    title = _title(case, lambda labels: labels.lung, lambda words: words.level(level))
    said = case.statements
    summaries = [plain.summary(said.nodules, is_limited=said.is_search_limited) for _, plain in case.words]
    found = [paragraph(summary, Look(BODY)) for summary in summaries]
    why = [paragraph(lung_reason(words, both), Look(SMALL, FAINT)) for words, _ in case.words]
    shown: list[Flowable] = []
    if nodule is not None:
        caption = "  ".join(words.nodule_caption(nodule) for words, _ in case.words)
        shown = [
            _picture(
                nodule_panels(case.volume, nodule, words_of(case.language).pictures.LABELS)[0], CARD_PICTURE_WIDTH
            ),
            _caption(caption),
        ]
    return _Card(title, level, [*found, *why], shown)


def _heart_card(case: CalciumCase, both: HeartLung) -> _Card:
    level, statement = None if both.heart is None else both.heart.level, case.statements.calcium
    title = _title(case, lambda labels: labels.heart, lambda words: words.level(level))
    if statement is None:
        return _Card(title, None, [paragraph(heart_reason(words, both), Look(BODY)) for words, _ in case.words], [])
    found = [paragraph(words.summary(statement), Look(BODY)) for words, _ in case.words]
    shown: list[Flowable] = []
    if statement.slices:
        labels = words_of(case.language).pictures.LABELS
        pixels = calcium_panel(case.volume, statement.score, statement.slices[0], labels, PICTURE_PIXELS)
        caption = "  ".join(words.slice_caption() for words, _ in case.words)
        shown = [_picture(pixels, CARD_PICTURE_WIDTH), _caption(caption)]
    return _Card(title, level, found, shown)


def _title(case: CalciumCase, name: Callable[[CalciumLabels], str], level: Callable[[CalciumWords], str]) -> str:
    """The name of a half, and its level on the line below."""
    names = "  ".join(name(words.LABELS) for words, _ in case.words)
    return f"{names}\n{'  '.join(level(words) for words, _ in case.words)}"


def _caption(text: str) -> Flowable:
    return paragraph(text, Look(TINY, FAINT))
