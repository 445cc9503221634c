"""Verb: what people translated, translated again by several translators, and how near each comes, for what price.

Scores are sacrebleu's (Post, "A Call for Clarity in Reporting BLEU Scores", 2018): chrF (Popović, 2015) and BLEU, with
intervals and a paired test by bootstrap (Koehn, "Statistical Significance Tests for Machine Translation
Evaluation", 2004).
"""

from __future__ import annotations

import dataclasses
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mmteb_synth import checks, paths
from mmteb_synth.data import pairs as human
from mmteb_synth.data.pairs import Pair
from mmteb_synth.errors import CacheError, SynthError, UsageError
from mmteb_synth.translate import costs, engine, translators
from mmteb_synth.translate.cache import Cache
from mmteb_synth.translate.endpoint import Endpoint
from mmteb_synth.translate.translators import Translator
from mmteb_synth.types import Language, ProgressHook, Segment, Usage

SAMPLE = 200
RESAMPLES = 1000

_UNSPACED = {"jpn", "kor", "tha", "lao", "khm", "mya", "bod", "dzo"}
"""Languages whose words BLEU can't find by spaces; their characters are counted instead."""
_CHINESE = {"cmn", "zho", "yue", "lzh"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """A score from 0 to 100, and what chance makes of it.

    Attributes:
        value: The score.
        low: Lower end of the 95 % interval.
        high: Its upper end.
        p_value: How easily chance alone would make the difference to the first translator; None for the first.
    """

    value: float
    low: float
    high: float
    p_value: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """How one translator did.

    Attributes:
        translator: Its name.
        chrf: chrF; None where nothing could be scored.
        bleu: BLEU.
        translated: Sentences that it translated.
        failures: Why the others have no translation, and how many.
        faulty: Translations that the checks find an error in.
        faults: The checks that do, and in how many.
        hits: Sentences that the cache answered.
        requests: Requests that were made.
        usage: Tokens for all sentences, those that were answered earlier among them.
        dollars: What these tokens cost; None where nobody knows.
        per_second: Sentences a second in this run; None where nothing was asked.
        error: Why it could not be used at all.
        warning: What it says of the language.
    """

    translator: str
    chrf: Score | None = None
    bleu: Score | None = None
    translated: int = 0
    failures: Mapping[str, int] = field(default_factory=dict)
    faulty: int = 0
    faults: Mapping[str, int] = field(default_factory=dict)
    hits: int = 0
    requests: int = 0
    usage: Usage = field(default_factory=Usage)
    dollars: float | None = None
    per_second: float | None = None
    error: SynthError | None = None
    warning: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PilotReport:
    """All translators side by side.

    Attributes:
        language: The target language.
        pairs: The file or set that the sentences came from.
        columns: Its English column and the other one.
        rows: How many rows that has.
        usable: Rows with letters on both sides whose English is none that came before.
        sampled: Sentences that were to be translated.
        compared: Sentences that every usable translator translated: the scores are of these.
        signatures: How chrF and BLEU were counted, in sacrebleu's words.
        candidates: The translators, in the order they were named.
    """

    language: Language
    pairs: str
    columns: tuple[str, str]
    rows: int
    usable: int
    sampled: int
    compared: int
    signatures: tuple[str, ...]
    candidates: tuple[Candidate, ...]

    @property
    def ok(self) -> bool:
        """Whether every translator translated something."""
        return all(candidate.translated for candidate in self.candidates)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """What one translator made of the sample."""

    candidate: Candidate
    translations: Mapping[str, str]


def pilot(
    language: Language,
    names: Sequence[str],
    pairs: str,
    *,
    folders: paths.Folders,
    sample: int = SAMPLE,
    columns: tuple[str, str] | None = None,
    base_url: Sequence[str] = (),
    concurrency: int | None = None,
    source_dir: Path | None = None,
    progress: Callable[[str], ProgressHook] | None = None,
) -> PilotReport:
    """Translate a sample of what people translated, and compare.

    Answers go to the cache and come from it, so that nothing is paid for twice.

    Args:
        language: The target language.
        names: The translators.
        pairs: A file or set, as `data.pairs.load` takes it.
        folders: Where the cache lies.
        sample: How many sentences; the same ones every time.
        columns: The English column of a file and the other one.
        base_url: Other endpoints for those translators that have one.
        concurrency: Requests in flight; None takes each translator's own.
        source_dir: A local mirror of the Hub.
        progress: Makes a progress hook for a translator.

    Returns:
        The scores. A translator that can't be used stops no other.

    Raises:
        UsageError: A name is unknown, two mean one translator, or the pairs lack the language.
        SourceError: The pairs can't be read.
        CacheError: The cache can't be used.
    """
    if language.iso639_3 == "eng":
        raise UsageError("English needs no translator", hint="name a target language: --lang tr")
    chosen = _resolve(names, base_url)
    found = human.load(pairs, language, columns=columns, source_dir=source_dir, scratch=folders.scratch_dir)
    sampled = found.sample(sample)
    runs = []
    with Cache(folders.cache_file) as cache:
        for name, translator in chosen.items():
            hook = progress(name) if progress else None
            runs.append(_run(name, translator, language, sampled, cache, concurrency, hook))
    compared = _compared(sampled, runs)
    scores, signatures = _scores(compared, runs, language)
    return PilotReport(
        language=language,
        pairs=found.name,
        columns=found.columns,
        rows=found.rows,
        usable=len(found.pairs),
        sampled=len(sampled),
        compared=len(compared),
        signatures=signatures,
        candidates=tuple(_with_scores(run.candidate, scores) for run in runs),
    )


def _resolve(names: Sequence[str], base_url: Sequence[str]) -> dict[str, Translator]:
    """The translators, by the names under which they are shown: of two presets of one name the longer."""
    found = []
    for name in names:
        one = translators.resolve(name)
        is_served = isinstance(one, Endpoint) and not name.startswith(translators.VLLM)
        found.append(translators.resolve(name, base_url=base_url) if base_url and is_served else one)
    counts = Counter(one.name for one in found)
    shown: dict[str, Translator] = {}
    for name, one in zip(names, found, strict=True):
        title = one.name if counts[one.name] == 1 else one.label
        if title in shown:
            raise UsageError(
                f"the translator {title} is named twice, the second time as {name}",
                hint="a preset bears the name of its file, and vllm:NAME is NAME, whose answers it shares",
            )
        shown[title] = one
    return shown


def _run(
    name: str,
    translator: Translator,
    language: Language,
    sampled: Sequence[Pair],
    cache: Cache,
    concurrency: int | None,
    progress: ProgressHook | None,
) -> _Run:
    wanted = [Segment(text=pair.english) for pair in sampled]
    started = time.perf_counter()
    try:
        warning = translator.check_language(language)
        run = engine.translate(
            wanted, language, translator, cache, concurrency=concurrency, progress=progress
        )
    except CacheError:
        raise
    except SynthError as error:
        return _Run(candidate=Candidate(translator=name, error=error), translations={})
    seconds = time.perf_counter() - started
    rows = cache.lookup([translator.key(segment, language) for segment in wanted]).values()
    usage = sum(
        (Usage(input_tokens=row.input_tokens, output_tokens=row.output_tokens) for row in rows), Usage()
    )
    prices = costs.prices_of(translator)
    asked = len(wanted) - run.hits
    found = _faults(run.translations, language)
    candidate = Candidate(
        translator=name,
        translated=len(run.translations),
        failures=dict(Counter(run.failures.values()).most_common()),
        faulty=len(found),
        faults=dict(Counter(name for names in found for name in names).most_common()),
        hits=run.hits,
        requests=run.requests,
        usage=usage,
        dollars=costs.dollars(usage, prices) if prices else 0.0 if costs.is_free(translator) else None,
        per_second=asked / seconds if run.requests else None,
        warning=warning,
    )
    translations = {segment.text: text for segment, text in run.translations.items()}
    return _Run(candidate=candidate, translations=translations)


def _faults(translations: Mapping[Segment, str], language: Language) -> list[set[str]]:
    """For each translation with errors, the checks that find one; judged afterwards, not to count as its time."""
    judged = (
        checks.judge(segment.text, text, language, segment.kind) for segment, text in translations.items()
    )
    errors = ({said.check for said in verdicts if said.severity == "error"} for verdicts in judged)
    return [names for names in errors if names]


def _compared(sampled: Sequence[Pair], runs: Sequence[_Run]) -> list[Pair]:
    """The pairs that every translator translated which translated any."""
    usable = [run.translations for run in runs if run.translations]
    return [pair for pair in sampled if usable and all(pair.english in made for made in usable)]


def _scores(
    compared: Sequence[Pair], runs: Sequence[_Run], language: Language
) -> tuple[dict[str, dict[str, Score]], tuple[str, ...]]:
    """For each translator its scores by metric, and how they were counted."""
    if not compared:
        return {}, ()
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.metrics.chrf import CHRF
    from sacrebleu.significance import PairedTest, Result

    systems: list[tuple[str, Sequence[str]]] = [
        (run.candidate.translator, [run.translations[pair.english] for pair in compared])
        for run in runs
        if run.translations
    ]
    test = PairedTest(
        systems,
        {"chrF2": CHRF(), "BLEU": BLEU(tokenize=_tokenization(language))},
        [[pair.reference for pair in compared]],
        test_type="bs",
        n_samples=RESAMPLES,
    )
    signatures, results = test()
    scores: dict[str, dict[str, Score]] = {name: {} for name, _ in systems}
    for metric in signatures:
        for (name, texts), result in zip(systems, results[metric], strict=True):
            assert isinstance(result, Result)
            assert result.mean is not None
            assert result.ci is not None
            # sacrebleu calls the difference between equal texts significant, as no resample exceeds it
            equal = result.p_value is not None and texts == systems[0][1]
            scores[name][metric] = Score(
                value=float(result.score),
                low=max(float(result.mean - result.ci), 0.0),
                high=min(float(result.mean + result.ci), 100.0),
                p_value=1.0 if equal else result.p_value,
            )
    return scores, tuple(f"{metric}|{signature}" for metric, signature in signatures.items())


def _tokenization(language: Language) -> str:
    if language.iso639_3 in _CHINESE:
        return "zh"
    return "char" if language.iso639_3 in _UNSPACED else "13a"


def _with_scores(candidate: Candidate, scores: Mapping[str, Mapping[str, Score]]) -> Candidate:
    found = scores.get(candidate.translator, {})
    return dataclasses.replace(candidate, chrf=found.get("chrF2"), bleu=found.get("BLEU"))
