"""The ledger of a set: one row for each of its segments, with all that is known of how its translation came about.

It holds the texts too, so that a set can be judged again, shown to people and published without the cache it came from.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal, get_args

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mmteb_synth.data.tables import write_file
from mmteb_synth.types import Verdict

Outcome = Literal["translated", "repaired", "flagged", "failed"]
"""`translated` as first answered; `repaired` after an answer that the checks found fault with; `flagged`: kept although
they still do; `failed`: without a translation, or with one that is not served (`reason` says why)."""

FILE = "ledger.parquet"
"""The file's name in a set's folder."""

_SCHEMA_NUMBER = 1

VERDICT = pa.struct(
    [
        pa.field("check", pa.string()),
        pa.field("severity", pa.string()),
        pa.field("reason", pa.string()),
        pa.field("score", pa.float64()),
    ]
)
REJECTED = pa.struct(
    [
        pa.field("step", pa.string()),
        pa.field("translator", pa.string()),
        pa.field("hypothesis", pa.string()),
        pa.field("finish_reason", pa.string()),
        pa.field("verdicts", pa.list_(VERDICT)),
    ]
)
JUDGEMENT = pa.struct(
    [
        pa.field("judge", pa.string()),
        pa.field("score", pa.float64()),
        pa.field("severity", pa.string()),
        pa.field("words", pa.string()),
    ]
)

SCHEMA = pa.schema(
    [
        pa.field("source_hash", pa.string()),  # 32 hexadecimal digits: blake2b of the UTF-8 source text
        pa.field("kind", pa.string()),
        pa.field("register", pa.string()),
        pa.field("source", pa.string()),
        pa.field("hypothesis", pa.string()),  # what the set holds; missing where the segment has failed
        pa.field("outcome", pa.string()),
        pa.field("reason", pa.string()),  # why it has failed or is flagged
        pa.field("step", pa.string()),
        pa.field("translator", pa.string()),
        pa.field("model", pa.string()),  # as the server named it, with its revision where it says one
        pa.field("prompt_version", pa.int32()),
        pa.field("finish_reason", pa.string()),
        pa.field("input_tokens", pa.int64()),  # of all attempts, as the server counted them
        pa.field("output_tokens", pa.int64()),
        pa.field("attempts", pa.int32()),
        pa.field("created", pa.string()),  # ISO 8601, UTC
        pa.field("verdicts", pa.list_(VERDICT)),  # on the hypothesis
        pa.field("rejected", pa.list_(REJECTED)),  # the attempts before it, in their order
        pa.field("judgements", pa.list_(JUDGEMENT)),  # of semantic checks
    ]
)


def stamped(table: pa.Table, *, checks_version: int) -> pa.Table:
    """A ledger that says which checks judged it.

    Args:
        table: Rows of `SCHEMA`.
        checks_version: The checks' version.
    """
    about = {"mmteb_synth.schema": str(_SCHEMA_NUMBER), "mmteb_synth.checks": str(checks_version)}
    return table.cast(SCHEMA).replace_schema_metadata(about)


def checks_version(table: pa.Table) -> int:
    """The version of the checks that judged a ledger."""
    about: Mapping[Any, Any] = table.schema.metadata or {}
    return int(about.get(b"mmteb_synth.checks", b"0"))


def rejudged(
    table: pa.Table,
    verdicts: Iterable[Sequence[Verdict]],
    outcomes: Iterable[str],
    *,
    checks_version: int,
) -> pa.Table:
    """A ledger with other verdicts; all else stays.

    Args:
        table: The ledger.
        verdicts: Those on each row's hypothesis, in order.
        outcomes: What became of each segment in their light.
        checks_version: The version of the checks that judged it.
    """
    columns = {
        "verdicts": pa.array(([asdict(one) for one in row] for row in verdicts), pa.list_(VERDICT)),
        "outcome": pa.array(outcomes, pa.string()),
    }
    for name, column in columns.items():
        table = table.set_column(SCHEMA.get_field_index(name), SCHEMA.field(name), column)
    return stamped(table, checks_version=checks_version)


def as_verdicts(cells: Iterable[Mapping[str, Any]] | None) -> tuple[Verdict, ...]:
    """What a cell of a column of verdicts holds."""
    return tuple(Verdict(**cell) for cell in cells or ())


def count_outcomes(table: pa.Table) -> dict[str, int]:
    """The number of segments of each outcome, those of none among them."""
    found = {row["values"]: row["counts"] for row in table.column("outcome").value_counts().to_pylist()}
    return {name: found.get(name, 0) for name in get_args(Outcome)}


def count_findings(table: pa.Table) -> dict[tuple[str, str], int]:
    """For each check and severity the number of segments that it found fault with; errors first, most first.

    Semantic checks are among them, by the names of their judges.
    """
    found: dict[tuple[str, str], int] = {}
    for name, column in (("check", "verdicts"), ("judge", "judgements")):
        lists = table.column(column).combine_chunks()
        said = pc.list_flatten(lists)
        each = pa.table(
            {
                "row": pc.list_parent_indices(lists),
                "name": pc.struct_field(said, name),
                "severity": pc.struct_field(said, "severity"),
            }
        ).drop_null()
        counted = each.group_by(["name", "severity"]).aggregate([("row", "count_distinct")])
        found |= {(row["name"], row["severity"]): row["row_count_distinct"] for row in counted.to_pylist()}
    return dict(sorted(found.items(), key=lambda item: (item[0][1], -item[1], item[0][0])))


def summary(table: pa.Table) -> dict[str, Any]:
    """What a manifest says of a ledger: its `outcomes` and `findings`."""
    findings = [
        {"check": check, "severity": severity, "segments": segments}
        for (check, severity), segments in count_findings(table).items()
    ]
    return {"outcomes": count_outcomes(table), "findings": findings}


def read(folder: Path) -> pa.Table:
    """The ledger in a set's folder.

    Raises:
        OSError: There is none, or it can't be read.
        pyarrow.ArrowException: It is damaged, or no ledger of this version.
    """
    with pq.ParquetFile(folder / FILE) as file:
        table = file.read()
    number = int((table.schema.metadata or {}).get(b"mmteb_synth.schema", b"0"))
    if number > _SCHEMA_NUMBER:
        raise pa.ArrowInvalid("it was written by a newer mmteb-synth")
    if number < 1 or not table.schema.equals(SCHEMA):
        raise pa.ArrowInvalid("its columns are not those of a ledger")
    return table


def write(folder: Path, table: pa.Table) -> None:
    """Write a ledger into a set's folder, in place of the one that is there.

    Raises:
        OSError: It can't be written; the one that was there stays.
    """
    write_file(folder / FILE, table)
