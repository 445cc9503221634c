"""The verb: choices, errors, footnotes, files."""

from __future__ import annotations

import csv
import io
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mmteb_synth import facts, listings
from mmteb_synth.errors import SynthError, UnknownNameError
from mmteb_synth.ranking import write
from mmteb_synth.ranking.render import COLUMNS_AT_MOST, display_names
from mmteb_synth.ranking.results import Model
from mmteb_synth.suites import get_suite

A, B = "org/a", "org/b"
HALF = [0.5] * 7


@pytest.fixture
def filled(results: Any) -> Any:
    """Two models, two languages, two translators and English."""
    for model, value in ((A, 0.5), (B, 0.4)):
        for language in ("tur-Latn", "deu-Latn"):
            results.add_mini(model, [value] * 7, language=language)
        results.add_mini(model, [value] * 7, translator="import:deepl")
        results.add_mini(model, [value + 0.1] * 7, language="eng-Latn", translator="source")
    return results


def _shown(board: Any) -> set[tuple[str, str | None]]:
    return {(group.label, part.language) for group in board.groups for part in group.languages}


def test_everything_is_shown_by_default(filled: Any) -> None:
    board = filled.board()
    assert _shown(board) == {
        ("authored", "deu-Latn"),
        ("authored", "tur-Latn"),
        ("import:deepl", "tur-Latn"),
        ("source", "eng-Latn"),
    }
    assert len(board.scores) == 2 * 7 * 4


@pytest.mark.parametrize("spelling", ["tr", "tur-Latn", "Turkish"])
def test_a_language_in_any_spelling(filled: Any, spelling: str) -> None:
    board = filled.board(languages=[spelling], translators=["authored"])
    assert _shown(board) == {("authored", "tur-Latn")}
    assert {score.signed.language for score in board.scores} == {
        "tur-Latn",
        "eng-Latn",
    }  # English is a column
    assert board.frame["english_mean_task"].tolist() == [pytest.approx(60.0), pytest.approx(50.0)]


def test_english_by_itself(filled: Any) -> None:
    board = filled.board(languages=["en"])
    assert _shown(board) == {("source", "eng-Latn")}
    assert "### English" in board.markdown()


@pytest.mark.parametrize("name", ["import:deepl", "import-deepl"])
def test_a_translator_by_its_name_or_as_in_names_of_sets(filled: Any, name: str) -> None:
    assert _shown(filled.board(translators=[name])) == {("import:deepl", "tur-Latn")}


def test_a_translator_with_other_settings_has_a_table_of_its_own(results: Any) -> None:
    results.add(A, "MiniSTS", 0.5, translator="gpt")
    results.add(A, "MiniSTS", 0.9, translator="gpt", task="MiniSTS.tur-Latn.gpt.1a2b3c4d")
    board = results.board()
    assert _shown(board) == {("gpt", "tur-Latn"), ("gpt.1a2b3c4d", "tur-Latn")}
    assert _shown(results.board(translators=["gpt"])) == _shown(board)
    assert _shown(results.board(translators=["gpt.1a2b3c4d"])) == {("gpt.1a2b3c4d", "tur-Latn")}


def test_models_are_ranked_among_those_named(filled: Any) -> None:
    frame = filled.board(models=[B]).frame
    assert set(frame["model"]) == {B}
    assert set(frame["borda_rank"]) == {1}


@pytest.mark.parametrize(
    ("choice", "says"),
    [
        ({"suites": ["mimi"]}, "unknown suite 'mimi'; did you mean mini"),
        ({"languages": ["Tlhngn"]}, "unknown language 'Tlhngn'"),
        ({"translators": ["authord"]}, "unknown translator 'authord'; did you mean authored"),
        ({"models": ["org/c"]}, "unknown model 'org/c'"),
    ],
)
def test_unknown_names(filled: Any, choice: dict[str, Any], says: str) -> None:
    with pytest.raises(UnknownNameError) as caught:
        filled.board(**choice)
    assert caught.value.message.startswith(says)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("choice", "says", "hint"),
    [
        ({"suites": ["seed"]}, "no scores of suite seed", "--suite seed"),
        ({"languages": ["fr"]}, "no scores in French (fra-Latn)", "evaluate --model NAME --lang fra-Latn"),
        ({"languages": ["de"], "translators": ["import:deepl"]}, "for this choice", "mmteb-synth evaluate"),
    ],
)
def test_names_without_scores(filled: Any, choice: dict[str, Any], says: str, hint: str) -> None:
    with pytest.raises(SynthError) as caught:
        filled.board(**choice)
    assert says in caught.value.message
    assert hint in (caught.value.hint or "")


def test_nothing_to_show_says_how_to_make_scores(results: Any) -> None:
    with pytest.raises(SynthError, match="there are no scores in") as caught:
        results.board()
    assert "mmteb-synth evaluate" in (caught.value.hint or "")
    name = results.add(A, "MiniSTS", 0.5)
    results.point(name, "newer")
    with pytest.raises(SynthError, match=f"the data of {name} changed"):
        results.board()


def test_stale_scores_are_named(filled: Any) -> None:
    name = filled.add("org/c", "MiniSTS", 0.5, language="fra-Latn", data="old")
    filled.point(name, "new")
    assert f"Left out, because the data changed after they were scored: {name}." in filled.board().markdown()


def test_footnotes(results: Any) -> None:
    for language in ("deu-Latn", "tur-Latn"):
        results.add_mini(
            A, HALF, language=language, translator="apertium", grade="demonstration", limit=100, demo=True
        )
    results.add(
        B,
        "MiniSTS",
        0.5,
        translator="apertium",
        grade="demonstration",
        limit=100,
        coverage=0.99999,
        notes=["1 of 100 segments kept English."],
    )
    text = results.board().markdown()
    assert "# Demo leaderboard, not a benchmark\n" in text
    assert "## Suite mini: a demo, not a benchmark\n" in text
    assert "### Translator apertium, limit 100\n" in text
    assert "- A trial on the first 100 rows of each set (`--limit 100`)" in text
    assert "- Translations by apertium are of demonstration grade" in text
    assert (
        "- MiniSTS: 1 of 100 segments kept English; 99.99 % of the segments are translated (org/b only)."
        in text
    )
    assert "- org/b has no score in MiniClassification, MiniClustering" in text
    assert "- org/b has 1 of 14 scores; a mean over a missing one stays empty." in text
    assert "| tur-Latn\\* |" in text


def test_a_set_that_nobody_has_is_said_once(results: Any) -> None:
    for model in (A, B):
        results.add_mini(model, [*HALF[:6], None])
    assert results.board().markdown().count("No model has a score in MiniSummarization;") == 1


def test_bitext_is_flagged(results: Any) -> None:
    results.add_mini(A, HALF)
    assert "Bitext" not in results.board().markdown()
    name = "MiniSTSBitext.tur-Latn.authored"
    results.add(A, "MiniSTSBitext", 0.9, task=name, task_type="BitextMining", bitext=True)
    assert "Bitext Mining † |" in results.board().markdown()
    assert "Not in ranks and means." in results.board().markdown()
    assert "Counted in ranks and means, as asked." in results.board(bitext=True).markdown()


def test_many_languages_go_into_tables_of_their_own(results: Any) -> None:
    codes = ["deu-Latn", "fra-Latn", "spa-Latn", "swa-Latn", "tur-Latn", "ita-Latn", "pol-Latn", "ron-Latn"]
    codes += ["dan-Latn", "fin-Latn", "hun-Latn", "ces-Latn", "est-Latn"]
    for code in codes:
        results.add_mini(A, HALF, language=code)
    lines = results.board().markdown().splitlines()
    heads = [line for line in lines if line.startswith("| Rank") and "-Latn" in line]
    assert [line.count("-Latn") for line in heads] == [12, 1]
    assert all(line.count(" | ") < COLUMNS_AT_MOST for line in lines)
    assert all("Mean" not in line for line in heads)


def test_two_revisions_of_a_model_are_two_rows(results: Any) -> None:
    for revision, value in (("8b3219a92973c328", 0.4), ("8b3219ffffffffff", 0.5)):
        results.add_mini(A, [value] * 7, model_revision=revision)
    text = results.board().markdown()
    assert "| org/a @ 8b3219a |" in text
    assert "| org/a @ 8b3219f |" in text
    assert results.board().frame["model_revision"].tolist() == ["8b3219ffffffffff", "8b3219a92973c328"]


@pytest.mark.parametrize(
    ("revisions", "shown"),
    [
        (["1"], ["m"]),
        (["1", "2"], ["m @ 1", "m @ 2"]),
        (["abcdefgh1", "abcdefgh2"], ["m @ abcdefgh1", "m @ abcdefgh2"]),
        (["abcdefgh1", "abcdefgh1/dim_64"], ["m @ abcdefg", "m @ abcdefg/dim_64"]),
    ],
)
def test_revisions_are_as_short_as_tells_them_apart(revisions: list[str], shown: list[str]) -> None:
    models = [Model(name="m", revision=revision) for revision in revisions]
    assert list(display_names(models).values()) == shown


def test_names_cannot_break_the_files(results: Any, tmp_path: Path) -> None:
    name = "=HYPERLINK(1)|<b>`x`"
    results.add_mini("org/plain", HALF, notes=["=cmd | <img src=x>\nnext"])
    meta = results.folder("org/plain") / "model_meta.json"
    meta.write_text(meta.read_text().replace("org/plain", name))
    written = {path.name: path.read_text() for path in write(results.board(), tmp_path / "out")}
    assert r"=HYPERLINK(1)\|&lt;b&gt;\`x\`" in written["leaderboard.md"]
    assert "=cmd \\| &lt;img src=x&gt; next" in written["leaderboard.md"]
    for file in ("leaderboard.csv", "scores.csv"):
        rows = list(csv.DictReader(io.StringIO(written[file])))
        assert {row["model"] for row in rows} == {f"'{name}"}


def test_the_files(filled: Any, tmp_path: Path) -> None:
    out = tmp_path / "new" / "folder"
    board = filled.board()
    assert [path.name for path in write(board, out)] == ["leaderboard.md", "leaderboard.csv", "scores.csv"]
    first = {path.name: path.read_bytes() for path in out.iterdir()}
    write(filled.board(), out)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == first
    assert first["leaderboard.md"].decode() == board.markdown()

    rows = list(csv.DictReader(io.StringIO(first["leaderboard.csv"].decode())))
    types = "BitextMining,Classification,Clustering,PairClassification,Reranking,Retrieval,STS,Summarization"
    means = "mean_task,mean_type,mean_language,mean_task_unflagged,english_mean_task,delta_english"
    ends = ("low", "high", "examples_low", "examples_high")
    intervals = ",".join(f"{name}_{end}" for name in f"{means},{types}".split(",") for end in ends)
    assert ",".join(rows[0]) == (
        "model,model_revision,suite,profile,limit,language,translator,origin,n_tasks,n_scored,mean_task,mean_type,"
        "mean_language,mean_task_unflagged,borda_rank,rank_low,rank_high,rank_group,p_above,p_first,"
        f"english_mean_task,delta_english,{types},parameters,dimensions,zero_shot,{intervals}"
    )
    keys = [
        tuple(row[name] for name in ("model", "suite", "profile", "limit", "language", "translator"))
        for row in rows
    ]
    assert len(set(keys)) == len(keys) == 10
    assert list(board.frame.columns) == list(rows[0])

    scores = list(csv.DictReader(io.StringIO(first["scores.csv"].decode())))
    assert ",".join(scores[0]) == (
        "model,model_revision,language,task,source_task,task_type,origin,translator,split,metric,main_score,low,high,"
        "signature"
    )
    assert len(scores) == 56
    assert {row["main_score"] for row in scores} == {"0.5", "0.6", "0.4"}


def test_a_folder_that_cannot_be_written(filled: Any, tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.write_text("a file, where the folder should be")
    with pytest.raises(SynthError, match=r"could not write leaderboard\.md") as caught:
        write(filled.board(), taken)
    assert "--out" in (caught.value.hint or "")
    assert stat.S_ISREG(taken.stat().st_mode)


def test_the_frame_has_numbers(filled: Any) -> None:
    frame = filled.board().frame
    assert frame["mean_task"].dtype == "float64"
    assert {
        str(frame[name].dtype) for name in ("limit", "n_tasks", "borda_rank", "parameters", "zero_shot")
    } == {"Int64"}
    assert frame["limit"].isna().all()
    assert frame.loc[frame["language"] == "tur-Latn", "delta_english"].tolist() == [pytest.approx(-10.0)] * 4


def test_a_board_needs_neither_mteb_nor_torch(filled: Any) -> None:
    program = (
        "import pathlib, sys\n"
        "from mmteb_synth.ranking import leaderboard\n"
        "assert 'pandas' not in sys.modules\n"
        "leaderboard(results_dir=pathlib.Path(sys.argv[1]), data_dir=pathlib.Path(sys.argv[2])).markdown()\n"
        "assert not {'mteb', 'datasets', 'torch'} & set(sys.modules)\n"
    )
    command = [sys.executable, "-c", program, str(filled.results_dir), str(filled.data_dir)]
    assert subprocess.run(command, capture_output=True, text=True, check=False).stderr == ""


def test_a_benchmark_that_nobody_asked_for_is_shown_when_half_of_it_is_scored(results: Any) -> None:
    names = [entry.name for entry in get_suite("nano-beir").tasks]
    for name in names[:6]:
        results.add("org/a", name, 0.5, translator="gpt", task_type="Retrieval", split="train")
    assert [group.suite for group in results.board().groups] == ["(no suite)"]
    results.add("org/a", names[6], 0.5, translator="gpt", task_type="Retrieval", split="train")
    board = results.board()
    assert [group.suite for group in board.groups] == ["nano-beir"]
    assert board.groups[0].languages[0].rows[0].n_tasks == 13
    assert [group.suite for group in results.board(suites=["NanoBEIR"]).groups] == ["NanoBEIR"]


def test_what_two_benchmarks_share_has_one_table(results: Any) -> None:
    for entry in get_suite("mteb-eng-v2").tasks:
        results.add("org/a", entry.name, 0.5, translator="gpt", task_type=facts.tasks()[entry.name].type)
    assert [group.suite for group in results.board().groups] == ["mteb-eng-v2"]


def test_a_suite_that_queries_expects_all_that_mteb_holds_in_the_language(results: Any) -> None:
    def add(name: str, language: str, subset: str, **said: Any) -> None:
        said = {"origin": "native", "data": facts.tasks()[name].revision, **said}
        task_type = facts.tasks()[name].type
        results.add(
            "org/a", name, 0.5, translator=None, language=language, subset=subset, task_type=task_type, **said
        )

    add("STS22.v2", "tur-Latn", "tr")
    add("STS22.v2", "eng-Latn", "en")
    add("MassiveIntentClassification", "tur-Latn", "tr", origin="human-translated")
    board = results.board(suites=["native"], languages=["tr"])
    found = {group.label: group.languages[0].rows[0] for group in board.groups}
    assert found.keys() == {"native", "human-translated"}
    expected = listings.list_native("tur-Latn")
    assert found["native"].n_tasks == sum(row.origin == "native" for row in expected)
    assert found["native"].n_scored == 1
    assert found["human-translated"].n_tasks == sum(row.origin != "native" for row in expected)
    assert found["native"].means["mean_task"].value is None
    (english,) = (
        part
        for group in results.board(suites=["native"]).groups
        for part in group.languages
        if part.language == "eng-Latn"
    )
    assert english.rows[0].n_tasks < 20  # only what Turkish has too
