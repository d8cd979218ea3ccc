"""The PDF report for a human reader, in English and Chinese: one page of A4 for up to six nodules.

A comparison with earlier examinations has a line on it, and pages of its own behind it. Coronary calcium has a
line too, and its table on the last page, which sums up heart and lungs; on the first where nodules were not asked for.

The same case gives the same bytes: no time of day but the case's own, no random file identifier.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from PIL import Image as PilImage
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    BaseDocTemplate,
    Flowable,
    Image,
    KeepInFrame,
    KeepTogether,
    PageBreak,
    SimpleDocTemplate,
    Spacer,
    Table,
)
from reportlab.platypus.tables import TableStyle

from cad.domain import Caution, CtSeries, Nodule, Side, Volume
from cad.policy import GrowthPolicy
from cad.report.pdf.calcium import CalciumCase, calcium_overview, calcium_section, heart_lung_section
from cad.report.pdf.followup import FollowupCase, comparison_overview, comparison_section
from cad.report.pdf.layout import BODY, SMALL, TINY, compact, picture
from cad.report.pdf.lettering import ACCENT, FAINT, RULE, Look, paragraph
from cad.report.pictures.nodules import nodule_panels
from cad.report.pictures.overlay import lungs_overview
from cad.report.statements import Statements, Subject
from cad.report.statements.nodules import NoduleStatement, unknown_inputs
from cad.report.statements.provenance import Provenance
from cad.report.statements.study import StudyHeader
from cad.report.words.choices import Language
from cad.report.words.language import Cells, Labels, Technique, Words, sex_in
from cad.report.words.languages import LANGUAGES, words_of

MARGIN = 13 * mm
FRAME_PADDING = 6
"""Points that reportlab leaves free around the text of a page."""
WIDTH = A4[0] - 2 * MARGIN - 2 * FRAME_PADDING
TOP, BOTTOM = 9 * mm, 10 * mm
HEIGHT = A4[1] - TOP - BOTTOM - 2 * FRAME_PADDING
OVERVIEW_WIDTH = 105 * mm
PLANES_WIDTH: Mapping[int, float] = {1: 130 * mm, 2: 84 * mm}
"""Width of the three planes of one nodule, or of two side by side; more have a strip of axial pictures."""
STRIP_PICTURES = 6
STRIP_PICTURE_WIDTH = 27 * mm
WIDE_STRIP, WIDE_PICTURE_WIDTH = 3, 54 * mm

HEADING: Mapping[int, Sequence[float]] = {1: (0.6, 0.4), 2: (0.36, 0.24, 0.4)}
"""Parts of the width of the titles and what stands beside them, by the number of languages."""

COLUMNS: Sequence[tuple[str, float]] = (
    ("nodule", 0.095),
    ("place", 0.135),
    ("composition", 0.1),
    ("size", 0.12),
    ("volume", 0.14),
    ("signs", 0.24),
    ("suspicion", 0.08),
    ("brock", 0.09),
)
"""Columns of the table of nodules and their parts of the width."""


@dataclass(frozen=True, slots=True, eq=False)
class ReportCase:
    """What a report shows. `cautions` are those of reading the series.

    `image_numbers` are those under which a viewer shows the slices k; none where the images have no numbers.
    """

    header: StudyHeader
    series: CtSeries
    volume: Volume
    cautions: tuple[Caution, ...]
    statements: Statements
    provenance: Provenance
    language: Language = Language.BOTH
    growth: GrowthPolicy = field(default_factory=GrowthPolicy)
    image_numbers: tuple[str | None, ...] = ()

    @property
    def words(self) -> tuple[Words, ...]:
        """The languages, the first one first."""
        return tuple(one.nodules for one in LANGUAGES[self.language])

    @property
    def nodules(self) -> tuple[Nodule, ...]:
        """The nodules; none when they were not assessed."""
        return tuple(one.nodule for one in self.statements.found)

    @property
    def comparison(self) -> FollowupCase:
        """What the pages of comparison show."""
        return FollowupCase(self.volume, self.statements.followup, self.language, self.growth, WIDTH)

    @property
    def calcium(self) -> CalciumCase:
        """What the parts about calcium show."""
        return CalciumCase(self.volume, self.statements, self.language, WIDTH)

    @property
    def shows_calcium_alone(self) -> bool:
        """Whether the first page holds a score, since there is no page of heart and lungs."""
        return self.statements.calcium is not None and self.statements.heart_lung is None


class _LastPage(Flowable):  # type: ignore[misc]
    """Takes no room; knows after drawing on which page the flowable before it ended."""

    number = 0

    def wrap(self, *_: float) -> tuple[float, float]:
        return 0.0, 0.0

    def draw(self) -> None:
        self.number = self.canv.getPageNumber()


@dataclass(frozen=True, slots=True)
class _Layout:
    """How much room a report takes."""

    has_pictures: bool = True
    is_shrunk: bool = False
    """Drawn smaller, so that it fits on one page."""


LAYOUTS = (_Layout(), _Layout(has_pictures=False), _Layout(has_pictures=False, is_shrunk=True))
"""Tried in turn for up to six nodules until one fits on a page. The key images show the pictures that are left out."""


def report_pdf(case: ReportCase) -> bytes:
    """The report as the bytes of a PDF file: one page for up to six nodules, and those that follow it."""
    pdf, pages = _built(case, LAYOUTS[0])
    if len(case.nodules) <= STRIP_PICTURES:
        for layout in LAYOUTS[1:]:
            if pages == 1:
                break
            pdf, pages = _built(case, layout)
    return pdf


def _built(case: ReportCase, layout: _Layout) -> tuple[bytes, int]:
    """The PDF, and how many pages it has without those that follow."""
    buffer = io.BytesIO()
    template = SimpleDocTemplate(
        buffer,
        pagesize=A4,
        leftMargin=MARGIN,
        rightMargin=MARGIN,
        topMargin=TOP,
        bottomMargin=BOTTOM,
        title="lungcad report",
        author="lungcad",
        invariant=1,
    )
    story = list(_story(case, layout))
    if layout.is_shrunk:
        story = [KeepInFrame(WIDTH, HEIGHT, story, mode="shrink")]
    last, footer = _LastPage(), partial(_footer, case)
    whole = [*story, last, *_further_pages(case)]
    template.build(whole, onFirstPage=footer, onLaterPages=footer)
    return buffer.getvalue(), last.number


def _further_pages(case: ReportCase) -> Iterator[Flowable]:
    """The comparison, and heart and lungs, each on pages of their own."""
    if comparison := list(comparison_section(case.comparison)):
        yield from (PageBreak(), *comparison)
    if heart_lung := list(heart_lung_section(case.calcium)):
        yield from (PageBreak(), _study_table(case), Spacer(0, 3 * mm), *heart_lung)


def _story(case: ReportCase, layout: _Layout) -> Iterator[Flowable]:
    yield from _heading(case)
    yield _study_table(case)
    yield Spacer(0, 2 * mm)
    yield from _summary(case)
    yield from comparison_overview(case.comparison)
    yield from calcium_overview(case.calcium)
    said = case.statements.found
    if said:
        yield _nodule_table(case, said)
        yield Spacer(0, 1.5 * mm)
        for one in said:
            yield from _together(list(_sentence(case, one)), layout)
        yield from _lines(case, lambda words: words.LABELS.score_note, Look(TINY, FAINT))
        yield from _unknown(case)
    yield Spacer(0, 1.5 * mm)
    yield from _guidance(case)
    yield Spacer(0, 1.5 * mm)
    if case.shows_calcium_alone:
        yield from calcium_section(case.calcium, has_pictures=layout.has_pictures)
    if layout.has_pictures and not case.shows_calcium_alone:
        yield from _together([_pictures(case) if said else _overview(case), Spacer(0, 1.5 * mm)], layout)
    yield from _together(list(_closing(case)), layout)


def _together(flowables: list[Flowable], layout: _Layout) -> list[Flowable]:
    """Not parted by the end of a page, of which there is none in a shrunk report."""
    return flowables if layout.is_shrunk else [KeepTogether(flowables)]


def _footer(case: ReportCase, canvas: Canvas, template: BaseDocTemplate) -> None:
    """On each page what it is not, and its number."""
    texts = (_both(case, lambda labels: labels.footer), f"{template.page}")
    for text, is_right in zip(texts, (False, True), strict=True):
        line = paragraph(text, Look(TINY, FAINT, right=is_right))
        line.wrap(WIDTH, BOTTOM)
        line.drawOn(canvas, MARGIN + FRAME_PADDING, 5 * mm)


def _both(case: ReportCase, label: Callable[[Labels], str]) -> str:
    """A label in the languages of the report, on one line."""
    return " ".join(dict.fromkeys(label(words.LABELS) for words in case.words))


def _lines(case: ReportCase, say: Callable[[Words], str], look: Look) -> Iterator[Flowable]:
    """What is said, in a paragraph for each language; nothing where there is nothing to say."""
    for words in case.words:
        if text := say(words):
            yield paragraph(text, look)


def _heading(case: ReportCase) -> Iterator[Flowable]:
    titles = [paragraph(title, Look(14, ACCENT, bold=True)) for title in _titles(case)]
    origin = paragraph(_both(case, lambda labels: labels.origin), Look(8, FAINT, right=True))
    table = Table([[*titles, origin]], colWidths=[WIDTH * part for part in HEADING[len(titles)]], hAlign="LEFT")
    table.setStyle(
        TableStyle(
            [
                ("LINEBELOW", (0, 0), (-1, -1), 1.2, ACCENT),
                ("LEFTPADDING", (0, 0), (-1, -1), 0),
                ("RIGHTPADDING", (0, 0), (-1, -1), 0),
                ("VALIGN", (0, 0), (-1, -1), "BOTTOM"),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 4),
            ]
        )
    )
    yield table
    yield Spacer(0, 1.5 * mm)


def _titles(case: ReportCase) -> list[str]:
    """What the report is about, in each language."""
    if case.statements.mentions_calcium:
        return [words.LABELS.title for words, _ in case.calcium.words]
    return [words.LABELS.title for words in case.words]


def _study_table(case: ReportCase) -> Table:
    header = case.header
    missing = _both(case, lambda labels: labels.not_given)
    code = header.sex or ""
    sex = _both(case, lambda labels: sex_in(labels, code))
    series = f"{header.series_number or missing}  {header.series_description or missing}"
    cells: tuple[tuple[Callable[[Labels], str], str | None], ...] = (
        (lambda labels: labels.patient, header.patient_name),
        (lambda labels: labels.patient_id, header.patient_id),
        (lambda labels: labels.born, header.birth_date),
        (lambda labels: labels.study, header.study_date),
        (lambda labels: labels.accession, header.accession_number),
        (lambda labels: labels.sex, sex),
        (lambda labels: labels.series, series),
    )
    looks = (Look(SMALL, FAINT), Look(SMALL))
    texts = [text for label, value in cells for text in (_both(case, label), value or missing)]
    paragraphs = [paragraph(text, looks[number % 2]) for number, text in enumerate(texts)]
    rows = [paragraphs[:6], paragraphs[6:12], [*paragraphs[12:], "", "", "", ""]]
    table = Table(rows, colWidths=[WIDTH * part for part in (0.1, 0.27, 0.16, 0.2, 0.1, 0.17)], hAlign="LEFT")
    table.setStyle(compact(("SPAN", (1, 2), (-1, 2)), ("LINEBELOW", (0, -1), (-1, -1), 0.5, RULE)))
    return table


def _technique(case: ReportCase) -> Technique:
    series, lungs = case.series, case.statements.lungs
    return Technique(
        slices=series.slices,
        spacing_mm=series.spacing_mm,
        kernel=series.kernel,
        kvp=series.kvp,
        contrast=series.contrast,
        right_ml=None if lungs is None else lungs.volume_ml(Side.RIGHT),
        left_ml=None if lungs is None else lungs.volume_ml(Side.LEFT),
    )


def _summary(case: ReportCase) -> Iterator[Flowable]:
    said = case.statements
    limited = said.is_search_limited
    yield from _lines(case, lambda words: words.summary(said.nodules, is_limited=limited), Look(10, bold=True))
    technique = _technique(case)
    yield from _lines(case, lambda words: f"{words.technique(technique)} {words.lungs(technique)}", Look(SMALL, FAINT))
    yield Spacer(0, 1.5 * mm)


def _nodule_table(case: ReportCase, said: Sequence[NoduleStatement]) -> Table:
    heads = [
        paragraph("\n".join(dict.fromkeys(getattr(words.LABELS, name) for words in case.words)), Look(7, FAINT))
        for name, _ in COLUMNS
    ]
    rows = [[paragraph(text, Look(SMALL)) for text in _row(case, one)] for one in said]
    table = Table([heads, *rows], colWidths=[WIDTH * part for _, part in COLUMNS], repeatRows=1, hAlign="LEFT")
    table.setStyle(compact(("LINEBELOW", (0, 0), (-1, -1), 0.4, RULE)))
    return table


def _row(case: ReportCase, said: NoduleStatement) -> Iterator[str]:
    """The cells of one nodule: words in each language, numbers once."""
    cells = [words.cells(said) for words in case.words]
    yield f"{case.words[0].label(said.nodule)}\n{_where(case, said.nodule)}"
    for name, _ in COLUMNS[1:]:
        yield _cell(cells, name)


def _where(case: ReportCase, nodule: Nodule) -> str:
    """Series and image number, by which a radiologist navigates, and the height for those that have none."""
    k, numbers = nodule.diameters.slice_k, case.image_numbers
    number = numbers[k] if k < len(numbers) else None
    height = f"z {nodule.centre.z:.1f} mm"
    return height if number is None else f"Se {case.header.series_number or '-'} Im {number}\n{height}"


def _cell(cells: Sequence[Cells], name: str) -> str:
    texts = list(dict.fromkeys(getattr(one, name) for one in cells))
    return texts[0] if name == "size" else "\n".join(texts)


def _sentence(case: ReportCase, said: NoduleStatement) -> Iterator[Flowable]:
    """One nodule in every language."""
    yield from _lines(case, lambda words: words.nodule_sentence(said), Look(BODY))
    yield Spacer(0, 0.5 * mm)


def _unknown(case: ReportCase) -> Iterator[Flowable]:
    if names := unknown_inputs(case.statements.found):
        yield from _lines(case, lambda words: words.unknown(names), Look(TINY, FAINT))


def _guidance(case: ReportCase) -> Iterator[Flowable]:
    """The recommendation in every language, then in each the rule and what was assumed."""
    said = [words.guidance(case.statements.guidelines) for words in case.words]
    yield from (paragraph(sentences[0], Look(BODY, bold=True)) for sentences in said if sentences)
    yield from (paragraph(text, Look(SMALL, FAINT)) for sentences in said for text in sentences[1:])


def _pictures(case: ReportCase) -> Flowable:
    """The three planes of one or two nodules, or a strip with axial pictures of the largest."""
    largest = sorted(case.nodules, key=lambda nodule: -nodule.diameters.mean_mm)
    has_planes = len(largest) in PLANES_WIDTH
    columns = len(largest) if has_planes or len(largest) == WIDE_STRIP else STRIP_PICTURES
    strip_width = WIDE_PICTURE_WIDTH if len(largest) == WIDE_STRIP else STRIP_PICTURE_WIDTH
    width = PLANES_WIDTH.get(len(largest), strip_width)
    shown = largest[:columns]
    pictures: list[Flowable] = []
    for nodule in shown:
        panels = nodule_panels(case.volume, nodule, words_of(case.language).pictures.LABELS)
        pixels = np.concatenate(panels, axis=1) if has_planes else panels[0]
        pictures.append(picture(PilImage.fromarray(pixels), width))
    captions = [paragraph(_caption(case, nodule), Look(TINY, FAINT)) for nodule in shown]
    table = Table([pictures, captions], colWidths=[WIDTH / columns] * len(shown), hAlign="LEFT")
    table.setStyle(compact())
    return table


def _caption(case: ReportCase, nodule: Nodule) -> str:
    return f"{case.words[0].label(nodule)}, {nodule.diameters.mean_mm:.1f} mm"


def _overview(case: ReportCase) -> Image:
    labels = words_of(case.language).pictures.LABELS
    return picture(lungs_overview(case.volume, case.statements.lungs, labels), OVERVIEW_WIDTH)


def _closing(case: ReportCase) -> Iterator[Flowable]:
    """Cautions, what was not assessed, the limits, and who made this."""
    for caution in dict.fromkeys((*case.cautions, *case.statements.cautions)):
        said = " ".join(f"{words.LABELS.note}: {words.caution(caution)}" for words in case.words)
        yield paragraph(said, Look(SMALL, FAINT))
    why = case.statements.missing.get(Subject.FOLLOWUP)
    followup = None if why is None else why.reason
    calcium = not case.statements.mentions_calcium  # any other reason is said above
    missing = " ".join(words.not_assessed(followup=followup, calcium=calcium) for words in case.words).strip()
    if missing:
        yield paragraph(missing, Look(SMALL, FAINT))
    yield from _lines(case, lambda words: words.LABELS.limits, Look(TINY, FAINT))
    yield from _lines(case, partial(_made_by, case), Look(6, FAINT))


def _made_by(case: ReportCase, words: Words) -> str:
    found = case.statements
    models = "; ".join(f"{m.name} {m.version} ({m.sha256[:12]})" for m in found.models)
    return words.made_by(case.provenance, models, found.policy_version, case.series.series_uid)
