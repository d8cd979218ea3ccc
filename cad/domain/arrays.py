"""The kinds of array that records hold."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Int16Array = npt.NDArray[np.int16]

BoolArray = npt.NDArray[np.bool_]

UInt8Array = npt.NDArray[np.uint8]

FloatArray = npt.NDArray[np.float64]

Float32Array = npt.NDArray[np.float32]
