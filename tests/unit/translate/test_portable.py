import csv
import json
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from mmteb_synth.errors import CacheError, SynthError, UnknownNameError, UsageError
from mmteb_synth.translate import tables
from mmteb_synth.translate.cache import Cache
from mmteb_synth.translate.portable import (
    IMPORT_VERSION,
    Conflict,
    ImportReport,
    MergeReport,
    export,
    import_file,
    merge,
    verify,
)
from mmteb_synth.translate.rows import Row, replay_key

FORMS = ["parquet", "csv", "jsonl"]


def key(source: str, *, translator: str = "import:x", language: str = "deu-Latn") -> bytes:
    return replay_key(translator, IMPORT_VERSION, language, source)


def row(source: str = "A cat.", translation: str | None = "Eine Katze.", **other: Any) -> Row:
    values = {"translator": "import:x", "language": "deu-Latn", "kind": None, **other}
    return Row(key=values.pop("key", None) or key(source), source=source, translation=translation, **values)


def paid(number: int, translation: str | None = "Ne?", **other: Any) -> Row:
    """A row under the key of a request, with everything there is to say."""
    return Row(
        **{
            "key": number.to_bytes(32),
            "translator": "gpt-4.1-mini",
            "language": "tur-Latn",
            "kind": "query",
            "source": "What?",
            "translation": translation,
            "prompt_version": 3,
            "model": "gpt-4.1-mini-2025-04-14",
            "finish_reason": "stop" if translation else "content_filter",
            "input_tokens": 40,
            "output_tokens": 7,
            "created": "2026-01-02T03:04:05Z",
            "raw": '{"a": "b,\n"}',
            **other,
        }
    )


def foreign(
    file: Path, pairs: Sequence[tuple[Any, ...]], columns: Sequence[str] = ("source", "translation")
) -> Path:
    """Write a file as others would, with their tools."""
    if file.suffix == ".csv":
        with file.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(columns)
            writer.writerows(pairs)
    elif file.suffix == ".jsonl":
        lines = [json.dumps(dict(zip(columns, pair, strict=True))) for pair in pairs]
        file.write_text("\n".join(lines) + "\n", "utf-8")
    else:
        parquet.write_table(
            pa.table({name: [pair[index] for pair in pairs] for index, name in enumerate(columns)}), file
        )
    return file


def take(cache: Cache, file: Path, **options: Any) -> ImportReport:
    return import_file(cache, file, **{"language": "deu-Latn", "translator": "import:x", **options})


@pytest.fixture
def cache(tmp_path: Path) -> Any:
    with Cache(tmp_path / "cache.sqlite") as cache:
        yield cache


def texts(cache: Cache) -> dict[str, str | None]:
    return {found.source: found.translation for found in cache.rows()}


# --- there and back

text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)
awkward = st.sampled_from(
    [
        '"',
        '""',
        "\r",
        "\n",
        "\r\n",
        " a ",
        "=1+1",
        "a,b",
        "\ufeff",
        "\u2028",
        "\x1c\x85",
        "😀",
        "e\u0301",
        "NA",
        "null",
    ]
)
said = (text | awkward).filter(lambda value: value.strip() != "")
optional = st.none() | said
some_row = st.builds(
    Row,
    key=st.binary(min_size=16, max_size=16) | st.binary(min_size=32, max_size=32),
    translator=st.sampled_from(["gpt-4.1-mini", "openai:a/b", "apertium", "a.b:c"]),
    language=st.sampled_from(["tur-Latn", "cmn-Hant"]),
    kind=st.sampled_from([None, "query", "document"]),
    source=said,
    translation=optional,
    prompt_version=st.none() | st.integers(0, 99),
    model=optional,
    finish_reason=st.sampled_from(["stop", "length", "refusal"]),
    input_tokens=st.integers(0, 2**40),
    output_tokens=st.integers(0, 2**40),
    created=st.just("2026-01-02T03:04:05Z"),
    raw=optional,
)


@pytest.mark.parametrize("form", FORMS)
@given(rows=st.lists(some_row, min_size=1, max_size=8, unique_by=lambda one: one.key))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_an_export_restores_every_row(
    tmp_path_factory: pytest.TempPathFactory, form: str, rows: list[Row]
) -> None:
    folder = tmp_path_factory.mktemp("cache")
    written = [one for one in rows if one.translation is not None or form == "parquet"]
    with Cache(folder / "a.sqlite") as first, Cache(folder / "b.sqlite") as second:
        first.put(rows)
        assert export(first, folder / f"x.{form}") == len(written)
        if not written and form == "jsonl":
            return  # an empty file is no table
        assert import_file(second, folder / f"x.{form}") == ImportReport(added=len(written))
        assert list(second.rows()) == sorted(written, key=lambda one: one.key)
        assert import_file(second, folder / f"x.{form}") == ImportReport(equal=len(written))


@pytest.mark.parametrize("form", FORMS)
@given(pairs=st.dictionaries(said, said, min_size=1, max_size=8))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_an_import_is_exported_as_it_came(
    tmp_path_factory: pytest.TempPathFactory, form: str, pairs: dict[str, str]
) -> None:
    folder = tmp_path_factory.mktemp("cache")
    with Cache(folder / "a.sqlite") as first:
        take(first, foreign(folder / f"x.{form}", list(pairs.items())))
        assert texts(first) == pairs
        export(first, folder / f"y.{form}")
        with Cache(folder / "b.sqlite") as second:
            import_file(second, folder / f"y.{form}", translator="import:x", language="deu-Latn")
            assert list(second.rows()) == list(first.rows())
            assert verify(second).problems == ()


def test_more_rows_than_fit_one_batch(tmp_path: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "BATCH", 7)
    pairs = [(f"text {number}", f"Text {number}") for number in range(50)]
    for form in FORMS:
        with Cache(tmp_path / f"{form}.sqlite") as other:
            assert take(other, foreign(tmp_path / f"x.{form}", pairs)) == ImportReport(added=50)
            assert export(other, tmp_path / f"y.{form}") == 50
            import_file(cache, tmp_path / f"y.{form}")
    assert len(texts(cache)) == 50


# --- exports


def test_columns_of_an_export(tmp_path: Path, cache: Cache) -> None:
    cache.put([paid(1)])
    wanted = [
        "source",
        "translation",
        "key",
        "translator",
        "language",
        "kind",
        "prompt_version",
        "model",
        "finish_reason",
        "input_tokens",
        "output_tokens",
        "created",
        "raw",
    ]
    export(cache, tmp_path / "x.parquet")
    assert parquet.read_schema(tmp_path / "x.parquet").names == wanted
    export(cache, tmp_path / "x.csv")
    assert next(csv.reader([(tmp_path / "x.csv").read_text("utf-8").splitlines()[0]])) == wanted
    export(cache, tmp_path / "x.jsonl")
    assert list(json.loads((tmp_path / "x.jsonl").read_text("utf-8"))) == wanted


def test_only_a_lossless_export_has_evidence(tmp_path: Path, cache: Cache) -> None:
    cache.put([paid(1), paid(2, None)])
    assert [export(cache, tmp_path / f"x.{form}") for form in FORMS] == [2, 1, 1]


def test_an_export_of_one_translator_and_language(tmp_path: Path, cache: Cache) -> None:
    cache.put([paid(1), row(), row("Two.", "Zwei.")])
    assert export(cache, tmp_path / "x.csv", translator="import:x") == 2
    assert export(cache, tmp_path / "x.csv", language="tur-Latn") == 1
    assert export(cache, tmp_path / "x.csv", language="tur-Latn", translator="import:x") == 0
    with pytest.raises(
        UnknownNameError, match="unknown translator of the cache 'import:y'; did you mean import:x"
    ):
        export(cache, tmp_path / "y.csv", translator="import:y")
    with pytest.raises(UnknownNameError, match="unknown language of the cache 'deu'"):
        export(cache, tmp_path / "y.csv", language="deu")
    assert not (tmp_path / "y.csv").exists()


@pytest.mark.parametrize("form", FORMS)
def test_an_export_of_nothing(tmp_path: Path, form: str) -> None:
    with Cache(tmp_path / "none.sqlite") as cache:
        assert export(cache, tmp_path / f"x.{form}") == 0
    assert [entry.name for entry in tmp_path.iterdir()] == [f"x.{form}"]


def test_an_export_that_fails_leaves_the_old_file(tmp_path: Path, cache: Cache) -> None:
    cache.put([row()])
    old = tmp_path / "x.csv"
    old.write_text("old")
    with pytest.raises(UsageError, match=r"no form that is known: \.txt"):
        export(cache, tmp_path / "x.txt")
    cache.close()
    connection = sqlite3.connect(cache.file)
    connection.execute("UPDATE translations SET translation = CAST(x'ff61' AS TEXT)")
    connection.commit()
    connection.close()
    with pytest.raises(CacheError, match="damaged"):
        export(cache, old)
    assert old.read_text() == "old"
    assert sorted(entry.name for entry in tmp_path.glob("*x.csv*")) == ["x.csv"]


def test_an_export_to_where_nothing_can_be(tmp_path: Path, cache: Cache) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SynthError, match="could not write"):
        export(cache, tmp_path / "file" / "x.csv")


# --- imports


@pytest.mark.parametrize("form", FORMS)
def test_an_import_makes_a_translator(tmp_path: Path, cache: Cache, form: str) -> None:
    file = foreign(tmp_path / f"x.{form}", [("A cat.", "Eine Katze."), ("Two.", "Zwei.")])
    assert take(cache, file) == ImportReport(added=2)
    found = cache.lookup([key("A cat."), key("Two.")])
    assert found[key("A cat.")].translation == "Eine Katze."
    assert (found[key("Two.")].translator, found[key("Two.")].language) == ("import:x", "deu-Latn")
    assert found[key("Two.")].kind is None
    assert found[key("Two.")].created
    assert take(cache, file) == ImportReport(equal=2)
    assert cache.changes("import:x", "deu-Latn") == (2, 0)


@pytest.mark.parametrize("form", FORMS)
def test_provenance_is_kept_and_the_rest_ignored(tmp_path: Path, cache: Cache, form: str) -> None:
    columns = ["id", "translation", "model", "created", "input_tokens", "source", "kind", "key", "language"]
    values = (5, "Zwei.", "deepl-2024", "2024-01-01T00:00:00Z", 12, "Two.", "query", "x", "deu-Latn")
    take(cache, foreign(tmp_path / f"x.{form}", [values], columns))
    (found,) = cache.rows()
    assert found == row("Two.", "Zwei.", model="deepl-2024", created="2024-01-01T00:00:00Z", input_tokens=12)


def test_numbers_as_pandas_writes_them(tmp_path: Path, cache: Cache) -> None:
    columns = ["source", "translation", "prompt_version", "input_tokens"]
    take(
        cache,
        foreign(tmp_path / "x.parquet", [("a", "A", 2.0, 7.0), ("b", "B", float("nan"), None)], columns),
    )
    assert {(found.source, found.prompt_version, found.input_tokens) for found in cache.rows()} == {
        ("a", 2, 7),
        ("b", None, 0),
    }


def test_a_csv_as_spreadsheets_write_it(tmp_path: Path, cache: Cache) -> None:
    file = tmp_path / "x.CSV"
    file.write_bytes(
        b'\xef\xbb\xbfsource,translation\r\n"A ""cat"",\r\nhere",Eine Katze\r\n\r\n5" disk,5-Zoll-Diskette\r\n'
    )
    assert take(cache, file) == ImportReport(added=2)
    assert texts(cache) == {'A "cat",\r\nhere': "Eine Katze", '5" disk': "5-Zoll-Diskette"}


def test_long_cells(tmp_path: Path, cache: Cache) -> None:
    limit = csv.field_size_limit()
    take(cache, foreign(tmp_path / "x.csv", [("long " * 100_000, "lang " * 100_000)]))
    assert csv.field_size_limit() == limit
    assert list(texts(cache)) == ["long " * 100_000]


def test_texts_that_are_one_in_unicode_stay_two(tmp_path: Path, cache: Cache) -> None:
    pairs = [("é", "1"), ("e\u0301", "2"), (" é", "3"), ("É", "4")]
    assert take(cache, foreign(tmp_path / "x.csv", pairs)) == ImportReport(added=4)


def test_white_space_may_stand_for_white_space(tmp_path: Path, cache: Cache) -> None:
    assert take(cache, foreign(tmp_path / "x.jsonl", [(" ", " "), ("\n", "\n")])) == ImportReport(added=2)


@pytest.mark.parametrize("form", FORMS)
def test_equal_rows_are_one(tmp_path: Path, cache: Cache, form: str) -> None:
    file = foreign(tmp_path / f"x.{form}", [("Two.", "Zwei.")] * 3 + [("A cat.", "Eine Katze.")])
    assert take(cache, file) == ImportReport(added=2)


@pytest.mark.parametrize("batch", [1, 2, 5000])
@pytest.mark.parametrize("form", FORMS)
def test_a_file_that_contradicts_itself(
    tmp_path: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch, form: str, batch: int
) -> None:
    monkeypatch.setattr(tables, "BATCH", batch)
    pairs = [("Two.", "Zwei."), ("A cat.", "Eine Katze."), ("Two.", "Zwei."), ("A cat.", "Ein Kater.")]
    for options in ({}, {"replace": True}):
        with pytest.raises(
            CacheError,
            match=rf"^x\.{form}, row 4 \('A cat\.'\): row 2 has another translation of it; nothing was imported$",
        ):
            take(cache, foreign(tmp_path / f"x.{form}", pairs), **options)
        assert texts(cache) == {}
        assert cache.changes("import:x", "deu-Latn") == (0, 0)


def test_a_file_refused_at_once_makes_no_cache(tmp_path: Path, cache: Cache) -> None:
    with pytest.raises(CacheError):
        take(cache, foreign(tmp_path / "x.csv", [("Two.", "Zwei."), ("Two.", "Zwo.")]))
    assert not cache.file.exists()


@pytest.mark.parametrize("batch", [1, 5000])
def test_a_file_that_contradicts_the_cache(
    tmp_path: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    monkeypatch.setattr(tables, "BATCH", batch)
    cache.put([row(), row("Two.", "Zwei.")])
    file = foreign(tmp_path / "x.csv", [("New.", "Neu."), ("Two.", "Zwei."), ("A cat.", "Ein Kater.")])
    with pytest.raises(
        CacheError,
        match=r"row 3 \('A cat.'\): the cache has another translation of it, 'Eine Katze.', and not 'Ein Kater.'",
    ) as refused:
        take(cache, file)
    assert "--replace" in str(refused.value.hint)
    assert texts(cache) == {"A cat.": "Eine Katze.", "Two.": "Zwei."}
    assert take(cache, file, replace=True) == ImportReport(added=1, equal=1, replaced=1)
    assert texts(cache) == {"A cat.": "Ein Kater.", "Two.": "Zwei.", "New.": "Neu."}
    assert cache.changes("import:x", "deu-Latn") == (3, 1)


@pytest.mark.parametrize(
    ("pair", "reason"),
    [
        (("", "Leer."), r"row 2: its source is empty"),
        ((None, "Leer."), r"row 2: its source is empty"),
        (("A cat.", ""), r"row 2 \('A cat\.'\): its translation is empty"),
        (("A cat.", None), r"row 2 \('A cat\.'\): its translation is empty"),
        (("A cat.", " \n"), r"row 2 \('A cat\.'\): its translation is empty"),
        (("x" * 100, None), rf"row 2 \('{'x' * 60}…'\): its translation is empty"),
    ],
)
@pytest.mark.parametrize("form", FORMS)
def test_empty_texts(
    tmp_path: Path, cache: Cache, form: str, pair: tuple[str | None, str | None], reason: str
) -> None:
    with pytest.raises(CacheError, match=rf"^x\.{form}, {reason}; nothing was imported$"):
        take(cache, foreign(tmp_path / f"x.{form}", [("Two.", "Zwei."), pair, ("Three.", "Drei.")]))
    assert texts(cache) == {}


@pytest.mark.parametrize("form", FORMS)
def test_missing_columns(tmp_path: Path, cache: Cache, form: str) -> None:
    file = foreign(tmp_path / f"x.{form}", [("a", "b")], ["Source", "target"])
    with pytest.raises(
        CacheError,
        match=rf"x\.{form} has no column 'source'; its columns are 'Source', 'target'; did you mean 'Source'\?",
    ):
        take(cache, file)
    file = foreign(tmp_path / f"x.{form}", [("a", "b")], ["source", "translations"])
    with pytest.raises(CacheError, match=r"no column 'translation'; .* did you mean 'translations'\?"):
        take(cache, file)
    assert not cache.file.exists()


def test_semicolons(tmp_path: Path, cache: Cache) -> None:
    (tmp_path / "x.csv").write_text("source;translation\na;b\n")
    with pytest.raises(CacheError, match="'source;translation'") as refused:
        take(cache, tmp_path / "x.csv")
    assert "commas" in str(refused.value.hint)


@pytest.mark.parametrize("form", ["parquet", "jsonl"])
def test_columns_of_another_type(tmp_path: Path, cache: Cache, form: str) -> None:
    with pytest.raises(CacheError, match=rf"x\.{form}, row 1 \('a'\): its translation is 5, not text"):
        take(cache, foreign(tmp_path / f"x.{form}", [("a", 5)]))
    with pytest.raises(CacheError, match=r"row 1: its source is 5, not text"):
        take(cache, foreign(tmp_path / f"x.{form}", [(5, "a")]))
    with pytest.raises(CacheError, match=r"row 1 \('a'\): its input_tokens is 'many', not a whole number"):
        take(
            cache,
            foreign(tmp_path / f"x.{form}", [("a", "b", "many")], ["source", "translation", "input_tokens"]),
        )
    with pytest.raises(CacheError, match=r"row 1 \('a'\): its input_tokens is 1.5, not a whole number"):
        take(
            cache,
            foreign(tmp_path / f"x.{form}", [("a", "b", 1.5)], ["source", "translation", "input_tokens"]),
        )


def test_half_a_character(tmp_path: Path, cache: Cache) -> None:
    (tmp_path / "x.jsonl").write_text(
        '{"source": "a", "translation": "b"}\n{"source": "c", "translation": "\\ud83d"}\n'
    )
    with pytest.raises(
        CacheError, match=r"row 2: its translation holds half a character \(a lone surrogate\)"
    ):
        take(cache, tmp_path / "x.jsonl")


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("x.csv", b"", "x.csv is empty"),
        ("x.csv", b"\n\n", "x.csv is empty"),
        ("x.csv", b"source,source,translation\n", "x.csv has the column 'source' twice"),
        ("x.csv", b"source,translation\na,b\nc\n", "broken at row 2: it has 1 cells, and the header 2"),
        ("x.csv", b"source,translation\na,b\nc,d,e\n", "broken at row 2: it has 3 cells, and the header 2"),
        ("x.csv", b'source,translation\na,b\n"c,d\n', "broken at row 2: unexpected end of data"),
        ("x.csv", b'source,translation\na,b\n"c"d,e\n', "broken at row 2: ',' expected after '\"'"),
        ("x.csv", b'source,translation\n"a\n1",b\nc,\xe4\n', "broken at row 2: byte 0xe4 is not UTF-8"),
        ("x.csv", "source,translation\na,b\n".encode("utf-16"), "broken at row 0: byte 0xff is not UTF-8"),
        ("x.jsonl", b"", "x.jsonl is empty"),
        (
            "x.jsonl",
            b'{"source": "a", "translation": "b"}\n\n{"source": "c", "tr',
            "broken at row 2: it is not JSON",
        ),
        (
            "x.jsonl",
            b'{"source": "a", "translation": "b"}\n["c", "d"]\n',
            "broken at row 2: it is not an object",
        ),
        (
            "x.jsonl",
            b'{"source": "a", "translation": "b"}\n{"source": "c"}\n',
            r"row 2 ('c'): its translation is empty",
        ),
        ("x.jsonl", b'{"source": "a", "translation": "\xe4"}\n', "broken at row 1: byte 0xe4 is not UTF-8"),
        ("x.jsonl", b"[" * 100_000, "broken at row 1: it is not JSON"),
        ("x.parquet", b"", "x.parquet is not a sound Parquet file"),
        ("x.parquet", b"PAR1" + b"\0" * 100 + b"PAR1", "x.parquet is not a sound Parquet file"),
    ],
)
def test_broken_files(tmp_path: Path, cache: Cache, name: str, content: bytes, reason: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CacheError) as refused:
        take(cache, tmp_path / name)
    assert reason in refused.value.message
    assert texts(cache) == {}


def test_a_parquet_file_broken_in_the_middle(
    tmp_path: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "BATCH", 100)
    file = tmp_path / "x.parquet"
    pairs = pa.table(
        {name: [f"{name} {number}" for number in range(1000)] for name in ("source", "translation")}
    )
    parquet.write_table(pairs, file, row_group_size=500, compression="zstd", use_dictionary=False)
    content = bytearray(file.read_bytes())
    start = parquet.ParquetFile(file).metadata.row_group(1).column(1).data_page_offset
    content[start : start + 60] = b"\xa5" * 60
    file.write_bytes(content)
    with pytest.raises(
        CacheError, match=r"x.parquet is broken at row \d+: that row or one after it can't be read"
    ):
        take(cache, file)
    assert texts(cache) == {}


def test_a_parquet_file_with_bytes_that_are_no_text(tmp_path: Path, cache: Cache) -> None:
    broken = pa.array([b"a", b"\xff"]).view(pa.string())
    parquet.write_table(pa.table({"source": broken, "translation": ["a", "b"]}), tmp_path / "x.parquet")
    with pytest.raises(CacheError, match=r"x.parquet is broken at row \d+"):
        take(cache, tmp_path / "x.parquet")


def test_what_the_call_may_say_wrongly(tmp_path: Path, cache: Cache) -> None:
    file = foreign(tmp_path / "x.csv", [("a", "b")])
    with pytest.raises(UsageError, match="no such file"):
        take(cache, tmp_path / "y.csv")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(UsageError, match="no such file"):
        take(cache, tmp_path / "folder.csv")
    with pytest.raises(UsageError, match=r"no form that is known: \.tsv"):
        take(cache, tmp_path / "x.tsv")
    with pytest.raises(UsageError, match="it has no suffix"):
        take(cache, tmp_path / "x")
    with pytest.raises(UsageError, match="needs its target language"):
        take(cache, file, language=None)
    with pytest.raises(UsageError, match="'de' is not a language as tur-Latn"):
        take(cache, file, language="de")
    for name in (
        None,
        "deepl",
        "gpt-4.1-mini",
        "authored",
        "import:",
        "import:a b",
        "import:ü",
        "import:a/b",
        "Import:x",
    ):
        with pytest.raises(UsageError, match="translations from elsewhere need") as refused:
            take(cache, file, translator=name)
        assert "import:deepl" in str(refused.value.hint)
    assert not cache.file.exists()


def test_a_language_column_is_a_check(tmp_path: Path, cache: Cache) -> None:
    file = foreign(
        tmp_path / "x.csv",
        [("a", "b", "deu-Latn"), ("c", "d", "fra-Latn")],
        ["source", "translation", "language"],
    )
    with pytest.raises(CacheError, match=r"row 2 \('c'\): its language is 'fra-Latn', not 'deu-Latn'"):
        take(cache, file)


def test_an_import_that_is_cut_off_leaves_nothing(
    tmp_path: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "BATCH", 2)
    cache.put([row("Zero.", "Null.")])
    content = b"source,translation\n" + b"".join(b"%d,x\n" % number for number in range(99)) + b'"cut'
    (tmp_path / "x.csv").write_bytes(content)
    with pytest.raises(CacheError, match="broken at row 100"):
        take(cache, tmp_path / "x.csv")
    assert texts(cache) == {"Zero.": "Null."}
    assert cache.changes("import:x", "deu-Latn") == (1, 0)


# --- exports that come back


@pytest.mark.parametrize("form", FORMS)
def test_an_export_checks_what_the_call_says(tmp_path: Path, cache: Cache, form: str) -> None:
    with Cache(tmp_path / "other.sqlite") as other:
        other.put([paid(1)])
        export(other, tmp_path / f"x.{form}")
    with pytest.raises(
        CacheError, match=r"row 1 \('What\?'\): its translator is 'gpt-4.1-mini', not 'import:x'"
    ) as refused:
        import_file(cache, tmp_path / f"x.{form}", translator="import:x")
    assert "--translator" in str(refused.value.hint)
    with pytest.raises(CacheError, match="its language is 'tur-Latn', not 'deu-Latn'"):
        import_file(cache, tmp_path / f"x.{form}", language="deu-Latn")
    report = import_file(cache, tmp_path / f"x.{form}", language="tur-Latn", translator="gpt-4.1-mini")
    assert report == ImportReport(added=1)
    assert list(cache.rows()) == [paid(1)]


def test_evidence_comes_back_but_overrules_nothing(tmp_path: Path, cache: Cache) -> None:
    with Cache(tmp_path / "other.sqlite") as other:
        other.put([paid(1, None), paid(2, None), paid(3)])
        export(other, tmp_path / "x.parquet")
    cache.put([paid(2), paid(3, None)])
    for options in ({"replace": True}, {}):
        import_file(cache, tmp_path / "x.parquet", **options)
        assert list(cache.rows()) == [paid(1, None), paid(2), paid(3)]


def test_one_request_may_have_two_prompts(tmp_path: Path, cache: Cache) -> None:
    cache.put([paid(1), paid(2, "Neyi?", prompt_version=4)])
    for form in FORMS:
        export(cache, tmp_path / f"x.{form}")
        with Cache(tmp_path / f"{form}.sqlite") as other:
            assert import_file(other, tmp_path / f"x.{form}") == ImportReport(added=2)


def test_an_edited_export_is_refused(tmp_path: Path, cache: Cache) -> None:
    cache.put([row(), row("Two.", "Zwei.")])
    export(cache, tmp_path / "x.jsonl")
    text = (tmp_path / "x.jsonl").read_text("utf-8")
    for old, new, reason in (
        ("A cat.", "A dog.", r"\('A dog.'\): its key does not belong to its text"),
        (key("A cat.").hex(), "nonsense", r"'nonsense' is not a key of 32 or 64 hexadecimal digits"),
        (key("A cat.").hex(), "abcd", r"'abcd' is not a key"),
        ("deu-Latn", "", r"its language is empty"),
        ("import:x", "", r"its translator is empty"),
        ('"Eine Katze."', "null", r"its translation is empty"),
    ):
        (tmp_path / "y.jsonl").write_text(text.replace(old, new), "utf-8")
        with Cache(tmp_path / "other.sqlite") as other, pytest.raises(CacheError, match=reason):
            import_file(other, tmp_path / "y.jsonl")
    assert not (tmp_path / "other.sqlite").exists()


# --- merging


def other_cache(file: Path, *rows: Row) -> Path:
    with Cache(file) as cache:
        cache.put(rows)
    return file


def test_merging_joins(tmp_path: Path, cache: Cache) -> None:
    cache.put([row(), paid(1)])
    a = other_cache(tmp_path / "a.sqlite", row(), paid(2, None), row("Two.", "Zwei."))
    b = other_cache(tmp_path / "b.sqlite", row("Two.", "Zwei."), row("Three.", "Drei."), paid(2))
    assert merge(cache, [a, b]) == MergeReport(added=4, equal=2)
    assert texts(cache) == {"A cat.": "Eine Katze.", "What?": "Ne?", "Two.": "Zwei.", "Three.": "Drei."}
    assert cache.lookup([paid(2).key])[paid(2).key] == paid(2)
    assert cache.changes("import:x", "deu-Latn") == (3, 0)
    assert cache.changes("gpt-4.1-mini", "tur-Latn") == (3, 0)
    assert merge(cache, [a, b]) == MergeReport(equal=6)


def test_the_targets_translation_stays(tmp_path: Path, cache: Cache) -> None:
    cache.put([row(), paid(1)])
    a = other_cache(tmp_path / "a.sqlite", row(translation="Ein Kater."), paid(1, None), row("Two.", "Zwei."))
    b = other_cache(tmp_path / "b.sqlite", row("Two.", "Zwo."))
    report = merge(cache, [a, b])
    first = Conflict(
        translator="import:x", language="deu-Latn", source="A cat.", kept="Eine Katze.", other="Ein Kater."
    )
    assert (report.added, report.equal, report.conflicts) == (1, 1, 2)
    assert report.examples[0] == first
    assert (report.examples[1].kept, report.examples[1].other) == ("Zwei.", "Zwo.")
    assert texts(cache) == {"A cat.": "Eine Katze.", "What?": "Ne?", "Two.": "Zwei."}


def test_a_strict_merge_is_all_or_nothing(tmp_path: Path, cache: Cache) -> None:
    cache.put([row()])
    a = other_cache(tmp_path / "a.sqlite", row("Two.", "Zwei."))
    b = other_cache(tmp_path / "b.sqlite", row(translation="Ein Kater."))
    with pytest.raises(
        CacheError, match=r"translate 'A cat.' differently into deu-Latn by import:x: 'Ein Kater.' and"
    ):
        merge(cache, [a, b], strict=True)
    assert texts(cache) == {"A cat.": "Eine Katze."}
    assert merge(cache, [a], strict=True) == MergeReport(added=1)


def test_many_conflicts_are_counted_and_a_few_shown(tmp_path: Path, cache: Cache) -> None:
    cache.put([paid(number) for number in range(50)])
    report = merge(
        cache, [other_cache(tmp_path / "a.sqlite", *(paid(number, "Nasıl?") for number in range(50)))]
    )
    assert report.conflicts == 50
    assert len(report.examples) == 20


def test_what_can_not_be_merged(tmp_path: Path, cache: Cache) -> None:
    cache.put([row()])
    with pytest.raises(UsageError, match="no such cache"):
        merge(cache, [tmp_path / "none.sqlite"])
    (tmp_path / "link.sqlite").symlink_to(cache.file)
    with pytest.raises(UsageError, match="into itself"):
        merge(cache, [tmp_path / "link.sqlite"])
    a = other_cache(tmp_path / "a.sqlite", row("Two.", "Zwei."))
    (tmp_path / "x.parquet").write_bytes(b"PAR1 and more, longer than a header of a hundred bytes" * 10)
    with pytest.raises(CacheError, match=r"x.parquet is damaged or is not a translation cache"):
        merge(cache, [a, tmp_path / "x.parquet"])
    assert texts(cache) == {"A cat.": "Eine Katze."}


# --- verifying


def test_a_sound_cache(tmp_path: Path, cache: Cache) -> None:
    assert (verify(cache).rows, verify(cache).problems) == (0, ())
    assert not cache.file.exists()
    cache.put([row(), paid(1), paid(2, None), row(" ", " ")])
    assert (verify(cache).rows, verify(cache).problems) == (4, ())


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("source", "A dog.", "its key does not belong to its text, 'A dog.': the row was changed"),
        ("language", "tur-Latn", "its key does not belong to its text, 'A cat.': the row was changed"),
        ("translation", "", "the translation of 'A cat.' is empty"),
        ("translation", " ", "the translation of 'A cat.' is empty"),
        ("key", b"short", "its key has 5 bytes"),
        ("translator", "", "its translator is empty"),
    ],
)
def test_rows_that_were_changed(cache: Cache, column: str, value: str | bytes, reason: str) -> None:
    cache.put([row(), row("Two.", "Zwei.")])
    cache.close()
    connection = sqlite3.connect(cache.file)
    connection.execute(f"UPDATE translations SET {column} = ? WHERE source = 'A cat.'", (value,))
    connection.commit()
    connection.close()
    report = verify(cache)
    assert report.rows == 2
    assert reason in {problem.reason for problem in report.problems}
    wanted = value if column == "key" else key("A cat.")
    assert isinstance(wanted, bytes)
    assert {problem.key for problem in report.problems} == {wanted.hex()}
