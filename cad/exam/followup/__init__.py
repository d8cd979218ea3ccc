"""Comparison with earlier examinations: which nodule is which, what changed and how fast, what is new and what is gone.

`examining` measures each earlier scan and registers it; `searching` looks again for what one scan alone shows;
`linking` makes one track of each nodule over all examinations; `changes` says what became of it; `comparing` is the
order of these.
"""

from __future__ import annotations

from cad.exam.followup.comparison import Comparison, CurrentScan, compare
from cad.exam.followup.examination import Tools

__all__ = ["Comparison", "CurrentScan", "Tools", "compare"]
