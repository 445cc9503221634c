"""The cache of translations against bare SQLite, on the same million rows.

- Look-ups of 400,000 digests, at most 1.2 times SQLite's with sorted `IN`, which returns a list of column tuples.
- Commits of 1,000 rows, at most 1.2 times SQLite's in the same schema; both wait until the rows are on the disk.

The peer has the cache's pragmas: the same journal, `synchronous` and memory for pages. Exit code 1 where a bound is not
held.
"""

from __future__ import annotations

import hashlib
import operator
import random
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

import made_up
from measuring import RUNS, in_turns, judged

from mmteb_synth.translate.cache import Cache
from mmteb_synth.translate.rows import COLUMNS, Row

ROWS = 1_000_000
LOOKUPS = 400_000
COMMIT = 1_000
COMMITS = 10
"""Commits in one run; the peer and the cache take turns with runs."""
BOUND = 1.2

_AT_ONCE = 1_000
_PAGES = "PRAGMA cache_size=-65536"
_Item = TypeVar("_Item")
_VALUES = operator.attrgetter(*COLUMNS)
_INSERT = f"INSERT INTO translations ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})"


def main() -> int:
    """Measure, print and judge."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "cache.sqlite"
        keys = _fill(file)
        wanted = random.Random(0).sample(keys, LOOKUPS)
        ours, peer = in_turns(lambda: _look_up(file, wanted), lambda: _look_up_bare(file, wanted))
        held = [judged(f"look-ups of {LOOKUPS:,} digests among {ROWS:,}", ours, peer, BOUND)]
        bare = Path(folder) / "bare.sqlite"
        shutil.copy(file, bare)
        fresh = list(_rows(made_up.texts((1 + RUNS) * COMMITS * COMMIT, seed=1)))
        with Cache(file) as cache, closing(_opened(bare)) as connection:
            connection.execute(_PAGES)
            ours, peer = in_turns(
                _commits(fresh, cache.put),
                _commits([_VALUES(row) for row in fresh], lambda values: _commit_bare(connection, values)),
            )
        held.append(judged(f"{COMMITS} commits of {COMMIT:,} rows", ours, peer, BOUND))
    return 0 if all(held) else 1


def _rows(texts: Iterator[str]) -> Iterator[Row]:
    for text in texts:
        yield made_up.row(hashlib.blake2b(text.encode(), digest_size=16).digest(), text)


def _fill(file: Path) -> list[bytes]:
    """Make the cache; in the order of the keys, which is quick."""
    rows = sorted(_rows(made_up.texts(ROWS)), key=lambda row: row.key)
    with Cache(file) as cache:
        for start in range(0, ROWS, 50_000):
            cache.put(rows[start : start + 50_000])
    return [row.key for row in rows]


def _look_up(file: Path, keys: Sequence[bytes]) -> object:
    with Cache(file) as cache:
        answers = cache.answers(keys)
    assert len(answers.translations) == len(keys)
    return answers


def _look_up_bare(file: Path, keys: Sequence[bytes]) -> object:
    found: list[tuple[Any, ...]] = []
    ordered = sorted(keys)
    with closing(_opened(file)) as connection:
        for start in range(0, len(ordered), _AT_ONCE):
            chunk = ordered[start : start + _AT_ONCE]
            marks = ", ".join("?" * len(chunk))
            query = f"SELECT key, translation, finish_reason, checks, verdicts FROM translations WHERE key IN ({marks})"
            found += connection.execute(query, chunk).fetchall()
    assert len(found) == len(keys)
    return found


def _opened(file: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    return connection


def _commits(fresh: Sequence[_Item], commit: Callable[[Sequence[_Item]], None]) -> Callable[[], None]:
    """Each run commits rows that were never seen."""
    start = 0

    def run() -> None:
        nonlocal start
        for _ in range(COMMITS):
            commit(fresh[start : start + COMMIT])
            start += COMMIT

    return run


def _commit_bare(connection: sqlite3.Connection, values: Sequence[tuple[Any, ...]]) -> None:
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany(_INSERT, values)
    connection.execute("COMMIT")


if __name__ == "__main__":
    sys.exit(main())
