"""What stands beside a text in its data set: without it nobody can say whether the label still holds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from mmteb_synth.data.tables import CORPUS, DEFAULT, QRELS, QUERIES, TableKey, Tables, is_list
from mmteb_synth.reviewing.form import Context

_SHOWN_CHARACTERS = 2000
_OTHER_TEXTS = 2
_KINDS = {"Classification": "labelled", "MultilabelClassification": "labelled", "Clustering": "labelled"}

Key = tuple[str, str]
"""The kind and the translation of a text."""


def contexts(task_type: str, tables: Tables, ledger: pa.Table, wanted: Iterable[Key]) -> dict[Key, Context]:
    """The contexts of some texts of a set, each from the first row that holds it.

    Args:
        task_type: MTEB's task type.
        tables: The set's tables.
        ledger: The set's ledger, which knows the English.
        wanted: The texts.

    Returns:
        Contexts; a text that stands alone has none.
    """
    english = _English.of(ledger)
    keys = set(wanted)
    if any(key.config == CORPUS for key in tables):
        return dict(_of_retrieval(tables, english, keys))
    found: dict[Key, Context] = {}
    for key in sorted(key for key in tables if key.config == DEFAULT):
        rows = _Rows.of(tables[key], task_type)
        for text_key, context in rows.contexts(english, keys - found.keys()):
            found.setdefault(text_key, context)
    return found


@dataclass(frozen=True, slots=True)
class _English:
    """The English of translations, as the ledger has it."""

    texts: Mapping[Key, list[str]]

    @classmethod
    def of(cls, ledger: pa.Table) -> _English:
        texts: dict[Key, list[str]] = defaultdict(list)
        for row in ledger.select(["kind", "source", "hypothesis"]).to_pylist():
            if row["hypothesis"] is not None:
                texts[row["kind"], row["hypothesis"]].append(row["source"])
        return cls(texts)

    def __call__(self, kind: str, translation: str) -> str:
        """The English of a translation; all of them where one serves several. What was carried over is itself."""
        return " / ".join(self.texts.get((kind, translation), [translation]))


@dataclass(frozen=True, slots=True)
class _Rows:
    """A table of labelled rows: the label stands in the first column, and texts in those after it."""

    task_type: str
    kind: str
    labels: list[object]
    columns: dict[str, list[str]]
    rows: dict[str, list[int]]
    scale: tuple[float, float] | None

    @classmethod
    def of(cls, table: pa.Table, task_type: str) -> _Rows:
        label, *others = table.columns
        columns, rows = {}, {}
        for name, column in zip(table.column_names[1:], others, strict=True):
            value = column.type.value_type if is_list(column.type) else column.type
            if pa.types.is_string(value) or pa.types.is_large_string(value):
                texts, parents = _flat(column)
                columns[name], rows[name] = texts, parents
        if task_type == "Clustering" and is_list(label.type):  # one label for each inner text
            labels = pc.list_flatten(label).to_pylist()
            rows = {name: list(range(len(texts))) for name, texts in columns.items()}
        else:
            labels = label.to_pylist()
        default = "summary" if task_type == "Summarization" else "sentence"
        return cls(task_type, _KINDS.get(task_type, default), labels, columns, rows, _scale(labels))

    def contexts(self, english: _English, wanted: set[Key]) -> Iterator[tuple[Key, Context]]:
        describe: Callable[[_English, str, int], Context] = {
            "labelled": self._labelled,
            "summary": self._summary,
        }.get(self.kind, self._paired)
        for name, texts in self.columns.items():
            for place, text in enumerate(texts):
                key = (self.kind, text)
                if key in wanted:
                    yield key, describe(english, name, place)

    def _paired(self, english: _English, name: str, place: int) -> Context:
        """The other sentence of the pair, with its score or label."""
        others = [texts[place] for other, texts in self.columns.items() if other != name]
        return Context(
            english=_joined(english(self.kind, text) for text in others),
            target=_joined(others),
            gold=self._score(self.labels[place]),
        )

    def _labelled(self, english: _English, name: str, place: int) -> Context:
        """Other texts of the label, which say what it means where it is only a number."""
        texts, rows = self.columns[name], self.rows[name]
        label = self.labels[rows[place]]
        # The first two others are near the start of the table, so this ends soon but for the rarest labels.
        alike = (
            text
            for text, row in zip(texts, rows, strict=True)
            if text and self.labels[row] == label and text != texts[place]
        )
        others = [text for text, _ in zip(alike, range(_OTHER_TEXTS), strict=False)]
        return Context(
            english=_joined((english(self.kind, text) for text in others), "Same label: "),
            target=_joined(others),
            gold=str(label),
        )

    def _summary(self, english: _English, name: str, place: int) -> Context:
        """Another summary of the same article: the article itself is shown to no model, so nobody translated it."""
        row = self.rows[name][place]
        siblings = [
            text
            for other, texts in self.columns.items()
            for text, its_row in zip(texts, self.rows[other], strict=True)
            if its_row == row and text and text != self.columns[name][place]
        ][:1]
        scores = self.labels[row]
        inner = place - self.rows[name].index(row)
        is_scored = isinstance(scores, list) and name == list(self.columns)[-1] and inner < len(scores)
        return Context(
            english=_joined((english(self.kind, text) for text in siblings), "Another summary: "),
            target=_joined(siblings),
            gold=self._score(scores[inner]) if isinstance(scores, list) and is_scored else "",
        )

    def _score(self, value: object) -> str:
        """A score with the range of all of them, a label as it is."""
        if not isinstance(value, float) or self.scale is None:
            return str(value)
        return f"{value:g} (from {self.scale[0]:g} to {self.scale[1]:g} in this set)"


def _scale(labels: Iterable[object]) -> tuple[float, float] | None:
    """The lowest and the highest score, where labels are scores."""
    scores = [
        score
        for label in labels
        for score in (label if isinstance(label, list) else [label])
        if isinstance(score, float)
    ]
    return (min(scores), max(scores)) if scores else None


def _of_retrieval(tables: Tables, english: _English, wanted: set[Key]) -> Iterator[tuple[Key, Context]]:
    for split in sorted(key.split for key in tables if key.config == QUERIES):
        yield from _Judged.of(tables, split, english).contexts(wanted)


@dataclass(frozen=True, slots=True)
class _Judged:
    """The documents and queries of a split, and who answers whom."""

    english: _English
    documents: pa.Table
    queries: pa.Table
    answers: dict[str, tuple[str, object]]
    asked: dict[str, tuple[str, object]]

    @classmethod
    def of(cls, tables: Tables, split: str, english: _English) -> _Judged:
        answers: dict[str, tuple[str, object]] = {}
        asked: dict[str, tuple[str, object]] = {}
        judged = tables.get(TableKey(QRELS, split))
        for row in judged.to_pylist() if judged is not None else []:
            if row["score"] > 0:
                answers.setdefault(row["query-id"], (row["corpus-id"], row["score"]))
                asked.setdefault(row["corpus-id"], (row["query-id"], row["score"]))
        return cls(english, tables[TableKey(CORPUS, split)], tables[TableKey(QUERIES, split)], answers, asked)

    def contexts(self, wanted: set[Key]) -> Iterator[tuple[Key, Context]]:
        for table, column, kind, describe in (
            (self.queries, "text", "query", self._of_query),
            (self.queries, "instruction", "instruction", self._of_query),
            (self.documents, "text", "document", self._of_document),
            (self.documents, "title", "title", self._of_document),
        ):
            if column not in table.column_names:
                continue
            texts = {text for its_kind, text in wanted if its_kind == kind}
            marks = pc.is_in(table.column(column), value_set=pa.array(sorted(texts), pa.string()))
            for row in table.filter(marks).to_pylist():
                if row[column] in texts:
                    texts.remove(row[column])
                    yield (kind, row[column]), describe(row, column)

    def _of_query(self, row: dict[str, str], column: str) -> Context:
        document, score = self.answers.get(row["id"], (None, None))
        lines = [self._line("Query", "query", row["text"])] if column != "text" else []
        if column == "text" and row.get("instruction"):
            lines.append(self._line("Instruction", "instruction", row["instruction"]))
        lines += self._document(document) if document is not None else []
        return _lines(lines, gold="" if score is None else f"the document answers the query ({score})")

    def _of_document(self, row: dict[str, str], column: str) -> Context:
        query, score = self.asked.get(row["id"], (None, None))
        lines = []
        if query is not None:
            text = self._row(self.queries, query)["text"]
            lines.append(self._line("Query", "query", text))
        if column == "text" and row.get("title"):
            lines.append(self._line("Title", "title", row["title"]))
        if column == "title" and row["text"]:
            lines.append(self._line("Document", "document", row["text"]))
        return _lines(lines, gold="" if score is None else f"the document answers the query ({score})")

    def _document(self, key: str) -> list[tuple[str, str]]:
        row = self._row(self.documents, key)
        found = [self._line("Title", "title", row["title"])] if row.get("title") else []
        return [*found, self._line("Document", "document", row["text"])]

    def _row(self, table: pa.Table, key: str) -> dict[str, str]:
        place = pc.index(table.column("id"), key).as_py()
        row: dict[str, str] = table.slice(place, 1).to_pylist()[0] if place >= 0 else {"text": ""}
        return row

    def _line(self, name: str, kind: str, translation: str) -> tuple[str, str]:
        return f"{name}: {_cut(self.english(kind, translation))}", f"{name}: {_cut(translation)}"


def _lines(lines: list[tuple[str, str]], *, gold: str) -> Context:
    return Context(
        english="\n".join(english for english, _ in lines),
        target="\n".join(other for _, other in lines),
        gold=gold,
    )


def _flat(column: pa.ChunkedArray) -> tuple[list[str], list[int]]:
    """The texts of a column, and the row of each."""
    if not is_list(column.type):
        return column.to_pylist(), list(range(len(column)))
    return pc.list_flatten(column).to_pylist(), pc.list_parent_indices(column).to_pylist()


def _joined(texts: Iterable[str], before: str = "") -> str:
    found = "\n".join(_cut(text) for text in texts if text)
    return before + found if found else ""


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]} […]"
