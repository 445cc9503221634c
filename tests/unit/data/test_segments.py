"""Rows to segments and back: nothing but the texts that a model reads changes, whatever the data and the translation."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mteb.mocks.mock_tasks import (
    MockClassificationTask,
    MockInstructionReranking,
    MockMultilingualClusteringFastTask,
    MockPairClassificationTask,
    MockRerankingTask,
    MockRetrievalTask,
    MockSTSTask,
    MockSummarizationTask,
)
from mteb.mocks.mock_tasks.clustering import MockClusteringTask

from mmteb_synth.data import segments
from mmteb_synth.data.layout import Layout, collapse, expand, layout_of
from mmteb_synth.data.segments import Segments, collect, failed_rows, needs_translation
from mmteb_synth.data.spool import Spool
from mmteb_synth.data.tables import (
    CORPUS,
    DEFAULT,
    QRELS,
    QUERIES,
    TOP_RANKED,
    TableKey,
    Tables,
    content_hash,
)
from mmteb_synth.types import Kind, Segment

REGISTER = "neutral"
FAST = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
Draw = Callable[[st.SearchStrategy[Any]], Any]

# few letters, so that texts repeat; blanks, digits and signs alone; more than one plane and direction
texts = st.text(alphabet="ab 1.é漢𝒳ه\u0301\u2028\n", max_size=4) | st.sampled_from(["", "42", "…", "a", "b"])
labels = st.integers(-3, 3)
sizes = st.integers(1, 6)


def a_list(draw: Draw, values: st.SearchStrategy[Any], size: int) -> list[Any]:
    return list(draw(st.lists(values, min_size=size, max_size=size)))


def a_row_table(draw: Draw, label: str, columns: tuple[str, ...], kept: st.SearchStrategy[Any]) -> pa.Table:
    size = draw(sizes)
    return pa.table({label: a_list(draw, kept, size)} | {name: a_list(draw, texts, size) for name in columns})


def classification(draw: Draw) -> Tables:
    return {
        TableKey(DEFAULT, split): a_row_table(draw, "label", ("text",), labels) for split in ("train", "test")
    }


def fast_clustering(draw: Draw) -> Tables:
    hierarchy = st.lists(st.sampled_from("xyz"), min_size=1, max_size=3)
    return {
        TableKey(DEFAULT, "validation"): a_row_table(draw, "labels", ("sentences",), hierarchy),
        TableKey(DEFAULT, "test"): a_row_table(draw, "labels", ("sentences",), st.sampled_from("xyz")),
    }


def legacy_clustering(draw: Draw) -> Tables:
    lengths = draw(st.lists(sizes, min_size=1, max_size=4))
    return {
        TableKey(DEFAULT, "test"): pa.table(
            {
                "labels": [a_list(draw, labels, length) for length in lengths],
                "sentences": [a_list(draw, texts, length) for length in lengths],
            }
        )
    }


def pair(draw: Draw) -> Tables:
    return {TableKey(DEFAULT, "test"): a_row_table(draw, "labels", ("sentence1", "sentence2"), labels)}


def pair_in_one_row(draw: Draw) -> Tables:
    (table,) = pair(draw).values()
    return {
        TableKey(DEFAULT, "test"): pa.table({name: [values] for name, values in table.to_pydict().items()})
    }


def sts(draw: Draw) -> Tables:
    return {
        TableKey(DEFAULT, "test"): a_row_table(draw, "score", ("sentence1", "sentence2"), st.floats(0, 5))
    }


def summarization(draw: Draw) -> Tables:
    size = draw(sizes)
    nested = st.lists(texts, min_size=0, max_size=3)
    columns = {
        "relevance": pa.array(a_list(draw, st.lists(st.floats(0, 1)), size), pa.list_(pa.float64())),
        "text": a_list(draw, texts, size),
        "human_summaries": pa.array(a_list(draw, nested, size), pa.list_(pa.string())),
        "machine_summaries": pa.array(a_list(draw, nested, size), pa.list_(pa.string())),
    }
    return {TableKey(DEFAULT, "test"): pa.table(columns)}


def retrieval(draw: Draw, *extra: str) -> Tables:
    documents, queries = draw(sizes), draw(sizes)
    corpus = {"id": [f"d{n}" for n in range(documents)], "title": a_list(draw, texts, documents)}
    asked = {"id": [f"q{n}" for n in range(queries)], "text": a_list(draw, texts, queries)}
    if "instruction" in extra:
        asked["instruction"] = a_list(draw, texts, queries)
    return {
        TableKey(CORPUS, "test"): pa.table(corpus | {"text": a_list(draw, texts, documents)}),
        TableKey(QUERIES, "test"): pa.table(asked),
        TableKey(QRELS, "test"): pa.table({"query-id": ["q0"], "corpus-id": ["d0"], "score": [draw(labels)]}),
    }


def reranking(draw: Draw) -> Tables:
    ranked = pa.table({"query-id": ["q0"], "corpus-ids": [["d0"]]})
    return {**retrieval(draw, "instruction"), TableKey(TOP_RANKED, "test"): ranked}


TYPES = {
    "classification": (MockClassificationTask, classification),
    "fast clustering": (MockMultilingualClusteringFastTask, fast_clustering),
    "legacy clustering": (MockClusteringTask, legacy_clustering),
    "pair": (MockPairClassificationTask, pair),
    "pair in one row": (MockPairClassificationTask, pair_in_one_row),
    "sts": (MockSTSTask, sts),
    "summarization": (MockSummarizationTask, summarization),
    "retrieval": (MockRetrievalTask, retrieval),
    "reranking": (MockRerankingTask, reranking),
    "instructions": (MockInstructionReranking, reranking),
}
every_type = pytest.mark.parametrize("name", TYPES)


def drawn(name: str, data: st.DataObject) -> tuple[Layout, Tables, Tables]:
    """A layout of MTEB's, tables as MTEB holds them, and the same expanded."""
    task, make = TYPES[name]
    layout = layout_of(task())
    held = make(data.draw)
    return layout, held, {key: expand(layout, key, table) for key, table in held.items()}


def some_marks(tables: Tables, data: st.DataObject) -> dict[TableKey, np.ndarray | None]:
    return {
        key: data.draw(
            st.none()
            | st.lists(st.booleans(), min_size=table.num_rows, max_size=table.num_rows).map(np.array)
        )
        for key, table in tables.items()
    }


def foreign(segment: Segment) -> str:
    return f"<{segment.kind} {segment.text[::-1]}>"


def in_chunks(texts: list[str], size: int) -> pa.ChunkedArray:
    return pa.chunked_array(
        [texts[start : start + size] for start in range(0, len(texts), size)], pa.string()
    )


def translated(found: Segments, spool: Spool, chunk: int = 3) -> Tables:
    return found.reassemble(in_chunks([foreign(segment) for segment in found], chunk), spool)


def each(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def cells(layout: Layout, tables: Tables, needed: Any) -> Iterator[tuple[TableKey, str, int, Kind | None]]:
    """Every cell of text, and its kind where a model is shown it."""
    for key in sorted(tables):
        for names in (layout.unread.get(key.config, {}), layout.text.get(key.config, {})):
            for name, kind in names.items():
                for row in range(tables[key].num_rows if name in tables[key].column_names else 0):
                    marks = needed.get(key)
                    shown = names is layout.text.get(key.config) and (marks is None or bool(marks[row]))
                    yield key, name, row, kind if shown else None


@every_type
@FAST
@given(data=st.data())
def test_what_is_expanded_collapses_to_what_it_was(name: str, data: st.DataObject) -> None:
    layout, held, expanded = drawn(name, data)
    if name == "pair in one row":
        (table,) = held.values()
        assert next(iter(expanded.values())).to_pydict() == {
            column: table.column(column)[0].as_py() for column in table.column_names
        }
    else:
        assert content_hash(collapse(layout, expanded)) == content_hash(held)


@every_type
@FAST
@given(data=st.data())
def test_without_translations_the_data_stay_the_same_data_but_for_blanks(
    spool: Spool, name: str, data: st.DataObject
) -> None:
    layout, _, tables = drawn(name, data)
    needed = some_marks(tables, data)
    whole = layout.with_all_read()
    whole_set = collect(whole, tables, {}, REGISTER, spool)
    nothing = pa.chunked_array([[None] * len(whole_set)], pa.string())
    for carried in (None, nothing):
        assert content_hash(whole_set.reassemble(carried, spool)) == content_hash(tables)
    blanked = collect(layout, tables, needed, REGISTER, spool).reassemble(None, spool)
    for key, column, row, kind in cells(layout, tables, needed):
        before, after = (held[key].column(column)[row].as_py() for held in (tables, blanked))
        assert after == (before if kind else "" if isinstance(before, str) else [""] * len(before))


@every_type
@FAST
@given(data=st.data())
def test_any_translation_changes_nothing_but_the_needed_texts(
    spool: Spool, name: str, data: st.DataObject
) -> None:
    layout, _, tables = drawn(name, data)
    needed = some_marks(tables, data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(segments, "_PIECE", data.draw(st.sampled_from([2, 10_000])))
        patch.setattr(segments, "_SORTED_AT_ONCE", data.draw(st.sampled_from([1, 2, 10_000])))
        made = translated(collect(layout, tables, needed, REGISTER, spool), spool, data.draw(sizes))
    assert list(made) == list(tables)
    for key, table in tables.items():
        assert made[key].schema == table.schema
        for column in {*table.column_names} - {
            *layout.text.get(key.config, {}),
            *layout.unread.get(key.config, {}),
        }:
            assert made[key].column(column).equals(table.column(column))
    for key, column, row, kind in cells(layout, tables, needed):
        pairs = zip(*(each(held[key].column(column)[row].as_py()) for held in (tables, made)), strict=True)
        for before, after in pairs:
            if kind is None:
                assert after == ""
            elif any(character.isalpha() for character in before):
                assert after == foreign(Segment(text=before, kind=kind, register=REGISTER))
            else:
                assert after == before


@every_type
@FAST
@given(data=st.data(), piece=st.sampled_from([2, 10_000]))
def test_segments_are_the_needed_texts_once_in_order(
    spool: Spool, name: str, data: st.DataObject, piece: int
) -> None:
    layout, _, tables = drawn(name, data)
    needed = some_marks(tables, data)
    shown: list[Segment] = []
    hidden = 0
    for key, column, row, kind in cells(layout, tables, needed):
        values = each(tables[key].column(column)[row].as_py())
        hidden += 0 if kind else len(values)
        shown += [Segment(text=text, kind=kind, register="informal") for text in values if kind]
    to_send = [segment for segment in shown if needs_translation(segment.text)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(segments, "_PIECE", piece)
        patch.setattr(segments, "_SORTED_AT_ONCE", piece)
        found = collect(layout, tables, needed, "informal", spool)
        assert list(found) == list(dict.fromkeys(to_send))
    assert found.counts == segments.Counts(
        rows=sum(tables[key].num_rows for key in tables if key.config in layout.text),
        texts=len(shown),
        characters=sum(len(segment.text) for segment in shown),
        segments=len(found),
        carried=len(shown) - len(to_send),
        unencoded=hidden,
    )


@every_type
@FAST
@given(data=st.data(), piece=st.sampled_from([2, 10_000]))
def test_failed_rows_are_those_that_hold_a_failed_text_of_the_kind(
    spool: Spool, name: str, data: st.DataObject, piece: int
) -> None:
    layout, _, tables = drawn(name, data)
    needed = some_marks(tables, data)
    found = list(collect(layout, tables, needed, REGISTER, spool))
    failed = data.draw(st.sets(st.sampled_from(sorted(found, key=repr)))) if found else set()
    expected = {key: [False] * table.num_rows for key, table in tables.items() if key.config in layout.text}
    for key, column, row, kind in cells(layout, tables, needed):
        for text in each(tables[key].column(column)[row].as_py()):
            if kind and Segment(text=text, kind=kind, register=REGISTER) in failed:
                expected[key][row] = True
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(segments, "_PIECE", piece)
        marks = failed_rows(layout, tables, needed, failed)
    assert {key: rows.tolist() for key, rows in marks.items()} == expected


def test_translations_of_one_text_differ_by_kind(spool: Spool) -> None:
    layout = layout_of(MockRetrievalTask())
    tables = {
        TableKey(CORPUS, "test"): pa.table({"id": ["d"], "title": ["Iron"], "text": ["Iron"]}),
        TableKey(QUERIES, "test"): pa.table({"id": ["q"], "text": ["Iron"]}),
    }
    found = collect(layout, tables, {}, REGISTER, spool)
    assert [segment.kind for segment in found] == ["title", "document", "query"]
    made = translated(found, spool)
    assert made[TableKey(CORPUS, "test")].to_pylist() == [
        {"id": "d", "title": "<title norI>", "text": "<document norI>"}
    ]


@pytest.mark.parametrize("text", ["", " ", "42 %", "…", "😀 !?", "\u0301", "１２"])
def test_a_text_without_a_letter_is_carried_over(text: str) -> None:
    assert not needs_translation(text)


@pytest.mark.parametrize("text", ["a", "é", "漢", "ه", "42 km", "ª"])
def test_a_text_with_a_letter_of_any_script_is_sent(text: str) -> None:
    assert needs_translation(text)


def test_an_empty_table_stays_one(spool: Spool) -> None:
    layout = layout_of(MockSTSTask())
    schema = pa.schema([("score", pa.float64()), ("sentence1", pa.string()), ("sentence2", pa.string())])
    tables = {TableKey(DEFAULT, "test"): schema.empty_table()}
    found = collect(layout, tables, {}, REGISTER, spool)
    assert (list(found), len(found), found.counts) == ([], 0, segments.Counts())
    assert translated(found, spool)[TableKey(DEFAULT, "test")].schema == schema
