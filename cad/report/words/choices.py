"""What form a report has: light, since the command line reads it before anything is loaded."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Language(enum.StrEnum):
    """The languages of the report; `BOTH` is English with Chinese beneath."""

    ENGLISH = "en"
    CHINESE = "zh"
    BOTH = "both"


class LesionNames(enum.StrEnum):
    """How the structured report names a lesion's measurements (Tracking Identifier, 112039 DCM)."""

    OHIF = "ohif"
    """After the tool of Cornerstone that draws them: OHIF takes no other into its list of measurements."""
    PLAIN = "plain"
    """As everywhere else: "Nodule 1"."""

    def of(self, label: str) -> str:
        """The tracking identifier of a nodule with this label."""
        return f"{BIDIRECTIONAL}:{label}" if self is LesionNames.OHIF else label


BIDIRECTIONAL = "Cornerstone3DTools@^0.1.0:Bidirectional"
"""Begins the name of a measurement of two axes in OHIF; what follows is for people."""


def label_of(tracking_identifier: str) -> str:
    """The label in the name of a lesion of any form."""
    return tracking_identifier.removeprefix(f"{BIDIRECTIONAL}:")


@dataclass(frozen=True, slots=True)
class ReportForm:
    """The form of everything that is written of a series; the defaults are those of the command line and the service.

    `language` is that of the page for people; key images, labels and texts of the objects are in its first language.
    """

    language: Language = Language.BOTH
    lesion_names: LesionNames = LesionNames.OHIF


DEFAULT_FORM = ReportForm()
