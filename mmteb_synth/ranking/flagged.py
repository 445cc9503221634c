"""Task types whose scores say little about which model is better."""

from __future__ import annotations

from collections.abc import Mapping

FLAG = "‡"

FLAGGED: Mapping[str, str] = {
    "Summarization": (
        "its rankings of models hardly hold from one version of the set to the next (Kendall's tau .08 to .27 between "
        "the versions of SummEval), and that of MTEB's first version averaged correlations with their p-values "
        "(embeddings-benchmark/mteb issue 1156)"
    ),
}
"""Task type -> what was measured, and where. A type stands here for what is known of it, never for a suspicion."""
