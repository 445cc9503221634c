"""Task types whose scores say little about which model is better."""

from __future__ import annotations

from collections.abc import Mapping

FLAG = "‡"

FLAGGED: Mapping[str, str] = {
    "Summarization": (
        "models that one version of SummEval ranks high the next does not (Kendall's tau .08 to .27 between versions)"
    ),
}
"""Task type -> what was measured. A type stands here for what is known of it, never for a suspicion.

Summarization: MTEB English has one set of the type, SummEval. Its first version averages correlations with their p-values
(github.com/embeddings-benchmark/mteb/issues/1156); the rankings of models by its versions agree with tau .08 to .27 only,
where equal rankings have 1 and unrelated ones 0.
"""
