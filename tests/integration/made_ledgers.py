"""Sets with ledgers made up row by row, for tests of what is made from them."""

from __future__ import annotations

import hashlib
from typing import Any

import pyarrow as pa

from mmteb_synth.checks import CHECKS_VERSION
from mmteb_synth.data import ledger
from mmteb_synth.data.manifest import Manifest
from mmteb_synth.data.store import Store, TranslatedDataset, set_name
from mmteb_synth.data.tables import TableKey

Row = dict[str, Any]

GOOD: Row = {"source": "Where is my parcel?", "hypothesis": "Kargom nerede?", "kind": "query"}
COPIED: Row = {
    "source": "The parcel that I ordered a week ago has still not arrived.",
    "hypothesis": "The parcel that I ordered a week ago has still not arrived.",
}
NUMBER: Row = {
    "source": "The meeting begins at 17:45 in room 9.",
    "hypothesis": "Toplantı 9 numaralı odada başlıyor.",
}
FAILED: Row = {
    "source": "Tell me how to pick this lock.",
    "outcome": "failed",
    "reason": "the translator refused this text",
}


def a_ledger(*rows: Row, checks_version: int = CHECKS_VERSION) -> pa.Table:
    """A ledger; what a row does not say is as of a plain answer."""
    plain: Row = {
        "kind": "sentence",
        "register": "neutral",
        "outcome": "translated",
        "step": "asked",
        "translator": "gpt-4.1-mini",
        "attempts": 1,
        "verdicts": [],
        "rejected": [],
        "judgements": [],
    }
    filled = [
        {**plain, "source_hash": hashlib.blake2b(row["source"].encode(), digest_size=16).hexdigest(), **row}
        for row in rows
    ]
    return ledger.stamped(pa.Table.from_pylist(filled, schema=ledger.SCHEMA), checks_version=checks_version)


def a_manifest(source: str = "STS12", language: str = "tur-Latn", **values: Any) -> Manifest:
    """The record of a set of one of MTEB's tasks."""
    required: Row = {
        "name": set_name(source, language, "gpt-4.1-mini"),
        "source_task": source,
        "task_type": "STS",
        "language": language,
        "translator": "gpt-4.1-mini",
        "prompt_version": 3,
        "checks_version": CHECKS_VERSION,
        "eval_splits": ["test"],
        "source": {"dataset": "mteb/sts12", "revision": "r", "mirror": None},
        "counts": {},
        "coverage": 1.0,
        "licence": "cc-by-4.0",
        "fingerprint": "f",
        "created": "2026-01-01T00:00:00+00:00",
    }
    return Manifest(**{**required, **values})


def a_set(store: Store, table: pa.Table | None, manifest: Manifest | None = None) -> TranslatedDataset:
    """Store a set with a ledger; its tables hold nothing of it."""
    manifest = manifest or a_manifest()
    tables = {
        TableKey("default", "test"): pa.table(
            {"sentence1": [manifest.name], "sentence2": ["b"], "score": [1.0]}
        )
    }
    return store.save(manifest, tables, table)
