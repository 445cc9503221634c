import asyncio
import itertools
import os
import signal
import sqlite3
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmteb_synth.errors import CacheError, RequestError, TranslatorError, UsageError
from mmteb_synth.translate import engine, translators
from mmteb_synth.translate.backends import apertium
from mmteb_synth.translate.backends.callables import CallableTranslator
from mmteb_synth.translate.cache import Cache
from mmteb_synth.translate.rows import Row
from mmteb_synth.types import Language, Progress, Segment

TURKISH = Language(code="tur-Latn", name="Turkish")
SPANISH = Language(code="spa-Latn", name="Spanish")


def _segments(count: int) -> list[Segment]:
    return [Segment(text=f"Text number {number}") for number in range(count)]


class _Function:
    """A translator of the user's that remembers what it was asked."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []

    def __call__(self, texts: list[str], language: str) -> list[str]:
        self.calls.append(texts)
        return [f"{language}: {text}" for text in texts]

    @property
    def texts(self) -> list[str]:
        return list(itertools.chain.from_iterable(self.calls))


def _translator(function: object, version: str = "0") -> CallableTranslator:
    return CallableTranslator(name="mod:fn", label="mod-fn", version=version, function=function)  # type: ignore[arg-type]


def test_asks_for_what_is_missing_and_for_nothing_else(cache: Cache) -> None:
    function = _Function()
    first = engine.translate(_segments(50), TURKISH, _translator(function), cache)
    assert first.translations[Segment(text="Text number 7")] == "tur-Latn: Text number 7"
    assert (first.hits, first.failures) == (0, {})
    assert first.requests == len(function.calls) == 2
    second = engine.translate(_segments(70), TURKISH, _translator(function), cache)
    assert (second.hits, second.requests) == (50, 1)
    assert sorted(function.texts) == sorted(segment.text for segment in _segments(70))


def test_nothing_to_do(cache: Cache) -> None:
    run = engine.translate([], TURKISH, _translator(_Function()), cache)
    assert (run.translations, run.failures, run.requests) == ({}, {}, 0)
    assert not cache.file.exists()


def test_segments_that_share_a_translation_are_asked_once(cache: Cache) -> None:
    function = _Function()
    segments = [Segment(text="Same", kind=kind) for kind in ("query", "document", "title")]
    run = engine.translate([*segments, *segments], TURKISH, _translator(function), cache)
    assert function.texts == ["Same"]
    assert run.translations == dict.fromkeys(segments, "tur-Latn: Same")


def test_languages_and_versions_are_kept_apart(cache: Cache) -> None:
    function = _Function()
    for language, version in ((TURKISH, "1"), (SPANISH, "1"), (TURKISH, "2"), (TURKISH, "1")):
        engine.translate(_segments(1), language, _translator(function, version), cache)
    assert len(function.calls) == 3


def test_offline_asks_nobody(cache: Cache) -> None:
    function = _Function()
    engine.translate(_segments(2), TURKISH, _translator(function), cache)
    run = engine.translate(_segments(4), TURKISH, _translator(function), cache, offline=True)
    assert (run.hits, run.requests, len(run.translations)) == (2, 0, 2)
    assert set(run.failures.values()) == {"not in the cache"}
    assert len(function.texts) == 2


def test_a_replay_asks_nobody(cache: Cache) -> None:
    deepl = translators.resolve("import:deepl")
    one, two = _segments(2)
    row = Row(
        key=deepl.key(one, TURKISH),
        translator="import:deepl",
        language="tur-Latn",
        kind=None,
        source=one.text,
        translation="Bir",
    )
    cache.put([row])
    run = engine.translate([one, two], TURKISH, deepl, cache)
    assert run.translations == {one: "Bir"}
    assert run.failures == {two: "no translation was imported for this text"}
    authored = engine.translate([one], TURKISH, translators.resolve("authored"), Cache(cache.file, below={}))
    assert authored.failures == {one: "no bundled translation of this text"}


def test_bundled_rows_are_served_and_not_copied(tmp_path: Path) -> None:
    authored = translators.resolve("authored")
    (one,) = _segments(1)
    key = authored.key(one, TURKISH)
    row = Row(
        key=key, translator="authored", language="tur-Latn", kind=None, source=one.text, translation="Bir"
    )
    with Cache(tmp_path / "cache.sqlite", below={key: row}) as cache:
        run = engine.translate([one], TURKISH, authored, cache)
    assert (run.translations, run.hits) == ({one: "Bir"}, 1)
    assert not (tmp_path / "cache.sqlite").exists()


def test_empty_answers_are_evidence_and_asked_again_only_on_demand(cache: Cache) -> None:
    answers = {"Text number 0": " \n"}
    calls: list[str] = []

    def function(texts: list[str], _: str) -> list[str]:
        calls.extend(texts)
        return [answers.get(text, "iyi") for text in texts]

    zero, one = _segments(2)
    first = engine.translate([zero, one], TURKISH, _translator(function), cache)
    assert first.translations == {one: "iyi"}
    assert first.failures == {zero: "the answer was empty"}
    again = engine.translate([zero, one], TURKISH, _translator(function), cache)
    assert (again.requests, again.hits, again.failures) == (0, 1, first.failures)
    offline = engine.translate(
        [zero, one], TURKISH, _translator(function), cache, retry_failed=True, offline=True
    )
    assert offline.failures == first.failures
    answers.clear()
    retried = engine.translate([zero, one], TURKISH, _translator(function), cache, retry_failed=True)
    assert retried.translations == {zero: "iyi", one: "iyi"}
    assert sorted(calls) == ["Text number 0", "Text number 0", "Text number 1"]


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda texts, _: texts[:-1], "returned 2 texts for 3"),
        (lambda _texts, _: "abc", "returned str, not a list"),
        (lambda _texts, _: None, "returned NoneType"),
        (lambda texts, _: [None for _ in texts], "returned NoneType, not text, for 'Text number "),
        (lambda _texts, _: 1 // 0, "ZeroDivisionError"),
        (list, "takes|expected"),
    ],
)
def test_a_function_that_breaks_its_contract_ends_the_run(cache: Cache, function: object, said: str) -> None:
    with pytest.raises(RequestError, match=said) as caught:
        engine.translate(_segments(3), TURKISH, _translator(function), cache)
    assert "mod:fn" in caught.value.message


def test_what_was_answered_before_a_fatal_error_is_kept(cache: Cache) -> None:
    calls = itertools.count(1)

    def function(texts: list[str], _: str) -> list[str]:
        if next(calls) == 3:
            raise RuntimeError("out of credit")
        return texts

    with pytest.raises(RequestError, match="out of credit"):
        engine.translate(_segments(100), TURKISH, _translator(function), cache)
    kept = engine.translate(_segments(100), TURKISH, _translator(function), cache, offline=True)
    assert len(kept.translations) == 64


def test_a_run_that_is_interrupted_keeps_what_was_answered(cache: Cache) -> None:
    calls = itertools.count()

    def hook(progress: Progress) -> None:
        if progress.done >= 64:
            signal.raise_signal(signal.SIGINT)

    def function(texts: list[str], _: str) -> list[str]:
        next(calls)
        return texts

    with pytest.raises(KeyboardInterrupt):
        engine.translate(_segments(1000), TURKISH, _translator(function), cache, progress=hook)
    kept = engine.translate(_segments(1000), TURKISH, _translator(function), cache, offline=True)
    assert 64 <= len(kept.translations) < 1000
    assert next(calls) < 10


def test_progress_counts_everything_once(cache: Cache) -> None:
    engine.translate(_segments(10), TURKISH, _translator(_Function()), cache)
    seen: list[Progress] = []

    def function(texts: list[str], _: str) -> list[str]:
        return ["" if text.endswith("9") else text for text in texts]

    engine.translate(_segments(100), TURKISH, _translator(function), cache, progress=seen.append)
    assert [progress.done for progress in seen] == sorted(progress.done for progress in seen)
    assert (seen[0].total, seen[0].done, seen[0].hits) == (100, 10, 10)
    assert (seen[-1].total, seen[-1].done, seen[-1].hits, seen[-1].failed) == (100, 100, 10, 9)


def test_works_inside_a_running_loop(cache: Cache) -> None:
    async def cell() -> engine.TranslationRun:
        return engine.translate(_segments(3), TURKISH, _translator(_Function()), cache)

    assert len(asyncio.run(cell()).translations) == 3


def test_errors_come_out_of_a_running_loop_too(cache: Cache) -> None:
    async def cell() -> None:
        engine.translate(_segments(3), TURKISH, _translator(lambda _texts, _: 1 // 0), cache)

    with pytest.raises(RequestError, match="ZeroDivisionError"):
        asyncio.run(cell())


def test_an_interrupted_notebook_keeps_what_was_answered(cache: Cache) -> None:
    interrupted: list[int] = []

    def hook(progress: Progress) -> None:
        if progress.done >= 64 and not interrupted:
            interrupted.append(progress.done)
            os.kill(os.getpid(), signal.SIGINT)

    async def cell() -> None:
        engine.translate(_segments(100_000), TURKISH, _translator(_Function()), cache, progress=hook)

    loop = asyncio.new_event_loop()  # without asyncio.run's own handling of the signal, as in a notebook
    with pytest.raises(KeyboardInterrupt):
        loop.run_until_complete(cell())
    loop.close()
    kept = engine.translate(_segments(100_000), TURKISH, _translator(_Function()), cache, offline=True)
    assert 64 <= len(kept.translations) < 100_000


def test_concurrency_below_one_is_refused(cache: Cache) -> None:
    with pytest.raises(UsageError, match="at least 1"):
        engine.translate(_segments(1), TURKISH, _translator(_Function()), cache, concurrency=0)


def test_a_cache_that_fails_ends_the_run_with_its_own_error(cache: Cache) -> None:
    engine.translate(_segments(1), TURKISH, _translator(_Function()), cache)
    with sqlite3.connect(cache.file) as connection:
        connection.execute(
            "CREATE TRIGGER full BEFORE INSERT ON translations WHEN NEW.source = 'Text number 700' "
            "BEGIN SELECT RAISE(ABORT, 'no'); END"
        )
    connection.close()
    with pytest.raises((CacheError, sqlite3.IntegrityError)):
        engine.translate(_segments(1000), TURKISH, _translator(_Function()), cache)


def test_what_is_returned_is_what_the_cache_holds(cache: Cache) -> None:
    """Another process was faster with another translation: both must go on with the same one."""
    (segment,) = _segments(1)
    rival = Cache(cache.file)

    def function(texts: list[str], _: str) -> list[str]:
        key = translator.key(segment, TURKISH)
        rival.put(
            [
                Row(
                    key=key,
                    translator="mod:fn",
                    language="tur-Latn",
                    kind=None,
                    source=segment.text,
                    translation="first",
                )
            ]
        )
        return ["second" for _ in texts]

    translator = _translator(function)
    run = engine.translate([segment], TURKISH, translator, cache)
    rival.close()
    assert run.translations == {segment: "first"}


def test_a_module_of_the_users_end_to_end(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("users_translator")
    module.upper = lambda texts, language: [f"{text.upper()} {language}" for text in texts]  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "users_translator", module)
    run = engine.translate(_segments(1), TURKISH, translators.resolve("users_translator:upper"), cache)
    assert list(run.translations.values()) == ["TEXT NUMBER 0 tur-Latn"]


def _has(mode: str) -> bool:
    try:
        apertium.find()
    except TranslatorError:
        return False
    return apertium._mode_file(mode).is_file()


needs_apertium = pytest.mark.skipif(
    not _has("eng-spa"), reason="the Debian packages apertium and apertium-eng-spa are not installed"
)


@needs_apertium
def test_apertium_translates(cache: Cache) -> None:
    translator = translators.resolve("apertium")
    assert translator.grade == "demonstration"
    run = engine.translate([Segment(text="The house is big.")], SPANISH, translator, cache)
    assert run.translations == {Segment(text="The house is big."): "La casa es grande."}


@needs_apertium
def test_apertium_keeps_neighbours_apart(cache: Cache) -> None:
    segments = [Segment(text=text) for text in ("The red", "house", "the white", "dog")]
    run = engine.translate(segments, SPANISH, translators.resolve("apertium"), cache)
    assert [run.translations[segment].casefold() for segment in segments] == [
        "el rojo",
        "casa",
        "el blanco",
        "perro",
    ]


@needs_apertium
def test_apertium_puts_lines_and_white_space_back(cache: Cache) -> None:
    text = "\n  The house.\r\n\r\n\tThe dog.\x0b***\u2028The cat. \x00 The tree.\n"
    run = engine.translate([Segment(text=text)], SPANISH, translators.resolve("apertium"), cache)
    assert (
        run.translations[Segment(text=text)]
        == "\n  La casa.\r\n\r\n\tEl perro.\x0b***\u2028El gato. \x00 El árbol.\n"
    )


@needs_apertium
def test_apertium_keeps_its_own_marks_as_text(cache: Cache) -> None:
    texts = [
        "a [b] ^c$ <d> \\ {e} @f / ~g~ #h",
        "[[t:b:abc]]x[[/]]",
        "^x<n>$",
        "<apertium-notrans>a</apertium-notrans>",
    ]
    segments = [Segment(text=text) for text in texts]
    run = engine.translate(segments, SPANISH, translators.resolve("apertium"), cache)
    assert not run.failures
    assert "[b] ^c$ <d> \\ {e}" in run.translations[segments[0]]


@needs_apertium
@settings(deadline=None, max_examples=20)  # each starts a program
@given(
    texts=st.lists(
        st.text(alphabet=st.sampled_from("ab \n\r\t.!?[]^$<>\\@/é\x00\x85\u2028🙂"), min_size=1, max_size=30),
        min_size=1,
        max_size=5,
    )
)
def test_apertium_never_mixes_up_its_answers(texts: list[str]) -> None:
    backend = apertium.ApertiumBackend()

    async def ask() -> Sequence[str | None]:
        answers = await backend.translate([Segment(text=text) for text in texts], SPANISH)
        return [answer.translation for answer in answers]

    for text, answer in zip(texts, asyncio.run(ask()), strict=True):
        assert answer is not None
        assert apertium._BREAKS.findall(answer) == apertium._BREAKS.findall(text)
        if not any(map(str.isalpha, text)):
            assert answer == text


def test_apertium_says_what_it_can_not_do() -> None:
    translator = apertium.ApertiumTranslator(version="3")
    with pytest.raises(TranslatorError, match="into Turkish"):
        translator.check_language(TURKISH)


def test_apertium_that_is_not_installed_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(TranslatorError) as caught:
        translators.resolve("apertium")
    assert caught.value.hint is not None
    assert "apt-get install apertium apertium-eng-spa" in caught.value.hint
    monkeypatch.setenv("APERTIUM_DATADIR", str(tmp_path))
    with pytest.raises(TranslatorError) as missing:
        apertium.ApertiumTranslator(version="3").check_language(SPANISH)
    assert missing.value.hint == "sudo apt-get install apertium-eng-spa"
