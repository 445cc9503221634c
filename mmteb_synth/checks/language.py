"""Whether a translation is in the language and the script that were asked for."""

from __future__ import annotations

import copy
import functools
import math
import re
from typing import TYPE_CHECKING, NamedTuple

import regex

from mmteb_synth import languages as codes
from mmteb_synth.checks import thresholds
from mmteb_synth.checks.words import AROUND, bare_words
from mmteb_synth.types import Kind, Languages, Verdict

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

_LANGUAGE = thresholds.section("language")
_SCRIPT = thresholds.section("script")

_PARTS = {
    "Hans": ("Hani", "Bopo"),
    "Hant": ("Hani", "Bopo"),
    "Jpan": ("Hani", "Hira", "Kana"),
} | dict.fromkeys(("Kore", "Hang"), ("Hang", "Hani"))
"""The scripts of Unicode that one of ISO 15924 is made of."""

_BEYOND_LATIN = re.compile(r"[^\x00-\u024f\u1e00-\u1eff\u2000-\u2bff]")
"""What a Latin text without a letter of another script lacks: a cheap look that spares most texts the rest."""


def script(source: str, hypothesis: str, languages: Languages, kind: Kind) -> Verdict | None:
    """Whether a translation is written in another script than asked, Simplified for Traditional Chinese included.

    Words that the source has too, as names and code, may stand in any script.
    """
    target = languages.target
    if target.script == "Latn" and not _BEYOND_LATIN.search(hypothesis):
        return None
    if (patterns := _patterns(target.script)) is None:
        return None
    text = hypothesis[: _SCRIPT["characters"]]
    given = source.casefold()
    own = len(patterns.own.findall(text))
    letters = own + sum(len(run) for run in patterns.others.findall(text) if run.casefold() not in given)
    if letters >= _SCRIPT["least_letters"] and own < _SCRIPT["share"] * letters:
        reason = f"only {own} of {letters} letters are in the script of {target.name} ({target.script})"
        return Verdict(check="script", severity="error", reason=reason, score=round(own / letters, 3))
    stray = next((hit[0] for hit in patterns.stray.finditer(text) if hit[0] not in source), None)
    if stray is not None:
        reason = f"{stray!r} is in a script that neither the source nor {target.name} uses"
        return Verdict(check="script", severity="error", reason=reason)
    return _chinese(hypothesis, target.script) if target.script in {"Hans", "Hant"} else None


def language(source: str, hypothesis: str, languages: Languages, kind: Kind) -> Verdict | None:
    """Whether a translation reads like another language than the one asked for.

    The candidates are the languages that models answer in by mistake. Others than English need stronger evidence, near
    relatives of the language the strongest, and a language that the identifier doesn't know is not judged.
    """
    target = languages.target
    known = _candidates(target.code)
    if known is None:
        return None
    text = _own_words(source, hypothesis, _LANGUAGE["characters"])
    if len(text) < _LANGUAGE["least_characters"]:
        return None
    if known.identifier.classify(text)[0] == known.label:  # the usual case; a whole ranking costs more
        return None
    scores = dict(known.identifier.rank(text))
    scale = math.sqrt(len(text.encode(errors="replace")))
    own = scores.pop(known.label)
    rival, best = max(scores.items(), key=lambda item: item[1] - known.handicaps[item[0]] * scale)
    score = (best - own) / scale - known.handicaps[rival]
    if score < _LANGUAGE["warning"]:
        return None
    limit = _LANGUAGE["error" if len(text) >= _LANGUAGE["short_characters"] else "short_error"]
    return Verdict(
        check="language",
        severity="error" if score >= limit else "warning",
        reason=f"the translation reads like {_name(rival)}, not like {target.name}",
        score=round(score, 2),
    )


class _Patterns(NamedTuple):
    own: regex.Pattern[str]
    others: regex.Pattern[str]
    stray: regex.Pattern[str]


class _Candidates(NamedTuple):
    identifier: LanguageIdentifier
    label: str
    handicaps: dict[str, float]


def _own_words(source: str, hypothesis: str, most: int) -> str:
    """The words of a translation that its source doesn't have, the first of them."""
    given = bare_words(source)
    words = [word for word in hypothesis[: 2 * most].split() if word.strip(AROUND) not in given]
    return " ".join(words)[:most]


@functools.lru_cache(maxsize=256)
def _patterns(script: str) -> _Patterns | None:
    """The letters of a script, those of others, and those that have no business there; None for unknown scripts.

    Latin words stand in texts of all scripts, and Greek letters are signs of science.
    """
    parts = "".join(rf"\p{{Script_Extensions={part}}}" for part in _PARTS.get(script, (script,)))
    try:
        own = regex.compile(rf"[\p{{L}}&&[{parts}]]", regex.VERSION1)
    except regex.error:
        return None
    others = regex.compile(rf"[\p{{L}}--[{parts}]]+", regex.VERSION1)
    usual = parts + r"\p{Latin}\p{Greek}\p{Common}\p{Inherited}"
    stray = regex.compile(rf"[\p{{L}}--[{usual}]]{{2,}}|[\p{{Han}}--[{usual}]]", regex.VERSION1)
    return _Patterns(own, others, stray)


def _chinese(text: str, script: str) -> Verdict | None:
    """Whether Chinese is written in the other of its scripts, by the characters that only one of the two has."""
    simplified, traditional = _hanzi()
    counts = {
        "Hans": sum(letter in simplified for letter in text),
        "Hant": sum(letter in traditional for letter in text),
    }
    own, other = counts.pop(script), next(iter(counts.values()))
    if other == 0:
        return None
    names = {"Hans": "Simplified", "Hant": "Traditional"}
    wrong = names["Hant" if script == "Hans" else "Hans"]
    return Verdict(
        check="script",
        severity="error" if other > own else "warning",
        reason=f"{other} characters are {wrong} Chinese where {names[script]} was asked for",
        score=round(own / (own + other), 3),
    )


@functools.cache
def _hanzi() -> tuple[frozenset[str], frozenset[str]]:
    """The characters that only Simplified and only Traditional Chinese has, by CC-CEDICT's word list."""
    from zhon import cedict

    simplified, traditional = frozenset(cedict.simplified), frozenset(cedict.traditional)
    return simplified - traditional, traditional - simplified


@functools.lru_cache(maxsize=64)
def _candidates(code: str) -> _Candidates | None:
    """What the identifier chooses among for a language; None where it doesn't know it or has no choice."""
    iso, script = code.split("-", 1)
    rivals = _LANGUAGE["candidates"].get(script, ())
    label = _label(iso)
    if label is None or set(rivals) <= {label}:
        return None
    relatives = {each for group in _LANGUAGE["relatives"] if label in group for each in group}
    identifier = copy.copy(_identifier())
    identifier.set_languages([label, *rivals])
    handicaps = {each: float(_LANGUAGE["relative" if each in relatives else "stranger"]) for each in rivals}
    return _Candidates(identifier, label, handicaps | {"en": 0.0})


@functools.cache
def _identifier() -> LanguageIdentifier:
    """The identifier with all its languages, which takes half a second to load."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE)


def _name(label: str) -> str:
    import langcodes

    return str(langcodes.Language.get(label).language_name())


def _label(iso: str) -> str | None:
    """What the identifier calls a language: its code of two letters, or that of its macro-language."""
    import langcodes

    known = set(_identifier().labels)
    macro = codes.family(f"{iso}-Zyyy").split("-", 1)[0]
    return next(
        (label for each in (iso, macro) if (label := str(langcodes.Language.get(each).language)) in known),
        None,
    )
