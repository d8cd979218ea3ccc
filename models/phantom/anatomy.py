"""The chest as implicit shapes: Hounsfield units and lungs at any position, without a voxel grid.

Every shape is a *field*: roughly the signed distance to its surface in mm, negative inside. Positions are LPS mm with
the origin in the middle of the chest at the level of the lowest slice. The measures are those of an average adult;
they serve to look and segment like a chest, not to describe one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Field = npt.NDArray[np.float32]

EDGE_MM = 1.2
"""Width over which one tissue passes into the next, about a pixel, as partial volume does."""

AIR_HU = -1000.0
FAT_HU = -98.0
MUSCLE_HU = 52.0
BLOOD_HU = 42.0
LIVER_HU = 57.0

FAR_MM = 20.0
"""Shapes further than this from a tile are not evaluated there; more than any blend between two shapes."""

APEX_Z_MM = 274.0
CARINA_MM = (2.0, 22.0, 190.0)
HILA_MM = {"right": (-42.0, 18.0, 164.0), "left": (46.0, 20.0, 160.0)}


@dataclass(frozen=True, slots=True, eq=False)
class Positions:
    """LPS positions in mm as three float32 arrays that broadcast against each other."""

    x: Field
    y: Field
    z: Field

    def scaled(self, scale: tuple[float, float, float]) -> Positions:
        """The same places in a body that is larger by `scale` along x, y and z."""
        return Positions(*(_f32(v / s) for v, s in zip((self.x, self.y, self.z), scale, strict=True)))

    def miss(self, low: npt.ArrayLike, high: npt.ArrayLike) -> bool:
        """Whether all positions are further than `FAR_MM` from the box between corners `low` and `high` [3]."""
        axes = zip((self.x, self.y, self.z), np.asarray(low), np.asarray(high), strict=True)
        return any(float(v.min()) > b + FAR_MM or float(v.max()) < a - FAR_MM for v, a, b in axes)


@dataclass(frozen=True, slots=True)
class Build:
    """What differs between two people."""

    scale: tuple[float, float, float] = (1.0, 1.0, 1.0)
    dome_mm: tuple[float, float] = (92.0, 78.0)
    """Height of the right and left dome of the diaphragm."""
    heart_scale: float = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Tissue:
    """`hu` without the lungs' inside, and the field of both `lungs` together (negative inside)."""

    hu: Field
    lungs: Field


def _f32(values: npt.ArrayLike) -> Field:
    return np.asarray(values, dtype=np.float32)


_FAR = np.array(2 * FAR_MM, dtype=np.float32)


def coverage(field: Field, edge_mm: float = EDGE_MM) -> Field:
    """How much of a voxel lies inside a shape, 0..1, from the shape's field."""
    return _f32(np.clip(0.5 - field / np.float32(edge_mm), 0, 1))


def ellipsoid(at: Positions, centre: tuple[float, float, float], radii: tuple[float, float, float]) -> Field:
    """Field of an ellipsoid; an infinite radius gives a cylinder."""
    if at.miss(np.subtract(centre, radii), np.add(centre, radii)):
        return _FAR
    terms = [((v - c) / r) ** 2 for v, c, r in zip((at.x, at.y, at.z), centre, radii, strict=True) if np.isfinite(r)]
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return _f32((np.sqrt(total) - 1) * min(radii))


def smooth_union(a: Field, b: Field, blend_mm: float) -> Field:
    """Field of both shapes, the crease between them filled over `blend_mm` (polynomial smooth minimum)."""
    h = np.clip(0.5 + 0.5 * (b - a) / np.float32(blend_mm), 0, 1)
    return _f32(b + (a - b) * h - np.float32(blend_mm) * h * (1 - h))


def smooth_cut(a: Field, b: Field, blend_mm: float) -> Field:
    """Field of what lies in `a` but not in `b`, with a rounded edge."""
    return _f32(-smooth_union(_f32(-a), b, blend_mm))


def capsule(
    at: Positions, start: tuple[float, float, float], end: tuple[float, float, float], radius_mm: float
) -> Field:
    """Field of a rod with round ends."""
    if at.miss(np.minimum(start, end) - radius_mm, np.maximum(start, end) + radius_mm):
        return _FAR
    axis = np.subtract(end, start).astype(np.float32)
    dx, dy, dz = at.x - _f32(start[0]), at.y - _f32(start[1]), at.z - _f32(start[2])
    along = np.clip((dx * axis[0] + dy * axis[1] + dz * axis[2]) / np.float32(axis @ axis), 0, 1)
    away = (dx - along * axis[0]) ** 2 + (dy - along * axis[1]) ** 2 + (dz - along * axis[2]) ** 2
    return _f32(np.sqrt(away) - np.float32(radius_mm))


def cavity(at: Positions) -> Field:
    """Field of the inner thorax: an oval whose front is flatter than its back, narrowing above the fourth rib."""
    narrowing = 1 - 0.34 * np.clip((at.z - 150) / 130, 0, 1) ** 2
    oval = (np.abs(at.x) / (133 * narrowing)) ** 2.3 + (np.abs(at.y) / (87 * narrowing)) ** 2.3
    return _f32((oval ** (1 / 2.3) - 1) * 95)


def body(at: Positions) -> Field:
    """Field of the skin."""
    shoulder = 1 - 0.12 * np.clip((at.z - 200) / 100, 0, 1)
    oval = (np.abs(at.x) / (164 * shoulder)) ** 2.4 + (np.abs(at.y - 4) / 116) ** 2.4
    return _f32((oval ** (1 / 2.4) - 1) * 125)


def spine(at: Positions) -> Field:
    """Field of the vertebral bodies and discs."""
    return ellipsoid(at, (0, 62, 0), (18, 16, np.inf))


def heart_sac(at: Positions, build: Build) -> Field:
    """Field of the pericardium: an ellipsoid whose apex points to the left, front and feet."""
    return ellipsoid(heart_frame(at), (0, 0, 0), heart_radii(build))


def heart_radii(build: Build) -> tuple[float, float, float]:
    """Semi-axes of the pericardium in the heart's own frame, in mm."""
    return 64 * build.heart_scale, 47 * build.heart_scale, 52 * build.heart_scale


HEART_CENTRE_MM = (26.0, -22.0, 112.0)
HEART_TURN = np.array([[0.82, -0.49, -0.29], [0.51, 0.86, 0.0], [0.25, -0.15, 0.957]], dtype=np.float32)
"""Rows are the heart's long, cross and upward axis in the body (about 30° to the front and 17° to the feet)."""


def heart_frame(at: Positions) -> Positions:
    """Positions in the heart's own frame."""
    dx, dy, dz = at.x - _f32(HEART_CENTRE_MM[0]), at.y - _f32(HEART_CENTRE_MM[1]), at.z - _f32(HEART_CENTRE_MM[2])
    rows = [_f32(r[0] * dx + r[1] * dy + r[2] * dz) for r in HEART_TURN]
    return Positions(rows[0], rows[1], rows[2])


def mediastinum(at: Positions, build: Build) -> Field:
    """Field of everything between the lungs: heart, great vessels, hila and the tissue before the spine."""
    width = 9 + 21 * np.exp(-(((at.y - 12) / 42) ** 2))
    column = _f32(np.abs(at.x - 3) - width)
    shape = smooth_union(column, _f32(heart_sac(at, build)), 14)
    shape = smooth_union(shape, _f32(spine(at) - 5), 8)
    shape = smooth_union(shape, _f32(aorta(at) - 2.5), 5)
    for centre in HILA_MM.values():
        shape = smooth_union(shape, ellipsoid(at, centre, (9, 13, 17)), 9)
    return shape


def aorta(at: Positions) -> Field:
    """Field of ascending aorta, arch and descending aorta."""
    if at.miss((-30, -40, 0), (45, 65, 255)):
        return _FAR
    along = (at.x - 7) * 0.506 + (at.y - 14) * 0.862
    across = -(at.x - 7) * 0.862 + (at.y - 14) * 0.506
    turn = np.sqrt(along**2 + np.maximum(at.z - 200, 0) ** 2)
    radius = np.where(along < 0, 15.5, 12.5)
    tube = _f32(np.sqrt((turn - 36) ** 2 + across**2) - radius)
    below_root = _f32(np.where(along < 0, 140 - at.z, -1e3))
    return _f32(np.maximum(tube, below_root))


def diaphragm_z(at: Positions, build: Build) -> Field:
    """Height of the upper surface of the diaphragm over each place, in mm."""

    def dome(centre_x: float, top: float) -> Field:
        rho2 = ((at.x - centre_x) / 78) ** 2 + ((at.y + 4) / 92) ** 2
        return _f32(top - 66 * np.minimum(rho2, 2.2) ** 1.35)

    right, left = dome(-62, build.dome_mm[0]), dome(64, build.dome_mm[1])
    return _f32(-smooth_union(_f32(-right), _f32(-left), 12))


def lungs(at: Positions, build: Build) -> Field:
    """Field of both lungs together, pleura to pleura; vessels and airways inside count as lung."""
    side = np.where(at.x < 0, -1, 1)
    rise = np.maximum(at.z - 150, 0) / (APEX_Z_MM - 150)
    apex = np.sqrt(((at.x - 60 * side) / 78) ** 2 + ((at.y - 6) / 98) ** 2 + rise**2)
    shape = -smooth_union(_f32(-cavity(at)), _f32(-(apex - 1) * 80), 10)
    shape = smooth_cut(_f32(shape), mediastinum(at, build), 6)
    return smooth_cut(shape, _f32((at.z - diaphragm_z(at, build)) * 0.75), 7)


def chest(at: Positions, build: Build) -> Tissue:
    """Hounsfield units of the whole body, and where the lungs are."""
    at = at.scaled(build.scale)
    pleura = lungs(at, build)
    if float(pleura.max()) < -2 * EDGE_MM:
        return Tissue(np.full_like(pleura, AIR_HU), pleura)
    inner = cavity(at)
    hu = _wall(at, inner)
    if float(inner.min()) > 2 * FAR_MM:
        return Tissue(hu, pleura)
    hu = _over(hu, _inside_thorax(at, build), coverage(inner))
    hu = _bones(at, inner, hu)
    hu = _over(hu, AIR_HU, coverage(airway_lumen(at)))
    return Tissue(hu, pleura)


def airway_lumen(at: Positions) -> Field:
    """Field of the air in trachea and main bronchi."""
    carina = CARINA_MM
    trachea = capsule(at, (0, 12, 320), carina, 8.5)
    right = capsule(at, carina, HILA_MM["right"], 6.8)
    left = capsule(at, carina, HILA_MM["left"], 5.8)
    return smooth_union(smooth_union(trachea, right, 3), left, 3)


def _over(below: Field, above: Field | float, cover: Field) -> Field:
    if not cover.any():
        return below
    return _f32(below + (_f32(above) - below) * cover)


def _wall(at: Positions, inner: Field) -> Field:
    """Air, table, skin, fat and the muscles of the chest wall."""
    skin = body(at)
    hu = np.full(np.broadcast_shapes(at.x.shape, at.y.shape, at.z.shape), AIR_HU, dtype=np.float32)
    bed = _f32(np.maximum(np.abs(at.y - 128 + (at.x / 60) ** 2) - 2.5, np.abs(at.x) - 150))
    hu = _over(hu, -450.0, coverage(bed))
    hu = _over(hu, 25.0, coverage(skin))
    hu = _over(hu, FAT_HU, coverage(_f32(skin + 2)))
    pectoral = 9 * np.clip((at.z - 150) / 60, 0, 1) * np.clip((-at.y - 30) / 30, 0, 1)
    muscle = _f32(inner - 13 - pectoral)
    mirrored = Positions(_f32(np.abs(at.x)), at.y, at.z)
    muscle = smooth_union(muscle, ellipsoid(mirrored, (28, 90, 0), (27, 15, np.inf)), 8)
    muscle = smooth_union(muscle, ellipsoid(mirrored, (104, 64, 225), (38, 22, 70)), 10)
    return _over(hu, MUSCLE_HU, np.minimum(coverage(muscle), coverage(_f32(skin + 4))))


def _inside_thorax(at: Positions, build: Build) -> Field:
    """Mediastinum, heart and the organs under the diaphragm."""
    hu = _f32(FAT_HU + 8) + np.zeros_like(at.x + at.y + at.z)
    heart = heart_sac(at, build)
    hu = _over(hu, BLOOD_HU, coverage(_f32(heart + 6.5), 2.5))
    hu = _over(hu, BLOOD_HU, coverage(aorta(at)))
    vessels = (
        capsule(at, (-27, -8, 130), (-24, -14, 300), 8.5),
        capsule(at, (20, -20, 150), (14, 2, 172), 13),
        capsule(at, (14, 2, 172), HILA_MM["left"], 10),
        capsule(at, (14, 2, 168), HILA_MM["right"], 10),
        capsule(at, (12, -4, 225), (34, 8, 300), 5),
        capsule(at, (-6, -12, 225), (-22, 4, 300), 6.5),
        capsule(at, (6, 40, 0), (3, 32, 300), 6),
    )
    for vessel in vessels:
        hu = _over(hu, BLOOD_HU, coverage(vessel))
    hu = _over(hu, 30.0, coverage(_f32(airway_lumen(at) - 1.6)))
    for centre in HILA_MM.values():
        hu = _over(hu, 35.0, coverage(ellipsoid(at, centre, (9, 13, 17))))
    return _under_diaphragm(at, build, hu)


def _under_diaphragm(at: Positions, build: Build, above: Field) -> Field:
    depth = _f32((at.z - diaphragm_z(at, build)) * 0.75)
    beside_heart = np.maximum(depth, -heart_sac(at, build) - 4)
    hu = _over(above, MUSCLE_HU, coverage(_f32(beside_heart)))
    inside = _f32(depth + 3)
    organs = (
        (_f32(np.maximum(inside, ellipsoid(at, (-60, -5, 20), (95, 82, 90)))), LIVER_HU),
        (_f32(np.maximum(inside, ellipsoid(at, (85, 35, 20), (40, 42, 55)))), 50.0),
        (_f32(np.maximum(inside, ellipsoid(at, (58, -22, 25), (40, 44, 50)))), 28.0),
        (_f32(np.maximum(inside, ellipsoid(at, (58, -44, 36), (24, 14, 20)))), -960.0),
    )
    hu = _over(hu, FAT_HU, coverage(inside))
    for field, value in organs:
        hu = _over(hu, value, coverage(field))
    return hu


def _bones(at: Positions, inner: Field, hu: Field) -> Field:
    """Ribs (cartilage in front), spine with canal and discs, sternum, shoulder blades and collar bones."""
    hu = _ribs(at, inner, hu)
    disc = coverage(_f32(np.abs((at.z + 6) % 24 - 12) - 3))
    column = spine(at)
    hu = _over(hu, 380.0, coverage(column))
    hu = _over(hu, _f32(190 - 110 * disc), coverage(_f32(column + 2)))
    arch = ellipsoid(at, (0, 86, 0), (17, 12, np.inf))
    process = _f32(np.maximum(np.abs(at.x) - 3.5, np.abs(at.y - 100) - 12))
    hu = _over(hu, 420.0, coverage(smooth_union(arch, process, 3)))
    hu = _over(hu, 22.0, coverage(ellipsoid(at, (0, 85, 0), (9.5, 7.5, np.inf))))
    sternum = _f32(np.maximum(ellipsoid(at, (0, -96, 0), (19, 6, np.inf)), 105 - at.z))
    hu = _over(_over(hu, 330.0, coverage(sternum)), 140.0, coverage(_f32(sternum + 1.8)))
    mirrored = Positions(_f32(np.abs(at.x)), at.y, at.z)
    turned = Positions(
        _f32((mirrored.x - 106) * 0.77 - (at.y - 66) * 0.64), _f32((mirrored.x - 106) * 0.64 + (at.y - 66) * 0.77), at.z
    )
    hu = _over(hu, 430.0, coverage(ellipsoid(turned, (0, 0, 222), (32, 4, 58))))
    return _over(hu, 450.0, coverage(capsule(mirrored, (24, -74, 270), (128, -20, 296), 6)))


def _ribs(at: Positions, inner: Field, hu: Field) -> Field:
    """Ribs as one shape that repeats every 25 mm, sloping 70 mm from the spine to the front."""
    turn = np.arctan2(np.abs(at.x), at.y + 10)
    height = (at.z + 70 * (turn / np.pi) ** 1.1) % 25 - 12.5
    tube = _f32(np.sqrt((inner - 5.5) ** 2 + (height / 1.35) ** 2) - 4.6)
    bony = coverage(_f32((turn - 2.35) * 60))
    hu = _over(hu, _f32(110 + 480 * bony), coverage(tube))
    return _over(hu, _f32(110 + 110 * bony), coverage(_f32(tube + 1.9)))
