"""What all parts of the PDF report share: sizes of letters, the look of tables, and pictures."""

from __future__ import annotations

import io

from PIL import Image as PilImage
from reportlab.platypus import Image
from reportlab.platypus.tables import TableStyle

BODY, SMALL, TINY = 7.8, 7.5, 6.3
"""Sizes of letters in points: sentences, the table, the small print."""


def compact(*more: tuple[object, ...]) -> TableStyle:
    """A table with little room around its cells, and what else is given."""
    return TableStyle(
        [
            ("LEFTPADDING", (0, 0), (-1, -1), 0),
            ("RIGHTPADDING", (0, 0), (-1, -1), 4),
            ("TOPPADDING", (0, 0), (-1, -1), 1),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 1.8),
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
            *more,
        ]
    )


def picture(image: PilImage.Image, width: float) -> Image:
    """A picture of this width in points, in its own proportions."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    buffer.seek(0)
    return Image(buffer, width=width, height=width * image.height / image.width, hAlign="LEFT")
