"""Sets that can't be read, estimated from the statistics that MTEB ships: what they hold at most.

MTEB counts every row, duplicates and rows that it never shows a model among them, so the truth is less: of the 2.4M
texts of MindSmallReranking 42K are different ones.
"""

from __future__ import annotations

from mmteb_synth import facts
from mmteb_synth.building.jobs import Job
from mmteb_synth.building.plans import Volume
from mmteb_synth.translate.costs import Estimator
from mmteb_synth.types import Segment, Usage

CHARACTERS_PER_TOKEN = 4.35
"""Of English: measured with o200k_base and cl100k_base on the bundled sets (4.36 and 4.34)."""

_TEXTS_OF_A_SAMPLE = {"STS": 2, "PairClassification": 2}
_KEPT_OF_A_CORPUS = 3
"""With a limit of N: N queries, the documents that they are judged with, and N others."""


def estimate(job: Job, estimator: Estimator | None) -> Volume | None:
    """About how much a job takes at most; None where MTEB ships no counts.

    Args:
        job: The job.
        estimator: Expects tokens; None where the translator has no such thing.
    """
    known = facts.task(job.spec.name)
    if known is None or job.spec.is_own or job.spec.subset not in (None, known.english_subset):
        return None
    if any(split not in known.sizes for split in job.splits):
        return None
    samples = characters = 0.0
    trained = ["train"] if known.type == "Classification" and "train" in known.sizes else []
    for split in dict.fromkeys((*job.splits, *trained)):
        size = known.sizes[split]
        share = _share(known.type, size.samples, job.options.limit) if split in job.splits else 1.0
        samples += share * size.samples
        characters += share * size.characters
    segments = round(samples * _TEXTS_OF_A_SAMPLE.get(known.type, 1))
    asked = job.translator is not None and job.translator.gap is None
    return Volume(
        segments=segments,
        to_ask=segments if asked else 0,
        gaps=0 if asked or job.translator is None else segments,
        characters=round(characters),
        usage=_usage(segments, characters, estimator) if estimator and asked else Usage(),
    )


def whole(job: Job) -> int:
    """The characters of all texts of a job's source, as MTEB counts them; 0 where it ships no counts."""
    known = facts.task(job.spec.name)
    if known is None or job.bitext:
        return 0
    trained = ["train"] if known.type == "Classification" else []
    splits = dict.fromkeys((*job.splits, *trained))
    return sum(known.sizes[split].characters for split in splits if split in known.sizes)


def _share(task_type: str, samples: int, limit: int | None) -> float:
    """The share of a split's rows that a limit keeps."""
    if limit is None or not samples:
        return 1.0
    kept = limit * (_KEPT_OF_A_CORPUS if task_type in ("Retrieval", "Reranking") else 1)
    return min(kept / samples, 1.0)


def _usage(segments: int, characters: float, estimator: Estimator) -> Usage:
    tokens = characters / CHARACTERS_PER_TOKEN
    around = estimator.expected(Segment(text="x"))  # a token of text, and the prompt
    return Usage(
        input_tokens=round(segments * (around.input_tokens - 1) + tokens),
        output_tokens=round(segments * (around.output_tokens - 1) + tokens * estimator.expansion.factor),
    )
