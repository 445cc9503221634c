"""The content hash: equal for equal values however they lie in memory or on disk, different for everything else."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmteb_synth.data.tables import DEFAULT, TableKey, content_hash, first_missing
from mmteb_synth.errors import SourceError

KEY = TableKey(DEFAULT, "test")
FAST = settings(max_examples=60, deadline=None)

texts = st.text(alphabet="ab é漢\u0301", max_size=3)
values = {
    pa.string(): texts,
    pa.int64(): st.integers(-5, 5),
    pa.float64(): st.floats(-2, 2, width=16),
    pa.list_(pa.string()): st.lists(texts, max_size=3),
    pa.list_(pa.float64()): st.lists(st.floats(0, 1, width=16), max_size=2),
}


@st.composite
def columns(draw: Any, *, nulls: bool = True) -> pa.Array:
    kind = draw(st.sampled_from(list(values)))
    one = values[kind] | st.none() if nulls else values[kind]
    return pa.array(draw(st.lists(one, min_size=1, max_size=8)), kind)


def digest(column: Any, name: str = "a", key: TableKey = KEY) -> str:
    return content_hash({key: pa.table({name: column})})


def large(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_list(kind):
        return pa.large_list(large(kind.value_type))
    return pa.large_string() if pa.types.is_string(kind) else kind


@FAST
@given(column=columns(), cuts=st.lists(st.integers(0, 8), max_size=4))
def test_it_does_not_depend_on_chunks_slices_or_offset_widths(column: pa.Array, cuts: list[int]) -> None:
    expected = digest(column)
    ends = sorted({min(cut, len(column)) for cut in cuts} | {len(column)})
    starts = [0, *ends[:-1]]
    chunks = [column.slice(start, end - start) for start, end in zip(starts, ends, strict=True)]
    assert digest(pa.chunked_array(chunks, column.type)) == expected
    padded = pa.concat_arrays([column, column, column]).slice(len(column), len(column))
    assert digest(padded) == expected
    assert digest(column.cast(large(column.type))) == expected


@FAST
@given(column=columns(nulls=False))
def test_it_survives_parquet(column: pa.Array, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("parquet") / "a.parquet"
    for options in ({}, {"compression": "zstd", "row_group_size": 2, "use_dictionary": False}):
        pq.write_table(pa.table({"a": column}), path, **options)
        assert content_hash({KEY: pq.read_table(path)}) == digest(column)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (pa.array(["a", "b", "a"]), pa.array(["a", "b", "a"]).dictionary_encode()),
        (pa.array([1, 2]), pa.array([1, 2], pa.int8())),
        (pa.array([1, 0]), pa.array([True, False])),
        (pa.array([0.5, 2.0]), pa.array([0.5, 2.0], pa.float32())),
        (pa.array(["", "a"]), pa.array(["x", "", "a"]).slice(1)),
        (pa.array([], pa.string()), pa.chunked_array([], pa.string())),
    ],
)
def test_equal_values_of_other_types_are_equal(one: Any, other: Any) -> None:
    assert digest(one) == digest(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (["a", "b"], ["b", "a"]),
        (["ab", "c"], ["a", "bc"]),
        (["a", ""], ["a"]),
        (["a", None], ["a", ""]),
        ([1, None], [1, 0]),
        ([1, 2], [1.0, 2.0]),
        ([1, 2], ["1", "2"]),
        ([0.0], [-0.0]),
        ([["a"], ["b", "c"]], [["a", "b"], ["c"]]),
        ([["a"], []], [["a"], None]),
        ([["a", None]], [["a", ""]]),
        ([["a"], ["b"]], [["a"], ["c"]]),
        (["é"], ["e\u0301"]),
        (["a "], ["a"]),
    ],
)
def test_any_other_value_changes_it(one: list[Any], other: list[Any]) -> None:
    assert digest(one) != digest(other)


@FAST
@given(column=columns(), data=st.data())
def test_changing_one_value_changes_it(column: pa.Array, data: st.DataObject) -> None:
    before = column.to_pylist()
    row = data.draw(st.integers(0, len(before) - 1))
    new = data.draw(values[column.type].filter(lambda value: value != before[row]))
    after = pa.array([*before[:row], new, *before[row + 1 :]], column.type)
    assert digest(after) != digest(column)


def test_names_and_places_count() -> None:
    column, other = pa.array(["a"]), pa.array(["b"])
    digests = [
        digest(column),
        digest(column, "b"),
        digest(column, key=TableKey(DEFAULT, "train")),
        digest(column, key=TableKey("corpus", "test")),
        content_hash({KEY: pa.table({"a": column, "b": other})}),
        content_hash({KEY: pa.table({"b": other, "a": column})}),
        content_hash({KEY: pa.table({"a": other, "b": column})}),
        content_hash({}),
    ]
    assert len(set(digests)) == len(digests)


def test_the_order_of_tables_does_not_count() -> None:
    one, two = pa.table({"a": ["x"]}), pa.table({"a": ["y"]})
    train = TableKey(DEFAULT, "train")
    assert content_hash({KEY: one, train: two}) == content_hash({train: two, KEY: one})


def test_a_kind_that_cannot_be_stored_is_refused() -> None:
    with pytest.raises(SourceError, match="a column of type struct"):
        digest(pa.array([{"a": 1}]))


@pytest.mark.parametrize(
    ("column", "row"),
    [
        (["a", "b"], None),
        (["a", None], 1),
        ([["a"], ["b", None], [None]], 1),
        ([["a"], [], None], 2),
        ([], None),
        ([0.5, float("nan")], None),
    ],
)
def test_the_first_missing_value_is_found(column: list[Any], row: int | None) -> None:
    table = pa.table({"a": pa.array(column)})
    assert first_missing(table.column("a")) == row
    assert first_missing(pa.concat_tables([table.slice(0, 1), table.slice(1)]).column("a")) == row


def test_a_number_that_is_none_is_missing_where_asked() -> None:
    column = pa.chunked_array([[0.5], [float("nan")]])
    assert first_missing(column, nan=True) == 1
    lists = pa.chunked_array([[[0.5]], [[0.5], [1.0, float("nan")]]])
    assert first_missing(lists, nan=True) == 2


def test_a_tables_place_in_the_folder() -> None:
    assert str(Path(TableKey("corpus", "test").file)) == "corpus/test.parquet"
