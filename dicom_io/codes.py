"""The one table of coded concepts: domain enum → code, each with the context group that names it.

Codes were checked against the dictionaries of pydicom 3.0.2; those marked *own choice* are in no DICOM context group,
and where no public scheme names a concept they are of lungcad's own scheme, 99LUNGCAD.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from pydicom.sr.coding import Code

from cad.domain import Artery, CalcificationPattern, ChangeStatus, Composition, Guideline, Lobe, OtherCalcium, Side
from cad.report.statements.nodules import Sign

OWN_SCHEME = "99LUNGCAD"
"""Designator of lungcad's own codes, for what no public scheme names. Their values and meanings do not change."""

OWN_SCHEME_NAME = "lungcad codes"
"""Named in the Coding Scheme Identification Sequence (PS3.3 C.12.1)."""

NODULE = Code("27925004", "SCT", "Nodule")
"""Finding and segmented property type (CID 6102 Chest Finding or Feature, CID 7151)."""

MORPHOLOGICALLY_ABNORMAL_STRUCTURE = Code("49755003", "SCT", "Morphologically Abnormal Structure")
"""Segmented property category (CID 7150)."""

LUNG = Code("39607008", "SCT", "Lung")
"""Finding site (CID 4, CID 6100)."""

LATERALITY: Mapping[Side, Code] = {
    Side.LEFT: Code("7771000", "SCT", "Left"),
    Side.RIGHT: Code("24028007", "SCT", "Right"),
}
"""Side of the lung (CID 244)."""

LOBE: Mapping[Lobe, Code] = {
    Lobe.RUL: Code("45653009", "SCT", "Upper lobe of lung"),
    Lobe.RML: Code("72481006", "SCT", "Middle lobe of right lung"),
    Lobe.RLL: Code("90572001", "SCT", "Lower lobe of lung"),
    Lobe.LUL: Code("45653009", "SCT", "Upper lobe of lung"),
    Lobe.LINGULA: Code("45653009", "SCT", "Upper lobe of lung"),
    Lobe.LLL: Code("90572001", "SCT", "Lower lobe of lung"),
}
"""Finding site with laterality; the middle lobe is unpaired and has none (CID 6170)."""

LONG_AXIS = Code("103339001", "SCT", "Long Axis")
"""Viewers recognise the bidirectional measurement by this exact meaning (CID 7470)."""

SHORT_AXIS = Code("103340004", "SCT", "Short Axis")
"""See `LONG_AXIS` (CID 7470)."""

DIAMETER = Code("81827009", "SCT", "Diameter")
"""With the derivation Mean: half the sum of long and short axis (CID 7470)."""

VOLUME = Code("118565006", "SCT", "Volume")
"""Partial-volume aware volume (CID 7474)."""

MASS = Code("118538004", "SCT", "Mass")
"""Volume times physical density (SNOMED CT property; *own choice* as the name of a measurement)."""

MEAN_ATTENUATION = Code("112181", "DCM", "Mean Attenuation Coefficient")
"""Mean HU of the segment (CID 6141)."""

CERTAINTY_OF_FINDING = Code("111012", "DCM", "Certainty of Finding")
"""The detector's score in percent. It ranks; it is not a probability of cancer, which is 111047 (CID 6048)."""

MEAN = Code("373098007", "SCT", "Mean")
"""Derivation (CID 7464)."""

COMMENT = Code("121106", "DCM", "Comment")
"""Free text; viewers use it as the label of a measurement."""

ABSENT = Code("272519000", "SCT", "Absent")
"""Answer to the question whether there is a nodule (CID 240)."""

NOT_PERFORMED = Code("262008008", "SCT", "Not performed")
"""Answer when nodules were not looked for (CID 3208)."""

QUALITATIVE_EVALUATIONS = Code("C0034375", "UMLS", "Qualitative Evaluations")
"""Container of a report without measurements (TID 1500 row 12)."""

SERIES_INSTANCE_UID = Code("112002", "DCM", "Series Instance UID")
"""Names the series that was read (TID 1600, TID 4002)."""

CT_PROCEDURE = Code("24627-2", "LN", "CT Chest")
"""Procedure reported: hanging protocols and routing need the chest. CID 100 is a baseline group, without it."""

DOCUMENT = Code("CAD_PAGE", OWN_SCHEME, "Computer-aided analysis, not the radiology report")
"""Title of the encapsulated page (*own choice*): under one of CID 7000 it would be shown as the radiology report."""

PROCESSING_EQUIPMENT = Code("109102", "DCM", "Processing Equipment")
"""Purpose of an algorithm in the Contributing Equipment Sequence (CID 7005)."""

SOURCE_IMAGE = Code("121322", "DCM", "Source image for image processing operation")
"""Purpose of the reference from a key image to the slice it shows (CID 7202)."""

ARTIFICIAL_INTELLIGENCE = Code("123110", "DCM", "Artificial Intelligence")
"""Algorithm family (CID 7162)."""

TEXTURE = Code("C41144", "NCIt", "Texture")
"""Name of the composition, as the published reports of LIDC-IDRI have it (*own choice*)."""

COMPOSITION: Mapping[Composition, Code] = {
    Composition.SOLID: Code("RID50151", "RADLEX", "Solid pulmonary nodule"),
    Composition.PART_SOLID: Code("RID50152", "RADLEX", "Part-solid pulmonary nodule"),
    Composition.GROUND_GLASS: Code("RID50153", "RADLEX", "Non-solid pulmonary nodule"),
    Composition.CALCIFIED: Code("18115005", "SCT", "Pathologic calcification"),
    Composition.FAT: Code("256674009", "SCT", "Fat"),
}
"""Composition of a nodule; RadLex as in the published reports of LIDC-IDRI, SNOMED CT where RadLex has none."""

VOLUME_LOWER = Code("VOLUME_LOWER_95", OWN_SCHEME, "Volume, lower end of 95 % interval")
VOLUME_UPPER = Code("VOLUME_UPPER_95", OWN_SCHEME, "Volume, upper end of 95 % interval")
"""*Own choice*: PixelMed's validator takes the uncertainties of TID 310 (371886008, 371885007) for inferred-from items
of TID 1419 and calls them errors."""

MAX_3D_DIAMETER = Code("L0JK", "IBSI", "Maximum 3D Diameter of a Mesh")
"""Greatest distance of two points of the surface (CID 7470)."""

SURFACE_AREA = Code("C0JK", "IBSI", "Surface Area of Mesh")
"""Surface of the nodule (CID 7471)."""

SPHERICITY = Code("QCFX", "IBSI", "Sphericity")
"""1 for a ball (CID 7477)."""

SOLID_LONG_AXIS = Code("SOLID_LONG_AXIS", OWN_SCHEME, "Long Axis of Solid Component")
SOLID_SHORT_AXIS = Code("SOLID_SHORT_AXIS", OWN_SCHEME, "Short Axis of Solid Component")
SOLID_VOLUME = Code("SOLID_VOLUME", OWN_SCHEME, "Volume of Solid Component")
"""*Own choice*: under the names of the whole nodule they would be read as its own."""

PLEURA_DISTANCE = Code("PLEURA_DISTANCE", OWN_SCHEME, "Distance to Pleura")
FISSURE_DISTANCE = Code("FISSURE_DISTANCE", OWN_SCHEME, "Distance to Fissure")
"""From the surface of the nodule (*own choice*: 121244 DCM is the distance from the chest wall)."""

LOBE_CERTAINTY = Code("LOBE_CERTAINTY", OWN_SCHEME, "Certainty of Lobe")
"""In percent (*own choice*)."""

BORDER_SHAPE = Code("112015", "DCM", "Border shape")
"""Question that a shape of CID 6119 answers."""

MARGINS = Code("111037", "DCM", "Margins")
"""Question that a margin of CID 6006 answers."""

SIGN_ANSWER: Mapping[Sign, tuple[Code, Code]] = {
    Sign.SPICULATED: (BORDER_SHAPE, Code("112136", "DCM", "Spiculated")),
    Sign.LOBULATED: (BORDER_SHAPE, Code("112135", "DCM", "Lobulated")),
    Sign.ILL_DEFINED: (MARGINS, Code("129741003", "SCT", "Lesion with indistinct margin")),
}
"""Signs that DICOM has as the answer to a question: there when present (CID 6119, CID 6006)."""

SIGN_ABSENT: Mapping[Sign, tuple[Code, Code]] = {
    Sign.ILL_DEFINED: (MARGINS, Code("129738007", "SCT", "Lesion with circumscribed margin")),
}
"""What is answered where such a sign is absent. No shape of CID 6119 says "neither spiculated nor lobulated"."""

SIGN_FINDING: Mapping[Sign, Code] = {
    Sign.CAVITY: Code("CAVITATION", OWN_SCHEME, "Cavitation"),
    Sign.CALCIFICATION: Code("C3672", "NCIt", "Calcification"),
    Sign.FAT: Code("256674009", "SCT", "Fat"),
    Sign.PERIFISSURAL: Code("PERIFISSURAL", OWN_SCHEME, "Typical Perifissural Shape"),
}
"""Signs that are findings of their own: present or absent. Calcification as in the reports of LIDC-IDRI; two
*own choices*."""

SIGN_CERTAINTY: Mapping[Sign, Code] = {
    Sign.SPICULATED: Code("P_SPICULATED", OWN_SCHEME, "Certainty of spiculation"),
    Sign.LOBULATED: Code("P_LOBULATED", OWN_SCHEME, "Certainty of lobulation"),
    Sign.ILL_DEFINED: Code("P_ILL_DEFINED", OWN_SCHEME, "Certainty of an indistinct margin"),
    Sign.CAVITY: Code("P_CAVITATION", OWN_SCHEME, "Certainty of cavitation"),
    Sign.CALCIFICATION: Code("P_CALCIFICATION", OWN_SCHEME, "Certainty of calcification"),
    Sign.FAT: Code("P_FAT", OWN_SCHEME, "Certainty of fat"),
    Sign.PERIFISSURAL: Code("P_PERIFISSURAL", OWN_SCHEME, "Certainty of a typical perifissural shape"),
}
"""In percent (*own choice*: 111011 DCM, Certainty of Feature, does not say of which one)."""

PRESENT = Code("52101004", "SCT", "Present")
"""See `ABSENT` (CID 240)."""

CALCIFICATION_PATTERN_NAME = Code("CALC_PATTERN", OWN_SCHEME, "Calcification Pattern")
"""*Own choice*: 111009 DCM is of calcifications in the breast."""

CALCIFICATION_PATTERN: Mapping[CalcificationPattern, Code] = {
    CalcificationPattern.DIFFUSE: Code("19648000", "SCT", "Diffuse"),
    CalcificationPattern.CENTRAL: Code("26216008", "SCT", "Central"),
    CalcificationPattern.LAMINATED: Code("88446008", "SCT", "Laminated"),
    CalcificationPattern.POPCORN: Code("129749001", "SCT", "Coarse (popcorn-like) calcification"),
    CalcificationPattern.ECCENTRIC: Code("255380003", "SCT", "Eccentric"),
    CalcificationPattern.PUNCTATE: Code("129755006", "SCT", "Punctate calcification"),
}
"""Popcorn and laminated of CID 6132, diffuse of CID 6128, the others from groups of other organs (*own choice*)."""

SUSPICION = Code("SUSPICION", OWN_SCHEME, "Reader suspicion score, no probability of cancer")
"""*Own choice*: what the network predicts is an opinion of readers, and must not look like 111047, Probability of
cancer."""

RATINGS: Mapping[str, Code] = {
    "subtlety": Code("C45992", "NCIt", "Subtlety score"),
    "sphericity": Code("LIDC_SPHERICITY", OWN_SCHEME, "Sphericity rating"),
    "margin": Code("C25563", "NCIt", "Margin"),
    "lobulation": Code("C62175", "NCIt", "Lobular Pattern"),
    "spiculation": Code("C28749", "NCIt", "Spiculation"),
    "texture": Code("LIDC_TEXTURE", OWN_SCHEME, "Texture rating"),
}
"""Ratings 1 to 5 under the names of the published reports of LIDC-IDRI, whose sphericity has a code of their own; under
C41144, Texture, stands the composition."""

CALCIFIED_RATING = Code("LIDC_CALCIFIED", OWN_SCHEME, "Probability that readers see calcification")
"""In percent (*own choice*)."""

PREDICTED_RATING = Code("PREDICTED_RATING", OWN_SCHEME, "Prediction of the mean rating of LIDC-IDRI readers")
"""Method of every rating, so that none is taken for a reader's (*own choice*)."""

PROBABILITY_OF_CANCER = Code("111047", "DCM", "Probability of cancer")
"""Of a published model, named as the method (CID 6048)."""

RISK_MODEL: Mapping[str, Code] = {
    "brock": Code("BROCK_2B", OWN_SCHEME, "Brock (PanCan) model 2b"),
    "brock_without_spiculation": Code("BROCK_2A", OWN_SCHEME, "Brock (PanCan) model 2a"),
    "mayo": Code("MAYO", OWN_SCHEME, "Mayo model"),
    "herder": Code("HERDER", OWN_SCHEME, "Herder model"),
}
"""Method of a probability of cancer (*own choice*)."""

DIFFERENCE_IN_SIZE = Code("442714003", "SCT", "Difference in size")
"""What became of a nodule since the prior examination (CID 6133)."""

CHANGE_STATUS: Mapping[ChangeStatus, Code] = {
    ChangeStatus.GROWING: Code("15454001", "SCT", "Increase in size"),
    ChangeStatus.SHRINKING: Code("19776001", "SCT", "Decrease in size"),
    ChangeStatus.STABLE: Code("129723006", "SCT", "No significant changes in the finding"),
    ChangeStatus.NEW: Code("NEW", OWN_SCHEME, "New since the prior examination"),
    ChangeStatus.RESOLVED: Code("RESOLVED", OWN_SCHEME, "Resolved since the prior examination"),
}
"""Changes of the chest (CID 6134), which has none for new and resolved findings: 129721008, New finding, is in groups
of mammography alone (two *own choices*)."""

VOLUME_CHANGE = Code("VOLUME_CHANGE", OWN_SCHEME, "Change of Volume")
VOLUME_CHANGE_ENDS = (
    Code("VOLUME_CHANGE_L", OWN_SCHEME, "Change of Volume, lower end of 95 % interval"),
    Code("VOLUME_CHANGE_U", OWN_SCHEME, "Change of Volume, upper end of 95 % interval"),
)
MASS_CHANGE = Code("MASS_CHANGE", OWN_SCHEME, "Change of Mass")
DIAMETER_CHANGE = Code("DIAMETER_CHANGE", OWN_SCHEME, "Change of Mean Diameter")
DOUBLING_TIME = Code("DOUBLING_TIME", OWN_SCHEME, "Volume Doubling Time")
DOUBLING_TIME_ENDS = (
    Code("DOUBLING_TIME_L", OWN_SCHEME, "Volume Doubling Time, lower end of 95 % interval"),
    Code("DOUBLING_TIME_U", OWN_SCHEME, "Volume Doubling Time, upper end of 95 % interval"),
)
PRIOR_VOLUME = Code("PRIOR_VOLUME", OWN_SCHEME, "Volume at the prior examination")
PRIOR_INTERVAL = Code("PRIOR_INTERVAL", OWN_SCHEME, "Time since the prior examination")
TREND_DOUBLING = Code("TREND_DOUBLING", OWN_SCHEME, "Volume Doubling Time fitted to all examinations")
TREND_POINTS = Code("TREND_POINTS", OWN_SCHEME, "Examinations that the fit holds")
"""Since the prior examination; percentages are of the earlier size (*own choice*: no public scheme names them)."""

PREVIOUS_FINDINGS = Code("18834-2", "LN", "Previous Findings")
"""Heading of the comparison with earlier examinations (CID 7001)."""

PRIOR_EXAMINATION = Code("PRIOR_EXAM", OWN_SCHEME, "Prior examination")
"""Container of one earlier examination (*own choice*)."""

PRIOR_REPORT = Code("122075", "DCM", "Prior report for current patient")
"""Names lungcad's own report or segmentation of then (CID 3407)."""

ACQUISITION_DATE = Code("126201", "DCM", "Acquisition Date")
"""Of an earlier examination."""

ILLUSTRATION = Code("121080", "DCM", "Best illustration of finding")
"""Image of an earlier examination that a comparison shows (CID 7003)."""

LIBRARY_SOURCE = Code("260753009", "SCT", "Source")
"""Names an image of the image library (TID 1601)."""

MODALITY = Code("121139", "DCM", "Modality")
COMPUTED_TOMOGRAPHY = Code("CT", "DCM", "Computed Tomography")
FRAME_OF_REFERENCE = Code("112227", "DCM", "Frame of Reference UID")
PIXEL_ROWS = Code("110910", "DCM", "Pixel Data Rows")
PIXEL_COLUMNS = Code("110911", "DCM", "Pixel Data Columns")
HORIZONTAL_SPACING = Code("111026", "DCM", "Horizontal Pixel Spacing")
VERTICAL_SPACING = Code("111066", "DCM", "Vertical Pixel Spacing")
SLICE_SPACING = Code("112226", "DCM", "Spacing between slices")
SLICE_THICKNESS = Code("112225", "DCM", "Slice Thickness")
"""How the images of the library were made (TID 1602, TID 1604)."""

KERNEL = Code("KERNEL", OWN_SCHEME, "Convolution Kernel")
"""As the scanner names it (*own choice*: 113961 DCM, Reconstruction Algorithm, takes codes of another kind)."""

REGISTRATION = Code("REGISTRATION", OWN_SCHEME, "Registration of the examinations")
"""How two examinations were brought together, and how well (*own choice*)."""

TRACKING_IDENTIFIER = Code("112039", "DCM", "Tracking Identifier")
TRACKING_UNIQUE_IDENTIFIER = Code("112040", "DCM", "Tracking Unique Identifier")
"""Name a nodule over all examinations (TID 1501)."""

LUNG_RADS_CATEGORY = Code("1362105002", "SCT", "Lung Imaging Reporting and Data System category")
"""SNOMED CT observable, as HL7 Lithuania's lung screening guide has it; not in pydicom's dictionaries."""

RECOMMENDATION = Code("121075", "DCM", "Recommendation")
"""What a guideline says, with the rule that fired (CID 6053)."""

APPLICABLE_GUIDELINE = Code("GUIDELINE", OWN_SCHEME, "Applicable guideline")
"""Which guideline applies, and why, or why none does (*own choice*)."""

CORONARY_CALCIUM_SCORE = Code("450360000", "SCT", "Coronary artery calcium score")
"""By a method: `AGATSTON_METHOD` or `VOLUME_METHOD` (CID 6142)."""

CALCIUM_SCORE = Code("112058", "DCM", "Calcium score")
"""The same measure where the calcium is not coronary: under the name above it would be read as part of that score."""

AGATSTON_METHOD = Code("112055", "DCM", "Agatston scoring method")
VOLUME_METHOD = Code("112056", "DCM", "Volume scoring method")
"""Methods of a calcium score (CID 6140)."""

AGATSTON_THRESHOLD = Code("122657", "DCM", "Agatston Score Threshold")
"""Attenuation from which a voxel counts."""

CALCIFIED_LESIONS = Code("111038", "DCM", "Number of calcifications")
"""Lesions that a score is the sum of."""

CALCIFIED_ARTERIES = Code("CAC_VESSELS", OWN_SCHEME, "Number of coronary arteries with calcium")
"""0 to 4 (*own choice*: 122762 DCM counts territories with stenoses)."""

SITE_CERTAINTY = Code("CALCIUM_SITE_P", OWN_SCHEME, "Certainty of site, least of all lesions")
"""In percent (*own choice*)."""

CALCIFICATION = Code("18115005", "SCT", "Pathologic calcification")
"""Finding and segmented property type (CID 3802)."""

CORONARY_ARTERY = Code("41801008", "SCT", "Coronary artery")
"""Finding site of the total (CID 4)."""

ARTERY: Mapping[Artery, Code] = {
    Artery.LM: Code("3227004", "SCT", "Left Main Coronary Artery"),
    Artery.LAD: Code("59438005", "SCT", "Left Anterior Descending Coronary Artery"),
    Artery.LCX: Code("57396003", "SCT", "Circumflex Coronary Artery"),
    Artery.RCA: Code("13647002", "SCT", "Right Coronary Artery"),
}
"""Finding site and anatomic region (CID 3016)."""

OTHER_CALCIUM: Mapping[OtherCalcium, Code] = {
    OtherCalcium.AORTA: Code("15825003", "SCT", "Aorta"),
    OtherCalcium.AORTIC_VALVE: Code("34202007", "SCT", "Aortic Valve"),
    OtherCalcium.MITRAL_VALVE: Code("91134007", "SCT", "Mitral Valve"),
    OtherCalcium.OTHER: Code("816094009", "SCT", "Thorax"),
}
"""Sites of calcium that is not coronary (CID 4, CID 3630)."""

CALCIUM_CATEGORY = Code("CAC_CATEGORY", OWN_SCHEME, "Category of coronary calcium")
"""Its value names the scheme too (*own choice*: neither CAC-DRS nor the four tiers have a public code)."""

CALCIUM_ESTIMATE = Code("CAC_ESTIMATE", OWN_SCHEME, "Kind of calcium score")
NON_GATED_ESTIMATE = Code("CAC_NON_GATED", OWN_SCHEME, "Non-gated estimate")
"""Said of every score (*own choice*)."""

CALCIUM_VARIANT = Code("CAC_VARIANT", OWN_SCHEME, "Rules of the calcium score")
"""By which of the variants a score was computed: they are not interchangeable (*own choice*)."""

CALCIUM_CAVEAT = Code("CAC_CAVEAT", OWN_SCHEME, "Caveat of the calcium score")
"""What a reader of the score should know (*own choice*)."""

VERY_HIGH = Code("CAC_VERY_HIGH", OWN_SCHEME, "Very high coronary calcium score")
"""Present or absent (*own choice*)."""

REASON_NOT_ASSESSED = Code("NOT_ASSESSED_WHY", OWN_SCHEME, "Reason why it was not assessed")
"""One of lungcad's words for reasons, such as "contrast" (*own choice*)."""

GUIDELINE: Mapping[Guideline, str] = {
    Guideline.LUNG_RADS: "Lung-RADS",
    Guideline.FLEISCHNER: "Fleischner Society",
    Guideline.BTS: "British Thoracic Society",
    Guideline.C_LUNG_RADS: "C-Lung-RADS",
    Guideline.NELSON: "NELSON",
    Guideline.EU_POSITION: "European position statement",
    Guideline.CHINESE_CONSENSUS: "Chinese consensus",
}
"""Names of the guidelines in texts."""


def lung_rads_category(category: str) -> Code:
    """The value of `LUNG_RADS_CATEGORY`; no public scheme has codes for the categories (*own choice*)."""
    return Code(f"LUNG_RADS_{category}", OWN_SCHEME, f"Lung-RADS category {category}")


GUIDELINE_CATEGORY = Code("CATEGORY", OWN_SCHEME, "Category of the applicable guideline")
"""Of a guideline other than Lung-RADS; no public scheme names theirs (*own choice*)."""

LONGEST_MEANING = 64
"""Length of a value of VR LO (PS3.5 6.2)."""


def guideline_category(guideline: Guideline, category: str, meaning: str) -> Code:
    """A value of `GUIDELINE_CATEGORY`: rows have longer names than a code value may be, so it is a digest of them."""
    digest = hashlib.sha256(f"{guideline.value} {category}".encode()).hexdigest()[:12]
    return Code(f"ROW_{digest.upper()}", OWN_SCHEME, meaning[:LONGEST_MEANING])


def calcium_category(scheme: str, value: str) -> Code:
    """A value of `CALCIUM_CATEGORY` that names its scheme; characters that a code value may not hold are left out."""
    name = "DRS" if scheme == "CAC-DRS" else "TIER"
    return Code(f"CAC_{name}_{value}".replace("/", "_").replace(">=", "GE_"), OWN_SCHEME, f"{scheme}: {value}")


MILLIMETRE = Code("mm", "UCUM", "millimeter")
SQUARE_MILLIMETRE = Code("mm2", "UCUM", "square millimeter")
DAY = Code("d", "UCUM", "day")
PIXELS = Code("{pixels}", "UCUM", "pixels")
NO_UNITS = Code("1", "UCUM", "no units")
SCORE = Code("{score}", "UCUM", "score")
CUBIC_MILLIMETRE = Code("mm3", "UCUM", "cubic millimeter")
MILLIGRAM = Code("mg", "UCUM", "milligram")
HOUNSFIELD_UNIT = Code("[hnsf'U]", "UCUM", "Hounsfield unit")
PERCENT = Code("%", "UCUM", "Percent")
