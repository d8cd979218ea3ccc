"""Texts of patient and study whose bytes do not fit the character set that the object declares.

A name in GBK, Big5 or Shift-JIS without a declaration would be decoded as another name, one whose second byte is a
backslash as two. The bytes are kept as they are, so that results can repeat them; no text is made up.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping

from pydicom.charset import convert_encodings, decode_bytes
from pydicom.datadict import dictionary_VM, dictionary_VR, tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.valuerep import PersonName

from dicom_io.read.damage import PARSE_ERRORS

_ASCII = 0x80
_CONTROLS_OF_LATIN = range(0x80, 0xA0)
"""Bytes that no text of a single-byte set has (ISO 8859), and that second bytes of GBK and Big5 often are."""
_DELIMITERS = {ord(c) for c in "\\^="}


def odd_texts(ds: Dataset, keywords: Iterable[str]) -> Mapping[str, bytes]:
    """The values, as bytes, of those attributes that cannot be decoded as the object declares, or not as one value."""
    values = {keyword: value for keyword in keywords if (value := _raw(ds, keyword))}
    split = {keyword: value for keyword, value in values.items() if _is_split(keyword, value)}
    found = {keyword: value for keyword, value in values.items() if any(byte >= _ASCII for byte in value)}
    if not found:
        return split
    declared = _declared(ds)
    return {**split, **{keyword: value for keyword, value in found.items() if not _is_text(value, declared)}}


def _is_split(keyword: str, value: bytes) -> bool:
    """Whether a text of one value holds a backslash, which would make several of it.

    It is a person's slip, or the second byte of a letter of GBK, Big5 or Shift-JIS, which decoders take for a delimiter
    even where the set is declared.
    """
    return b"\\" in value and dictionary_VR(keyword) in ("LO", "PN", "SH") and dictionary_VM(keyword) == "1"


def _raw(ds: Dataset, keyword: str) -> bytes | None:
    tag = tag_for_keyword(keyword)
    try:
        element = None if tag is None else ds.get_item(tag)
        value = None if element is None else element.value
    except PARSE_ERRORS:  # a VR that does not exist
        return None
    if isinstance(element, RawDataElement):
        return value if isinstance(value, bytes) else None
    names = [name for name in (value if isinstance(value, MultiValue) else [value]) if isinstance(name, PersonName)]
    texts = [name.original_string for name in names if isinstance(name.original_string, bytes)]
    return b"\\".join(texts) if texts else None


def _declared(ds: Dataset) -> list[str] | None:
    """The declared character sets as Python names them; None when there are none, or none that exists."""
    try:
        value = ds.get("SpecificCharacterSet")
        terms = [str(v) for v in value] if isinstance(value, MultiValue | list) else [str(value or "")]
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return list(convert_encodings(terms)) if any(terms) else None
    except (*PARSE_ERRORS, UserWarning):
        return None


def _is_text(value: bytes, declared: list[str] | None) -> bool:
    if declared is None:
        return False
    is_latin = len(declared) == 1 and declared[0].replace("_", "-").startswith(("iso8859", "latin", "iso-8859"))
    if is_latin and any(byte in _CONTROLS_OF_LATIN for byte in value):
        return False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            decode_bytes(value, declared, _DELIMITERS)
    except (UserWarning, UnicodeError, LookupError):
        return False
    return True
