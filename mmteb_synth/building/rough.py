"""Sets that can't be read, estimated from the statistics that MTEB ships.

MTEB counts texts and, column by column, different texts; how they lie over splits and sets it doesn't say. What a
profile keeps follows from its budget, but for hard negatives that several queries share.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from mmteb_synth import facts
from mmteb_synth.building.jobs import BuildOptions, Job
from mmteb_synth.building.plans import Volume
from mmteb_synth.data.profiles import Budget
from mmteb_synth.translate.costs import Estimator
from mmteb_synth.types import Segment, Usage

CHARACTERS_PER_TOKEN = 4.35
"""Of English: measured with o200k_base and cl100k_base on the bundled sets (4.36 and 4.34)."""

_COLUMNS = ("text", "text1", "text2", "human_summaries", "machine_summaries")
_UNREAD = {"Summarization": ("text",)}


def estimate(job: Job, estimator: Estimator | None) -> Volume | None:
    """About how much a job takes; None where MTEB ships no counts.

    Args:
        job: The job.
        estimator: Expects tokens; None where the translator has no such thing.
    """
    known, shape = facts.task(job.spec.name), facts.shape(job.spec.name)
    if known is None or shape is None or job.spec.is_own:
        return None
    if job.spec.subset not in (None, known.english_subset) or not set(job.splits) <= shape.splits.keys():
        return None
    parts: list[tuple[float, float]] = []
    for split in job.splits:
        parts += _scored(known, shape, shape.splits[split], job.options)
    train = shape.protocol.get("train_split")
    if train in shape.splits and train not in job.splits:
        parts += _trained(shape, shape.splits[str(train)], job.options)
    segments = round(sum(texts for texts, _ in parts))
    characters = sum(texts * length for texts, length in parts)
    asked = job.translator is not None and job.translator.gap is None
    return Volume(
        segments=segments,
        to_ask=segments if asked else 0,
        gaps=0 if asked or job.translator is None else segments,
        characters=round(characters),
        whole=_whole(known, job, characters),
        usage=_usage(segments, characters, estimator) if estimator and asked else Usage(),
    )


def _whole(known: facts.TaskFacts, job: Job, characters: float) -> int:
    """The characters of all texts that the estimate is of, equal ones and those that no model is shown among them."""
    if job.options.profile.budget is not None or job.options.limit is not None:
        return round(characters)
    trained = ["train"] if known.type == "Classification" else []
    splits = dict.fromkeys((*job.splits, *trained))
    counted = sum(known.sizes[split].characters for split in splits if split in known.sizes)
    return max(counted, round(characters))


def _scored(
    known: facts.TaskFacts, shape: facts.Shape, counts: Mapping[str, float], options: BuildOptions
) -> Iterator[tuple[float, float]]:
    """The texts of a scored split, column by column: how many different ones, and their mean length."""
    budget, limit = options.profile.budget, options.limit
    if "queries" in counts:
        yield from _retrieval(counts, budget, limit)
        return
    rows = counts["rows"]
    if not options.all_rows:
        rows = min(rows, _embedded(known, shape, rows))
    if budget is not None:
        of_type = {
            "Classification": budget.rows,
            "Clustering": budget.clustered,
            "Summarization": budget.articles,
        }
        rows = min(rows, of_type.get(known.type, budget.pairs))
    if limit is not None:
        rows = min(rows, limit)
    yield from _columns(counts, rows, () if options.all_rows else _UNREAD.get(known.type, ()))


def _embedded(known: facts.TaskFacts, shape: facts.Shape, rows: float) -> float:
    """The rows of a clustering that MTEB embeds."""
    fraction = known.sets.get("max_fraction_of_documents_to_embed", shape.protocol.get("fraction"))
    if fraction is not None:
        return rows * float(fraction)
    return float(shape.protocol.get("documents", rows))


def _trained(
    shape: facts.Shape, counts: Mapping[str, float], options: BuildOptions
) -> Iterator[tuple[float, float]]:
    """The train rows that MTEB's draws of a classification take together, as if labels were of one size."""
    rows, labels = counts["rows"], counts.get("labels", 1)
    each, times = float(shape.protocol["samples_per_label"]), float(shape.protocol["n_experiments"])
    budget = options.profile.budget
    pool = rows / labels
    if budget is not None and budget.pool is not None:
        pool = min(pool, budget.pool * each)
    drawn = pool if options.all_rows else pool * (1 - (1 - min(each / pool, 1.0)) ** times)
    yield from _columns(counts, drawn * labels, ())


def _columns(
    counts: Mapping[str, float], rows: float, unread: tuple[str, ...]
) -> Iterator[tuple[float, float]]:
    for name in _COLUMNS:
        if name in counts and name not in unread:
            texts = counts[name] * rows / counts["rows"]
            yield min(texts, counts[f"{name}_unique"]), counts[f"{name}_characters"]


def _retrieval(
    counts: Mapping[str, float], budget: Budget | None, limit: int | None
) -> Iterator[tuple[float, float]]:
    queries, documents = counts["queries"], counts["documents_unique"]
    each = max(counts.get("judged", 0), counts.get("judged_unique", 0) / max(queries, 1))
    is_reranking = "candidates" in counts
    each = max(each, counts.get("candidates", 0))
    if budget is not None:
        enough = max(budget.judged / max(each, 1), budget.fewest)
        queries = min(queries, budget.queries, enough)
        drawn = 0 if is_reranking else queries * budget.negatives + budget.others
        documents = min(documents, queries * each + drawn)
    if limit is not None:
        queries = min(queries, limit)
        documents = min(documents, queries * each + limit)
    yield min(queries, counts["queries_unique"]), counts["queries_characters"]
    yield documents, counts["documents_characters"]


def _usage(segments: int, characters: float, estimator: Estimator) -> Usage:
    tokens = characters / CHARACTERS_PER_TOKEN
    around = estimator.expected(Segment(text="x"))  # a token of text, and the prompt
    return Usage(
        input_tokens=round(segments * (around.input_tokens - 1) + tokens),
        output_tokens=round(segments * (around.output_tokens - 1) + tokens * estimator.expansion.factor),
    )
