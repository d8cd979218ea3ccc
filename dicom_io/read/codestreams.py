"""What a compressed image says about its own size, read before a decoder is let near it."""

from __future__ import annotations

import struct

_JPEG_START = b"\xff\xd8"
_JPEG_2000_START = b"\xff\x4f\xff\x51"
_FRAME_MARKERS = frozenset({*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC})
"""SOF0 to SOF15 (ITU-T T.81 table B.1, without DHT, JPG and DAC) and SOF55 of JPEG-LS (ITU-T T.87)."""
_MARKERS_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD9)})


def coded_size(codestream: bytes) -> tuple[int, int] | None:
    """Rows and columns of a JPEG, JPEG-LS or JPEG 2000 image, or None when it is none of these or damaged."""
    if codestream.startswith(_JPEG_2000_START):
        return _jpeg_2000_size(codestream)
    if codestream.startswith(_JPEG_START):
        return _jpeg_size(codestream)
    return None


def _jpeg_2000_size(codestream: bytes) -> tuple[int, int] | None:
    """From the SIZ segment: Xsiz, Ysiz, XOsiz, YOsiz follow the capabilities (ITU-T T.800 A.5.1)."""
    if len(codestream) < 24:
        return None
    right, bottom, left, top = struct.unpack(">4L", codestream[8:24])
    return bottom - top, right - left


def _jpeg_size(codestream: bytes) -> tuple[int, int] | None:
    """From the first frame header: precision, lines, samples per line (ITU-T T.81 B.2.2)."""
    at = len(_JPEG_START)
    while at + 9 <= len(codestream) and codestream[at] == 0xFF:
        marker = codestream[at + 1]
        if marker in _FRAME_MARKERS:
            rows, columns = struct.unpack(">HH", codestream[at + 5 : at + 9])
            return rows, columns
        if marker == 0xFF:
            at += 1
        elif marker in _MARKERS_WITHOUT_LENGTH:
            at += 2
        else:
            at += 2 + int.from_bytes(codestream[at + 2 : at + 4], "big")
    return None
