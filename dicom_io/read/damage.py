"""What pydicom and zipfile raise for damaged bytes."""

from __future__ import annotations

import lzma
import struct
import zipfile
import zlib

from pydicom.errors import BytesLengthException, InvalidDicomError

PARSE_ERRORS = (
    InvalidDicomError,  # no DICOM, or damaged file meta information
    BytesLengthException,  # a value whose length does not fit its VR
    EOFError,  # ends inside a sequence
    NotImplementedError,  # a VR that does not exist
    OSError,  # a delimiter that never comes, or a seek beyond the end (the file itself was opened before)
    KeyError,  # a VR or tag that does not exist
    IndexError,  # a sequence without the item that it must have
    ValueError,  # a value that does not parse (includes UnicodeDecodeError)
    TypeError,  # an integer string with a fraction
    OverflowError,  # a number that is too large
    AttributeError,  # a damaged sequence item
    RecursionError,  # sequences nested without end
    struct.error,  # ends inside a number
    zlib.error,  # a damaged deflated data set
)
"""What pydicom raises for damaged bytes; caught only around calls of pydicom whose other arguments are constant."""

ARCHIVE_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    NotImplementedError,  # a way of compression that is not known
    RuntimeError,  # a member that its own header calls encrypted, and the directory does not
    ValueError,  # a name or a place that cannot be
    OverflowError,
    KeyError,  # a member that the directory names twice, or not at all
    OSError,  # a place before the beginning of the archive, and damaged bzip2 data
    struct.error,
)
"""What zipfile raises for damaged bytes of an archive that is open."""
