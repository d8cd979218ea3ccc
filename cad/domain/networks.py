"""The protocols of the networks, so that the stages run with any function in their place."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from cad.domain.arrays import Float32Array
from cad.domain.calcium import Artery, Heart, OtherCalcium
from cad.domain.nodules import Candidate, ModelIdentity, NoduleMask, ReaderRatings
from cad.domain.registration import Registrar
from cad.domain.volume import LungMask, Volume


class Detector(Protocol):
    """A nodule detector. Returns every mark at or above `min_score`, best first, in patient coordinates."""

    @property
    def identity(self) -> ModelIdentity: ...

    @property
    def default_min_score(self) -> float: ...

    def __call__(self, volume: Volume, lungs: LungMask, min_score: float) -> tuple[Candidate, ...]: ...


@dataclass(frozen=True, slots=True, eq=False)
class NoduleReading:
    """What the networks see at one candidate.

    `probability` float32 [k, j, i] is that of each voxel of belonging to the nodule, in a box that starts at `offset`
    (k, j, i) of the volume's grid; it is 0 outside. `certainty` 0..1 is the overlap (Dice) that the network expects
    with what readers would outline.
    """

    probability: Float32Array
    offset: tuple[int, int, int]
    certainty: float
    ratings: ReaderRatings | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Marks:
    """Candidates, and what the networks see at each: nothing at all, or one reading or None for each of them."""

    candidates: tuple[Candidate, ...]
    readings: tuple[NoduleReading | None, ...] = ()

    def __post_init__(self) -> None:
        if self.readings and len(self.readings) != len(self.candidates):
            raise ValueError(f"{len(self.readings)} readings for {len(self.candidates)} candidates")

    def pairs(self) -> tuple[tuple[Candidate, NoduleReading | None], ...]:
        """Each candidate with its reading."""
        return tuple(zip(self.candidates, self.readings or (None,) * len(self.candidates), strict=True))


class NoduleReader(Protocol):
    """Networks that outline and rate candidates: one reading for each candidate, in their order."""

    @property
    def identities(self) -> tuple[ModelIdentity, ...]: ...

    def __call__(
        self, volume: Volume, lungs: LungMask, candidates: tuple[Candidate, ...]
    ) -> tuple[NoduleReading, ...]: ...


class CalciumReader(Protocol):
    """Finds the heart, and says to which artery or other site calcified lesions belong.

    `heart` gives None when no heart is in view; lungs None means that none could be segmented. `sites` gives one site
    with its certainty (0..1) for each lesion, in their order; lesion masks are on the volume's grid.
    """

    @property
    def identities(self) -> tuple[ModelIdentity, ...]: ...

    def heart(self, volume: Volume, lungs: LungMask | None) -> Heart | None: ...

    def sites(
        self, volume: Volume, heart: Heart, lesions: tuple[NoduleMask, ...]
    ) -> tuple[tuple[Artery | OtherCalcium, float], ...]: ...


@dataclass(frozen=True, slots=True, eq=False)
class ExpectedLungs:
    """Where a network expects the lungs: probabilities float32 [k, j, i] of the right and of the left one.

    The cells divide the volume evenly along each axis; their number does not depend on its grid but on its size.
    """

    right: Float32Array
    left: Float32Array


class LungReader(Protocol):
    """A network that says where the lungs of a volume are to be expected, with all that lies in them."""

    @property
    def identity(self) -> ModelIdentity: ...

    def __call__(self, volume: Volume) -> ExpectedLungs: ...


@dataclass(frozen=True, slots=True, eq=False)
class SeenMass:
    """A mass as a network sees it: its voxels, and how sure the network is of them, in 0..1."""

    mask: NoduleMask
    score: float


class MassReader(Protocol):
    """A network that finds and outlines what is larger than a nodule and still one thing."""

    @property
    def identity(self) -> ModelIdentity: ...

    def __call__(self, volume: Volume, lungs: LungMask) -> tuple[SeenMass, ...]: ...


@dataclass(frozen=True, slots=True)
class Networks:
    """The trained parts of the pipeline, and those that run where networks run, as callables."""

    detector: Detector
    reader: NoduleReader | None = None
    registrar: Registrar | None = None
    calcium: CalciumReader | None = None
    lungs: LungReader | None = None
    masses: MassReader | None = None

    @property
    def nodule_identities(self) -> tuple[ModelIdentity, ...]:
        """Of every network that reads nodules."""
        readers = () if self.reader is None else self.reader.identities
        masses = () if self.masses is None else (self.masses.identity,)
        return (self.detector.identity, *readers, *masses, *self.lung_identities)

    @property
    def lung_identities(self) -> tuple[ModelIdentity, ...]:
        """Of the network that says where lungs are to be expected."""
        return () if self.lungs is None else (self.lungs.identity,)

    @property
    def calcium_identities(self) -> tuple[ModelIdentity, ...]:
        """Of every network that reads coronary calcium."""
        return () if self.calcium is None else self.calcium.identities

    @property
    def identities(self) -> tuple[ModelIdentity, ...]:
        """Of every network that takes part in reading a series for nodules and calcium."""
        return (*self.nodule_identities, *self.calcium_identities)


StageTimer = Callable[[str], AbstractContextManager[None]]
"""Called with a stage name ("lungs", "detect", ...) around each stage; measures time or shows progress."""
