"""The heart and the sites of calcified lesions, as a `CalciumReader` of `cad.domain`."""

from __future__ import annotations

from dataclasses import dataclass

from cad.domain import Artery, Heart, LungMask, ModelIdentity, NoduleMask, OtherCalcium, Volume
from models.calcium.atlas import Atlas, load_atlas
from models.calcium.classifier import SiteClassifier, load_classifier
from models.calcium.features import blood_of, features_of, looks_of, place_of
from models.calcium.heart import FittedHeart, find_heart


@dataclass(frozen=True, slots=True, eq=False)
class AtlasCalciumReader:
    """Carries a drawn heart into the patient and names sites by what lies where in its coordinates."""

    atlas: Atlas
    classifier: SiteClassifier
    identities: tuple[ModelIdentity, ...]
    """The mean chest and the classifier."""

    def heart(self, volume: Volume, lungs: LungMask | None) -> FittedHeart | None:
        """The heart; None when none is in view. The lungs are not looked at: they may be cut off or ill."""
        del lungs
        return find_heart(volume, self.atlas)

    def sites(
        self, volume: Volume, heart: Heart, lesions: tuple[NoduleMask, ...]
    ) -> tuple[tuple[Artery | OtherCalcium, float], ...]:
        """The site and its certainty of each lesion; `volume` may have another grid than the heart's masks."""
        looks = looks_of(volume, blood_of(volume, heart), lesions)
        return tuple(self.classifier.sites(features_of(place_of(heart, self.atlas), self.atlas, looks)))


def load_calcium_reader() -> AtlasCalciumReader:
    """The shipped reader. Raises WeightsMismatchError when a file is not the one its card describes."""
    atlas = load_atlas()
    classifier, identity = load_classifier()
    return AtlasCalciumReader(atlas, classifier, (atlas.identity, identity))
