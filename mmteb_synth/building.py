"""Verb: English sets and languages in, translated data sets and a report out."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from mmteb_synth import checks, hashing, paths, registry
from mmteb_synth.data import bitext, failures, segments
from mmteb_synth.data import source as sources
from mmteb_synth.data.layout import collapse
from mmteb_synth.data.sampling import draws
from mmteb_synth.data.segments import Counts
from mmteb_synth.data.store import Manifest, Store, TranslatedDataset, set_name
from mmteb_synth.data.tables import Tables
from mmteb_synth.errors import SynthError, TranslatorError, UsageError
from mmteb_synth.selection import Member
from mmteb_synth.specs import BitextSpec, TaskSpec
from mmteb_synth.translate import engine, translators
from mmteb_synth.translate.backends import replay
from mmteb_synth.translate.cache import Cache
from mmteb_synth.types import Language, OnFailure, ProgressHook, Segment, Usage

SOURCE = "source"
"""The translator of English: every text is its own translation and nothing is asked."""
AUTHORED = "authored"
ENGLISH = "eng-Latn"

ProgressFactory = Callable[[str], ProgressHook]
"""Called with a set's name before it is translated; its result is called as the work proceeds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildOptions:
    """How sets are built.

    Attributes:
        translator: The translator's name; None takes what is bundled.
        base_url: Another endpoint for the translator.
        source_dir: A local mirror of the Hub.
        concurrency: Requests in flight; None takes the translator's own.
        offline: Ask nobody; what the cache lacks has failed.
        retry_failed: Ask again for what was refused, cut off or empty before.
        on_failure: What becomes of segments without a translation.
        tolerate: The share of segments that may fail without holding a set back, 0 to 1.
        limit: The first rows only, for a trial.
        all_rows: Translate also what MTEB never shows a model.
    """

    translator: str | None = None
    base_url: str | None = None
    source_dir: Path | None = None
    concurrency: int | None = None
    offline: bool = False
    retry_failed: bool = False
    on_failure: OnFailure = "stop"
    tolerate: float = 0.0
    limit: int | None = None
    all_rows: bool = False

    def __post_init__(self) -> None:
        if self.limit is not None and self.limit < 1:
            raise UsageError(f"--limit must be at least 1, not {self.limit}")
        if not 0 <= self.tolerate <= 1:
            raise UsageError(f"--tolerate is a share between 0 and 1, not {self.tolerate}")
        if self.concurrency is not None and self.concurrency < 1:
            raise UsageError(f"--concurrency must be at least 1, not {self.concurrency}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SetReport:
    """What became of one set.

    Attributes:
        name: The set's name.
        status: `built`, `unchanged`, `held back` (it has failures) or `failed` (it could not be made at all).
        counts: What it holds; None where it was not loaded.
        hits: Segments that the cache answered.
        requests: Requests that were made.
        usage: Tokens that they used.
        failures: Segments without a translation and the reason.
        error: Why it failed.
        warnings: What the user should know.
    """

    name: str
    status: Literal["built", "unchanged", "held back", "failed"]
    counts: Counts | None = None
    hits: int = 0
    requests: int = 0
    usage: Usage = field(default_factory=Usage)
    failures: Mapping[str, str] = field(default_factory=dict)
    error: SynthError | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildReport:
    """What became of all sets of a run."""

    sets: tuple[SetReport, ...]

    @property
    def ok(self) -> bool:
        """Whether every set is stored."""
        return all(report.status in ("built", "unchanged") for report in self.sets)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    """One set to build."""

    spec: TaskSpec
    bitext: BitextSpec | None
    splits: tuple[str, ...]
    language: Language
    translator: translators.Translator | None
    options: BuildOptions

    @property
    def translator_name(self) -> str:
        return self.translator.name if self.translator else SOURCE

    @property
    def name(self) -> str:
        source = self.bitext.name if self.bitext else self.spec.name
        label = self.translator.label if self.translator else SOURCE
        return set_name(source, self.language.code, label, self.options.limit)

    def fingerprint(self, identity: sources.SourceIdentity, bundle: str) -> str:
        """The digest of all that decides the content, but for the translations themselves."""
        return hashing.json_digest(
            {
                "source": dataclasses.asdict(identity),
                "spec": self.spec.model_dump(mode="json", exclude={"path"}),
                "bitext": self.bitext.max_pairs if self.bitext else None,
                "splits": self.splits,
                "translator": self.translator.identity() if self.translator else SOURCE,
                "bundle": bundle,
                "checks": checks.CHECKS_VERSION,
                "all_rows": self.options.all_rows,
            },
            length=32,
        )


def build(
    wanted: Sequence[Language],
    members: Sequence[Member],
    *,
    options: BuildOptions,
    folders: paths.Folders,
    progress: ProgressFactory | None = None,
    report: Callable[[SetReport], None] | None = None,
) -> BuildReport:
    """Translate sets into languages and store them, one whole set after another.

    Args:
        wanted: The languages; English builds the untranslated sets.
        members: The sets.
        options: How they are built.
        folders: Where cache and data sets lie.
        progress: Makes a progress hook for a set.
        report: Called with each set's report as soon as it is done.

    Returns:
        What became of each set. A set that fails doesn't stop the others.

    Raises:
        UsageError: A set has no bundled translations and no translator was named.
        TranslatorError: The translator can't be used; what was translated so far is kept.
        CacheError: The cache can't be used.
    """
    jobs = list(_jobs(members, wanted, options))
    reports: list[SetReport] = []
    loaded = _Loader(options, folders)
    store = Store(folders.data_dir)
    for job in jobs:
        with _opened(job, folders) as (cache, bundle):
            done = _build_one(job, loaded, store, cache, bundle, progress)
        reports.append(done)
        if report:
            report(done)
    return BuildReport(sets=tuple(reports))


def _jobs(
    members: Sequence[Member], wanted: Sequence[Language], options: BuildOptions
) -> Iterator[_Job]:
    """One job for each set and language; all names and translators are proven before any work is done."""
    cache: dict[str, translators.Translator] = {}
    for member in members:
        spec = member.spec
        base = registry.get_task(spec.source) if isinstance(spec, BitextSpec) else spec
        if not isinstance(base, TaskSpec):
            raise UsageError(f"{spec.name} can't be made from another bitext set")
        for language in wanted:
            english = language.code == ENGLISH
            if english and isinstance(spec, BitextSpec):
                continue
            translator = None
            if not english:
                name = options.translator or _bundled_translator(base, language)
                if name not in cache:
                    cache[name] = translators.resolve(name, base_url=options.base_url)
                translator = cache[name]
            yield _Job(
                spec=base,
                bitext=spec if isinstance(spec, BitextSpec) else None,
                splits=sources.eval_splits(base, member.splits),
                language=language,
                translator=translator,
                options=options,
            )


def _bundled_translator(spec: TaskSpec, language: Language) -> str:
    """`authored` where translations of a bundled set are bundled; otherwise the user must choose."""
    is_bundled = spec.is_own and spec.path is not None and spec.path.is_relative_to(paths.bundled_tasks())
    if is_bundled and replay.bundled_files(paths.bundled_translations(), language):
        return AUTHORED
    usable = [info.name for info in translators.available() if info.usable and info.name != AUTHORED]
    raise UsageError(
        f"{spec.name} has no bundled {language.name} translations; choose who translates it with --translator",
        hint=f"usable here: {', '.join(usable) or 'none yet'} (mmteb-synth translators lists all and what they need)",
    )


class _Loader:
    """Loads an English set once for all languages of a run, and holds one at a time."""

    def __init__(self, options: BuildOptions, folders: paths.Folders) -> None:
        self._options, self._folders = options, folders
        self._key: tuple[str, tuple[str, ...]] | None = None
        self._source: sources.SourceSet | None = None

    def load(self, job: _Job) -> sources.SourceSet:
        key = (job.spec.name, job.splits)
        if self._source is None or self._key != key:
            self._source = None
            self._source = sources.load(
                job.spec,
                source_dir=self._options.source_dir,
                scratch=self._folders.scratch_dir,
                splits=job.splits,
                limit=self._options.limit,
                all_rows=self._options.all_rows,
            )
            self._key = key
        return self._source


@contextlib.contextmanager
def _opened(job: _Job, folders: paths.Folders) -> Iterator[tuple[Cache, str]]:
    """The cache, with what is bundled for the job's language below it, and that layer's digest."""
    below, bundle = None, ""
    if job.translator_name == AUTHORED:
        files = replay.bundled_files(paths.bundled_translations(), job.language)
        bundle = hashing.files_digest([(file.name, file) for file in files])
        below = replay.bundled_rows(paths.bundled_translations(), job.language)
    with Cache(folders.cache_file, below=below) as cache:
        yield cache, bundle


def _build_one(
    job: _Job,
    loader: _Loader,
    store: Store,
    cache: Cache,
    bundle: str,
    progress: ProgressFactory | None,
) -> SetReport:
    try:
        identity = sources.identify(job.spec, job.options.source_dir)
        fingerprint = job.fingerprint(identity, bundle)
        stored = store.find_or_none(job.name)
        changes = list(cache.changes(job.translator_name, job.language.code))
        if stored and _unchanged(stored, fingerprint, changes, job):
            return SetReport(name=job.name, status="unchanged", warnings=tuple(stored.manifest.notes))
        source = loader.load(job)
        return _translate_and_store(job, source, store, cache, fingerprint, progress)
    except TranslatorError:
        raise
    except SynthError as error:
        return SetReport(name=job.name, status="failed", error=error)


def _unchanged(stored: TranslatedDataset, fingerprint: str, changes: list[int], job: _Job) -> bool:
    """Whether building again would give the same: a complete set depends only on replaced translations."""
    manifest = stored.manifest
    if manifest.fingerprint != fingerprint or not stored.folder.is_dir():
        return False
    if not manifest.failures:
        return manifest.changes[-1:] == changes[-1:]
    return manifest.changes == changes and manifest.on_failure == job.options.on_failure


def _translate_and_store(
    job: _Job,
    source: sources.SourceSet,
    store: Store,
    cache: Cache,
    fingerprint: str,
    progress: ProgressFactory | None,
) -> SetReport:
    wanted, counts = segments.collect(source.layout, source.tables, source.needed, job.spec.register)
    warnings = [f"{job.spec.name}: {difference}" for difference in source.differences]
    if job.translator is None:
        run = engine.TranslationRun(translations={segment: segment.text for segment in wanted})
    else:
        warning = job.translator.check_language(job.language)
        warnings += [warning] if warning else []
        run = engine.translate(
            wanted,
            job.language,
            job.translator,
            cache,
            concurrency=job.options.concurrency,
            offline=job.options.offline,
            retry_failed=job.options.retry_failed,
            progress=progress(job.name) if progress else None,
        )
    failed = {segment.text: reason for segment, reason in run.failures.items()}
    share = len(run.failures) / max(len(wanted), 1)
    held_back = bool(failed) and job.options.on_failure == "stop" and share > job.options.tolerate
    summary: dict[str, Any] = {
        "name": job.name,
        "counts": counts,
        "hits": run.hits,
        "requests": run.requests,
        "usage": run.usage,
        "failures": failed,
    }
    if held_back:
        return SetReport(status="held back", warnings=tuple(warnings), **summary)
    tables, extra = _tables(job, source, run)
    manifest = Manifest(
        name=job.name,
        source_task=job.spec.name,
        task_type=source.task_type,
        language=job.language.code,
        translator=job.translator_name,
        translator_identity=job.translator.identity() if job.translator else {},
        grade=job.translator.grade if job.translator else None,
        prompt_version=job.translator.prompt_version if job.translator else None,
        decoding=job.translator.decoding if job.translator else "-",
        checks_version=checks.CHECKS_VERSION,
        limit=job.options.limit,
        all_rows=job.options.all_rows,
        eval_splits=list(source.eval_splits),
        source={**dataclasses.asdict(source.identity), "differences": list(source.differences)},
        instance_attributes=source.instance_attributes,
        counts=dataclasses.asdict(counts),
        coverage=1.0 - share,
        failures=[{"source": text, "reason": reason} for text, reason in failed.items()],
        on_failure=job.options.on_failure,
        licence=source.license,
        usage=dataclasses.asdict(run.usage),
        fingerprint=fingerprint,
        changes=list(cache.changes(job.translator_name, job.language.code)),
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        spec=job.spec.model_dump(mode="json", exclude={"path"}, by_alias=True) if job.spec.is_own else None,
    )
    store.save(dataclasses.replace(manifest, **extra), tables)
    return SetReport(status="built", warnings=(*warnings, *extra.get("notes", ())), **summary)


def _tables(
    job: _Job, source: sources.SourceSet, run: engine.TranslationRun
) -> tuple[Tables, dict[str, Any]]:
    """The tables to store, and what the manifest must say of how they were made."""
    if job.bitext:
        pairs = bitext.pairs(source, run.translations, job.language.code, job.bitext.max_pairs)
        return pairs.tables, {
            "task_type": "BitextMining",
            "bitext_of": job.spec.name,
            "eval_splits": ["test"],
            "subset": pairs.subset,
            "counts": pairs.counts,
            "notes": pairs.notes,
            "instance_attributes": {},
        }

    def translate(segment: Segment) -> str:
        return run.translations.get(segment, segment.text)

    tables = segments.reassemble(source.layout, source.tables, source.needed, job.spec.register, translate)
    extra: dict[str, Any] = {"notes": [], "protocol": {}}
    if any(marks is not None for marks in source.needed.values()):
        extra["protocol"] = {**draws(source.task), "mteb_version": source.identity.mteb_version}
    if run.failures:
        policy = failures.DROP if job.options.on_failure == "drop" else failures.KEEP
        tables, dropped, kept = failures.settle(source, tables, set(run.failures), policy)
        extra["dropped"] = dropped
        extra["notes"] = failures.notes(len(run.failures), len(run.failures) + len(run.translations), dropped, kept)
    return collapse(source.layout, tables), extra
