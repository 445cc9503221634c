"""Optional checks of meaning: similarity, back-translation, quality estimates and a language model as judge.

Each only warns, says how well it agrees with people or that this is unknown, and changes no translation.
"""

from __future__ import annotations

from mmteb_synth.checking.semantic.agreement import Agreement
from mmteb_synth.checking.semantic.asking import Way
from mmteb_synth.checking.semantic.run import (
    Options,
    Report,
    SemanticChecks,
    judge_agreement,
)

__all__ = ["Agreement", "Options", "Report", "SemanticChecks", "Way", "judge_agreement"]
