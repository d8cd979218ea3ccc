"""Paragraphs of the PDF page in whatever letters: a font for each, embedded for Chinese, Japanese and Korean.

An embedded font looks the same in every viewer, and a document that is archived in a PACS needs no font of its reader.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import cache
from importlib.resources import as_file, files
from itertools import groupby
from xml.sax.saxutils import escape

from reportlab import rl_config
from reportlab.lib import colors
from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.styles import ParagraphStyle
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import Paragraph

INK = colors.HexColor("#1c2733")
FAINT = colors.HexColor("#5b6875")
ACCENT = colors.HexColor("#0b6e8a")
RULE = colors.HexColor("#c9d1d9")

rl_config.useA85 = 0
"""Streams as bytes: reportlab's ASCII-85 coder is written in Python and took a second per picture."""

LATIN_FONT, LATIN_BOLD_FONT = "Helvetica", "Helvetica-Bold"
CJK_FONT = "DroidSansFallback"
"""Holds GB 2312, GBK, Big5, kana and Hangul, and no Latin letters."""
OTHER_FONT = "STSong-Light"
"""Adobe's named font, which viewers bring along: Cyrillic, Greek and what else GB 2312 has."""

WESTERN = "cp1252"
"""What the standard fonts of PDF hold."""


@dataclass(frozen=True, slots=True)
class Look:
    """How a paragraph looks. The other fonts have no bold letters, so a paragraph with any of them has none."""

    points: float
    colour: colors.Color = INK
    bold: bool = False
    right: bool = False


def paragraph(text: str, look: Look) -> Paragraph:
    """Plain text: markup characters are shown, control characters left out, line feeds kept."""
    register_fonts()
    shown = "".join(c if unicodedata.category(c) != "Cc" or c == "\n" else " " for c in text)
    runs = [(font, escape("".join(letters))) for font, letters in groupby(shown, font_for)]
    only_latin = all(font == LATIN_FONT for font, _ in runs)
    latin = LATIN_BOLD_FONT if look.bold and only_latin else LATIN_FONT
    markup = "".join(f'<font name="{latin if font == LATIN_FONT else font}">{part}</font>' for font, part in runs)
    return Paragraph(markup.replace("\n", "<br/>"), _style(look, cjk=not only_latin))


def font_for(letter: str) -> str:
    """A font that has the letter, as far as there is one."""
    if letter == "\n" or _is_western(letter):
        return LATIN_FONT
    return CJK_FONT if ord(letter) in _cjk_letters() else OTHER_FONT


def _is_western(letter: str) -> bool:
    try:
        letter.encode(WESTERN)
    except UnicodeEncodeError:
        return False
    return True


@cache
def _style(look: Look, *, cjk: bool) -> ParagraphStyle:
    alignment = {"alignment": TA_RIGHT} if look.right else {}
    wrap = {"wordWrap": "CJK"} if cjk else {}
    leading = look.points * 1.25
    return ParagraphStyle(
        "", fontName=LATIN_FONT, fontSize=look.points, leading=leading, textColor=look.colour, **alignment, **wrap
    )


@cache
def _cjk_letters() -> frozenset[int]:
    return frozenset(_cjk_font().face.charToGlyph)


@cache
def _cjk_font() -> TTFont:
    with as_file(files("cad.report") / "fonts" / f"{CJK_FONT}.ttf") as path:
        return TTFont(CJK_FONT, str(path))


@cache
def register_fonts() -> None:
    """Makes the fonts known to reportlab."""
    pdfmetrics.registerFont(_cjk_font())
    pdfmetrics.registerFont(UnicodeCIDFont(OTHER_FONT))
