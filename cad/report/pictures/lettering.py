"""Letters on pictures: fonts that are the same on every machine, so that pages are reproducible."""

from __future__ import annotations

import io
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from itertools import groupby
from typing import Any

from PIL import ImageDraw, ImageFont

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

DRAWABLE = str.maketrans({"–": "-", "×": "x", "³": "3", "²": "2"})
"""What the built-in font has for letters that it lacks."""

FIRST_CJK = 0x2E80
"""From here on Unicode has Chinese letters and their punctuation, which have no spaces between words."""


NEVER_FIRST = frozenset("，。；：、！？）》】")
"""Punctuation that begins no line of Chinese: it hangs over instead."""


@cache
def font_of(points: int) -> Font:
    """Pillow's built-in font: Latin letters only."""
    return ImageFont.load_default(points)


@cache
def cjk_font_of(points: int) -> Font:
    """The font of the package for Chinese, Japanese and Korean letters, which has no Latin ones."""
    content = (files("cad.report") / "fonts" / "DroidSansFallback.ttf").read_bytes()
    return ImageFont.truetype(io.BytesIO(content), points)


def length_of(text: str, points: int) -> float:
    """The width of a line in pixels."""
    return sum(float(font.getlength(part)) for part, font in _runs(text, points))


def draw_text(
    pen: ImageDraw.ImageDraw,
    place: tuple[float, float],
    text: str,
    points: int,
    **look: Any,  # noqa: ANN401 - Pillow's
) -> None:
    """A line of letters of any script. `look` is as Pillow's `text` takes it, its `anchor` that of the whole line."""
    anchor = str(look.pop("anchor", "la"))
    runs = list(_runs(text.translate(DRAWABLE), points))
    across, upright = anchor[0], anchor[1]
    x = place[0] - length_of(text, points) * {"l": 0.0, "m": 0.5, "r": 1.0}[across]
    if all(font is font_of(points) for _, font in runs):
        pen.text(place, text.translate(DRAWABLE), font=font_of(points), anchor=anchor, **look)
        return
    for part, font in runs:
        pen.text((x, place[1]), part, font=font, anchor=f"l{upright}", **look)
        x += float(font.getlength(part))


def wrapped(line: str, width: float, points: int) -> list[str]:
    """The line broken at spaces, or between Chinese letters, where it would be wider than `width` pixels."""
    parts = [""]
    for word in _words(line.translate(DRAWABLE)):
        longer = parts[-1] + word
        if parts[-1].strip() and word not in NEVER_FIRST and length_of(longer.rstrip(), points) > width:
            parts[-1] = parts[-1].rstrip()
            parts.append(f"    {word}" if word.isascii() else word)
        else:
            parts[-1] = longer
    return [*parts[:-1], parts[-1].rstrip()]


def _words(line: str) -> Iterator[str]:
    """The pieces that a line may be broken between, each with the spaces that follow it."""
    piece = ""
    for letter in line:
        if _is_cjk(letter):
            if piece:
                yield piece
            yield letter
            piece = ""
        else:
            piece += letter
            if letter == " ":
                yield piece
                piece = ""
    if piece:
        yield piece


def _runs(text: str, points: int) -> Iterator[tuple[str, Font]]:
    for is_cjk, letters in groupby(text, _is_cjk):
        yield "".join(letters), cjk_font_of(points) if is_cjk else font_of(points)


def _is_cjk(letter: str) -> bool:
    return ord(letter) >= FIRST_CJK
