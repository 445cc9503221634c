"""Which segments people are shown: a random sample, stratified by set and kind, whose rates can be made unbiased."""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

_Stratum = TypeVar("_Stratum")
_Row = TypeVar("_Row")

LEAST_OF_A_SET = 20
"""Rows of each set, however small its share: fewer say nothing of it."""


def allocate(total: int, sizes: Mapping[_Stratum, int], least: int) -> dict[_Stratum, int]:
    """Share rows out in proportion to size, with a minimum each.

    The highest quotients of Webster and Sainte-Laguë get the rows, so a larger total never takes one away: a larger
    sample holds the smaller one.

    Args:
        total: Rows to share out.
        sizes: How many rows each stratum has.
        least: Rows that each gets before size counts; fewer where the total doesn't reach, or the stratum is smaller.

    Returns:
        Rows of each stratum, at most its size.
    """
    least = min(least, total // max(len(sizes), 1))
    given = {stratum: min(least, size) for stratum, size in sizes.items()}
    left = total - sum(given.values())
    order = {stratum: place for place, stratum in enumerate(sizes)}
    waiting = [
        (-size / (2 * given[stratum] + 1), order[stratum], stratum)
        for stratum, size in sizes.items()
        if given[stratum] < size
    ]
    heapq.heapify(waiting)
    while left and waiting:
        _, place, stratum = heapq.heappop(waiting)
        given[stratum] += 1
        left -= 1
        if given[stratum] < sizes[stratum]:
            heapq.heappush(waiting, (-sizes[stratum] / (2 * given[stratum] + 1), place, stratum))
    return given


def draw(
    rows: Mapping[str, Mapping[str, Sequence[_Row]]],
    total: int,
    *,
    identity: Callable[[_Row], str],
    seed: int,
) -> dict[str, list[_Row]]:
    """Draw rows at random: by sets first, then by kinds in each.

    In a set's kind every row is as likely as any other, whatever the checks say of it. The lot is a row's own: it
    stays the same when the sample grows, or when other rows change.

    Args:
        rows: For each set and kind its rows.
        total: How many to draw.
        identity: What tells a row from others of its set.
        seed: Another seed draws other rows.

    Returns:
        For each set its rows, in random order.
    """
    by_set = {name: sum(map(len, kinds.values())) for name, kinds in rows.items()}
    drawn = {}
    for name, count in allocate(total, by_set, LEAST_OF_A_SET).items():

        def lot(row: _Row, name: str = name) -> bytes:
            return hashlib.blake2b(f"{seed}\n{name}\n{identity(row)}".encode(), digest_size=16).digest()

        shares = allocate(count, {kind: len(found) for kind, found in rows[name].items()}, 1)
        chosen = [row for kind, found in rows[name].items() for row in sorted(found, key=lot)[: shares[kind]]]
        drawn[name] = sorted(chosen, key=lot)
    return drawn


def share_out(drawn: Mapping[str, Sequence[_Row]], raters: int, overlap: int) -> list[list[_Row]]:
    """One list of rows for each person.

    Args:
        drawn: For each set its rows in random order.
        raters: How many people there are.
        overlap: How many rows all of them get; the others go to one person each.

    Returns:
        A list for each person: set by set, in the order of `drawn`.
    """
    common = allocate(overlap, {name: len(rows) for name, rows in drawn.items()}, 0)
    shares: list[list[_Row]] = [[] for _ in range(raters)]
    turn = 0
    for name, rows in drawn.items():
        for place, row in enumerate(rows):
            if place < common[name]:
                for share in shares:
                    share.append(row)
            else:
                shares[turn % raters].append(row)
                turn += 1
    return shares
