"""What builds and plans read: the English sets, their segments, and the cache."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from types import TracebackType
from typing import Protocol

from mmteb_synth import hashing, paths
from mmteb_synth.building.jobs import AUTHORED, BuildOptions, Job
from mmteb_synth.data import bitext, segments
from mmteb_synth.data import source as sources
from mmteb_synth.data.profiles import Profile
from mmteb_synth.data.spool import Spool
from mmteb_synth.errors import SourceError
from mmteb_synth.translate.backends import replay
from mmteb_synth.translate.cache import Cache
from mmteb_synth.translate.shards import ShardCache
from mmteb_synth.types import Segment

_BLOCK = 50_000
"""Segments that are worked on at once: what is known of each takes kilobytes."""
_BLOCK_CHARACTERS = 50_000_000
"""Characters of segments that are worked on at once."""


class Texts(Protocol):
    """The segments of a set, read in their order whenever they are needed."""

    def __len__(self) -> int:
        """How many there are."""

    def __iter__(self) -> Iterator[Segment]:
        """From the first on."""


class Loader:
    """Knows and loads an English set once for all languages and profiles of a run; holds one at a time, on the disk.

    What could not be read is not tried again: where a network is slow to fail, that takes long.
    """

    def __init__(self, options: BuildOptions, folders: paths.Folders) -> None:
        self._options, self._folders = options, folders
        self._identities: dict[str, sources.SourceIdentity] = {}
        self._key: tuple[str, tuple[str, ...]] | None = None
        self._failed: dict[tuple[str, tuple[str, ...]], SourceError] = {}
        self._whole: sources.SourceSet | None = None
        self._parts: dict[Profile, sources.SourceSet] = {}
        self._found: dict[tuple[Profile, bool], segments.Segments] = {}  # and whether for a bitext set
        self._spool: Spool | None = None

    def __enter__(self) -> Loader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._put_away()

    def _put_away(self) -> None:
        self._whole = None
        self._parts, self._found = {}, {}
        if self._spool is not None:
            self._spool.close()

    def new_spool(self) -> Spool:
        """A folder for what a job keeps on the disk meanwhile."""
        return Spool(self._folders.scratch_dir)

    def identify(self, job: Job) -> sources.SourceIdentity:
        """Which data a job reads, without loading them."""
        if job.spec.name not in self._identities:
            self._identities[job.spec.name] = sources.identify(job.spec, self._options.source_dir)
        return self._identities[job.spec.name]

    def load(self, job: Job) -> sources.SourceSet:
        """The English set of a job.

        Raises:
            SourceError: It can't be read.
        """
        key = (job.spec.name, job.splits)
        if key in self._failed:
            raise self._failed[key]
        if self._whole is None or self._key != key:
            self._put_away()
            self._spool = self.new_spool()
            try:
                self._whole = sources.read(
                    job.spec,
                    spool=self._spool,
                    source_dir=self._options.source_dir,
                    scratch=self._folders.scratch_dir,
                    splits=job.splits,
                )
            except SourceError as error:
                self._failed[key] = error
                raise
            self._key = key
        profile = job.options.profile
        if profile not in self._parts:
            assert self._spool is not None
            self._parts[profile] = sources.cut(
                self._whole,
                spool=self._spool,
                profile=profile,
                limit=self._options.limit,
                all_rows=self._options.all_rows,
            )
        return self._parts[profile]

    def collect(self, job: Job) -> segments.Segments:
        """The segments of a job's set, in all shards."""
        source = self.load(job)
        key = (job.options.profile, job.bitext is not None)
        if key not in self._found:
            assert self._spool is not None
            self._found[key] = (
                bitext.candidates(source, self._spool)
                if job.bitext
                else segments.collect(
                    source.layout, source.tables, source.needed, job.spec.register, self._spool
                )
            )
        return self._found[key]


def share(job: Job, found: segments.Segments) -> Texts:
    """The segments that a job needs translated: all, or those of its shard."""
    if job.options.shard is None or job.translator is None:
        return found
    return job.options.shard.of(found, job.translator, job.language)


def blocks(segments: Texts) -> Iterator[list[Segment]]:
    """Segments one after another, as many as are worked on at once."""
    block: list[Segment] = []
    characters = 0
    for segment in segments:
        block.append(segment)
        characters += len(segment.text)
        if len(block) == _BLOCK or characters >= _BLOCK_CHARACTERS:
            yield block
            block, characters = [], 0
    if block:
        yield block


@contextlib.contextmanager
def opened(job: Job, folders: paths.Folders) -> Iterator[tuple[Cache, str]]:
    """The cache, with what is bundled for the job's language below it, and that layer's digest."""
    below, bundle = None, ""
    if AUTHORED in (job.translator_name, *(fallback.name for fallback in job.fallbacks)):
        files = replay.bundled_files(paths.bundled_translations(), job.language)
        bundle = hashing.files_digest([(file.name, file) for file in files])
        below = replay.bundled_rows(paths.bundled_translations(), job.language)
    with Cache(folders.cache_file, below=below) as main:
        if job.options.shard is None:
            yield main, bundle
        else:
            with ShardCache(job.options.shard.cache_file(folders.cache_file), main) as cache:
                yield cache, bundle
