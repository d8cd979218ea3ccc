"""The PDF report for a human reader: one page of A4 unless there are many nodules.

The same case gives the same bytes: no time of day but the case's own, no random file identifier.
"""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Sequence
from functools import cache
from itertools import groupby
from xml.sax.saxutils import escape

from PIL import Image as PilImage
from pydicom.dataset import Dataset
from reportlab import rl_config
from reportlab.lib import colors
from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.platypus import Flowable, Image, KeepTogether, Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

from cad.domain import Assessment, Nodule, NotAssessed, Side
from cad.service.case import CaseResult
from cad.service.overlay import lungs_overview
from dicom_io.key_image_pages import HEADER_PIXELS, PANEL_PIXELS, nodule_page

MARGIN = 15 * mm
FRAME_PADDING = 6
"""Points that reportlab leaves free around the text of a page."""
WIDTH = A4[0] - 2 * MARGIN - 2 * FRAME_PADDING
PICTURES = 3
PICTURE_WIDTH = 128 * mm
"""Three nodules in three planes leave room on the page for a table of six."""
OVERVIEW_WIDTH = 105 * mm

INK = colors.HexColor("#1c2733")
FAINT = colors.HexColor("#5b6875")
ACCENT = colors.HexColor("#0b6e8a")
RULE = colors.HexColor("#c9d1d9")

rl_config.useA85 = 0
"""Streams as bytes: reportlab's ASCII-85 coder is written in Python and took a second per picture."""

LATIN_FONT = "Helvetica"
CHINESE_FONT = "STSong-Light"
KOREAN_FONT = "HYSMyeongJo-Medium"
"""Adobe's named fonts for CJK, which viewers bring along; they also hold Cyrillic and Greek."""

LIMITS = (
    "Automatic result of research software that is not a medical device. It must be verified by a physician against "
    "the images. Nodules can be missed, and marks can be wrong. Nodules under 3 mm are not reported. Lobes, margins, "
    "solid components, comparison with prior examinations and coronary calcium are not assessed in this version. "
    "Sizes are means of the long and short axis in the axial slice of largest area."
)


def report_pdf(result: CaseResult) -> bytes:
    """The report as the bytes of a PDF file."""
    _register_fonts()
    buffer = io.BytesIO()
    template = SimpleDocTemplate(
        buffer,
        pagesize=A4,
        leftMargin=MARGIN,
        rightMargin=MARGIN,
        topMargin=13 * mm,
        bottomMargin=12 * mm,
        title="lungcad nodule report",
        author="lungcad",
        invariant=1,
    )
    template.build(_story(result))
    return buffer.getvalue()


def _story(result: CaseResult) -> list[Flowable]:
    nodules = () if isinstance(result.findings.nodules, NotAssessed) else result.findings.nodules
    story = [*_heading(), _study_table(result), Spacer(0, 3 * mm), *_summary(result)]
    if nodules:
        story += [_nodule_table(nodules), Spacer(0, 3 * mm), *_pictures(result, nodules)]
    else:
        story += [_overview(result), Spacer(0, 3 * mm)]
    return [*story, KeepTogether(_closing(result))]


def _heading() -> list[Flowable]:
    title = Paragraph("<b>Lung nodules on chest CT</b>", _style(15, colour=ACCENT))
    origin = Paragraph("lungcad, automatic reading", _style(9, colour=FAINT, right=True))
    table = Table([[title, origin]], colWidths=[WIDTH * 0.62, WIDTH * 0.38], hAlign="LEFT")
    table.setStyle(
        TableStyle(
            [
                ("LINEBELOW", (0, 0), (-1, -1), 1.2, ACCENT),
                ("LEFTPADDING", (0, 0), (-1, -1), 0),
                ("RIGHTPADDING", (0, 0), (-1, -1), 0),
                ("VALIGN", (0, 0), (-1, -1), "BOTTOM"),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 5),
            ]
        )
    )
    return [table, Spacer(0, 2 * mm)]


def _study_table(result: CaseResult) -> Table:
    header, series = result.loaded.evidence.datasets[0], result.loaded.series
    dx, dy, dz = series.spacing_mm
    contrast = {True: "with contrast", False: "without contrast", None: "contrast not stated"}[series.contrast]
    image = (
        f"{series.slices} slices, {dx:.2f} × {dy:.2f} × {dz:.2f} mm, kernel {series.kernel or 'unknown'}, {contrast}"
    )
    rows = [
        ("Patient", patient_name(header), "ID", _value(header, "PatientID")),
        ("Born", _date(_value(header, "PatientBirthDate")), "Sex", _value(header, "PatientSex")),
        ("Study", _date(_value(header, "StudyDate")), "Accession", _value(header, "AccessionNumber")),
        ("Series", f"{_value(header, 'SeriesNumber')}  {_value(header, 'SeriesDescription')}", "Images", image),
    ]
    table = Table(
        [_study_row(row) for row in rows], colWidths=[WIDTH * part for part in (0.09, 0.34, 0.12, 0.45)], hAlign="LEFT"
    )
    table.setStyle(_compact(("LINEBELOW", (0, -1), (-1, -1), 0.5, RULE)))
    return table


def _study_row(row: Sequence[str]) -> list[Paragraph]:
    return [_text(value, 9, colour=FAINT if column % 2 == 0 else INK) for column, value in enumerate(row)]


def patient_name(header: Dataset) -> str:
    """The patient's name in every way the header spells it, components separated by spaces."""
    name = header.get("PatientName")
    if not name:
        return "not given"
    groups = (str(name.alphabetic), str(name.ideographic), str(name.phonetic))
    return "  ".join(" ".join(group.replace("^", " ").split()) for group in groups if group)


def _summary(result: CaseResult) -> list[Flowable]:
    paragraphs: list[Flowable] = [_text(summary_sentence(result), 11, bold=True)]
    lungs = result.findings.lungs
    right, left = lungs.volume_ml(Side.RIGHT), lungs.volume_ml(Side.LEFT)
    paragraphs.append(_text(f"Lungs in view: right {right:.0f} ml, left {left:.0f} ml.", 9))
    cautions = (*result.loaded.cautions, *result.findings.warnings)
    notes = [_text(f"Note: {caution.text}", 9, colour=FAINT) for caution in cautions]
    return [*paragraphs, *_guidance(result.findings.assessment), *notes, Spacer(0, 2.5 * mm)]


def _guidance(assessment: Assessment | NotAssessed) -> list[Flowable]:
    sentences = guidance_sentences(assessment)
    return [_text(sentence, 9, colour=FAINT if number else INK) for number, sentence in enumerate(sentences)]


def guidance_sentences(assessment: Assessment | NotAssessed) -> list[str]:
    """What the applicable guideline says, why, and what was assumed; or why none was chosen."""
    if isinstance(assessment, NotAssessed):
        return []
    applicable = assessment.applicable
    if applicable.guideline is None:
        return [f"No guideline was chosen: {applicable.because}. findings.json lists what each of them says."]
    said = assessment.recommendation(applicable.guideline)
    category = said.category or f"one of {', '.join(said.possible) or 'none'}"
    sentences = [
        f"{said.scheme} {said.edition}: {category}. {said.management}.",
        f"Because: {said.because} ({applicable.because}).",
    ]
    return sentences + ([f"Assumed: {'; '.join(said.assuming)}."] if said.assuming else [])


def summary_sentence(result: CaseResult) -> str:
    """What was found, in one sentence."""
    nodules = result.findings.nodules
    if isinstance(nodules, NotAssessed):
        return "Nodules were not asked for and not assessed."
    if not nodules:
        return "No nodule was found."
    largest = max(nodules, key=lambda nodule: nodule.diameters.mean_mm)
    count = "One nodule was" if len(nodules) == 1 else f"{len(nodules)} nodules were"
    size = f"{largest.diameters.mean_mm:.1f} mm, {largest.composition.value}, {largest.side.value} lung"
    return f"{count} found{'' if len(nodules) == 1 else '; the largest'}: {size} ({largest.label})."


def _nodule_table(nodules: Sequence[Nodule]) -> Table:
    titles = (
        "",
        "Lung",
        "Composition",
        "Mean mm",
        "Long × short mm",
        "Volume mm³",
        "Mean HU",
        "Mass mg",
        "z mm",
        "Score",
    )
    rows = [[_text(title, 8, colour=FAINT) for title in titles]]
    rows += [[_text(value, 9) for value in _nodule_row(nodule)] for nodule in nodules]
    parts = (0.12, 0.07, 0.13, 0.09, 0.15, 0.1, 0.09, 0.09, 0.09, 0.07)
    table = Table(rows, colWidths=[WIDTH * part for part in parts], repeatRows=1, hAlign="LEFT")
    table.setStyle(_compact(("LINEBELOW", (0, 0), (-1, -1), 0.4, RULE)))
    return table


def _nodule_row(nodule: Nodule) -> tuple[str, ...]:
    d = nodule.diameters
    return (
        nodule.label,
        nodule.side.value,
        nodule.composition.value,
        f"{d.mean_mm:.1f}",
        f"{d.long_axis_mm:.1f} × {d.short_axis_mm:.1f}",
        f"{nodule.volume_mm3:.0f}",
        f"{nodule.mean_hu:.0f}",
        f"{nodule.mass_mg:.0f}",
        f"{nodule.centre.z:.1f}",
        f"{nodule.score:.2f}",
    )


def _pictures(result: CaseResult, nodules: Sequence[Nodule]) -> list[Flowable]:
    """The largest nodules in three planes."""
    largest = sorted(nodules, key=lambda nodule: -nodule.diameters.mean_mm)[:PICTURES]
    flowables: list[Flowable] = []
    for nodule in largest:
        page = nodule_page(result.loaded.volume, nodule, ())
        panels = PilImage.fromarray(page[HEADER_PIXELS : HEADER_PIXELS + PANEL_PIXELS])
        caption = _text(f"{nodule.label}: axial, coronal, sagittal; 60 mm wide or more, lung window", 8, colour=FAINT)
        flowables.append(KeepTogether([_picture(panels, PICTURE_WIDTH), caption, Spacer(0, 2 * mm)]))
    return flowables


def _overview(result: CaseResult) -> Image:
    return _picture(lungs_overview(result.loaded.volume, result.findings.lungs), OVERVIEW_WIDTH)


def _picture(picture: PilImage.Image, width: float) -> Image:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    buffer.seek(0)
    return Image(buffer, width=width, height=width * picture.height / picture.width, hAlign="LEFT")


def _closing(result: CaseResult) -> list[Flowable]:
    provenance = result.document["provenance"]
    assert isinstance(provenance, dict)
    models = "; ".join(f"{m.name} {m.version} ({m.sha256[:12]})" for m in result.findings.models) or "no network used"
    made = (
        f"lungcad {provenance['version']}, {models}, policy {provenance['policy_version']}, {provenance['started']}. "
        f"Series {result.loaded.series.series_uid}."
    )
    return [_text(LIMITS, 8, colour=FAINT), Spacer(0, 1.5 * mm), _text(made, 7, colour=FAINT)]


def _compact(*more: tuple[object, ...]) -> TableStyle:
    return TableStyle(
        [
            ("LEFTPADDING", (0, 0), (-1, -1), 0),
            ("RIGHTPADDING", (0, 0), (-1, -1), 4),
            ("TOPPADDING", (0, 0), (-1, -1), 1.2),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 2.2),
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
            *more,
        ]
    )


def _text(value: str, points: float, *, bold: bool = False, colour: colors.Color = INK) -> Paragraph:
    """A paragraph of plain text: markup characters are shown, control characters left out."""
    shown = "".join(c if unicodedata.category(c) != "Cc" else " " for c in value)
    runs = [(font, escape("".join(letters))) for font, letters in groupby(shown, font_for)]
    markup = "".join(text if font == LATIN_FONT else f'<font name="{font}">{text}</font>' for font, text in runs)
    only_latin = all(font == LATIN_FONT for font, _ in runs)
    return Paragraph(f"<b>{markup}</b>" if bold and only_latin else markup, _style(points, colour, cjk=not only_latin))


def font_for(letter: str) -> str:
    """A font that has the letter, as far as the fonts of PDF viewers go."""
    if ord(letter) < 256 or letter in "–—’“”…":
        return LATIN_FONT
    return KOREAN_FONT if "HANGUL" in unicodedata.name(letter, "") else CHINESE_FONT


@cache
def _style(points: float, colour: colors.Color = INK, *, right: bool = False, cjk: bool = False) -> ParagraphStyle:
    alignment = {"alignment": TA_RIGHT} if right else {}
    wrap = {"wordWrap": "CJK"} if cjk else {}
    leading = points * 1.25
    return ParagraphStyle(
        "", fontName=LATIN_FONT, fontSize=points, leading=leading, textColor=colour, **alignment, **wrap
    )


@cache
def _register_fonts() -> None:
    for font in (CHINESE_FONT, KOREAN_FONT):
        pdfmetrics.registerFont(UnicodeCIDFont(font))


def _value(header: Dataset, keyword: str) -> str:
    value = header.get(keyword)
    return "not given" if value in (None, "") else str(value)


def _date(value: str) -> str:
    """A DICOM date (DA) as year-month-day; anything else as it is."""
    return f"{value[:4]}-{value[4:6]}-{value[6:]}" if len(value) == 8 and value.isdigit() else value
