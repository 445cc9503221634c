"""Back-translation: the hypothesis goes back into English, and chrF and BLEU compare that with the source.

What stands in the source's place was translated twice, so a low score may be the second translation's fault; and a
translator that reads its own errors as they were meant may hide them. Another translator than the set's tells more.
"""

from __future__ import annotations

import dataclasses
import functools
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmteb_synth.checking.semantic.asking import Way, check_served, request_key, title
from mmteb_synth.checking.semantic.scored import Pair, Scored
from mmteb_synth.checking.semantic.thresholds import partners, table, threshold
from mmteb_synth.errors import UsageError
from mmteb_synth.languages import ENGLISH
from mmteb_synth.translate import translators
from mmteb_synth.translate.backends.apertium import ApertiumTranslator
from mmteb_synth.translate.backends.callables import CallableTranslator
from mmteb_synth.translate.endpoint import Endpoint
from mmteb_synth.translate.templates import Template
from mmteb_synth.translate.translators import Translator
from mmteb_synth.types import Kind, Language, ProgressHook, Segment

BACK = "back-translation"
BACK_VERSION = 1
"""The version of the prompt that is sent today."""

_FOLDER = Path(__file__).parent / "prompts"


@dataclass(frozen=True, slots=True, kw_only=True)
class BackTranslation:
    """A translator that is asked for the way back.

    Attributes:
        translator: The translator, as it translates from English.
        way: How it is asked.
    """

    translator: Endpoint | ApertiumTranslator | CallableTranslator
    way: Way

    def into(self, language: Language) -> BackFrom:
        """The way back from a language.

        Raises:
            TranslatorError: The translator can't translate from it.
        """
        back = _back(self.translator, language)
        warning = back.check_language(ENGLISH)
        return BackFrom(name=_name(self.translator), translator=back, way=self.way, warning=warning)


@dataclass(frozen=True, slots=True, kw_only=True)
class BackFrom:
    """The way back from one language.

    Attributes:
        name: What its judgements are called.
        translator: Translates from that language into English.
        way: How it is asked.
        warning: What its maker's claims say against it.
    """

    name: str
    translator: Translator
    way: Way
    warning: str | None = None

    def score(self, pairs: Sequence[Pair], progress: ProgressHook | None = None) -> Scored:
        """Judge pairs by chrF, 0 to 100 (Popović 2015); BLEU and the English text are in the words.

        Raises:
            TranslatorError: The translator can't be asked, or stopped answering anything.
            CacheError: The cache can't be read or written.
            Stopped: The run was asked to end.
        """
        import sacrebleu

        segments = [Segment(text=pair.hypothesis, kind=pair.kind) for pair in pairs]
        run = self.way.ask([one for one in segments if _has_letter(one)], ENGLISH, self.translator, progress)
        backs = dict(run.translations) | {one: one.text for one in segments if not _has_letter(one)}
        chrf, bleu = sacrebleu.CHRF(), sacrebleu.BLEU(effective_order=True)
        found = Scored(
            judge=f"{BACK}:{self.name}", unit="chrF", hits=run.hits, requests=run.requests, usage=run.usage
        )
        for place, (pair, segment) in enumerate(zip(pairs, segments, strict=True)):
            back = backs.get(segment)
            if back is None:
                found.failures[place] = run.failures[segment]
                continue
            found.scores[place] = round(chrf.sentence_score(back, [pair.source]).score, 2)
            own = bleu.sentence_score(back, [pair.source]).score
            found.words[place] = f"BLEU {own:.1f}: {back}"
        if self.warning:
            found.notes.append(self.warning)
        places = sorted(found.scores)
        wrong = [
            chrf.sentence_score(backs[segments[places[b]]], [pairs[places[a]].source]).score
            for a, b in partners(len(places), table()["wrong_pairs"])
        ]
        line = threshold(list(found.scores.values()), wrong)
        found.rule = line.rule
        if line.value is not None:
            found.flagged = {place for place, score in found.scores.items() if score <= line.value}
        if places:
            texts = [backs[segments[place]] for place in places]
            sources = [[pairs[place].source for place in places]]
            corpus = sacrebleu.BLEU()
            found.notes.append(
                f"over all: chrF {chrf.corpus_score(texts, sources).score:.1f} ({chrf.get_signature()}), "
                f"BLEU {corpus.corpus_score(texts, sources).score:.1f} ({corpus.get_signature()})"
            )
        return found


def back_translation(name: str, way: Way, *, base_url: str | None = None) -> BackTranslation:
    """The translator of a name, for the way back.

    Args:
        name: A preset, the path of a preset's TOML file, `openai:MODEL`, `apertium`, or `package.module:callable`,
            which is called with the code `eng-Latn`.
        way: How it is asked.
        base_url: The endpoint to ask instead of the preset's.

    Raises:
        UnknownNameError: There is no such translator.
        UsageError: It can't be asked for translations into English.
        TranslatorError: It can't be used here.
    """
    translator = translators.resolve(name, base_url=base_url)
    if not isinstance(translator, Endpoint | ApertiumTranslator | CallableTranslator):
        raise UsageError(
            f"{name} can't translate back: nobody can be asked",
            hint="--back-translation takes a preset, openai:MODEL with --base-url, apertium, or a callable",
        )
    if isinstance(translator, Endpoint):
        check_served(translator)
    return BackTranslation(translator=translator, way=way)


@dataclass(frozen=True, slots=True, kw_only=True)
class BackEndpoint(Endpoint):
    """An endpoint that is asked for English.

    Attributes:
        source: The language that is translated from.
    """

    source: Language

    @property
    def name(self) -> str:
        """The name in the cache."""
        return f"{BACK}:{self.preset.name}"

    @property
    def prompt_version(self) -> int:
        """The version of the prompt of back-translations."""
        return BACK_VERSION

    def identity(self) -> dict[str, Any]:
        """What decides the translations."""
        return {"translator": self.name, "prompt": BACK_VERSION, "decoding": self.preset.decoding()}

    def key(self, segment: Segment, language: Language) -> bytes:
        """The cache key of the request; never that of a translation from English."""
        messages = self.template(segment, language).messages("")
        return request_key(self.preset, messages, self.source, {"asked_for": BACK}, segment.text)

    def check_language(self, language: Language) -> str | None:
        """A warning where the model's maker does not claim the language that is translated from."""
        return Endpoint.check_language(self, self.source)

    def template(self, segment: Segment, language: Language) -> Template:
        """The messages for a hypothesis."""
        return _template(segment.kind, self.source, self.preset.system_role)


def _back(translator: Endpoint | ApertiumTranslator | CallableTranslator, language: Language) -> Translator:
    if isinstance(translator, ApertiumTranslator):
        return dataclasses.replace(translator, back_from=language)
    if isinstance(translator, CallableTranslator):
        # The name is part of the keys: a function's own translations into English stay apart.
        return dataclasses.replace(translator, name=f"{BACK}:{translator.name}:{language.code}")
    return BackEndpoint(
        preset=translator.preset,
        base_url=translator.base_url,
        label=translator.label,
        given_url=translator.given_url,
        source=language,
    )


def _name(translator: Endpoint | ApertiumTranslator | CallableTranslator) -> str:
    if isinstance(translator, Endpoint):
        return f"{title(translator)}@{BACK_VERSION}"
    return f"{translator.name}@{translator.version}"


def _has_letter(segment: Segment) -> bool:
    return any(map(str.isalpha, segment.text))


@functools.lru_cache(maxsize=256)
def _template(kind: Kind, language: Language, system_role: bool) -> Template:
    prompt = tomllib.loads((_FOLDER / f"{BACK}-{BACK_VERSION}.toml").read_text("utf-8"))
    instructions = prompt["instructions"].strip().replace("{kind}", prompt["kinds"][kind])
    return Template(
        instructions=instructions.replace("{language}", language.name),
        user=prompt["user"].strip(),
        system_role=system_role,
    )
