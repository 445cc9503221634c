"""What a profile keeps of sets whose rows stand for themselves: all but retrieval and reranking."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from mmteb_synth.data.layout import SET_COLUMN, Layout
from mmteb_synth.data.profiles import Budget
from mmteb_synth.data.profiles.order import by_hash, hashes, in_proportion, ranks_within
from mmteb_synth.data.tables import pick

_BINS = 10
_LEAST_PAIRS = 20
"""Of each label of a pair classification: one pair in a hundred of SprintDuplicateQuestions is a duplicate."""


def scored(
    task: Any,
    layout: Layout,
    split: str,
    table: pa.Table,
    eligible: np.ndarray,
    budget: Budget,
    seed: int,
) -> np.ndarray:
    """The rows to keep of a split that is scored.

    Args:
        task: The MTEB task.
        layout: Its layout.
        split: The split's name.
        table: Its rows.
        eligible: The rows that MTEB would show a model, in order; the sample is among them, so that what is translated for it
            serves the whole set too.
        budget: How much is kept.
        seed: The sample's.

    Returns:
        Row numbers, in no order.
    """
    families = {base.__name__ for base in type(task).__mro__}
    part = pick(table, eligible)
    numbers = hashes(_texts(layout, part), seed)
    if layout.grouped:
        chosen = _of_sets(part, task.label_column_name, numbers, budget)
    elif "AbsTaskClassification" in families:
        strata = _labels(part, task.label_column_name)
        rows = budget.rows
        trains_on_itself = task.is_cross_validation or task.train_split == split
        if budget.pool is not None and trains_on_itself:
            rows = max(rows, budget.pool * task.samples_per_label * len(set(strata)))
        chosen = in_proportion(strata, numbers)[:rows]
    elif "AbsTaskClustering" in families:
        chosen = in_proportion(_labels(part, task.label_column_name), numbers)[: budget.clustered]
    elif "AbsTaskPairClassification" in families:
        labels = _labels(part, task.label_column_name)
        chosen = in_proportion(labels, numbers, least=_LEAST_PAIRS)[: budget.pairs]
    elif "AbsTaskSTS" in families:
        chosen = in_proportion(_bins(part.column("score")), numbers)[: budget.pairs]
    else:
        chosen = by_hash(numbers)[: budget.articles]
    return np.asarray(eligible[chosen])


def trained(
    task: Any, layout: Layout, table: pa.Table, eligible: np.ndarray, budget: Budget, seed: int
) -> np.ndarray | None:
    """The train rows to keep of a classification: as many of each label; None for all.

    The arguments are those of `scored`, for the train split. MTEB then draws its experiments from what is kept.
    """
    if budget.pool is None:
        return None
    part = pick(table, eligible)
    numbers = hashes(_texts(layout, part), seed)
    wanted = budget.pool * task.samples_per_label
    labels = part.column(task.label_column_name).to_pylist()
    if labels and isinstance(labels[0], list):
        return np.asarray(eligible[_several_labels(labels, numbers, wanted)])
    ranks, _ = ranks_within(labels, numbers)
    return np.asarray(eligible[ranks < wanted])


def _several_labels(labels: Sequence[Sequence[Hashable]], numbers: np.ndarray, wanted: int) -> np.ndarray:
    """Rows until each label has as many as are wanted, as MTEB's own draw goes through them."""
    found: Counter[Hashable] = Counter()
    chosen = []
    for row in by_hash(numbers):
        if any(found[label] < wanted for label in labels[row]):
            chosen.append(row)
            found.update(labels[row])
    return np.array(chosen, np.int64)


def _of_sets(table: pa.Table, label_column: str, numbers: np.ndarray, budget: Budget) -> np.ndarray:
    """Rows of a legacy clustering: some of its sets, and of each some texts."""
    sets = table.column(SET_COLUMN).to_numpy()
    first = {number: int(numbers[sets == number].min()) for number in np.unique(sets)}
    chosen = sorted(first, key=lambda number: (first[number], number))[: budget.groups]
    labels = _labels(table, label_column)
    kept = []
    for number in chosen:
        rows = np.flatnonzero(sets == number)
        order = in_proportion([labels[row] for row in rows], numbers[rows])
        kept.append(rows[order[: budget.clustered // budget.groups]])
    return np.concatenate(kept) if kept else np.zeros(0, np.int64)


def _labels(table: pa.Table, column: str) -> list[Hashable]:
    """What rows are stratified by; of a hierarchy the top, of several labels all."""
    labels: list[Any] = table.column(column).to_pylist()
    if not labels or not isinstance(labels[0], list):
        return labels
    is_hierarchy = isinstance(labels[0][0] if labels[0] else None, str)
    return [tuple(label[:1] if is_hierarchy else label) for label in labels]


def _bins(scores: pa.ChunkedArray) -> list[Hashable]:
    """Which tenth of the range of all scores each one lies in."""
    values = scores.to_numpy().astype(float)
    if not len(values) or values.max() == values.min():
        return [0] * len(values)
    shares = (values - values.min()) / (values.max() - values.min())
    return [*np.minimum(shares * _BINS, _BINS - 1).astype(int).tolist()]


def _texts(layout: Layout, table: pa.Table) -> Iterator[str]:
    """What rows are known by: all their texts."""
    ((config, columns),) = layout.text.items()
    names = [name for name in (*layout.unread.get(config, {}), *columns) if name in table.column_names]
    for batch in table.select(names).to_batches(10_000):
        for values in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            yield "\x1f".join("\x1e".join(value) if isinstance(value, list) else value for value in values)
