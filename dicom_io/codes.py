"""The one table of coded concepts: domain enum → code, each with the context group that names it.

Codes were checked against the dictionaries of pydicom 3.0.2; those marked *own choice* are in no DICOM context group.
"""

from __future__ import annotations

from collections.abc import Mapping

from pydicom.sr.coding import Code

from cad.domain import Composition, Side

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

CT_PROCEDURE = Code("25045-6", "LN", "CT unspecified body region")
"""Procedure reported. The chest procedure of LOINC, 24627-2, is not in CID 100."""

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
    Composition.CALCIFIED: Code("237897009", "SCT", "Calcified"),
    Composition.FAT: Code("256674009", "SCT", "Fat"),
}
"""Composition of a nodule; RadLex as in the published reports of LIDC-IDRI, SNOMED CT where RadLex has none."""

MILLIMETRE = Code("mm", "UCUM", "millimeter")
CUBIC_MILLIMETRE = Code("mm3", "UCUM", "cubic millimeter")
MILLIGRAM = Code("mg", "UCUM", "milligram")
HOUNSFIELD_UNIT = Code("[hnsf'U]", "UCUM", "Hounsfield unit")
PERCENT = Code("%", "UCUM", "Percent")
