"""The nouns of lungcad: frozen records with their invariants, and the protocols of the networks.

Conventions for arrays and positions are stated once, in `cad.geometry`. Import from here:
`from cad.domain import Nodule`.

- `arrays`, `volume`, `series`: kinds of array; places, grids, volumes and masks; a series by its headers.
- `anatomy`, `nodules`: sides and lobes; a nodule with its voxels, sizes, place, signs and ratings.
- `patient`, `observations`, `risk`: what is known beside the images, and the models of malignancy.
- `guidelines`, `followup`, `registration`: what guidelines say, what became of each nodule, and the map that it needs.
- `calcium`: coronary calcium.
- `not_assessed`, `cautions`, `findings`: what is missing and why, what to know of a result, everything of one series.
- `networks`: the protocols of the networks.
"""

from __future__ import annotations

from cad.domain.anatomy import Lobe as Lobe
from cad.domain.anatomy import Side as Side
from cad.domain.arrays import (
    BoolArray as BoolArray,
)
from cad.domain.arrays import (
    Float32Array as Float32Array,
)
from cad.domain.arrays import (
    FloatArray as FloatArray,
)
from cad.domain.arrays import (
    Int16Array as Int16Array,
)
from cad.domain.arrays import (
    UInt8Array as UInt8Array,
)
from cad.domain.calcium import (
    Artery as Artery,
)
from cad.domain.calcium import (
    CalcifiedLesion as CalcifiedLesion,
)
from cad.domain.calcium import (
    CalciumCategory as CalciumCategory,
)
from cad.domain.calcium import (
    CalciumNotAssessed as CalciumNotAssessed,
)
from cad.domain.calcium import (
    CalciumScore as CalciumScore,
)
from cad.domain.calcium import (
    CalciumSite as CalciumSite,
)
from cad.domain.calcium import (
    CalciumTier as CalciumTier,
)
from cad.domain.calcium import (
    Heart as Heart,
)
from cad.domain.calcium import (
    OtherCalcium as OtherCalcium,
)
from cad.domain.calcium import (
    SiteScore as SiteScore,
)
from cad.domain.cautions import Caution as Caution
from cad.domain.findings import Findings as Findings
from cad.domain.followup import (
    ChangeStatus as ChangeStatus,
)
from cad.domain.followup import (
    ComparedExam as ComparedExam,
)
from cad.domain.followup import (
    FollowUp as FollowUp,
)
from cad.domain.followup import (
    Match as Match,
)
from cad.domain.followup import (
    Matching as Matching,
)
from cad.domain.followup import (
    NoduleChange as NoduleChange,
)
from cad.domain.followup import (
    PriorNodule as PriorNodule,
)
from cad.domain.followup import (
    PriorScan as PriorScan,
)
from cad.domain.followup import (
    PriorSource as PriorSource,
)
from cad.domain.followup import (
    ReportReference as ReportReference,
)
from cad.domain.followup import (
    Sighted as Sighted,
)
from cad.domain.followup import (
    SizeAt as SizeAt,
)
from cad.domain.followup import (
    SizeChange as SizeChange,
)
from cad.domain.followup import (
    SizeThen as SizeThen,
)
from cad.domain.followup import (
    VolumeTrend as VolumeTrend,
)
from cad.domain.guidelines import (
    ApplicableGuideline as ApplicableGuideline,
)
from cad.domain.guidelines import (
    Assessment as Assessment,
)
from cad.domain.guidelines import (
    EarlierSize as EarlierSize,
)
from cad.domain.guidelines import (
    GrowthVerdict as GrowthVerdict,
)
from cad.domain.guidelines import (
    Guideline as Guideline,
)
from cad.domain.guidelines import (
    GuidelineNodule as GuidelineNodule,
)
from cad.domain.guidelines import (
    NodulePast as NodulePast,
)
from cad.domain.guidelines import (
    NoduleSize as NoduleSize,
)
from cad.domain.guidelines import (
    Recommendation as Recommendation,
)
from cad.domain.guidelines import (
    Sighting as Sighting,
)
from cad.domain.guidelines import (
    VolumeGrowth as VolumeGrowth,
)
from cad.domain.networks import (
    CalciumReader as CalciumReader,
)
from cad.domain.networks import (
    Detector as Detector,
)
from cad.domain.networks import (
    Marks as Marks,
)
from cad.domain.networks import (
    Networks as Networks,
)
from cad.domain.networks import (
    NoduleReader as NoduleReader,
)
from cad.domain.networks import (
    NoduleReading as NoduleReading,
)
from cad.domain.networks import (
    StageTimer as StageTimer,
)
from cad.domain.nodules import (
    AxialAxis as AxialAxis,
)
from cad.domain.nodules import (
    AxisLengths as AxisLengths,
)
from cad.domain.nodules import (
    CalcificationPattern as CalcificationPattern,
)
from cad.domain.nodules import (
    Candidate as Candidate,
)
from cad.domain.nodules import (
    Composition as Composition,
)
from cad.domain.nodules import (
    Delineation as Delineation,
)
from cad.domain.nodules import (
    Diameters as Diameters,
)
from cad.domain.nodules import (
    ModelIdentity as ModelIdentity,
)
from cad.domain.nodules import (
    Nodule as Nodule,
)
from cad.domain.nodules import (
    NoduleAttributes as NoduleAttributes,
)
from cad.domain.nodules import (
    NoduleLocation as NoduleLocation,
)
from cad.domain.nodules import (
    NoduleMask as NoduleMask,
)
from cad.domain.nodules import (
    NoduleMeasures as NoduleMeasures,
)
from cad.domain.nodules import (
    ReaderRatings as ReaderRatings,
)
from cad.domain.nodules import (
    SolidComponent as SolidComponent,
)
from cad.domain.nodules import (
    mass_mg as mass_mg,
)
from cad.domain.not_assessed import NotAssessed as NotAssessed
from cad.domain.not_assessed import NotAssessedReason as NotAssessedReason
from cad.domain.observations import (
    AirwayFinding as AirwayFinding,
)
from cad.domain.observations import (
    AirwaySite as AirwaySite,
)
from cad.domain.observations import (
    AirwayStatus as AirwayStatus,
)
from cad.domain.observations import (
    ClinicalContext as ClinicalContext,
)
from cad.domain.observations import (
    CystChange as CystChange,
)
from cad.domain.observations import (
    CystFinding as CystFinding,
)
from cad.domain.observations import (
    CystKind as CystKind,
)
from cad.domain.observations import (
    ExamObservations as ExamObservations,
)
from cad.domain.observations import (
    LungRadsCategory as LungRadsCategory,
)
from cad.domain.observations import (
    NoduleObservation as NoduleObservation,
)
from cad.domain.patient import (
    FdgUptake as FdgUptake,
)
from cad.domain.patient import (
    PatientFactors as PatientFactors,
)
from cad.domain.patient import (
    Region as Region,
)
from cad.domain.patient import (
    RiskLevel as RiskLevel,
)
from cad.domain.patient import (
    Sex as Sex,
)
from cad.domain.registration import (
    LungTransform as LungTransform,
)
from cad.domain.registration import (
    Registrar as Registrar,
)
from cad.domain.registration import (
    RegistrationQuality as RegistrationQuality,
)
from cad.domain.risk import MalignancyRisk as MalignancyRisk
from cad.domain.risk import NoduleRisks as NoduleRisks
from cad.domain.risk import RiskInputs as RiskInputs
from cad.domain.series import CtSeries as CtSeries
from cad.domain.volume import Grid as Grid
from cad.domain.volume import LungMask as LungMask
from cad.domain.volume import Mask as Mask
from cad.domain.volume import PointLps as PointLps
from cad.domain.volume import Volume as Volume
