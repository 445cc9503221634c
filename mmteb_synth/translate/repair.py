"""What is done about translations that the checks find fault with, and texts that were answered with none.

Such a text goes up a ladder until the checks are content: asked again with the reason; in parts, sentence by sentence;
of the next translator. Each rung has cache keys of its own, so a repair is paid for once, and a build that finds
all answers in the cache comes to the same end. What no rung mends keeps its best translation, and is marked.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from mmteb_synth.errors import CacheError
from mmteb_synth.translate.cache import Cache
from mmteb_synth.translate.histories import Attempt, History, Settled
from mmteb_synth.translate.long_texts import Found, LongTexts, Piece, joined, put_together
from mmteb_synth.translate.translators import Translator
from mmteb_synth.types import Kind, Language, Segment, Step, Verdict

Judge = Callable[[str, str, Language, Kind], tuple[Verdict, ...]]
"""Says what is wrong with a source's hypothesis in a language; see `checks.judge`."""

_KEPT_AT_ONCE = 1000
_LONGEST_NOTE = 600
"""Characters of a reason that a translator is told: it may quote what it complains of."""


@dataclass(frozen=True, slots=True)
class Pending:
    """What must be asked of one translator: segments by cache key."""

    translator: Translator
    texts: dict[bytes, Segment]


@dataclass(slots=True, kw_only=True)
class _Open:
    """A text that is not settled.

    Attributes:
        segment: The text.
        attempts: Those that were rejected.
        unanswered: Whether nothing came back when it was asked for; the same translator is not asked again then.
        avoid: What a hypothesis must not be, since another text has it.
        rung: How far up it is.
    """

    segment: Segment
    attempts: list[Attempt] = field(default_factory=list)
    unanswered: bool = False
    avoid: str | None = None
    rung: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rung:
    """One way to mend a text: whom to ask, and for what; for nothing where the way is closed to it."""

    step: Step
    translator: Translator
    long: LongTexts
    pieces: Callable[[_Open], list[Piece]]


class Repairs:
    """Looks texts up, judges their translations, and says what must be asked until all is settled.

    Call `advance` after each round of asking until nothing is pending. It asks nobody itself.

    Args:
        texts: Segments by cache key.
        cache: Where translations are.
        translator: Who translates.
        language: The target language.
        judge: Judges translations; None takes all as they are.
        beside: What is wrong with the translations of texts beside those of others, by cache key.
        fallbacks: Who is asked for what the translator can't mend, in this order.
        mends: Whether faults are mended; texts without an answer go to the fallbacks anyway.
        retry_failed: Whether what was asked for in vain before is asked for again.

    Attributes:
        found: What the cache holds under the texts' own keys and those of their parts.
        long: Knows how long texts are cut for the translator.
    """

    def __init__(
        self,
        texts: Mapping[bytes, Segment],
        cache: Cache,
        translator: Translator,
        language: Language,
        *,
        judge: Judge | None = None,
        beside: Mapping[bytes, tuple[Verdict, ...]] | None = None,
        fallbacks: Sequence[Translator] = (),
        mends: bool = True,
        retry_failed: bool = False,
    ) -> None:
        self.long = LongTexts(cache, translator, language)
        self.found = self.long.find(texts, retry_failed=retry_failed)
        self._texts = texts
        self._cache = cache
        self._translator = translator
        self._language = language
        self._judge = judge
        self._mends = mends and judge is not None
        self._rungs = [*self._own_rungs(), *map(self._fallback_rung, fallbacks)]
        self._open: dict[bytes, _Open] = {}
        self._histories: dict[bytes, History] = {}
        self._beside = beside or {}
        self._is_fresh = True

    def advance(self, reasons: Mapping[bytes, str]) -> list[Pending]:
        """Go as far as the cache allows.

        Args:
            reasons: Why keys that were to be asked are not in the cache.

        Returns:
            What must be asked to go on, the translator's own texts first; empty when all is settled.
        """
        if self.found.missing and not self._is_fresh:
            known = self.found.translations.keys() | self.found.failures.keys()
            waiting = {key: text for key, text in self._texts.items() if key not in known}
            self.found.missing = {}
            self.found |= self.long.find(waiting, failed=reasons)
        self._is_fresh = False
        self._review()
        pending = {id(self._translator): Pending(self._translator, dict(self.found.missing))}
        for number, rung in enumerate(self._rungs):
            self._climb(number, rung, reasons, pending)
        for key in [key for key, text in self._open.items() if text.rung == len(self._rungs)]:
            self._give_up(key, self._open.pop(key))
        return [asked for asked in pending.values() if asked.texts]

    def settled(self) -> Settled:
        """What became of all texts, when nothing is pending any more."""
        translations, failures = self.found.translations, self.found.failures
        verdicts, histories = self.found.verdicts, dict(self._histories)
        if histories or self.found.split:
            served = {key: past.served for key, past in histories.items() if past.served}
            mended = {key: attempt.hypothesis or "" for key, attempt in served.items()}
            whole = Found(
                translations=translations | mended,
                failures={key: reason for key, reason in failures.items() if key not in mended},
                split=self.found.split,
            )
            put_together(whole)
            translations, failures = whole.translations, whole.failures
            verdicts = verdicts | {key: attempt.verdicts for key, attempt in served.items()}
            for key in self.found.split.keys() & self._texts.keys():
                histories[key] = self._history_of_whole(key, translations.get(key), verdicts)
            verdicts |= {key: past.served.verdicts for key, past in histories.items() if past.served}
        return Settled(
            translations=translations,
            failures=failures,
            verdicts={key: said for key, said in verdicts.items() if said},
            histories=histories,
        )

    def _own_rungs(self) -> Iterator[_Rung]:
        if not self._mends or self._translator.gap is not None:
            return
        if (
            self._translator.prompt_version is not None
        ):  # whom nobody can tell anything answers the same again
            yield _Rung(step="again", translator=self._translator, long=self.long, pieces=self._again)
        yield _Rung(step="parts", translator=self._translator, long=self.long, pieces=self._sentences)

    def _fallback_rung(self, translator: Translator) -> _Rung:
        long = LongTexts(self._cache, translator, self._language)

        def pieces(text: _Open) -> list[Piece]:
            return [long.whole(text.segment)]

        return _Rung(step="fallback", translator=translator, long=long, pieces=pieces)

    def _again(self, text: _Open) -> list[Piece]:
        if text.unanswered:
            return []
        note = " ".join(text.attempts[0].reason.split())[:_LONGEST_NOTE]
        return [self.long.whole(text.segment._replace(note=note))]

    def _sentences(self, text: _Open) -> list[Piece]:
        return [] if text.unanswered else self.long.sentences(text.segment)

    def _review(self) -> None:
        """Judge what was not judged yet; open what has a fault or no answer."""
        if not (self.found.unjudged or self.found.verdicts or self.found.failures or self._beside):
            return
        segments = self._leaves()
        self._judge_new(segments)
        if self._mends:
            for key, verdicts in self.found.verdicts.items():
                if self._is_new(key) and _errors(verdicts):
                    hypothesis = self.found.translations[key]
                    first = self._attempt("asked", self._translator, (key,), hypothesis, verdicts)
                    self._open[key] = _Open(segment=segments[key], attempts=[first])
            for key, verdicts in self._beside.items():
                hypothesis = self.found.translations.get(key, "")
                if hypothesis and _errors(verdicts) and self._is_new(key) and key not in self.found.split:
                    first = self._attempt("asked", self._translator, (key,), hypothesis, verdicts)
                    self._open[key] = _Open(segment=segments[key], attempts=[first], avoid=hypothesis)
        for key, reason in self.found.failures.items() if self._rungs else ():
            if not self._is_new(key) or key in self.found.split:
                continue
            if key in self.found.evidence:
                first = Attempt(
                    step="asked",
                    translator=self._translator.name,
                    keys=(key,),
                    hypothesis=None,
                    reason=f"{reason}.",
                )
                self._open[key] = _Open(segment=segments[key], attempts=[first])
            else:
                self._open[key] = _Open(segment=segments[key], unanswered=True)

    def _is_new(self, key: bytes) -> bool:
        return key not in self._open and key not in self._histories

    def _leaves(self) -> Mapping[bytes, Segment]:
        """The texts, and the parts of those that are translated in parts."""
        if not self.found.split:
            return self._texts
        parts = {
            piece.key: piece.segment
            for pieces in self.found.split.values()
            for piece in pieces
            if piece.key is not None
        }
        return {**parts, **self._texts}

    def _judge_new(self, segments: Mapping[bytes, Segment]) -> None:
        """Judge what today's checks have not seen, and remember what they said."""
        unjudged, self.found.unjudged = self.found.unjudged, set()
        if self._judge is None:
            return
        judged: list[tuple[bytes, str, tuple[Verdict, ...]]] = []
        for key in unjudged:
            hypothesis = self.found.translations[key]
            verdicts = self._judged(segments[key], hypothesis)
            if verdicts:
                self.found.verdicts[key] = verdicts
            judged.append((key, hypothesis, verdicts))
            if len(judged) == _KEPT_AT_ONCE:
                self._remember(judged)
                judged = []
        self._remember(judged)

    def _remember(self, judged: Iterable[tuple[bytes, str, tuple[Verdict, ...]]]) -> None:
        with contextlib.suppress(CacheError):  # a cache that can only be read is judged anew every time
            self._cache.keep_verdicts(judged)

    def _judged(self, segment: Segment, hypothesis: str) -> tuple[Verdict, ...]:
        """What the checks say; where one translation serves every kind, they don't know the kind either."""
        if self._judge is None:
            return ()
        kind: Kind = segment.kind if self._translator.prompt_version is not None else "sentence"
        return self._judge(segment.text, hypothesis, self._language, kind)

    def _climb(
        self, number: int, rung: _Rung, reasons: Mapping[bytes, str], pending: dict[int, Pending]
    ) -> None:
        """Try one way for all texts that have come to it."""
        here: dict[bytes, list[Piece]] = {}
        for key, text in self._open.items():
            if text.rung == number:
                here[key] = rung.pieces(text)
        parts = {
            piece.key: piece.segment for pieces in here.values() for piece in pieces if piece.key is not None
        }
        found = rung.long.find(parts, failed=reasons)
        for key, pieces in here.items():
            keys = tuple(piece.key for piece in pieces if piece.key is not None)
            if all(part in found.translations or part in found.failures for part in keys):
                self._try(key, rung, keys, joined(pieces, found.translations) if keys else None, found)
        if found.missing:
            asked = pending.setdefault(id(rung.translator), Pending(rung.translator, {}))
            asked.texts.update(found.missing)

    def _try(
        self, key: bytes, rung: _Rung, keys: tuple[bytes, ...], hypothesis: str | None, found: Found
    ) -> None:
        """Take what a rung brought, or go on to the next."""
        text = self._open[key]
        text.rung += 1
        if hypothesis is not None:
            verdicts = self._judged(text.segment, hypothesis)
            attempt = self._attempt(rung.step, rung.translator, keys, hypothesis, verdicts)
            if not attempt.errors and hypothesis != text.avoid:
                del self._open[key]
                self._histories[key] = History(served=attempt, rejected=tuple(text.attempts))
                return
            text.attempts.append(attempt)
        elif refused := [part for part in keys if part in found.evidence]:
            reason = f"{found.failures[refused[0]]}."
            text.attempts.append(
                Attempt(
                    step=rung.step,
                    translator=rung.translator.name,
                    keys=keys,
                    hypothesis=None,
                    reason=reason,
                )
            )

    def _give_up(self, key: bytes, text: _Open) -> None:
        """No way led to a sound translation: the one with the fewest faults is served.

        Of equals it is what came when the translator knew the reason: who insists is often right. Otherwise the first.
        """
        usable = [attempt for attempt in text.attempts if attempt.hypothesis is not None]
        first = usable[0].hypothesis if usable else None
        best = min(
            usable,
            key=lambda attempt: (attempt.errors, attempt.step != "again" or attempt.hypothesis == first),
            default=None,
        )
        rejected = tuple(attempt for attempt in text.attempts if attempt is not best)
        self._histories[key] = History(served=best, rejected=rejected)

    def _attempt(
        self,
        step: Step,
        translator: Translator,
        keys: tuple[bytes, ...],
        hypothesis: str,
        verdicts: tuple[Verdict, ...],
    ) -> Attempt:
        return Attempt(
            step=step,
            translator=translator.name,
            keys=keys,
            hypothesis=hypothesis,
            reason=" ".join(f"{verdict.reason.rstrip('.')}." for verdict in _errors(verdicts)),
            verdicts=verdicts,
        )

    def _history_of_whole(
        self, key: bytes, hypothesis: str | None, verdicts: Mapping[bytes, tuple[Verdict, ...]]
    ) -> History:
        """A text that was put together: judged as a whole, and faulty where a part is."""
        parts = list(self._parts_of(key))
        rejected = tuple(
            attempt for part in parts if part in self._histories for attempt in self._histories[part].rejected
        )
        if hypothesis is None:
            return History(served=None, rejected=rejected)
        own = self._judged(self._texts[key], hypothesis)
        of_parts = [verdict for part in parts for verdict in _errors(verdicts.get(part, ()))]
        keys = [served for part in parts for served in self._served_keys(part)]
        said = tuple(dict.fromkeys((*own, *of_parts)))
        return History(
            served=self._attempt("asked", self._translator, tuple(keys), hypothesis, said), rejected=rejected
        )

    def _parts_of(self, key: bytes) -> Iterator[bytes]:
        """The keys of the parts that a text was translated in, those of parts that were cut again too."""
        for piece in self.found.split.get(key, ()):
            if piece.key is not None and piece.key in self.found.split:
                yield from self._parts_of(piece.key)
            elif piece.key is not None:
                yield piece.key

    def _served_keys(self, part: bytes) -> tuple[bytes, ...]:
        past = self._histories.get(part)
        return past.served.keys if past and past.served else (part,)


def _errors(verdicts: Sequence[Verdict]) -> list[Verdict]:
    return [verdict for verdict in verdicts if verdict.severity == "error"]
