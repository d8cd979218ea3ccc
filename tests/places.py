"""Where the tests find the project and the shared real data beside it."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).parents[1]
SHARED_DATA = Path(os.environ.get("LUNGCAD_SHARED_DATA", ROOT.parent / "shared" / "data"))
SHARED_CASES = SHARED_DATA.parent / "cases"
SHARED_CASES_ARE_THERE = SHARED_CASES.is_dir()
FINDINGS_SCHEMA = ROOT / "docs" / "findings.schema.json"
