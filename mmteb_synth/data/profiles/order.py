"""The order in which rows are drawn. Every sample is the beginning of one, so that a small one lies in a larger.

Rows are ordered by a hash of what they hold, not by their number: rows that are added or moved change little, and a
text stands at the same place wherever it occurs, so that sets which share texts share much of their samples.
"""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Iterable, Sequence

import numpy as np


def hashes(keys: Iterable[str], seed: int) -> np.ndarray:
    """A number for each key, the same on every machine: the first eight bytes of its blake2b digest.

    Args:
        keys: What rows are known by: an id, or their texts.
        seed: Another seed gives other numbers.
    """
    start = hashlib.blake2b(digest_size=8, key=str(seed).encode())
    found = bytearray()
    for key in keys:
        digest = start.copy()
        digest.update(key.encode("utf-8", "surrogatepass"))
        found += digest.digest()
    return np.frombuffer(bytes(found), ">u8")


def by_hash(numbers: np.ndarray) -> np.ndarray:
    """Rows in the order of their numbers; equal ones in their own."""
    return np.argsort(numbers, kind="stable")


def in_proportion(strata: Sequence[Hashable], numbers: np.ndarray, *, least: int = 0) -> np.ndarray:
    """Rows in an order of which every beginning holds each stratum in proportion to its size.

    The r-th of n rows of a stratum, counted from 0 in the order of their numbers, stands at (r + 1/2) / n: that is
    the apportionment of Webster and Sainte-Laguë, under which a larger sample never has fewer rows of any stratum
    (Balinski and Young, Fair Representation, 1982).

    Args:
        strata: What each row belongs to.
        numbers: As `hashes` gives them.
        least: So many rows of each stratum come first, for strata of which a share of the sample would be too few.
    """
    ranks, sizes = ranks_within(strata, numbers)
    places = (ranks + 0.5) / sizes
    return np.lexsort((numbers, np.where(ranks < least, ranks - float(least), places)))


def ranks_within(strata: Sequence[Hashable], numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The place of each row in its stratum, counted from 0 in the order of their numbers, and the stratum's size.

    Args:
        strata: What each row belongs to.
        numbers: As `hashes` gives them.
    """
    codes: dict[Hashable, int] = {}
    of_rows = np.fromiter((codes.setdefault(one, len(codes)) for one in strata), np.int64, len(strata))
    sizes = np.bincount(of_rows, minlength=len(codes))
    order = np.lexsort((numbers, of_rows))
    starts = np.cumsum(sizes) - sizes
    ranks = np.empty(len(strata), np.int64)
    ranks[order] = np.arange(len(strata)) - starts[of_rows[order]]
    return ranks, sizes[of_rows]
