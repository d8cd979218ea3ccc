"""Everything that was found in one series."""

from __future__ import annotations

from dataclasses import dataclass

from cad.domain.calcium import CalciumScore
from cad.domain.cautions import Caution
from cad.domain.followup import FollowUp
from cad.domain.guidelines import Assessment
from cad.domain.nodules import ModelIdentity, Nodule
from cad.domain.not_assessed import NotAssessed, NotAssessedReason
from cad.domain.volume import LungMask


@dataclass(frozen=True, slots=True, eq=False)
class Findings:
    """Everything measured on one series. Parts that were not assessed say why.

    `lungs` is None when calcium alone was asked for and none are in view, as in a scan of the heart.
    """

    nodules: tuple[Nodule, ...] | NotAssessed
    lungs: LungMask | None
    warnings: tuple[Caution, ...]
    models: tuple[ModelIdentity, ...]
    policy_version: str
    assessment: Assessment | NotAssessed = NotAssessed(NotAssessedReason.NOT_REQUESTED)
    followup: FollowUp | NotAssessed = NotAssessed(NotAssessedReason.NO_PRIOR)
    calcium: CalciumScore | NotAssessed = NotAssessed(
        NotAssessedReason.NOT_REQUESTED, "Coronary calcium was not asked for."
    )
