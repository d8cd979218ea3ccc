"""How inputs are broken: bytes overwritten, cut, doubled and put in; elements and JSON values replaced by others."""

from __future__ import annotations

import copy
import random
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items

LONGEST_SECONDS = 20.0
"""No small input takes longer, on a busy machine."""

LARGEST_MB = 400
"""No small input makes the process grow by more."""

ODD_TEXTS = (
    "",
    " ",
    "\\",
    "\\\\\\",
    "nan",
    "NaN",
    "inf",
    "-inf",
    "1e30",
    "-1e30",
    "1e-30",
    "0",
    "-0",
    "1e400",
    "99999999999999",
    "0x10",
    "1,5",
    "1.5mm",
    "\x00",
    "\x1b$B",
    "^" * 70,
    "=" * 9,
    "é",
    "中文" * 40,
    "A" * 100_000,
    "../../etc",
    "%s%n",
    "-1",
    "20261399",
    "00000000",
    "1.2.840." + "9" * 80,
    "ORIGINAL\\PRIMARY",
    "MONOCHROME1",
    "1\\0\\0\\0\\1\\0",
    "0\\0\\0\\0\\0\\0",
)
"""Texts that numbers, names, dates, identifiers and codes are not, or are at their edge."""

ODD_BYTES = (
    b"",
    b"\x00",
    b"\xff" * 7,
    b"\xff\xff\xff\xff",
    b"\xfe\xff\x00\xe0\xff\xff\xff\xff",
    b"PK\x03\x04",
    b"1e308\\-1e308",
)


def broken_bytes(content: bytes, rng: random.Random) -> bytes:
    """The content after one to four changes anywhere in it."""
    data = bytearray(content)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(data) + 1)
        kind = rng.randrange(6)
        if kind == 0:
            data[at : at + 1] = bytes([rng.randrange(256)])
        elif kind == 1:
            data[at : at + rng.randint(1, 60)] = rng.choice(ODD_BYTES)
        elif kind == 2:
            del data[at : at + rng.choice([1, 2, 8, 500, len(data)])]
        elif kind == 3:
            data[at:at] = data[max(0, at - rng.randint(1, 300)) : at]
        elif kind == 4:
            data[at:at] = rng.choice(ODD_TEXTS).encode("utf-8", "replace")
        else:
            data[at : at + 4] = rng.randrange(2**32).to_bytes(4, "little")
    return bytes(data)


def places_of(ds: Dataset) -> Iterator[tuple[Dataset, DataElement]]:
    """Every element of a dataset and of all items in it, with the dataset that has it."""
    for element in ds:
        yield ds, element
        if element.VR == "SQ":
            for item in element.value:
                yield from places_of(item)


def broken_dataset(ds: Dataset, rng: random.Random) -> Dataset:
    """A copy with one to three elements gone, empty, or with the value of something else."""
    changed = copy.deepcopy(ds)
    for _ in range(rng.randint(1, 3)):
        places = list(places_of(changed))
        if not places:
            return changed
        owner, element = rng.choice(places)
        if element.tag == 0x7FE00010:
            continue
        kind = rng.randrange(5)
        if kind == 0:
            del owner[element.tag]
        elif kind == 1 and element.VR == "SQ":
            element.value = Items([copy.deepcopy(item) for item in element.value] * rng.choice([0, 2, 3]))
        elif element.VR != "SQ":
            _set(owner, element, rng)
    return changed


def _set(owner: Dataset, element: DataElement, rng: random.Random) -> None:
    """Puts another value in the place of the element's, past pydicom's own checks."""
    value: object = rng.choice(ODD_TEXTS)
    if element.VR in ("US", "SS", "UL", "SL"):
        value = rng.choice([0, 1, 2, 15, 255, 65535] if element.VR == "US" else [0, 1, 32767])
    elif element.VR in ("FD", "FL"):
        value = rng.choice([0.0, -1.0, 1e30, 1e-30, float("nan"), float("inf")])
    elif element.VR in ("OB", "OW", "UN", "AT"):
        return
    replaced = DataElement(element.tag, "LO" if isinstance(value, str) else element.VR, value, already_converted=True)
    replaced.VR = element.VR
    owner[element.tag] = replaced


def broken_json(document: object, rng: random.Random) -> object:
    """The document with one value somewhere in it replaced, doubled or gone."""
    if isinstance(document, dict) and document and rng.random() < 0.85:
        name = rng.choice(list(document))
        if rng.random() < 0.15:
            return {key: value for key, value in document.items() if key != name}
        return document | {name: broken_json(document[name], rng)}
    if isinstance(document, list) and document and rng.random() < 0.85:
        n = rng.randrange(len(document))
        return [*document[:n], broken_json(document[n], rng), *document[n + 1 :]]
    odd: list[object] = [None, True, -1, 0, 1e308, 10**40, [], {}, [[[[]]]], *ODD_TEXTS]
    return rng.choice(odd)


@contextmanager
def within_bounds() -> Iterator[None]:
    """Fails when what runs inside takes too long, or makes the process much larger."""
    before, started = _peak_mb(), time.monotonic()
    yield
    seconds, grown = time.monotonic() - started, _peak_mb() - before
    assert seconds < LONGEST_SECONDS, f"took {seconds:.1f} s"
    assert grown < LARGEST_MB, f"grew by {grown:.0f} MB"


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
