"""What tests of reviews share: small stored sets of each kind, with ledgers, and people who fill files in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
from openpyxl import load_workbook

from mmteb_synth.data import ledger
from mmteb_synth.data.manifest import Manifest
from mmteb_synth.data.reviews import text_hash
from mmteb_synth.data.store import Store
from mmteb_synth.data.tables import CORPUS, DEFAULT, QRELS, QUERIES, TableKey, Tables
from mmteb_synth.reviewing.form import COLUMNS

TEST = TableKey(DEFAULT, "test")


def turkish(text: str) -> str:
    """What the translator of these tests makes of a text."""
    return f"tr {text}"


def manifest(name: str, task_type: str, **values: Any) -> Manifest:
    source, language, translator = name.split(".", 2)
    given: dict[str, Any] = {
        "source_task": source,
        "task_type": task_type,
        "language": language,
        "translator": translator,
        "checks_version": 1,
        "eval_splits": ["test"],
        "source": {"dataset": source},
        "counts": {},
        "coverage": 1.0,
        "licence": "mit",
        "fingerprint": "f",
        "created": "2026-01-01T00:00:00+00:00",
        **values,
    }
    return Manifest(name=name, **given)


def ledger_of(texts: Sequence[tuple[str, str]], translate: Callable[[str], str | None] = turkish) -> pa.Table:
    """A ledger of (kind, English) pairs."""
    rows = [
        {
            "source_hash": text_hash(text),
            "kind": kind,
            "register": "neutral",
            "source": text,
            "hypothesis": translate(text),
            "outcome": "failed" if translate(text) is None else "translated",
        }
        for kind, text in dict.fromkeys(texts)
    ]
    return ledger.stamped(pa.Table.from_pylist(rows, schema=ledger.SCHEMA), checks_version=1)


def save_sts(
    store: Store,
    name: str = "Mine.tur-Latn.authored",
    pairs: Sequence[tuple[float, str, str]] = ((4.5, "iron", "steel"), (1.0, "ore", "a cat")),
    translate: Callable[[str], str] = turkish,
) -> str:
    table = pa.table(
        {
            "score": [score for score, _, _ in pairs],
            "sentence1": [translate(one) for _, one, _ in pairs],
            "sentence2": [translate(other) for _, _, other in pairs],
        }
    )
    texts = [("sentence", text) for _, one, other in pairs for text in (one, other)]
    store.save(manifest(name, "STS"), {TEST: table}, ledger_of(texts, translate))
    return name


def save_many(store: Store, count: int, name: str = "Many.tur-Latn.authored") -> str:
    """An STS set of so many segments."""
    return save_sts(store, name, [(float(n % 6), f"one {n}", f"other {n}") for n in range(count // 2)])


def retrieval_tables() -> Tables:
    return {
        TableKey(CORPUS, "test"): pa.table(
            {
                "id": ["d1", "d2"],
                "title": ["tr Ovens", "tr Cats"],
                "text": ["tr Ovens are hot.", "tr Cats purr."],
            }
        ),
        TableKey(QUERIES, "test"): pa.table({"id": ["q1"], "text": ["tr What is hot?"]}),
        TableKey(QRELS, "test"): pa.table({"query-id": ["q1"], "corpus-id": ["d1"], "score": [1]}),
    }


def save_retrieval(store: Store, name: str = "Find.tur-Latn.authored") -> str:
    texts = [
        ("title", "Ovens"),
        ("title", "Cats"),
        ("document", "Ovens are hot."),
        ("document", "Cats purr."),
        ("query", "What is hot?"),
    ]
    store.save(manifest(name, "Retrieval"), retrieval_tables(), ledger_of(texts))
    return name


Answers = Mapping[str, Any]


def fill_xlsx(file: Path, answer: Callable[[dict[str, Any]], Answers]) -> None:
    """Fill in a spreadsheet as a person would.

    Args:
        file: The spreadsheet.
        answer: From the cells of a row to what is written into it, both by column.
    """
    book = load_workbook(file)
    sheet = book["Review"]
    headings = {cell.value: cell.column for cell in sheet[1]}
    for row in range(2, sheet.max_row + 1):
        cells = {name: sheet.cell(row, headings[heading]).value for name, heading in COLUMNS.items()}
        for name, value in answer(cells).items():
            sheet.cell(row, headings[COLUMNS[name]]).value = value
    book.save(file)


def content(_: dict[str, Any]) -> Answers:
    """A person who finds nothing wrong."""
    return {"esa": 95, "severity": "none", "label": "yes"}
