"""What pydicom raises for damaged bytes."""

from __future__ import annotations

import struct
import zlib

from pydicom.errors import BytesLengthException, InvalidDicomError

PARSE_ERRORS = (
    InvalidDicomError,  # no DICOM, or damaged file meta information
    BytesLengthException,  # a value whose length does not fit its VR
    EOFError,  # ends inside a sequence
    NotImplementedError,  # a VR that does not exist
    OSError,  # a delimiter that never comes, or a seek beyond the end (the file itself was opened before)
    KeyError,  # a VR or tag that does not exist
    ValueError,  # a value that does not parse (includes UnicodeDecodeError)
    TypeError,  # an integer string with a fraction
    OverflowError,  # a number that is too large
    AttributeError,  # a damaged sequence item
    RecursionError,  # sequences nested without end
    struct.error,  # ends inside a number
    zlib.error,  # a damaged deflated data set
)
"""What pydicom raises for damaged bytes; caught only around calls of pydicom whose other arguments are constant."""
