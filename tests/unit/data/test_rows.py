"""Users' files of rows: every value as it stands in the file, and everything that is wrong named with its row."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mmteb_synth.data.rows import Kind, read_rows
from mmteb_synth.errors import SourceError

COLUMNS: dict[str, Kind] = {"text": str, "label": int}
ODD_TEXTS = [
    "007",
    "2024-01-01",
    "true",
    "NA",
    "null",
    "1e5",
    " spaced ",
    "a,b",
    'say "hi"',
    "two\nlines",
    "漢\u2028字",
]


def jsonl(path: Path, rows: list[Any]) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    return path


def columns_of(path: Path, columns: dict[str, Kind], **options: Any) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = read_rows(path, columns, options.pop("names", {}), **options).to_pydict()
    return found


def quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def test_texts_that_look_like_something_else_stay_texts(tmp_path: Path) -> None:
    table = pa.table({"text": ODD_TEXTS})
    pq.write_table(table, tmp_path / "a.parquet")
    jsonl(tmp_path / "a.jsonl", [{"text": text} for text in ODD_TEXTS])
    (tmp_path / "a.csv").write_text("text\n" + "".join(f"{quoted(text)}\n" for text in ODD_TEXTS), "utf-8")
    (tmp_path / "bare.csv").write_text("\ufefftext,label\r\n007,1\r\n\r\n2024-01-01,2\r\n", "utf-8")
    for name in ("a.parquet", "a.jsonl", "a.csv"):
        assert columns_of(tmp_path / name, {"text": str}) == {"text": ODD_TEXTS}
    assert columns_of(tmp_path / "bare.csv", COLUMNS) == {"text": ["007", "2024-01-01"], "label": [1, 2]}


def test_columns_have_other_names_and_others_are_left_out(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "a.JSONL", [{"extra": 1, "headline": "a", "topic": 3}])
    names = {"text": "headline", "label": "topic"}
    assert columns_of(path, COLUMNS, names=names) == {"text": ["a"], "label": [3]}


def test_optional_columns_are_read_where_they_are(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "a.jsonl", [{"text": "a", "heading": "b"}])
    assert columns_of(path, {"text": str}, optional={"title": str}) == {"text": ["a"]}
    assert columns_of(path, {"text": str}, optional={"title": str}, names={"title": "heading"}) == {
        "text": ["a"],
        "title": ["b"],
    }


@pytest.mark.parametrize(
    ("labels", "kind"),
    [
        ([3, 4], pa.int64()),
        (["a", "4"], pa.string()),
        ([["a"], ["b", "c"]], pa.list_(pa.string())),
        ([[1], [2, 3]], pa.list_(pa.int64())),
    ],
)
def test_labels_are_of_whatever_kind_the_file_has(
    labels: list[Any], kind: pa.DataType, tmp_path: Path
) -> None:
    path = jsonl(tmp_path / "a.jsonl", [{"labels": label} for label in labels])
    pq.write_table(pa.table({"labels": labels}), tmp_path / "a.parquet")
    for file in (path, tmp_path / "a.parquet"):
        table = read_rows(file, {"labels": object}, {})
        assert table.column("labels").to_pylist() == labels
        assert table.schema.field("labels").type.equals(kind)


def test_labels_of_a_csv_are_texts(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("labels\n01\n1\n")
    assert columns_of(tmp_path / "a.csv", {"labels": object}) == {"labels": ["01", "1"]}


def test_parquet_is_cast_where_nothing_is_lost(tmp_path: Path) -> None:
    table = pa.table(
        {
            "id": pa.array([1, 2]),
            "text": pa.array(["a", "a"]).dictionary_encode(),
            "score": pa.array([1, 2], pa.int8()),
        }
    )
    pq.write_table(table, tmp_path / "a.parquet")
    found = read_rows(tmp_path / "a.parquet", {"id": str, "text": str, "score": float}, {})
    assert found.to_pydict() == {"id": ["1", "2"], "text": ["a", "a"], "score": [1.0, 2.0]}


def test_long_documents_and_lines_are_read(tmp_path: Path) -> None:
    long = "wordy " * 400_000
    jsonl(tmp_path / "a.jsonl", [{"text": long}, {"text": "b"}])
    (tmp_path / "a.csv").write_text(f"text\n{long}\nb\n")
    for name in ("a.jsonl", "a.csv"):
        assert columns_of(tmp_path / name, {"text": str})["text"] == [long, "b"]


GOOD = {"text": "a", "label": 1}


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ({"text": None, "label": 1}, "row 2: column 'text' is empty"),
        ({"label": 1}, "row 2: column 'text' is empty"),
        ({"text": 7, "label": 1}, "row 2: column 'text' is 7, and not text"),
        ({"text": ["a"], "label": 1}, r"row 2: column 'text' is \['a'\], and not text"),
        ({"text": "a", "label": 1.5}, "row 2: column 'label' is 1.5, and not a whole number"),
        ({"text": "a", "label": True}, "row 2: column 'label' is True, and not a whole number"),
        ({"text": "a", "label": "1"}, "row 2: column 'label' is '1', and not a whole number"),
        ({"text": "a", "label": 2**70}, "column 'label' has a number that is too large"),
        ({"text": "a\ud800", "label": 1}, "row 2: column 'text' holds half a character"),
        (["a", 1], "row 2: it is no object of columns and values"),
    ],
)
def test_a_wrong_value_in_json_is_named_with_its_row(row: Any, problem: str, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(f"{json.dumps(GOOD)}\n\n{json.dumps(row)}\n")
    with pytest.raises(SourceError, match=problem):
        read_rows(path, COLUMNS, {})


@pytest.mark.parametrize(
    ("value", "kind", "problem"),
    [
        ("abc", list[str], "row 1: column 'a' is 'abc', and not a list of texts"),
        (["a", None], list[str], "row 1: column 'a' is .*, and not a list of texts"),
        ([1, "b"], list[float], "row 1: column 'a' is .*, and not a list of numbers"),
        (float("nan"), float, "row 1: column 'a' is empty"),
        ([1.0, float("nan")], list[float], "row 1: column 'a' is empty"),
        ({"a": 1}, object, "row 1: column 'a' is .*, and not text"),
    ],
)
def test_other_kinds_are_proven_too(value: Any, kind: Kind, problem: str, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=problem):
        read_rows(jsonl(tmp_path / "a.jsonl", [{"a": value}]), {"a": kind}, {})


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("text,label\na,1\nb\n", "row 2: it has 1 cells, and the header 2"),
        ("text,label\na,1\nb,2,3\n", "row 2: it has 3 cells, and the header 2"),
        ("text,label\na,one\n", "row 1: column 'label' is 'one', and not a whole number"),
        ("text,label\na,\n", "row 1: column 'label' is '', and not a whole number"),
        ('text,label\n"a,1\n', "row 1: unexpected end of data"),
        ("text,label\n", "has no rows"),
        ("", "has no rows"),
        ("text,text\na,b\n", "names a column twice: text, text"),
        ("headline,label\na,1\n", r"has no column 'text'; it has headline, label"),
    ],
)
def test_a_broken_csv_is_refused(content: str, problem: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(content)
    with pytest.raises(SourceError, match=problem):
        read_rows(tmp_path / "a.csv", COLUMNS, {})


def test_a_csv_holds_no_lists(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('summaries\n"[""a""]"\n')
    with pytest.raises(
        SourceError, match="needs a list of texts, and a cell of a CSV file is one text"
    ) as raised:
        read_rows(tmp_path / "a.csv", {"summaries": list[str]}, {})
    assert raised.value.hint == "keep it as .jsonl or .parquet"


@pytest.mark.parametrize("content", ["{", '{"text": "a" "label": 1}', "[" * 100_000])
def test_what_is_not_json_is_refused(content: str, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(content + "\n")
    with pytest.raises(SourceError, match="row 1: it is not JSON"):
        read_rows(tmp_path / "a.jsonl", COLUMNS, {})


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
def test_what_is_not_utf8_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"text,label\n\xff,1\n")
    with pytest.raises(SourceError, match=r"could not read .*can't decode byte 0xff"):
        read_rows(tmp_path / name, COLUMNS, {})


def test_empty_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("\n\n")
    pq.write_table(pa.table({"text": pa.array([], pa.string())}), tmp_path / "a.parquet")
    for name in ("a.jsonl", "a.parquet"):
        with pytest.raises(SourceError, match="has no rows"):
            read_rows(tmp_path / name, {"text": str}, {})


@pytest.mark.parametrize(
    ("column", "problem"),
    [
        (pa.array([1, None]), "row 2: column 'a' is empty"),
        (pa.array(["1", "x"]), "column 'a' holds string, and not a whole number"),
        (pa.array([1.5]), "column 'a' holds double, and not a whole number"),
        (pa.array([{"x": 1}]), "column 'a' holds struct"),
    ],
)
def test_a_wrong_column_of_parquet_is_refused(column: pa.Array, problem: str, tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": column}), tmp_path / "a.parquet")
    with pytest.raises(SourceError, match=problem):
        read_rows(tmp_path / "a.parquet", {"a": int}, {})


def test_a_broken_parquet_is_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": ["x" * 1000] * 100}), tmp_path / "a.parquet", compression="none")
    content = (tmp_path / "a.parquet").read_bytes()
    (tmp_path / "short.parquet").write_bytes(content[:-10])
    (tmp_path / "text.parquet").write_text("a,b\n")
    for name in ("short.parquet", "text.parquet", "missing.parquet"):
        with pytest.raises(SourceError, match=f"could not read .*{name}"):
            read_rows(tmp_path / name, {"a": str}, {})


def test_an_unknown_suffix_and_a_folder_are_refused(tmp_path: Path) -> None:
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(SourceError, match=r"ends in \.parquet, \.csv, \.tsv, \.jsonl"):
        read_rows(tmp_path / "a.xlsx", COLUMNS, {})
    with pytest.raises(SourceError, match="Is a directory"):
        read_rows(tmp_path / "folder.csv", COLUMNS, {})


def test_a_missing_column_is_hinted_at(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "a.jsonl", [{"texts": "a"}])
    with pytest.raises(SourceError, match="has no column 'text'; it has texts") as raised:
        read_rows(path, {"text": str}, {})
    assert raised.value.hint == 'say [columns] text = "texts" in the spec, or rename the column'
