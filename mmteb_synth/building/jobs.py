"""The sets that a build makes: which source, language and translator, and what decides the content."""

from __future__ import annotations

import dataclasses
import functools
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from mmteb_synth import checks, hashing, paths, registry
from mmteb_synth.data import source as sources
from mmteb_synth.data.manifest import SCHEMA
from mmteb_synth.data.profiles import FULL, Profile
from mmteb_synth.data.store import set_name
from mmteb_synth.errors import UnknownNameError, UsageError
from mmteb_synth.selection import Member
from mmteb_synth.specs import BitextSpec, TaskSpec
from mmteb_synth.translate import translators
from mmteb_synth.translate.backends import replay
from mmteb_synth.translate.batches.jobs import POLL_SECONDS
from mmteb_synth.translate.cache import Cache
from mmteb_synth.translate.endpoint import Endpoint
from mmteb_synth.translate.limits import Limits
from mmteb_synth.translate.shards import Shard
from mmteb_synth.types import Language, OnFailure

_log = logging.getLogger(__name__)

SOURCE = "source"
"""The translator of English: every text is its own translation and nothing is asked."""
AUTHORED = "authored"
ENGLISH = "eng-Latn"


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildOptions:
    """How sets are built.

    Attributes:
        translator: The translator's name; None takes what is bundled.
        base_url: Another endpoint for the translator; several share the load.
        weights: The folder with the weights of a translator that runs in process.
        source_dir: A local mirror of the Hub.
        concurrency: Requests in flight; None takes the translator's own.
        offline: Ask nobody; what the cache lacks has failed.
        retry_failed: Ask again for what was refused, cut off or empty before.
        on_failure: What becomes of segments without a translation.
        tolerate: The share of segments that may fail without holding a set back, 0 to 1.
        profile: How much of each set is kept.
        limit: The first rows only, of those that the profile keeps, for a trial.
        all_rows: Translate also what MTEB never shows a model.
        max_cost: US dollars that the run may spend; None for any.
        requests_per_minute: Requests a minute at most; None takes the translator's own limit.
        tokens_per_minute: Tokens a minute at most, sent and received; None takes the translator's own limit.
        batch: Ask in batches, which take up to a day and cost half.
        poll: The longest wait between two looks at the batches, in seconds.
        queue_tokens: The most tokens that the account may have queued in batches, where this is known.
        shard: The share of the texts to translate, into a cache file of its own; sets are not stored then.
        fallback: Who is asked for what the translator can't mend, in this order; by default the preset's own chain.
        repair: Whether what the checks find fault with is mended; otherwise it is only told.
        strict: Whether what stays faulty has failed, imported and authored translations among it.
    """

    translator: str | None = None
    base_url: str | Sequence[str] | None = None
    weights: Path | None = None
    source_dir: Path | None = None
    concurrency: int | None = None
    offline: bool = False
    retry_failed: bool = False
    on_failure: OnFailure = "stop"
    tolerate: float = 0.0
    profile: Profile = FULL
    limit: int | None = None
    all_rows: bool = False
    max_cost: float | None = None
    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None
    batch: bool = False
    poll: float = POLL_SECONDS
    queue_tokens: int | None = None
    shard: Shard | None = None
    fallback: tuple[str, ...] = ()
    repair: bool = True
    strict: bool = False

    def __post_init__(self) -> None:
        if self.max_cost is not None and not self.max_cost >= 0:
            raise UsageError(f"--max-cost must not be below 0, and is {self.max_cost}")
        if self.limit is not None and self.limit < 1:
            raise UsageError(f"--limit must be at least 1, not {self.limit}")
        if not 0 <= self.tolerate <= 1:
            raise UsageError(f"--tolerate is a share between 0 and 1, not {self.tolerate}")
        if self.concurrency is not None and self.concurrency < 1:
            raise UsageError(f"--concurrency must be at least 1, not {self.concurrency}")
        if self.on_failure not in get_args(OnFailure):
            raise UnknownNameError("policy for failures", self.on_failure, get_args(OnFailure))


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One set to build.

    Attributes:
        spec: The English set.
        bitext: The bitext set to make from its translations instead.
        splits: The splits that are scored.
        language: The target language.
        translator: Who translates; None for English.
        fallbacks: Who is asked for what the translator can't mend.
        warning: What the translator says of the language.
        options: How it is built.
    """

    spec: TaskSpec
    bitext: BitextSpec | None
    splits: tuple[str, ...]
    language: Language
    translator: translators.Translator | None
    fallbacks: tuple[translators.Translator, ...]
    warning: str | None
    options: BuildOptions

    @property
    def mends(self) -> bool:
        """Whether faults are mended; imported and authored translations are somebody's deliberate work."""
        is_own_work = self.translator is not None and self.translator.gap is None
        return self.options.repair and (is_own_work or self.options.strict)

    @property
    def refuses(self) -> bool:
        """Whether a translation that stays faulty has failed; otherwise it is kept and marked."""
        return self.options.strict or (self.mends and self.options.on_failure != "stop")

    @property
    def limits(self) -> Limits:
        """What the translator may be asked in a minute."""
        return Limits(
            requests_per_minute=self.options.requests_per_minute,
            tokens_per_minute=self.options.tokens_per_minute,
        )

    @property
    def translator_name(self) -> str:
        """The translator's name, `source` for English."""
        return self.translator.name if self.translator else SOURCE

    @property
    def name(self) -> str:
        """The set's public name."""
        source = self.bitext.name if self.bitext else self.spec.name
        label = self.translator.label if self.translator else SOURCE
        return set_name(
            source, self.language.code, label, self.options.limit, profile=self.options.profile.label
        )

    def fingerprint(self, identity: sources.SourceIdentity, bundle: str) -> str:
        """The digest of all that decides the content, but for the translations themselves."""
        return hashing.json_digest(
            {
                "source": dataclasses.asdict(identity),
                "spec": self.spec.model_dump(mode="json", exclude={"path"}),
                "bitext": self.bitext.max_pairs if self.bitext else None,
                "splits": self.splits,
                "translator": self.translator.identity() if self.translator else SOURCE,
                "fallbacks": [fallback.identity() for fallback in self.fallbacks],
                "mends": self.mends,
                "refuses": self.refuses,
                "bundle": bundle,
                "checks": checks.CHECKS_VERSION,
                "all_rows": self.options.all_rows,
                **self.options.profile.identity(),
                "store": SCHEMA,
            },
            length=32,
        )

    def changes(self, cache: Cache) -> list[int]:
        """The cache's counters of the translations that the set is made of; English needs no cache."""
        names = [who.name for who in (self.translator, *self.fallbacks) if who is not None]
        counters = [cache.changes(name, self.language.code) for name in names]
        return [sum(column) for column in zip(*counters, strict=True)]


def jobs_of(members: Sequence[Member], wanted: Sequence[Language], options: BuildOptions) -> Iterator[Job]:
    """One job for each set and language, so that all names and translators are proven before any work is done.

    Args:
        members: The sets.
        wanted: The languages; English is its own translator, and there is no English bitext.
        options: How they are built.

    Raises:
        UsageError: A set has no bundled translations and no translator was named, or there are no sets.
        TranslatorError: The translator can't be used at all, or not for a language.
    """
    if not members:
        raise UsageError(
            "nothing of what was chosen is to be translated",
            hint="what MTEB holds as it is needs no build: mmteb-synth evaluate, with the same --suite",
        )
    resolved: dict[str, translators.Translator] = {}
    resolve_fallback = functools.cache(translators.resolve)
    said: set[str] = set()
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
                if name not in resolved:
                    resolved[name] = translators.resolve(
                        name, base_url=options.base_url, weights=options.weights
                    )
                translator = resolved[name]
            own_chain = translator.preset.fallback if isinstance(translator, Endpoint) else ()
            chain = (options.fallback or own_chain) if translator else ()
            fallbacks = tuple(resolve_fallback(other) for other in chain if other != options.translator)
            warnings = [who.check_language(language) for who in (translator, *fallbacks) if who]
            for warning in warnings:
                if (
                    warning and warning not in said
                ):  # here too, since it should be read before anything is paid
                    said.add(warning)
                    _log.warning("%s", warning)
            yield Job(
                spec=base,
                bitext=spec if isinstance(spec, BitextSpec) else None,
                splits=sources.eval_splits(base, member.splits),
                language=language,
                translator=translator,
                fallbacks=fallbacks,
                warning=warnings[0] if warnings else None,
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
