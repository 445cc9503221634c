"""Each text is shown with what its label is about, in English and translated."""

from __future__ import annotations

import pyarrow as pa
from reviewed_sets import ledger_of, retrieval_tables, turkish

from mmteb_synth.data.tables import DEFAULT, QUERIES, TableKey, Tables
from mmteb_synth.reviewing.context import contexts
from mmteb_synth.reviewing.form import Context, question

TEST = TableKey(DEFAULT, "test")


def of(
    task_type: str, tables: Tables, kind: str, *texts: str, also: tuple[str, ...] = ()
) -> list[Context | None]:
    ledger = ledger_of([(kind, text) for text in (*texts, *also)])
    found = contexts(task_type, tables, ledger, [(kind, turkish(text)) for text in texts])
    return [found.get((kind, turkish(text))) for text in texts]


def test_a_sentence_has_its_pair_and_score() -> None:
    table = pa.table(
        {"score": [0.0, 4.5], "sentence1": ["tr x", "tr iron"], "sentence2": ["tr y", "tr steel"]}
    )
    iron, steel = of("STS", {TEST: table}, "sentence", "iron", "steel", also=("x", "y"))
    assert iron == Context(english="steel", target="tr steel", gold="4.5 (from 0 to 4.5 in this set)")
    assert steel == Context(english="iron", target="tr iron", gold="4.5 (from 0 to 4.5 in this set)")


def test_a_pair_has_its_label() -> None:
    table = pa.table({"labels": [1], "sentence1": ["tr iron"], "sentence2": ["tr steel"]})
    (iron,) = of("PairClassification", {TEST: table}, "sentence", "iron", also=("steel",))
    assert iron == Context(english="steel", target="tr steel", gold="1")


def test_a_labelled_text_has_others_of_its_label() -> None:
    table = pa.table({"label": [3, 1, 3, 3, 3], "text": ["tr a", "tr b", "tr c", "tr d", "tr e"]})
    (text,) = of("Classification", {TEST: table}, "labelled", "c", also=("a", "b", "d", "e"))
    assert text == Context(english="Same label: a\nd", target="tr a\ntr d", gold="3")


def test_clusterings_of_both_forms() -> None:
    flat = pa.table({"labels": ["sea", "sea", "sky"], "sentences": ["tr fish", "tr wave", "tr star"]})
    (fish,) = of("Clustering", {TEST: flat}, "labelled", "fish", also=("wave", "star"))
    assert fish == Context(english="Same label: wave", target="tr wave", gold="sea")
    lists = pa.table(
        {
            "labels": [["sky"], ["sea", "sky", "sea"]],
            "sentences": [["tr star"], ["tr fish", "tr sun", "tr wave"]],
        }
    )
    (wave,) = of("Clustering", {TEST: lists}, "labelled", "wave", also=("fish", "sun", "star"))
    assert wave == Context(english="Same label: fish", target="tr fish", gold="sea")


def test_a_summary_has_another_and_its_score() -> None:
    table = pa.table(
        {
            "relevance": [[1.0, 5.0], [2.0, 3.0]],
            "text": ["", ""],
            "human_summaries": [["tr h1"], ["tr h2"]],
            "machine_summaries": [["tr m1", "tr m2"], ["tr m3", "tr m4"]],
        }
    )
    human, machine = of("Summarization", {TEST: table}, "summary", "h2", "m4", also=("h1", "m1", "m2", "m3"))
    assert machine == Context(
        english="Another summary: h2", target="tr h2", gold="3 (from 1 to 5 in this set)"
    )
    assert human is not None
    assert (human.target, human.gold) == ("tr m3", "")


def test_documents_have_their_query_and_queries_their_document() -> None:
    texts = [
        ("title", "Ovens"),
        ("document", "Ovens are hot."),
        ("document", "Cats purr."),
        ("query", "What is hot?"),
    ]
    wanted = [(kind, turkish(text)) for kind, text in texts]
    found = contexts("Retrieval", retrieval_tables(), ledger_of([*texts, ("title", "Cats")]), wanted)
    gold = "the document answers the query (1)"
    assert found["query", "tr What is hot?"] == Context(
        english="Title: Ovens\nDocument: Ovens are hot.",
        target="Title: tr Ovens\nDocument: tr Ovens are hot.",
        gold=gold,
    )
    assert found["document", "tr Ovens are hot."] == Context(
        english="Query: What is hot?\nTitle: Ovens",
        target="Query: tr What is hot?\nTitle: tr Ovens",
        gold=gold,
    )
    assert found["document", "tr Cats purr."] == Context(english="Title: Cats", target="Title: tr Cats")
    assert found["title", "tr Ovens"].english == "Query: What is hot?\nDocument: Ovens are hot."


def test_instructions_stand_with_their_query() -> None:
    tables = retrieval_tables()
    queries = TableKey(QUERIES, "test")
    tables[queries] = tables[queries].append_column("instruction", pa.array(["tr Only ovens."]))
    ledger = ledger_of(
        [("query", "What is hot?"), ("instruction", "Only ovens."), ("document", "Ovens are hot.")]
    )
    found = contexts(
        "InstructionRetrieval",
        tables,
        ledger,
        [("instruction", "tr Only ovens."), ("query", "tr What is hot?")],
    )
    assert found["instruction", "tr Only ovens."].english.startswith("Query: What is hot?\n")
    assert found["query", "tr What is hot?"].english.startswith("Instruction: Only ovens.\n")


def test_one_translation_of_two_texts_shows_both_and_carried_texts_show_themselves() -> None:
    table = pa.table({"score": [1.0, 2.0], "sentence1": ["demir", "tr x"], "sentence2": ["tr x", "42"]})
    ledger = ledger_of([("sentence", "iron"), ("sentence", "Iron")], lambda _: "demir")
    ledger = pa.concat_tables([ledger, ledger_of([("sentence", "x")])])
    found = contexts("STS", {TEST: table.slice(0, 1)}, ledger, [("sentence", "tr x")])
    assert found["sentence", "tr x"].english == "iron / Iron"
    other = contexts("STS", {TEST: table.slice(1)}, ledger, [("sentence", "tr x")])
    assert other["sentence", "tr x"].english == "42"


def test_long_contexts_are_cut_and_say_so() -> None:
    table = pa.table({"score": [1.0], "sentence1": ["tr iron"], "sentence2": ["tr " + "x" * 5000]})
    (iron,) = of("STS", {TEST: table}, "sentence", "iron", also=("x" * 5000,))
    assert iron is not None
    assert iron.target.endswith("x […]")
    assert len(iron.target) < 2100


def test_a_text_that_stands_nowhere_has_no_context() -> None:
    table = pa.table({"score": [1.0], "sentence1": ["a"], "sentence2": ["b"]})
    assert of("STS", {TEST: table}, "sentence", "gone") == [None]


def test_the_question_fits_the_task() -> None:
    assert "two sentences" in question("STS", "sentence", "4.5")
    assert "answer to the query" in question("Retrieval", "document", "judged")
    assert "answers no other query" in question("Retrieval", "document", "")
    assert "label still fit" in question("Classification", "labelled", "3")
    assert "said of the translation" in question("SomethingNew", "sentence", "")
