"""Folders, archives, files or PACS objects → one CT series as a volume, with what report objects need of its source."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset

from cad.domain import Caution, CtSeries, PatientFactors, Volume
from cad.errors import Reason, Refusal
from cad.policy import SeriesPolicy
from dicom_io.read.choice import ChosenSeries, choose_series
from dicom_io.read.evidence import Evidence, evidence_of
from dicom_io.read.files import FoundInstances, find_instances, instance_of
from dicom_io.read.headers import word
from dicom_io.read.identifiers import require_identifiers, supply_identifiers
from dicom_io.read.patient import patient_factors_of
from dicom_io.read.series import FitSeries, Orientation, Shifts, select_ct_images
from dicom_io.read.volume import read_volume, settle_values

_Scalar = TypeVar("_Scalar", bound=np.generic)


@dataclass(frozen=True, slots=True, eq=False)
class SourceLayout:
    """How the canonical [k, j, i] array lies on the source images, so that results can be written on them.

    `instance_of_k` is the index in `Evidence.datasets` of the object that holds slice k, `frame_of_k` the number of
    the frame in that object (from 0; always 0 in a single-frame series). `rows` and `columns` are of the source.
    `shifts` say where on the canonical plane (j, i) the image of slice k begins; None when all images fill it.
    """

    instance_of_k: tuple[int, ...]
    frame_of_k: tuple[int, ...]
    rows: int
    columns: int
    orientation: Orientation
    shifts: Shifts | None = None

    def to_source(self, array_kji: npt.NDArray[_Scalar]) -> npt.NDArray[_Scalar]:
        """An array [k, j, i] of the volume as [frame, row, column] in the order of the source frames.

        Frame n of the result lies on `Evidence.datasets[n]` of a single-frame series, or on frame n of the one
        multi-frame object.
        """
        order = np.lexsort((self.frame_of_k, self.instance_of_k))
        return np.ascontiguousarray(self.planes_to_source(array_kji, range(len(array_kji)))[order])

    def planes_to_source(self, planes: npt.NDArray[_Scalar], slices: Sequence[int]) -> npt.NDArray[_Scalar]:
        """Canonical planes [n, j, i] of these slices k as source frames [n, row, column], in the order given."""
        o = self.orientation
        if self.shifts is not None:
            rows, columns = (self.columns, self.rows) if o.transposed else (self.rows, self.columns)
            starts = [self.shifts[k] for k in slices]
            planes = np.stack([p[j : j + rows, i : i + columns] for p, (j, i) in zip(planes, starts, strict=True)])
        flipped = planes[:, :: -1 if o.j_flipped else 1, :: -1 if o.i_flipped else 1]
        return flipped.transpose(0, 2, 1) if o.transposed else flipped


Datasets = Sequence[Dataset]
"""DICOM objects in memory."""


@dataclass(frozen=True, slots=True, eq=False)
class LoadedSeries:
    """A CT series in memory, ready for the pipeline and for the report objects; `patient` is what its headers say."""

    series: CtSeries
    volume: Volume
    layout: SourceLayout
    evidence: Evidence
    cautions: tuple[Caution, ...]
    patient: PatientFactors


def load_series(source: Sequence[Path], policy: SeriesPolicy) -> LoadedSeries:
    """The CT series best fit for nodules in folders (any nesting), zip archives and files.

    Files of other kinds are left out. Missing UIDs are supplied, with a caution. Raises Refusal when there is no fit
    series, and FileNotFoundError when a path does not exist.
    """
    with _quiet():
        found = find_instances(source, policy)
        _refuse_without_images(found)
        instances, cautions = supply_identifiers(select_ct_images(found.instances))
        return _loaded(choose_series(instances, found.damaged, policy), cautions, policy)


def load_datasets(datasets: Sequence[Dataset], policy: SeriesPolicy) -> LoadedSeries:
    """The CT series best fit for nodules among objects of a PACS. Raises Refusal, also when UIDs are missing."""
    with _quiet():
        if not datasets:
            raise Refusal(Reason.EMPTY_INPUT, "there are no objects")
        instances = select_ct_images([instance_of(ds) for ds in datasets])
        require_identifiers(instances)
        return _loaded(choose_series(instances, (), policy), (), policy)


def best_series(datasets: Sequence[Dataset], policy: SeriesPolicy) -> tuple[Dataset, ...]:
    """The objects of the series that `load_datasets` would read, judged by headers alone. Raises Refusal."""
    with _quiet():
        if not datasets:
            raise Refusal(Reason.EMPTY_INPUT, "there are no objects")
        instances = select_ct_images([instance_of(ds) for ds in datasets])
        require_identifiers(instances)
        chosen = {word(i.header, "SOPInstanceUID") for i in choose_series(instances, (), policy).series.instances}
    return tuple(ds for ds in datasets if str(ds.SOPInstanceUID) in chosen)


def _refuse_without_images(found: FoundInstances) -> None:
    if not found.files:
        raise Refusal(Reason.EMPTY_INPUT, "there are no files")
    if not any("Rows" in i.header for i in found.instances) and found.damaged:
        refusal = found.damaged[0].refusal
        text = f"{len(found.damaged)} of {found.files} files: {refusal.text}"
        raise Refusal(refusal.reason, text, **(refusal.facts | {"files": len(found.damaged)}))
    if not found.instances:
        raise Refusal(Reason.NOT_DICOM, f"none of {found.files} files is DICOM", files=found.files)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps pydicom's warnings and log to itself: they quote values of the source, which are patient data."""
    logger = logging.getLogger("pydicom")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)  # children of the logger inherit it
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def _loaded(chosen: ChosenSeries, cautions: tuple[Caution, ...], policy: SeriesPolicy) -> LoadedSeries:
    fit = settle_values(chosen.series, policy)
    volume = read_volume(fit, policy)
    order = list(dict.fromkeys(f.instance for f in fit.frames))
    headers = tuple(fit.instances[n].header for n in order)
    all_cautions = (*cautions, *chosen.cautions, *fit.cautions)
    evidence = evidence_of(headers, all_cautions, fit.instances[order[0]].odd_texts)
    return LoadedSeries(
        series=_ct_series(fit, headers, chosen.because),
        volume=volume,
        layout=_layout(fit, order),
        evidence=evidence,
        cautions=evidence.warnings,
        patient=patient_factors_of(evidence.datasets[0]),
    )


def _layout(fit: FitSeries, order: list[int]) -> SourceLayout:
    first = fit.frames[0]
    return SourceLayout(
        instance_of_k=tuple(order.index(f.instance) for f in fit.frames),
        frame_of_k=tuple(f.number for f in fit.frames),
        rows=first.rows,
        columns=first.columns,
        orientation=fit.orientation,
        shifts=fit.shifts,
    )


def _ct_series(fit: FitSeries, headers: tuple[Dataset, ...], choice: str) -> CtSeries:
    dz, dy, dx = fit.grid.spacing_kji_mm
    return CtSeries(
        study_uid=word(headers[0], "StudyInstanceUID") or "",
        series_uid=word(headers[0], "SeriesInstanceUID") or "",
        sop_uids=tuple(word(header, "SOPInstanceUID") or "" for header in headers),
        slices=len(fit.frames),
        spacing_mm=(dx, dy, dz),
        slice_thickness_mm=fit.slice_thickness_mm,
        kernel=fit.acquisition.kernel,
        kvp=fit.acquisition.kvp,
        contrast=fit.acquisition.contrast,
        choice=choice,
        sop_class_uid=word(headers[0], "SOPClassUID"),
    )
