"""Canonical JSON and the digests made from it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

_CHUNK = 1 << 20


def canonical_json(value: Any) -> str:
    """One spelling for one value: sorted keys, no spaces, text as it is."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)


def json_digest(value: Any, length: int = 16) -> str:
    """The blake2b digest of a value's canonical JSON, as `length` hexadecimal digits."""
    return hashlib.blake2b(canonical_json(value).encode(), digest_size=32).hexdigest()[:length]


def files_digest(files: Iterable[tuple[str, Path]]) -> str:
    """The digest of named files: their names and contents, in the order of the names.

    Args:
        files: (name, path) pairs; the name, not the path, counts.

    Returns:
        64 hexadecimal digits.
    """
    digest = hashlib.blake2b(digest_size=32)
    for name, path in sorted(files):
        digest.update(f"{len(name.encode())}:{name}".encode())
        digest.update(f":{path.stat().st_size}:".encode())
        with path.open("rb") as stream:
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
    return digest.hexdigest()
