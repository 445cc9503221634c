"""The signature of a score, all that must be equal for two scores to be comparable, and the file that keeps it.

`signatures.jsonl` lies beside MTEB's own result files, which have no place for what it says. Lines are only ever
added, each run's in one write, so that two runs at once keep both; a later line of a score replaces an earlier one.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from mmteb_synth._version import __version__
from mmteb_synth.hashing import json_digest
from mmteb_synth.paths import write_text, writing

SIGNATURES = "signatures.jsonl"
_READABLE = 80

_KEY = ("task", "dataset_revision", "language", "split", "subset")

Key = tuple[str, ...]
"""What tells one score of a model from another: the values of task, data revision, language, split and subset."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedScore:
    """One line of `signatures.jsonl`: what a score in MTEB's file beside it is a score of."""

    task: str
    dataset_revision: str
    signature: str
    source_task: str
    task_type: str
    origin: str
    translator: str | None
    language: str
    profile: str
    limit: int | None
    split: str
    subset: str
    main_score: str
    coverage: float
    bitext: bool
    grade: str | None
    notes: list[str]
    zero_shot: bool | None
    demo: bool
    schema: int = 1

    @property
    def key(self) -> Key:
        """See `Key`."""
        return tuple(str(getattr(self, name)) for name in _KEY)


def prompts_label(prompts: Mapping[str, str], *, known: bool) -> str:
    """The prompts in short: `none`, `unknown`, `query=query: ,document=passage: `, or a digest of long ones."""
    if not prompts:
        return "none" if known else "unknown"
    text = ",".join(f"{key}={value}" for key, value in sorted(prompts.items()))
    plain = text.isprintable() and "|" not in text and len(text) <= _READABLE
    return text if plain else f"#{json_digest(dict(prompts), 8)}"


def signature(fields: Mapping[str, object], prompts: str, mteb_version: str) -> str:
    """Put a score's signature together.

    Args:
        fields: The task's part, in order, as {"task": "STS12", "lang": "eng-Latn>tur-Latn"}.
        prompts: What `prompts_label` says.
        mteb_version: The version that made the score.

    Returns:
        `task:STS12|lang:eng-Latn>tur-Latn|…|prompts:none|mteb:2.26.24|v:0.1.0`.
    """
    whole = {**fields, "prompts": prompts, "mteb": mteb_version, "v": __version__}
    return "|".join(f"{name}:{value}" for name, value in whole.items())


def read(file: Path) -> tuple[dict[Key, str], int]:
    """Read a file of signatures.

    Args:
        file: It need not exist.

    Returns:
        The line of each score, and the number of lines that are damaged.
    """
    if not file.is_file():
        return {}, 0
    *lines, rest = file.read_text("utf-8", errors="replace").split("\n")
    found: dict[Key, str] = {}
    damaged = int(bool(rest))  # a write that was cut off
    for line in lines:
        try:
            values = json.loads(line)
            found[tuple(str(values[name]) for name in _KEY)] = line
        except (ValueError, TypeError, KeyError):
            damaged += 1
    return found, damaged


def replace(file: Path, lines: Iterable[str]) -> None:
    """Write a file of signatures anew, with the lines that `read` found whole.

    Raises:
        SynthError: The file can't be written.
    """
    write_text(file, "".join(f"{line}\n" for line in lines))


def add(file: Path, scores: Iterable[SignedScore]) -> None:
    """Add lines to a file of signatures, all or none.

    Raises:
        SynthError: The file can't be written.
    """
    lines = [json.dumps(asdict(signed), ensure_ascii=False, sort_keys=True) + "\n" for signed in scores]
    data = "".join(lines).encode()
    if not data:
        return
    with writing(str(file)):
        handle = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            before = os.fstat(handle).st_size
            if os.write(handle, data) < len(data):
                os.ftruncate(handle, before)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(file))
        finally:
            os.close(handle)
