"""Mirrors of the Hub with made-up rows: of the schema that a task's data set has before MTEB's own transform.

Splits and the number of labels are those of the statistics that MTEB ships, rows a few. Every text is of small
letters and occurs once, so that what a model is shown can be told from what it is not.
"""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from mmteb_synth import facts

Rows = list[dict[str, Any]]

WORDS = [
    "iron",
    "copper",
    "river",
    "meadow",
    "lantern",
    "harbour",
    "pepper",
    "velvet",
    "window",
    "thunder",
    "basil",
    "anchor",
]
MOST_LABELS = 4
TRAIN_ROWS_A_DRAW = 5
"""Training rows of a label for each that one experiment draws: some are drawn in none."""
SAMPLED_ROWS = {"ArXivHierarchicalClusteringP2P": 2100, "ArXivHierarchicalClusteringS2S": 2100}
"""MTEB takes 2,048 rows of these, and fails where there are fewer."""
FLAT_CLUSTERINGS = {"BiorxivClusteringP2P.v2"}
"""Sets for fast clustering that the Hub holds row by row; the others are the old sets' lists."""
OLD_PAIRS = {"SprintDuplicateQuestions", "TwitterSemEval2015", "TwitterURLCorpus"}
"""Pairs in one row of lists, under the names that MTEB's transform changes."""


def write_mirror(task: Any, mirror: Path) -> Path:
    """Write the data set of an MTEB task.

    Args:
        task: An instance of the task's own class.
        mirror: The folder to write into.

    Returns:
        The mirror, for `--source-dir`.
    """
    folder = mirror / task.metadata.dataset["path"]
    folder.mkdir(parents=True)
    lines = ["---", "configs:"]
    for config, splits in _configs(task).items():
        lines += [f"- config_name: {config}", "  data_files:"]
        for split, rows in splits.items():
            pq.write_table(pa.Table.from_pylist(rows), folder / f"{config}-{split}.parquet")
            lines += [f"  - split: {split}", f"    path: {config}-{split}.parquet"]
    (folder / "README.md").write_text("\n".join([*lines, "---", ""]), "utf-8")
    return mirror


def _configs(task: Any) -> dict[str, dict[str, Rows]]:
    families = {base.__name__ for base in type(task).__mro__}
    texts = _texts(zlib.crc32(task.metadata.name.encode()) % 1000)
    if "AbsTaskRetrieval" in families:
        return _retrieval(task, texts)
    splits = {split: _rows(task, families, split, texts) for split in _splits(task)}
    if not task.metadata.is_multilingual:
        return {"default": splits}
    english = facts.tasks()[task.metadata.name].english_subset
    assert english
    if not task.fast_loading:
        return {english: splits}
    other = next(name for name in task.metadata.eval_langs if name != english)
    both = {
        split: [{**row, "lang": lang} for lang, row in itertools.product((other, english), rows)]
        for split, rows in splits.items()
    }
    return {"default": both}


def _splits(task: Any) -> list[str]:
    train = getattr(task, "train_split", None)
    return list(dict.fromkeys([*task.metadata.eval_splits, *([train] if train else [])]))


def _texts(first: int) -> Iterator[str]:
    """Texts without end, each once; numbered from where the task says, so that two tasks have different ones."""
    for number, pair in enumerate(itertools.cycle(itertools.product(WORDS, WORDS)), start=first):
        yield f"{' '.join(pair)} {number}"


def _take(texts: Iterator[str], count: int) -> list[str]:
    return list(itertools.islice(texts, count))


def _labels(task: Any, split: str) -> list[str]:
    """Labels of a split as MTEB counted them, the most frequent ones, in their order."""
    stats = task.metadata.descriptive_stats[split]
    if stats.get("hf_subset_descriptive_stats"):
        subset = facts.tasks()[task.metadata.name].english_subset
        stats = stats["hf_subset_descriptive_stats"][subset]
    counts = (stats.get("label_statistics") or stats["labels_statistics"])["labels"]
    most = sorted(counts, key=lambda label: (-counts[label]["count"], label))[:MOST_LABELS]
    return sorted(most)


def _rows(task: Any, families: set[str], split: str, texts: Iterator[str]) -> Rows:
    if "AbsTaskClassification" in families:
        # the Hub holds the names of MASSIVE's labels, and numbers for all others
        labels = [int(label) if label.isdigit() else label for label in _labels(task, "test")]
        drawn = TRAIN_ROWS_A_DRAW * task.samples_per_label if split == task.train_split else 6
        return [
            {"text": text, "label": labels[row % len(labels)], "label_text": "x"}
            for row, text in enumerate(_take(texts, drawn * len(labels)))
        ]
    if "AbsTaskClustering" in families:
        labels = _labels(task, split)
        if "ArXiv" in task.metadata.name:  # of one level and of two
            labels = [f"{label}.{inner}" for label in labels for inner in ("a", "b")] + labels[:1]
        flat = [
            {"sentences": text, "labels": labels[row % len(labels)]}
            for row, text in enumerate(_take(texts, SAMPLED_ROWS.get(task.metadata.name, 500)))
        ]
        return flat if task.metadata.name in FLAT_CLUSTERINGS else _in_lists(flat, 2)
    if "AbsTaskClusteringLegacy" in families:
        labels = _labels(task, split)
        two = [{"sentences": text, "labels": labels[row % 3]} for row, text in enumerate(_take(texts, 60))]
        alone = [{"sentences": text, "labels": labels[0]} for text in _take(texts, 5)]  # skipped by MTEB
        return _in_lists(two, 2) + _in_lists(alone, 1)
    if "AbsTaskPairClassification" in families:
        assert task.metadata.name in OLD_PAIRS
        pairs = [{"sent1": next(texts), "sent2": next(texts), "labels": row % 2} for row in range(30)]
        return _in_lists(pairs, 1)
    if "AbsTaskSTS" in families:
        first, second = task.column_names
        step = (task.max_score - task.min_score) / 7
        return [
            {first: next(texts), second: next(texts), "score": task.min_score + step * (row * 5 % 8)}
            for row in range(24)
        ]
    assert "AbsTaskSummarization" in families
    return [
        {
            "text": next(texts),
            "human_summaries": _take(texts, 3),
            "machine_summaries": _take(texts, 5),
            "relevance": [float(1 + (row + summary * summary) % 5) for summary in range(5)],
        }
        for row in range(8)
    ]


def _in_lists(rows: Rows, count: int) -> Rows:
    """The rows, dealt into so many rows of lists."""
    return [{name: [row[name] for row in rows[start::count]] for name in rows[0]} for start in range(count)]


def _retrieval(task: Any, texts: Iterator[str]) -> dict[str, dict[str, Rows]]:
    """A corpus with and without titles, a query that bears a document's id, and one that nobody judged.

    The queries of one impression of MIND share what stands before the last part of their ids, and the judgements.
    """
    (split,) = task.metadata.eval_splits
    corpus = [
        {"_id": f"d{row}", "title": next(texts) if row % 3 else "", "text": next(texts)} for row in range(40)
    ]
    impressions = {"d7": 0, **{f"q{row // 2}_{row % 2}": 1 + row // 2 for row in range(8)}}
    queries = [{"_id": name, "text": next(texts)} for name in (*impressions, "unjudged_0")]
    judged = [
        {"query-id": name, "corpus-id": f"d{5 * impression + step}", "score": 2 - step}
        for name, impression in impressions.items()
        for step in range(3)  # the last one is judged as not relevant
    ]
    found = {"corpus": {"corpus": corpus}, "queries": {"queries": queries}, "default": {split: judged}}
    if task.metadata.type == "Reranking":
        ranked = [
            {"query-id": name, "corpus-ids": [f"d{5 * impression + step}" for step in range(8)]}
            for name, impression in impressions.items()
        ]
        found["top_ranked"] = {split: ranked}
    return found


def shown_texts(tables: dict[Any, pa.Table], task: Any) -> set[str]:
    """The texts of stored tables as MTEB puts them together for a model; what was left empty is none.

    Args:
        tables: A stored set's, expanded or not.
        task: Its MTEB task.
    """
    kept = {"id", "label", "labels", "score", "relevance"}
    found: set[str] = set()
    for key, table in tables.items():
        if key.config in ("qrels", "top_ranked"):
            continue
        columns = [name for name in table.column_names if name not in kept]
        for row in table.select(columns).to_pylist():
            if key.config in ("corpus", "queries"):
                found.add(" ".join(row.values()).strip())
            else:
                for value in row.values():
                    found.update([value] if isinstance(value, str) else value)
    return found - {""}
