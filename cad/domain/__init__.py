"""The nouns of lungcad: frozen records with their invariants, and the protocols of the networks.

Conventions for arrays and positions are stated once, in `cad.geometry`. Import from here:
`from cad.domain import Nodule`.

- `arrays`, `volume`, `series`: kinds of array; places, grids, volumes and masks; a series by its headers.
- `anatomy`, `nodules`: sides and lobes; a nodule with its voxels, sizes, place, signs and ratings.
- `patient`, `observations`, `risk`: what is known beside the images, and the models of malignancy.
- `phrases`: something to be said, in no language.
- `guidelines`, `followup`, `registration`: what guidelines say, what became of each nodule, and the map that it needs.
- `calcium`: coronary calcium.
- `not_assessed`, `cautions`, `findings`: what is missing and why, what to know of a result, everything of one series.
- `networks`: the protocols of the networks.
"""

from __future__ import annotations

from cad.domain.anatomy import Lobe as Lobe, Side as Side
from cad.domain.arrays import (
    BoolArray as BoolArray,
    Float32Array as Float32Array,
    FloatArray as FloatArray,
    Int16Array as Int16Array,
    UInt8Array as UInt8Array,
)
from cad.domain.calcium import (
    Artery as Artery,
    CalcifiedLesion as CalcifiedLesion,
    CalciumCategory as CalciumCategory,
    CalciumScore as CalciumScore,
    CalciumSite as CalciumSite,
    CalciumTier as CalciumTier,
    Heart as Heart,
    OtherCalcium as OtherCalcium,
    SiteScore as SiteScore,
)
from cad.domain.cautions import Caution as Caution
from cad.domain.findings import Findings as Findings
from cad.domain.followup import (
    ChangeStatus as ChangeStatus,
    ComparedExam as ComparedExam,
    FollowUp as FollowUp,
    Imaging as Imaging,
    Match as Match,
    Matching as Matching,
    NoduleChange as NoduleChange,
    PriorNodule as PriorNodule,
    PriorScan as PriorScan,
    PriorSource as PriorSource,
    ReportReference as ReportReference,
    Sighted as Sighted,
    SizeAt as SizeAt,
    SizeChange as SizeChange,
    SizeThen as SizeThen,
    VolumeTrend as VolumeTrend,
)
from cad.domain.guidelines import (
    ApplicableGuideline as ApplicableGuideline,
    Assessment as Assessment,
    DueDates as DueDates,
    EarlierSize as EarlierSize,
    GrowthVerdict as GrowthVerdict,
    Guideline as Guideline,
    GuidelineNodule as GuidelineNodule,
    Management as Management,
    NodulePast as NodulePast,
    NoduleSize as NoduleSize,
    NoduleVerdict as NoduleVerdict,
    Recommendation as Recommendation,
    Sighting as Sighting,
    VolumeGrowth as VolumeGrowth,
)
from cad.domain.networks import (
    CalciumReader as CalciumReader,
    Detector as Detector,
    ExpectedLungs as ExpectedLungs,
    LungReader as LungReader,
    Marks as Marks,
    MassReader as MassReader,
    Networks as Networks,
    NoduleReader as NoduleReader,
    NoduleReading as NoduleReading,
    SeenMass as SeenMass,
    StageTimer as StageTimer,
)
from cad.domain.nodules import (
    AxialAxis as AxialAxis,
    AxisLengths as AxisLengths,
    CalcificationPattern as CalcificationPattern,
    Candidate as Candidate,
    Composition as Composition,
    Delineation as Delineation,
    Diameters as Diameters,
    ModelIdentity as ModelIdentity,
    Nodule as Nodule,
    NoduleAttributes as NoduleAttributes,
    NoduleLocation as NoduleLocation,
    NoduleMask as NoduleMask,
    NoduleMeasures as NoduleMeasures,
    ReaderRatings as ReaderRatings,
    SolidComponent as SolidComponent,
    mass_mg as mass_mg,
)
from cad.domain.not_assessed import (
    MissingPart as MissingPart,
    NotAssessed as NotAssessed,
    NotAssessedReason as NotAssessedReason,
)
from cad.domain.observations import (
    AirwayFinding as AirwayFinding,
    AirwaySite as AirwaySite,
    AirwayStatus as AirwayStatus,
    ClinicalContext as ClinicalContext,
    CystChange as CystChange,
    CystFinding as CystFinding,
    CystKind as CystKind,
    ExamObservations as ExamObservations,
    LungRadsCategory as LungRadsCategory,
    NoduleObservation as NoduleObservation,
)
from cad.domain.patient import (
    FdgUptake as FdgUptake,
    PatientFactors as PatientFactors,
    Region as Region,
    RiskLevel as RiskLevel,
    Sex as Sex,
)
from cad.domain.phrases import Fact as Fact, Phrase as Phrase
from cad.domain.registration import (
    LungTransform as LungTransform,
    Registrar as Registrar,
    RegistrationQuality as RegistrationQuality,
)
from cad.domain.risk import MalignancyRisk as MalignancyRisk, NoduleRisks as NoduleRisks, RiskInputs as RiskInputs
from cad.domain.rounding import rounded as rounded
from cad.domain.series import CtSeries as CtSeries
from cad.domain.volume import Grid as Grid, LungMask as LungMask, Mask as Mask, PointLps as PointLps, Volume as Volume
