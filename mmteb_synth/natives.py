"""MTEB's own tasks in a language, which nobody need translate: found by query, or listed by a suite."""

from __future__ import annotations

from collections.abc import Iterable

from mmteb_synth import facts, languages
from mmteb_synth.specs import NativeQuery, Suite, SuiteTask


def entries(suite: Suite, language: str, *, beside: Iterable[str] = ()) -> list[SuiteTask]:
    """MTEB's own tasks that a suite scores as they are, and that hold a language by itself under any of its codes.

    Args:
        suite: From `suites.get_suite`.
        language: The code, as `tur-Latn`.
        beside: Other languages that are meant too. Of what a query finds in English only those count that it finds in
            one of them: MTEB's hundreds of English tasks are nobody's counterpart.
    """
    codes = languages.equivalents(language)
    listed = [entry for entry in suite.native if codes.intersection(facts.tasks()[entry.name].languages)]
    if suite.native_query is None:
        return listed
    found = find(language, suite.native_query)
    others = [code for code in beside if code not in codes]
    if others and "eng-Latn" in codes:
        elsewhere = {name for code in others for name in find(code, suite.native_query)}
        found = [name for name in found if name in elsewhere]
    named = {entry.name for entry in (*suite.native, *suite.tasks)}
    return listed + [SuiteTask(name=name) for name in found if name not in named]


def names(suite: Suite, language: str) -> list[str]:
    """The names of the native tasks of a suite that hold a language by itself, under any of MTEB's codes for it.

    Args:
        suite: From `suites.get_suite`.
        language: The code, as `tur-Latn`.
    """
    return [entry.name for entry in entries(suite, language)]


def find(language: str, query: NativeQuery) -> list[str]:
    """MTEB's own tasks that hold a language by itself and answer to a query, by name.

    Of two versions of a task the newer one is taken, of an aggregate its parts. What is private, or was written or
    translated by machines, is left out, and so is bitext, which is not in one language.

    Args:
        language: The code, as `tur-Latn`.
        query: What is wanted.
    """
    codes = languages.equivalents(language)
    found = {
        known.name: known.superseded_by
        for known in facts.tasks().values()
        if codes.intersection(known.languages)
        and not (known.parts or known.private)
        and known.type != "BitextMining"
        and (not query.types or known.type in query.types)
        and facts.origin(known) in query.origins
        and not (known.sample_creation or "").startswith("LM-generated")
    }
    latest: dict[str, int] = {}
    for name in found:
        task, version = _version(name)
        latest[task] = max(version, latest.get(task, 0))
    current = [name for name, newer in found.items() if newer not in found]
    return sorted((name for name in current if _version(name) in latest.items()), key=str.casefold)


def _version(name: str) -> tuple[str, int]:
    """A task's name without its version, and the version: not every task says that another one replaces it."""
    task, _, version = name.casefold().rpartition(".v")
    return (task, int(version)) if task and version.isdigit() else (name.casefold(), 1)
