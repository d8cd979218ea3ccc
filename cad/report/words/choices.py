"""The languages of a report: light, since the command line reads them before anything is loaded."""

from __future__ import annotations

import enum


class Language(enum.StrEnum):
    """The languages of the report; `BOTH` is English with Chinese beneath."""

    ENGLISH = "en"
    CHINESE = "zh"
    BOTH = "both"
