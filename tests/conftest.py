"""Settings of the test tools."""

from __future__ import annotations

from hypothesis import settings

# A test that waits for a busy machine is not a failing test; pytest's own durations show slow ones.
settings.register_profile("without deadlines", deadline=None)
settings.load_profile("without deadlines")
