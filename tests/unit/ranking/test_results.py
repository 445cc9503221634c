"""Which scores count, and what becomes of damaged files."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mmteb_synth import facts
from mmteb_synth.errors import SynthError
from mmteb_synth.ranking.results import Results, read_results


def _read(results: Any) -> Results:
    def revision(name: str) -> str | None:
        known = facts.task(name)
        return known.revision if known else None

    return read_results(results.results_dir, results.data_dir, revision)


def test_no_folder_holds_no_scores(results: Any) -> None:
    assert _read(results) == Results(scores=(), stale=())


def test_a_score_is_read_with_its_model_and_signature(results: Any) -> None:
    name = results.add("org/model", "MiniSTS", 0.702711)
    (score,) = _read(results).scores
    assert (score.value, score.signed.task, score.label) == (0.702711, name, "authored")
    assert (score.model.name, score.model.revision) == ("org/model", "r1")
    assert (score.model.parameters, score.model.dimensions) == (22_713_728, 384)


def test_a_later_signature_of_the_same_score_wins(results: Any) -> None:
    name = results.add("org/model", "MiniSTS", 0.5, coverage=0.5)
    first = json.loads((results.folder("org/model") / "signatures.jsonl").read_text())
    results.sign(results.folder("org/model"), **{**first, "task": name, "coverage": 0.75})
    assert [score.signed.coverage for score in _read(results).scores] == [0.75]


def test_a_signature_of_other_data_than_the_result_does_not_count(results: Any) -> None:
    results.add("org/model", "MiniSTS", 0.5, data="old")
    results.add("org/model", "MiniSTS", 0.6, data="new", split="validation")  # the file now says "new"
    assert [score.value for score in _read(results).scores] == [0.6]


def test_a_score_of_a_set_that_was_built_anew_is_stale(results: Any) -> None:
    name = results.add("org/model", "MiniSTS", 0.5, data="d1")
    results.point(name, "d1")
    assert len(_read(results).scores) == 1
    results.point(name, "d2")
    assert _read(results) == Results(scores=(), stale=(name,))


def test_a_native_task_counts_at_the_revision_that_mteb_pins(results: Any) -> None:
    pinned = facts.tasks()["STS22"].revision
    results.add("org/a", "STS22", 0.5, translator=None, task_type="STS", data=pinned, subset="tr")
    results.add("org/b", "STS22", 0.5, translator=None, task_type="STS", data="another", subset="tr")
    read = _read(results)
    assert [score.model.name for score in read.scores] == ["org/a"]
    assert read.stale == ("STS22",)


def test_a_removed_result_and_an_unsigned_one_do_not_count(results: Any) -> None:
    name = results.add("org/model", "MiniSTS", 0.5)
    folder = results.folder("org/model")
    (folder / f"{name}.json").rename(folder / "Unsigned.json")
    assert _read(results).scores == ()


@pytest.mark.parametrize("value", ["null", "NaN", "Infinity"])
def test_a_score_that_is_no_number_is_missing(results: Any, value: str) -> None:
    name = results.add("org/model", "MiniSTS", 0.5)
    path = results.folder("org/model") / f"{name}.json"
    path.write_text(path.read_text().replace('"main_score": 0.5', f'"main_score": {value}'))
    assert _read(results).scores == ()


def test_experiments_of_a_model_are_told_apart(results: Any) -> None:
    name = results.add("org/model", "MiniSTS", 0.5)
    folder = results.folder("org/model")
    experiment = folder / "experiments" / "dim_64"
    experiment.mkdir(parents=True)
    for file in (f"{name}.json", "signatures.jsonl"):
        (experiment / file).write_text((folder / file).read_text())
    models = [score.model for score in _read(results).scores]
    assert [(model.name, model.revision) for model in models] == [
        ("org/model", "r1"),
        ("org/model", "r1/dim_64"),
    ]
    assert models[1].parameters == 22_713_728  # from the revision's own file


def test_a_model_without_its_file_is_called_by_its_folder(results: Any) -> None:
    results.add("org/model", "MiniSTS", 0.5)
    (results.folder("org/model") / "model_meta.json").unlink()
    (score,) = _read(results).scores
    assert (score.model.name, score.model.parameters) == ("org/model", None)


def test_several_sizes_of_an_embedding_show_the_largest(results: Any) -> None:
    results.add("org/model", "MiniSTS", 0.5)
    meta = {"name": "org/model", "revision": "r1", "embed_dim": [64, 768], "n_parameters": None}
    (results.folder("org/model") / "model_meta.json").write_text(json.dumps(meta))
    (score,) = _read(results).scores
    assert (score.model.dimensions, score.model.parameters) == (768, None)


@pytest.mark.parametrize(
    ("file", "content", "says"),
    [
        ("MiniSTS.tur-Latn.authored.json", '{"scores": ', "Expecting value"),
        ("MiniSTS.tur-Latn.authored.json", "[1]", "no JSON object"),
        ("MiniSTS.tur-Latn.authored.json", '{"dataset_revision": "d1"}', "no scores"),
        (
            "MiniSTS.tur-Latn.authored.json",
            '{"dataset_revision": "d1", "scores": {"test": [3]}}',
            "not a list of objects",
        ),
        (
            "MiniSTS.tur-Latn.authored.json",
            '{"dataset_revision": "d1", "scores": {"test": [{"hf_subset": "default", "main_score": "high"}]}}',
            "'high', not a number",
        ),
        ("model_meta.json", "{", "Expecting property name"),
        ("signatures.jsonl", '{"schema": 1, "task"', "line 1: Invalid JSON"),
        ("signatures.jsonl", '{"schema": 2}', "line 1: schema"),
        ("signatures.jsonl", '\n{"schema": 1}', "line 2: task"),
    ],
)
def test_a_damaged_file_is_named(results: Any, file: str, content: str, says: str) -> None:
    results.add("org/model", "MiniSTS", 0.5)
    path = results.folder("org/model") / file
    path.write_text(content)
    with pytest.raises(SynthError) as caught:
        _read(results)
    assert caught.value.message.startswith(f"{path} is damaged: ")
    assert says in caught.value.message
    assert "mmteb-synth evaluate" in (caught.value.hint or "")


@pytest.mark.parametrize("file", ["model_meta.json", "signatures.jsonl"])
def test_a_file_that_is_not_utf8_is_named(results: Any, file: str) -> None:
    results.add("org/model", "MiniSTS", 0.5)
    path = results.folder("org/model") / file
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(SynthError, match="is damaged"):
        _read(results)


def test_a_damaged_pointer_is_named(results: Any) -> None:
    name = results.add("org/model", "MiniSTS", 0.5)
    (results.data_dir / f"{name}.json").write_text('{"schema": 1}')
    with pytest.raises(SynthError, match="names no revision") as caught:
        _read(results)
    assert "mmteb-synth build" in (caught.value.hint or "")


def test_a_task_never_leads_out_of_its_folder(results: Any) -> None:
    results.add("org/model", "MiniSTS", 0.5)
    first = json.loads((results.folder("org/model") / "signatures.jsonl").read_text())
    for name in ("../../secret", "/etc/passwd", "..", ""):
        (results.folder("org/model") / "signatures.jsonl").write_text("")
        results.sign(results.folder("org/model"), **{**first, "task": name})
        with pytest.raises(SynthError, match="line 1: task"):
            _read(results)
