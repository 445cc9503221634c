"""Judgements of translations: source and hypothesis in, verdicts out. Pure."""

from __future__ import annotations

from mmteb_synth.checks import (
    characters,
    content,
    kept,
    language,
    lengths,
    markup,
    numbers,
    questions,
    repetition,
    wrapping,
)
from mmteb_synth.types import Kind, Language, Languages, Verdict

CHECKS_VERSION = 3
"""Goes up with every change that may judge a translation otherwise; verdicts and manifests carry it."""

ENGLISH = Language(code="eng-Latn", name="English")


def judge(source: str, hypothesis: str, target: Language, kind: Kind = "sentence") -> tuple[Verdict, ...]:
    """What the deterministic checks say of one translation.

    Args:
        source: The English text.
        hypothesis: Its translation.
        target: The language it should be in.
        kind: What the text is in its data set.

    Returns:
        One verdict for each check that finds fault, errors first; none where all is well.
    """
    languages = Languages(ENGLISH, target)
    if nothing := content.empty(source, hypothesis, languages, kind):
        return (nothing,)
    found = [verdict for check in _CHECKS if (verdict := check(source, hypothesis, languages, kind))]
    return tuple(sorted(found, key=lambda verdict: verdict.severity))


_CHECKS = (
    wrapping.refusal,
    content.copied,
    language.script,
    language.language,
    questions.question,
    repetition.repetition,
    repetition.doubled,
    wrapping.preamble,
    wrapping.alternatives,
    wrapping.note,
    markup.delimiters,
    markup.markup,
    markup.entities,
    wrapping.quotes,
    content.cut_off,
    lengths.length,
    characters.characters,
    characters.mixed_word,
    kept.placeholders,
    kept.code,
    kept.urls,
    kept.emails,
    kept.handles,
    numbers.numbers,
)
"""In the order in which their verdicts are told: what explains most comes first."""
