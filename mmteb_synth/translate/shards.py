"""Sharing one build among the jobs of an array: each has its own share of the texts and its own cache file.

No two jobs ask for one text, and none waits for another's lock, also on a network file system. `cache merge` joins
the files; a plain build afterwards finds everything in the cache and stores the sets.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mmteb_synth.errors import UsageError
from mmteb_synth.translate.cache import Cache
from mmteb_synth.translate.rows import Answers, Row
from mmteb_synth.translate.translators import Translator
from mmteb_synth.types import Language, Segment

_SPELLING = re.compile(r"(\d+)/(\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """One job's share.

    Attributes:
        number: Which one, from 1.
        count: Of how many.
    """

    number: int
    count: int

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.count:
            raise UsageError(
                f"shard {self.number}/{self.count}: the number goes from 1 to {self.count}",
                hint="--shard 1/8 to --shard 8/8 for an array of eight jobs",
            )

    def __str__(self) -> str:
        """As it is written: `1/8`."""
        return f"{self.number}/{self.count}"

    @property
    def suffix(self) -> str:
        """For the names of files: `.shard-1-of-8`."""
        return f".shard-{self.number}-of-{self.count}"

    def cache_file(self, main: Path) -> Path:
        """The file that this job writes, beside the main cache."""
        return main.with_name(f"{main.stem}{self.suffix}{main.suffix}")

    def holds(self, key: bytes) -> bool:
        """Whether a text is in this share; decided by its cache key, so equally spread and the same every time."""
        return int.from_bytes(key[-8:]) % self.count == self.number - 1

    def of(
        self, segments: Iterable[Segment], translator: Translator, language: Language
    ) -> dict[Segment, None]:
        """The segments of this share, as an ordered set."""
        return {segment: None for segment in segments if self.holds(translator.key(segment, language))}


def parse(text: str) -> Shard:
    """Read `I/N`.

    Raises:
        UsageError: It is something else.
    """
    found = _SPELLING.fullmatch(text.strip())
    if not found:
        raise UsageError(f"{text!r} is no shard", hint="write it as 1/8, the first of eight")
    return Shard(number=int(found[1]), count=int(found[2]))


class ShardCache(Cache):
    """A job's own cache file, with the main cache below it, which is only read.

    Args:
        file: The job's file.
        main: The main cache.
    """

    def __init__(self, file: Path, main: Cache) -> None:
        super().__init__(file)
        self.main = main

    def lookup(self, keys: Sequence[bytes]) -> dict[bytes, Row]:
        """The rows under some keys; of two the one with a translation, the job's own first."""
        found = super().lookup(keys)
        wanting = [key for key in keys if key not in found or found[key].translation is None]
        for key, row in self.main.lookup(wanting).items():
            if key not in found or row.translation is not None:
                found[key] = row
        return found

    def answers(self, keys: Sequence[bytes]) -> Answers:
        """The translations under some keys, the job's own first; evidence only where neither has one."""
        own = super().answers(keys)
        main = self.main.answers([key for key in keys if key not in own.translations])
        translations = own.translations | main.translations
        evidence = main.evidence | own.evidence
        return Answers(
            translations=translations,
            evidence={key: reason for key, reason in evidence.items() if key not in translations},
            verdicts=own.verdicts | main.verdicts,
            unjudged=own.unjudged | main.unjudged,
        )

    def changes(self, translator: str, language: str) -> tuple[int, int]:
        """The counters of both files together."""
        own, main = super().changes(translator, language), self.main.changes(translator, language)
        return own[0] + main[0], own[1] + main[1]
