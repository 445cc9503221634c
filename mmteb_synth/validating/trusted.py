"""Which of MTEB's own sets a board is held to."""

from __future__ import annotations

from collections.abc import Sequence

from mmteb_synth import facts, languages
from mmteb_synth.errors import SynthError, UnknownNameError, UsageError
from mmteb_synth.types import Language, Origin


def trusted_tasks(language: Language, named: Sequence[str] = ()) -> dict[str, Origin]:
    """The sets of MTEB that people wrote in a language, or translated to it.

    A set that has a newer version counts only when it is named: versions of one set are no two witnesses.

    Args:
        language: The language.
        named: Narrows to these.

    Returns:
        Task to origin, by name.

    Raises:
        UnknownNameError: MTEB has no text task of a name.
        UsageError: A named one lacks the language, or was translated by a machine.
        SynthError: There is none.
    """
    codes = languages.equivalents(language.code)
    held = {name: known for name, known in facts.tasks().items() if codes & set(known.languages)}
    for name in named:
        if facts.task(name) is None:
            raise UnknownNameError("task", name, held, hint=_listing_hint(language))
        if name not in held:
            raise UsageError(
                f"{name} holds no {language.name} ({language.code}) by itself", hint=_listing_hint(language)
            )
        if facts.origin(held[name]) == "translated":
            raise UsageError(
                f"{name} was translated by a machine, so no translation can be held to it",
                hint="name sets that people wrote or translated, or compare two translators with --against",
            )
    found = {
        name: facts.origin(known)
        for name, known in sorted(held.items())
        if (name in named if named else not known.superseded_by and facts.origin(known) != "translated")
    }
    if not found:
        raise SynthError(
            f"MTEB has no set in {language.name} ({language.code}) that people wrote or translated",
            hint="nothing can show whether its boards rank as such sets do; two translators are compared with --against NAME",
        )
    return found


def _listing_hint(language: Language) -> str:
    return f"MTEB's tasks in it: mmteb-synth tasks --lang {language.code} --native"
