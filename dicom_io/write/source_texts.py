"""Texts of the source whose character set is unknown → the same bytes in our objects."""

from __future__ import annotations

from collections.abc import Iterable

from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from dicom_io.read.evidence import SourceTexts

_TEXT_VRS = ("LO", "LT", "PN", "SH", "ST", "UC", "UT")
_CHARACTER_SET = Tag("SpecificCharacterSet")


def repeat_texts(objects: Iterable[Dataset], texts: SourceTexts | None) -> None:
    """Give each object the source's bytes and its declaration, or none, where all else that it says is ASCII.

    An object with other words of ours needs a character set of its own, in which the bytes would be another text: it
    is left without them.
    """
    if texts is None:
        return
    for dataset in objects:
        if all(_is_ascii(element) for element in dataset.iterall()):
            _repeat(dataset, texts)


def _repeat(dataset: Dataset, texts: SourceTexts) -> None:
    if texts.character_set is None:
        dataset.pop(_CHARACTER_SET, None)
    else:
        dataset[_CHARACTER_SET] = texts.character_set
    for keyword, value in texts.values.items():
        tag = tag_for_keyword(keyword)
        assert tag is not None, "the keywords are those of the standard"
        even = value + b" " * (len(value) % 2)
        dataset[tag] = RawDataElement(
            Tag(tag),
            dictionary_VR(tag),
            length=len(even),
            value=even,
            value_tell=0,
            is_implicit_VR=False,
            is_little_endian=True,
        )


def _is_ascii(element: DataElement) -> bool:
    return element.VR not in _TEXT_VRS or str(element.value).isascii()
