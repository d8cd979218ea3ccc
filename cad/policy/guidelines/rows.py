"""A row of a guideline's table as a code."""

from __future__ import annotations

import enum
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """A category of a guideline. Its name and its management in words stand in the tables of each language.

    `verified` says whether the management was read in the guideline itself. `months` is when the next CT is due, from
    and to, counted from the current examination or, with `from_first`, from the first that shows the nodule; None when
    no CT is, or what follows is not a matter of time.
    """

    code: str
    verified: bool = True
    months: tuple[int, int] | None = None
    from_first: bool = False


class VolumeResult(enum.StrEnum):
    """The results of screening by volume."""

    NEGATIVE = "negative"
    INDETERMINATE = "indeterminate"
    POSITIVE = "positive"
