"""The ledger of a set that is being built: what the run tells, and what the cache holds, of each of its segments."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence, Set
from itertools import islice
from typing import Any

import pyarrow as pa

from mmteb_synth import checks
from mmteb_synth.data import ledger
from mmteb_synth.data.reviews import text_hash
from mmteb_synth.translate import judgements
from mmteb_synth.translate.cache import Cache, Provenance
from mmteb_synth.translate.engine import TranslationRun
from mmteb_synth.translate.repair import Attempt
from mmteb_synth.types import Segment

_PIECE = 20_000
_UNKNOWN = Provenance()


def ledger_of(
    wanted: Mapping[Segment, None],
    run: TranslationRun,
    failed: Mapping[Segment, str],
    cache: Cache,
    language: str,
) -> pa.Table:
    """The ledger of a set.

    Args:
        wanted: Its segments, in order.
        run: What became of them.
        failed: Those that the set holds no translation of, and why; of some the run has a faulty one.
        cache: Where the answers are, and what semantic checks said of them.
        language: The target language, as `tur-Latn`.

    Returns:
        A row for each segment, of `ledger.SCHEMA`.
    """
    remaining = iter(wanted)
    special = run.verdicts.keys() | run.histories.keys() | failed.keys()
    pieces = []
    while segments := list(islice(remaining, _PIECE)):
        pieces.append(_piece(segments, special, run, failed, cache))
    if judgements.exist(cache.database):
        pieces = [_with_judgements(piece, cache, language) for piece in pieces]
    table = pa.concat_tables(pieces) if pieces else ledger.SCHEMA.empty_table()
    return ledger.stamped(table, checks_version=checks.CHECKS_VERSION)


def _piece(
    segments: Sequence[Segment],
    special: Set[Segment],
    run: TranslationRun,
    failed: Mapping[Segment, str],
    cache: Cache,
) -> pa.Table:
    """Some rows: all as if they were simply asked for and answered, and then those with more to tell."""
    keys = [run.keys[segment] for segment in segments]
    of_others = [key for segment in segments if segment in run.histories for key in _keys(run, segment)]
    known = cache.provenance([*keys, *of_others])
    rows = [known.get(key, _UNKNOWN) for key in keys]
    texts, kinds, registers, _ = zip(*segments, strict=True)
    facts: dict[str, list[Any]] = {
        name: list(column) for name, column in zip(Provenance._fields, zip(*rows, strict=True), strict=True)
    }
    count = len(segments)
    columns: dict[str, list[Any]] = {
        "source_hash": list(map(text_hash, texts)),
        "kind": list(kinds),
        "register": list(registers),
        "source": list(texts),
        "hypothesis": [run.translations.get(segment) for segment in segments],
        "outcome": ["translated"] * count,
        "reason": [None] * count,
        "step": ["asked"] * count,
        **facts,
        "attempts": [1] * count,
        "verdicts": [[]] * count,
        "rejected": [[]] * count,
        "judgements": [[]] * count,
    }
    for place in (place for place, segment in enumerate(segments) if segment in special):
        segment = segments[place]
        for name, value in _special(segment, run, failed, known).items():
            columns[name][place] = value
    return pa.table(
        {name: pa.array(columns[name], ledger.SCHEMA.field(name).type) for name in ledger.SCHEMA.names}
    )


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
