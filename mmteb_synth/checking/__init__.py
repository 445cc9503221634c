"""VERB: stored ledgers -> what the checks of today say of them, without one request."""

from __future__ import annotations

from mmteb_synth.checking.judging import check
from mmteb_synth.checking.report import CheckedSet, CheckReport, Flagged

__all__ = ["CheckReport", "CheckedSet", "Flagged", "check"]
