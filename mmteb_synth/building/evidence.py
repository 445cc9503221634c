"""The ledger of a set that is being built: what the run tells, and what the cache holds, of each of its segments."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mmteb_synth.data import ledger
from mmteb_synth.data.reviews import text_hash
from mmteb_synth.data.spool import Spool
from mmteb_synth.translate import judgements
from mmteb_synth.translate.cache import Cache
from mmteb_synth.translate.engine import TranslationRun
from mmteb_synth.translate.histories import Attempt
from mmteb_synth.translate.rows import Provenance
from mmteb_synth.types import Segment, Verdict

_UNKNOWN = Provenance()


def rows_of(
    segments: Sequence[Segment],
    run: TranslationRun,
    failed: Mapping[Segment, str],
    cache: Cache,
    language: str,
) -> pa.Table:
    """The ledger's rows of some segments.

    Args:
        segments: The segments, in order.
        run: What became of them.
        failed: Those that the set holds no translation of, and why; of some the run has a faulty one.
        cache: Where the answers are, and what semantic checks said of them.
        language: The target language, as `tur-Latn`.

    Returns:
        A row for each segment, of `ledger.SCHEMA`.
    """
    keys = [run.keys[segment] for segment in segments]
    of_histories = [key for segment in run.histories for key in _keys(run, segment)]
    known = {row[0]: Provenance._make(row[1:]) for page in cache.provenance(of_histories) for row in page}
    simple = _simple(segments, run, _in_order(keys, cache.provenance(keys)))
    special = run.verdicts.keys() | run.histories.keys() | failed.keys()
    differ = {
        place: _special(segment, run, failed, known)
        for place, segment in enumerate(segments)
        if segment in special
    }
    rows = _changed(simple, differ) if differ else simple
    return _with_judgements(rows, cache, language) if judgements.exist(cache.database) else rows


def cells(table: pa.Table, places: Iterable[int]) -> dict[int, dict[str, Any]]:
    """Some rows of a ledger, by their places; taken batch by batch, since `take` would join all of its chunks."""
    wanted = np.array(sorted(places), np.int64)
    found: dict[int, dict[str, Any]] = {}
    start = 0
    for batch in table.to_batches():
        here = wanted[(wanted >= start) & (wanted < start + len(batch))]
        if len(here):
            found |= zip(here.tolist(), batch.take(pa.array(here - start)).to_pylist(), strict=True)
        start += len(batch)
    return found


def segment_of(row: Mapping[str, Any]) -> Segment:
    """The segment that a row is about."""
    return Segment(row["source"], row["kind"], row["register"])


def with_verdicts(row: Mapping[str, Any], verdicts: Sequence[Verdict], *, refuses: bool) -> dict[str, Any]:
    """A row of which more is said.

    Args:
        row: The row.
        verdicts: What is said.
        refuses: Whether a faulty translation has failed; otherwise it is flagged.
    """
    said = tuple(dict.fromkeys((*ledger.as_verdicts(row["verdicts"]), *verdicts)))
    changed = {**row, "verdicts": list(map(dataclasses.asdict, said))}
    faults = [verdict for verdict in said if verdict.severity == "error"]
    if faults and refuses:
        changed |= {"outcome": "failed", "reason": in_words(faults), "hypothesis": None}
    elif faults:
        changed |= {"outcome": "flagged", "reason": "; ".join(fault.reason for fault in faults)}
    return changed


def in_words(faults: Iterable[Verdict]) -> str:
    """Why a translation is refused."""
    return "; ".join(f"{fault.check}: {fault.reason}" for fault in faults)


def amended(table: pa.Table, rows: Mapping[int, Mapping[str, Any]], spool: Spool) -> pa.Table:
    """A ledger with some of its rows replaced.

    Args:
        table: The ledger.
        rows: The new ones, by their places.
        spool: Where it is kept.
    """

    def batches() -> Iterator[pa.Table]:
        start = 0
        for batch in table.to_batches():
            piece = pa.Table.from_batches([batch])
            here = {place - start: rows[place] for place in range(start, start + len(piece)) if place in rows}
            yield _changed(piece, here) if here else piece
            start += len(piece)

    return spool.table(table.schema, batches()) if rows else table


def _in_order(keys: Sequence[bytes], pages: Iterable[list[tuple[Any, ...]]]) -> pa.Table:
    """Where each segment's row came from: a row of `Provenance` for each key, empty where the cache knows nothing."""
    fields = [ledger.SCHEMA.field(name) for name in Provenance._fields]
    schema = pa.schema([pa.field("key", pa.binary()), *fields])
    tables = [schema.empty_table()]
    for page in pages:
        columns = zip(zip(*page, strict=True), schema, strict=True) if page else ()
        arrays = [pa.array(column, field.type) for column, field in columns]
        tables += [pa.table(arrays, schema=schema)] if arrays else []
    table = pa.concat_tables(tables).combine_chunks()
    places = pc.index_in(pa.array(keys, pa.binary()), table.column("key").combine_chunks())
    return table.drop_columns("key").take(places)


def _simple(segments: Sequence[Segment], run: TranslationRun, came_from: pa.Table) -> pa.Table:
    """Rows as if all segments were simply asked for and answered well."""
    texts, kinds, registers, _ = zip(*segments, strict=True)
    count = len(segments)
    facts: dict[str, Any] = {
        "source_hash": list(map(text_hash, texts)),
        "kind": kinds,
        "register": registers,
        "source": texts,
        "hypothesis": list(map(run.translations.get, segments)),
        "outcome": pa.repeat("translated", count),
        "reason": pa.nulls(count),
        "step": pa.repeat("asked", count),
        "attempts": pa.repeat(1, count),
        **{name: _nothing(name, count) for name in ("verdicts", "rejected", "judgements")},
        **{name: came_from.column(name).combine_chunks() for name in came_from.column_names},
    }
    return pa.table(
        {field.name: _as(field.type, facts[field.name]) for field in ledger.SCHEMA}, schema=ledger.SCHEMA
    )


def _as(type_: pa.DataType, values: Any) -> pa.Array:
    return values.cast(type_) if isinstance(values, (pa.Array, pa.ChunkedArray)) else pa.array(values, type_)


def _nothing(name: str, count: int) -> pa.Array:
    """So many empty lists."""
    values = pa.array([], ledger.SCHEMA.field(name).type.value_type)
    return pa.ListArray.from_arrays(pa.array(np.zeros(count + 1, np.int32)), values)


def _changed(simple: pa.Table, differ: Mapping[int, Mapping[str, Any]]) -> pa.Table:
    """Rows with what is otherwise in some of them."""
    rows = simple.take(pa.array(list(differ))).to_pylist()
    for row, values in zip(rows, differ.values(), strict=True):
        row.update(values)
    others = pa.Table.from_pylist(rows, schema=ledger.SCHEMA)
    order = np.arange(len(simple))
    order[list(differ)] = len(simple) + np.arange(len(rows))
    return pa.concat_tables([simple, others]).take(pa.array(order))


def _with_judgements(piece: pa.Table, cache: Cache, language: str) -> pa.Table:
    """Rows with what semantic checks said earlier of these very translations."""
    texts = zip(piece.column("source").to_pylist(), piece.column("hypothesis").to_pylist(), strict=True)
    keys = [judgements.key(source, hypothesis or "", language) for source, hypothesis in texts]
    known = judgements.find(cache.database, keys)
    said = [[dataclasses.asdict(one) for one in known.get(key, ())] for key in keys]
    field = ledger.SCHEMA.field("judgements")
    return piece.set_column(ledger.SCHEMA.get_field_index(field.name), field, pa.array(said, field.type))


def _special(
    segment: Segment, run: TranslationRun, failed: Mapping[Segment, str], known: Mapping[bytes, Provenance]
) -> dict[str, Any]:
    """What is otherwise than where a text was asked for once and answered well."""
    row: dict[str, Any] = {}
    verdicts = run.verdicts.get(segment, ())
    if verdicts:
        row["verdicts"] = list(map(dataclasses.asdict, verdicts))
    errors = "; ".join(verdict.reason for verdict in verdicts if verdict.severity == "error")
    if errors:
        row |= {"outcome": "flagged", "reason": errors}
    history = run.histories.get(segment)
    if history is not None:
        if history.rejected:
            row["rejected"] = [_rejected(attempt, known) for attempt in history.rejected]
            row["attempts"] = len(history.rejected) + (history.served is not None)
            row["outcome"] = "flagged" if errors else "repaired"
        if history.served is not None:
            first = known.get(history.served.keys[0], _UNKNOWN) if history.served.keys else _UNKNOWN
            row |= {**first._asdict(), "step": history.served.step, "translator": history.served.translator}
        spent = [known.get(key, _UNKNOWN) for key in dict.fromkeys(_keys(run, segment))]
        row["input_tokens"] = sum(one.input_tokens or 0 for one in spent)
        row["output_tokens"] = sum(one.output_tokens or 0 for one in spent)
    if segment in failed:
        row |= {"outcome": "failed", "reason": failed[segment], "hypothesis": None}
    return row


def _keys(run: TranslationRun, segment: Segment) -> Iterator[bytes]:
    """The cache keys of all answers that were had for a segment."""
    history = run.histories[segment]
    for attempt in (*history.rejected, *([history.served] if history.served else [])):
        yield from attempt.keys


def _rejected(attempt: Attempt, known: Mapping[bytes, Provenance]) -> dict[str, Any]:
    first = known.get(attempt.keys[0], _UNKNOWN) if attempt.keys else _UNKNOWN
    return {
        "step": attempt.step,
        "translator": attempt.translator,
        "hypothesis": attempt.hypothesis,
        "finish_reason": first.finish_reason,
        "verdicts": list(map(dataclasses.asdict, attempt.verdicts)),
    }
