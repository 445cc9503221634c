"""A set cut down to a profile: its smaller tables, and the list of what was kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mmteb_synth.data.layout import Layout
from mmteb_synth.data.profiles import SAMPLER, Budget, Profile, retrieval, rows
from mmteb_synth.data.segments import Needed
from mmteb_synth.data.spool import Spool
from mmteb_synth.data.tables import (
    CORPUS,
    DEFAULT,
    QRELS,
    QUERIES,
    TOP_RANKED,
    TableKey,
    Tables,
    content_hash,
    pick,
    write_file,
)

FILE = "sample.parquet"
"""The list's file in a set's folder, beside its tables."""

_SCHEMA = pa.schema(
    [("table", pa.string()), ("row", pa.int64()), ("id", pa.string()), ("reason", pa.string())]
)
_ALL_EMBEDDED = {"max_fraction_of_documents_to_embed": None, "max_document_to_embed": None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What a profile kept of a set.

    Attributes:
        tables: The set's tables with the rows that were kept, in the source's order.
        attributes: What the task must have set, because its own draws would draw from the sample again.
        listed: One row for each that was kept of a table that was cut: `table`, as corpus/test; `row`, its number in
            the English source (of a legacy clustering, the number of its text); `id`, where rows have one; `reason`,
            of a document why it was kept. None where nothing was cut.
        record: The same in short, for the manifest.
    """

    tables: Tables
    attributes: dict[str, Any] = field(default_factory=dict)
    listed: pa.Table | None = None
    record: dict[str, Any] = field(default_factory=dict)


def draw(
    profile: Profile,
    task: Any,
    layout: Layout,
    tables: Tables,
    needed: Needed,
    eval_splits: Sequence[str],
    spool: Spool,
) -> Sample:
    """Cut a set down to a profile.

    Args:
        profile: How much to keep, and by which draw.
        task: The English MTEB task with the attributes that its transform set.
        layout: Its layout.
        tables: Its whole expanded tables; the sample keeps their order.
        needed: Which rows MTEB shows a model of the whole set. The sample is drawn among them, so that what is
            translated for it is not translated again for a larger one.
        eval_splits: The splits that are scored.
        spool: Where what the draw needs meanwhile is kept.

    Returns:
        The sample; that of `full` is the set itself.
    """
    if profile.budget is None:
        return Sample(tables=tables)
    if CORPUS in layout.text:
        return _of_retrieval(profile, profile.budget, task, tables, eval_splits, spool)
    return _of_rows(profile, profile.budget, task, layout, tables, needed, eval_splits)


def digest(listed: pa.Table) -> str:
    """The digest of a list of what was kept."""
    return content_hash({TableKey("sample", "all"): listed})


def write(folder: Path, listed: pa.Table | None) -> None:
    """Write the list of what was kept into a set's folder; None where there is none to write.

    Raises:
        OSError: It can't be written.
    """
    if listed is None:
        (folder / FILE).unlink(missing_ok=True)
    else:
        write_file(folder / FILE, listed)


def read(folder: Path) -> pa.Table:
    """The list in a set's folder.

    Raises:
        OSError: There is none.
        pyarrow.ArrowException: It is damaged.
    """
    with pq.ParquetFile(folder / FILE) as file:
        return file.read()


def _of_retrieval(
    profile: Profile, budget: Budget, task: Any, tables: Tables, eval_splits: Sequence[str], spool: Spool
) -> Sample:
    result = dict(tables)
    chosen: dict[TableKey, np.ndarray] = {}
    reasons: dict[TableKey, list[str]] = {}
    for split in eval_splits:
        found = retrieval.kept(task, tables, split, budget, profile.seed, spool)
        queries, corpus = TableKey(QUERIES, split), TableKey(CORPUS, split)
        chosen |= {queries: found.queries, corpus: found.documents}
        reasons[corpus] = found.reasons
        result[queries] = pick(tables[queries], found.queries)
        result[corpus] = pick(tables[corpus], found.documents)
        for key in (TableKey(QRELS, split), TableKey(TOP_RANKED, split)):
            if key in tables:
                marks = pc.is_in(
                    tables[key].column("query-id"), result[queries].column("id").combine_chunks()
                )
                result[key] = tables[key].filter(marks)
    return _sample(profile, tables, result, chosen, reasons)


def _of_rows(
    profile: Profile,
    budget: Budget,
    task: Any,
    layout: Layout,
    tables: Tables,
    needed: Needed,
    eval_splits: Sequence[str],
) -> Sample:
    eligible = {key: _eligible(needed.get(key), table.num_rows) for key, table in tables.items()}
    draws_itself = hasattr(task, "max_fraction_of_documents_to_embed")
    scored = [TableKey(DEFAULT, split) for split in eval_splits]
    if draws_itself and all(len(eligible[key]) <= budget.clustered for key in scored):
        return _sample(profile, tables, dict(tables), {}, {})  # MTEB's own draw is as small as the profile's
    chosen = {
        key: rows.scored(task, layout, key.split, tables[key], eligible[key], budget, profile.seed)
        for key in scored
    }
    for key in tables.keys() - chosen.keys():
        pool = rows.trained(task, layout, tables[key], eligible[key], budget, profile.seed)
        if pool is not None:
            chosen[key] = pool
    chosen = {key: np.sort(found) for key, found in chosen.items() if len(found) < tables[key].num_rows}
    result = {key: pick(table, chosen[key]) if key in chosen else table for key, table in tables.items()}
    return _sample(profile, tables, result, chosen, {}, _ALL_EMBEDDED if draws_itself else {})


def _eligible(marks: np.ndarray | None, size: int) -> np.ndarray:
    return np.arange(size) if marks is None else np.flatnonzero(marks)


def _sample(
    profile: Profile,
    whole: Tables,
    result: Tables,
    chosen: Mapping[TableKey, np.ndarray],
    reasons: Mapping[TableKey, list[str]],
    attributes: Mapping[str, Any] | None = None,
) -> Sample:
    """Put a sample and its record together."""
    listed = pa.concat_tables(
        [_SCHEMA.empty_table()]
        + [_listed(key, whole[key], chosen[key], reasons.get(key)) for key in sorted(chosen)]
    )
    counts: dict[str, dict[str, Any]] = {}
    for key in sorted(whole):
        name = f"{key.config}/{key.split}"
        counts[name] = {"kept": result[key].num_rows, "of": whole[key].num_rows}
        if key in reasons:
            counts[name] |= {"reasons": dict(Counter(reasons[key]))}
    return Sample(
        tables=result,
        attributes=dict(attributes or {}),
        listed=listed if len(listed) else None,
        record={
            "profile": profile.name,
            "seed": profile.seed,
            "sampler": SAMPLER,
            "tables": counts,
            "listed": len(listed),
            "digest": digest(listed),
        },
    )


def _listed(key: TableKey, table: pa.Table, numbers: np.ndarray, reasons: list[str] | None) -> pa.Table:
    size = len(numbers)
    has_ids = "id" in table.column_names
    ids = pick(table.select(["id"]), numbers).column("id") if has_ids else pa.nulls(size, pa.string())
    columns = {
        "table": pa.repeat(f"{key.config}/{key.split}", size).cast(pa.string()),
        "row": pa.array(numbers, pa.int64()),
        "id": ids,
        "reason": pa.array(reasons, pa.string()) if reasons is not None else pa.nulls(size, pa.string()),
    }
    return pa.table(columns, schema=_SCHEMA)
