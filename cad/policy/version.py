"""The version of all clinical values. Bump it with every change of one, and say so in CHANGELOG.md."""

from __future__ import annotations

POLICY_VERSION = "2026.8"
