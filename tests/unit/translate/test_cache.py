import dataclasses
import re
import sqlite3
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmteb_synth.errors import CacheError
from mmteb_synth.translate import portable
from mmteb_synth.translate.cache import Cache
from mmteb_synth.translate.database import SCHEMA
from mmteb_synth.translate.rows import Answers, CacheStats, Row, replay_key
from mmteb_synth.types import Verdict


def row(
    source: str = "A cat.",
    translation: str | None = "Bir kedi.",
    *,
    translator: str = "import:x",
    language: str = "tur-Latn",
    key: bytes | None = None,
) -> Row:
    return Row(
        key=key or replay_key(translator, "1", language, source),
        translator=translator,
        language=language,
        kind=None,
        source=source,
        translation=translation,
        finish_reason="stop" if translation is not None else "refusal",
    )


def served(cache: Cache, source: str = "A cat.") -> str | None:
    return cache.lookup([row(source).key])[row(source).key].translation


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "cache.sqlite"


def test_a_row_comes_back_as_it_was(file: Path) -> None:
    full = Row(
        key=bytes(range(32)),
        translator="gpt-4.1-mini",
        language="tur-Latn",
        kind="query",
        source=" What?\r\n",
        translation="Ne?",
        prompt_version=3,
        model="gpt-4.1-mini-2025-04-14",
        finish_reason="stop",
        input_tokens=40,
        output_tokens=7,
        created="2026-01-02T03:04:05Z",
        raw='{"a": 1}',
    )
    with Cache(file) as cache:
        cache.put([full])
        assert cache.lookup([full.key, b"x" * 16]) == {full.key: full}
    with Cache(file) as cache:
        assert cache.lookup([full.key]) == {full.key: full}
        assert list(cache.rows()) == [full]


def test_the_time_is_filled_in(file: Path) -> None:
    with Cache(file) as cache:
        cache.put([row()])
        (stored,) = cache.rows()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", stored.created)
    assert dataclasses.replace(stored, created="") == row()


@given(
    st.lists(
        st.tuples(st.text(min_size=1), st.none() | st.text()),
        min_size=1,
        max_size=20,
        unique_by=lambda pair: pair[0],
    )
)
@settings(max_examples=30, deadline=None)
def test_every_text_comes_back_to_the_code_point(
    tmp_path_factory: pytest.TempPathFactory, pairs: list[tuple[str, str | None]]
) -> None:
    with Cache(tmp_path_factory.mktemp("cache") / "cache.sqlite") as cache:
        rows = [row(source, translation) for source, translation in pairs]
        cache.put(rows)
        found = cache.lookup([wanted.key for wanted in rows])
        assert [(found[wanted.key].source, found[wanted.key].translation) for wanted in rows] == pairs


def test_looking_up_makes_no_file(file: Path) -> None:
    with Cache(file) as cache:
        assert cache.lookup([row().key]) == {}
        assert cache.stats() == []
        assert cache.changes("import:x", "tur-Latn") == (0, 0)
        assert list(cache.rows()) == []
        assert cache.damage() == []
        assert cache.answers([row().key]) == Answers()
        cache.put([])
        cache.keep_verdicts([])
    assert not file.parent.exists()


def test_a_file_that_appears_later_is_seen(file: Path) -> None:
    with Cache(file) as early, Cache(file) as late:
        assert early.lookup([row().key]) == {}
        late.put([row()])
        assert served(early) == "Bir kedi."
        early.put([row("Two.", "İki.")])
        assert served(late, "Two.") == "İki."


def test_many_keys_in_any_order(file: Path) -> None:
    rows = [row(f"text {number}", f"metin {number}") for number in range(2500)]
    with Cache(file) as cache:
        cache.put(rows)
        wanted = [one.key for one in reversed(rows)] + [b"\0" * 16] + [rows[0].key]
        found = cache.lookup(wanted)
    assert {found[one.key].translation for one in rows} == {one.translation for one in rows}
    assert len(found) == 2500


def test_answers_are_translations_or_why_there_is_none(file: Path) -> None:
    refused = row("Not this.", None)
    wanted = [row("Unknown.").key, refused.key, row().key, row().key]
    with Cache(file) as cache:
        assert cache.answers(wanted) == Answers()
        cache.put([row(), refused])
        assert cache.answers(wanted) == Answers(
            translations={row().key: "Bir kedi."}, evidence={refused.key: "refusal"}, unjudged={row().key}
        )
        assert cache.answers([]) == Answers()


def test_answers_of_many_keys_in_any_order(file: Path) -> None:
    rows = [row(f"text {number}", f"metin {number}" if number % 7 else None) for number in range(2500)]
    with Cache(file) as cache:
        cache.put(rows)
        answers = cache.answers([one.key for one in reversed(rows)])
    assert answers.translations == {one.key: one.translation for one in rows if one.translation is not None}
    assert answers.evidence == {one.key: "refusal" for one in rows if one.translation is None}


def test_the_first_translation_stays(file: Path) -> None:
    with Cache(file) as cache:
        cache.put([row(), row(translation="Kedi.")])
        cache.put([row(translation="Bir kedicik.")])
        cache.put([row(translation=None)])
        assert served(cache) == "Bir kedi."
        assert cache.changes("import:x", "tur-Latn") == (1, 0)


def test_evidence_is_found_but_makes_way(file: Path) -> None:
    with Cache(file) as cache:
        cache.put([row(translation=None)])
        assert served(cache) is None
        assert cache.changes("import:x", "tur-Latn") == (1, 0)
        cache.put([row()])
        assert served(cache) == "Bir kedi."
        # A set with gaps has to be looked at again, one without never had this row.
        assert cache.changes("import:x", "tur-Latn") == (2, 0)


def test_replacing_counts_what_changed(file: Path) -> None:
    with Cache(file) as cache:
        cache.put([row(), row("Two.", "İki.")])
        cache.replace([row(translation="Kedi."), row("Two.", "İki."), row("Three.", "Üç.")])
        assert served(cache) == "Kedi."
        assert cache.changes("import:x", "tur-Latn") == (3, 1)
        cache.replace([row(translation=None)])
        assert served(cache) is None
        assert cache.changes("import:x", "tur-Latn") == (3, 2)


def test_counters_are_kept_for_each_translator_and_language(file: Path) -> None:
    with Cache(file) as cache:
        cache.put([row(), row(language="deu-Latn"), row(translator="import:y"), row("Two.", "İki.")])
    with Cache(file) as cache:
        assert cache.changes("import:x", "tur-Latn") == (2, 0)
        assert cache.changes("import:x", "deu-Latn") == (1, 0)
        assert cache.changes("import:y", "tur-Latn") == (1, 0)
        assert cache.changes("import:y", "deu-Latn") == (0, 0)


def test_a_transaction_is_all_or_nothing(file: Path) -> None:
    with Cache(file) as cache:
        cache.put([row("Zero.", "Sıfır.")])
        with pytest.raises(sqlite3.IntegrityError), cache.transaction():  # noqa: PT012  all of it has to be undone
            cache.put([row()])
            assert served(cache) == "Bir kedi."
            cache.replace([row("Zero.", "Hiç.")])
            cache.put([dataclasses.replace(row("Two."), source=None)])  # type: ignore[arg-type]
        assert cache.lookup([row().key]) == {}
        assert served(cache, "Zero.") == "Sıfır."
        assert cache.changes("import:x", "tur-Latn") == (1, 0)
        cache.put([row()])
        assert served(cache) == "Bir kedi."


def test_half_a_character_is_refused_and_nothing_stored(file: Path) -> None:
    with Cache(file) as cache:
        with pytest.raises(CacheError, match="lone surrogate"):
            cache.put([row("Two.", "İki."), row(translation="\ud83d")])
        assert list(cache.rows()) == []


def test_stats(file: Path) -> None:
    paid = dataclasses.replace(row("Four."), input_tokens=10, output_tokens=3, key=b"k" * 16)
    refused = dataclasses.replace(row("Not this.", None), input_tokens=5)
    with Cache(file) as cache:
        cache.put([paid, refused, row("ab", language="deu-Latn"), row("abc", language="deu-Latn")])
        assert cache.stats() == [
            CacheStats(
                translator="import:x",
                language="deu-Latn",
                served=2,
                evidence=0,
                characters=5,
                input_tokens=0,
                output_tokens=0,
            ),
            CacheStats(
                translator="import:x",
                language="tur-Latn",
                served=1,
                evidence=1,
                characters=5,
                input_tokens=15,
                output_tokens=3,
            ),
        ]


def test_rows_by_translator_and_language_in_the_order_of_keys(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mmteb_synth.translate.cache._PAGE", 3)
    rows = [
        row(str(number), "x", language=language)
        for number in range(6)
        for language in ("tur-Latn", "deu-Latn")
    ]
    with Cache(file) as cache:
        cache.put([*rows, row(translator="import:y")])
        assert [found.key for found in cache.rows(translator="import:x")] == sorted(
            wanted.key for wanted in rows
        )
        assert sum(1 for _ in cache.rows(language="deu-Latn")) == 6
        assert sum(1 for _ in cache.rows(translator="import:y", language="deu-Latn")) == 0
        assert sum(1 for _ in cache.rows()) == 13


def test_keys_say_all_that_decides_a_stored_translation() -> None:
    key = replay_key("import:x", "1", "tur-Latn", "A cat.")
    others = {
        replay_key("import:y", "1", "tur-Latn", "A cat."),
        replay_key("import:x", "2", "tur-Latn", "A cat."),
        replay_key("import:x", "1", "deu-Latn", "A cat."),
        replay_key("import:x", "1", "tur-Latn", "A cat. "),
        replay_key("import:x", "1", "tur-LatnA", " cat."),
    }
    assert len(key) == 16
    assert len(others | {key}) == 6
    assert key == replay_key("import:x", "1", "tur-Latn", "A cat.")


def test_the_key_of_a_stored_translation_never_changes() -> None:
    assert replay_key("import:deepl", "1", "deu-Latn", "A cat.").hex() == "98b4301490de1051419c9c27b2c1aba7"


class TestBelow:
    bundled = row("Bundled.", "Paketli.", translator="authored")

    def cache(self, file: Path, *more: Row) -> Cache:
        return Cache(file, below={one.key: one for one in (self.bundled, *more)})

    def test_bundled_rows_are_found_without_a_file(self, file: Path) -> None:
        with self.cache(file) as cache:
            assert cache.lookup([self.bundled.key, b"x" * 16]) == {self.bundled.key: self.bundled}
        assert not file.exists()

    def test_bundled_rows_are_never_copied(self, file: Path) -> None:
        with self.cache(file) as cache:
            cache.put([self.bundled, row()])
            assert [stored.source for stored in cache.rows()] == ["A cat."]

    def test_the_file_lies_above(self, file: Path) -> None:
        with self.cache(file) as cache:
            other = dataclasses.replace(self.bundled, translation="Birlikte gelen.")
            cache.put([other])
            assert cache.lookup([other.key])[other.key].translation == "Paketli."
            before = cache.changes("authored", "tur-Latn")
            cache.replace([other])
            assert cache.lookup([other.key])[other.key].translation == "Birlikte gelen."
            assert cache.changes("authored", "tur-Latn") == (before[0], before[1] + 1)

    def test_a_bundled_translation_is_better_than_evidence(self, file: Path) -> None:
        with Cache(file) as plain:
            plain.put([dataclasses.replace(self.bundled, translation=None)])
        with self.cache(file) as cache:
            assert cache.lookup([self.bundled.key]) == {self.bundled.key: self.bundled}
            answers = cache.answers([self.bundled.key])
            assert (answers.translations, answers.evidence) == ({self.bundled.key: "Paketli."}, {})

    def test_answers_come_from_both(self, file: Path) -> None:
        replaced = dataclasses.replace(row("Two."), translation="İki.", key=b"2" * 16)
        with self.cache(file, dataclasses.replace(replaced, translation="Paketli iki.")) as cache:
            cache.replace([row(), replaced])
            answers = cache.answers([self.bundled.key, row().key, replaced.key, b"x" * 16])
            assert answers.translations == {
                self.bundled.key: "Paketli.",
                row().key: "Bir kedi.",
                replaced.key: "İki.",
            }
            assert answers.evidence == {}

    def test_changed_bundled_rows_count(self, file: Path) -> None:
        same = self.cache(file).changes("authored", "tur-Latn")
        other = dataclasses.replace(self.bundled, translation="Başka.")
        assert same == self.cache(file).changes("authored", "tur-Latn")
        assert same == self.cache(file, row(), row(translator="authored", language="deu-Latn")).changes(
            "authored", "tur-Latn"
        )
        assert same[1] != self.cache(file, other).changes("authored", "tur-Latn")[1]
        assert self.cache(file, row(translator="authored")).changes("authored", "tur-Latn")[0] == same[0] + 1
        assert self.cache(file).changes("authored", "swa-Latn") == (0, 0)


class TestVerdicts:
    said = (
        Verdict(check="numbers", severity="warning", reason="2 became 3"),
        Verdict(check="x", severity="error", reason=""),
    )

    def test_they_come_back(self, file: Path) -> None:
        passed, new = row("Two.", "İki."), row("Three.", "Üç.")
        with Cache(file) as cache:
            cache.put([row(), passed, new])
            cache.keep_verdicts([(row().key, "Bir kedi.", self.said), (passed.key, "İki.", ())])
        with Cache(file) as cache:
            answers = cache.answers([row().key, passed.key, new.key])
            assert answers.verdicts == {row().key: self.said}
            assert answers.unjudged == {new.key}

    def test_another_version_of_the_checks_judges_anew(
        self, file: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with Cache(file) as cache:
            cache.put([row()])
            cache.keep_verdicts([(row().key, "Bir kedi.", self.said)])
            monkeypatch.setattr("mmteb_synth.translate.cache.CHECKS_VERSION", 10**6)
            answers = cache.answers([row().key])
            assert (answers.verdicts, answers.unjudged) == ({}, {row().key})

    def test_they_belong_to_the_translation(self, file: Path) -> None:
        with Cache(file) as cache:
            cache.put([row()])
            cache.keep_verdicts([(row().key, "Kedi.", self.said)])
            assert cache.answers([row().key]).unjudged == {row().key}
            cache.keep_verdicts([(row().key, "Bir kedi.", self.said)])
            cache.replace([row(translation="Kedi.")])
            assert cache.answers([row().key]).unjudged == {row().key}

    def test_bundled_rows_have_no_place_for_them(self, file: Path) -> None:
        bundled = row("Cat.", "Kedi.")
        with Cache(file, below={bundled.key: bundled}) as cache:
            cache.keep_verdicts([(bundled.key, "Kedi.", self.said)])
            assert cache.answers([bundled.key]).unjudged == {bundled.key}
        assert not file.exists()

    def test_they_are_not_exported(self, file: Path, tmp_path: Path) -> None:
        with Cache(file) as cache:
            cache.put([row()])
            cache.keep_verdicts([(row().key, "Bir kedi.", self.said)])
            portable.export(cache, tmp_path / "out.parquet")
        with Cache(tmp_path / "other.sqlite") as other:
            portable.import_file(other, tmp_path / "out.parquet")
            assert other.answers([row().key]).unjudged == {row().key}


def test_threads_may_share_a_cache(file: Path) -> None:
    failures: list[BaseException] = []

    def write(name: str) -> None:
        try:
            for number in range(50):
                cache.put([row(f"{name} {number}")])
                assert served(cache, f"{name} {number}") == "Bir kedi."
        except BaseException as error:
            failures.append(error)

    with Cache(file) as cache:
        threads = [threading.Thread(target=write, args=(name,)) for name in "abc"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        assert cache.changes("import:x", "tur-Latn") == (150, 0)


def test_a_closed_cache_opens_again(file: Path) -> None:
    cache = Cache(file)
    cache.put([row()])
    cache.close()
    cache.close()
    assert [entry.name for entry in file.parent.iterdir()] == ["cache.sqlite"]
    assert served(cache) == "Bir kedi."
    cache.close()


def test_the_file_says_what_it_is(file: Path) -> None:
    with Cache(file) as cache:
        cache.put([row()])
    connection = sqlite3.connect(file)
    assert connection.execute("PRAGMA user_version").fetchone() == (SCHEMA,)
    assert connection.execute("PRAGMA application_id").fetchone() == (int.from_bytes(b"MSNC"),)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    with pytest.raises(sqlite3.OperationalError, match="no such column: rowid"):
        connection.execute("SELECT rowid FROM translations")
    connection.close()
