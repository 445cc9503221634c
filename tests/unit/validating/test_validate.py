"""The verbs from end to end: files in, certificate, board and command line out."""

import json

import pytest
from click.testing import CliRunner

import mmteb_synth
from mmteb_synth import api
from mmteb_synth.cli import cli
from mmteb_synth.errors import SynthError, UnknownNameError, UsageError

MODELS = {
    f"org/m{place:02}": [value, value + 0.01 * (place % 3), value - 0.02]
    for place, value in enumerate([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8])
}


@pytest.fixture
def filled(made, suite):
    """A board of eight models by two translators and in two profiles, English, and three native sets."""
    made.boards(MODELS)
    made.boards(
        {name: [1 - value for value in scores] for name, scores in MODELS.items()}, translator="import:deepl"
    )
    made.boards(MODELS, profile="nano")
    made.boards(MODELS, language="eng-Latn", translator="source")
    made.boards(
        {name: [value / 2 for value in scores] for name, scores in MODELS.items()},
        language="eng-Latn",
        translator="source",
        profile="nano",
    )
    for name, scores in MODELS.items():
        made.write(name, "XQuADRetrieval", {"tr": scores[0]}, split="validation")
        made.write(name, "STS22.v2", {"tr": scores[1]})
        made.write(name, "MassiveIntentClassification", {"tr": scores[2]})
    return made


@pytest.fixture
def run(filled):
    def call(*words):
        folders = ["--results-dir", str(filled.results_dir), "--data-dir", str(filled.data_dir)]
        return CliRunner().invoke(cli, [*words, *folders])

    return call


def test_a_certificate_lies_beside_the_scores_as_markdown_and_json(filled):
    made = mmteb_synth.validate("tr", suite="three", translator="authored", **filled.folders)

    place = filled.results_dir / "validity"
    assert sorted(path.name for path in place.iterdir()) == [
        "three.tur-Latn.authored.json",
        "three.tur-Latn.authored.md",
    ]
    record = json.loads((place / "three.tur-Latn.authored.json").read_text())
    assert record["schema"] == 1
    assert record["board"]["all"]["tau"]["value"] == 1
    assert record["verdict"]["text"] == made.verdict.text
    assert record["method"]["seed"] == 0
    assert {model["name"] for model in record["models"]} == set(MODELS)
    assert record["models"][0]["trusted_scores"] == {
        "MassiveIntentClassification": 0.78,
        "STS22.v2": 0.81,
        "XQuADRetrieval": 0.8,
    }
    text = (place / "three.tur-Latn.authored.md").read_text()
    assert text.startswith("# Validity of three in Turkish by authored\n")
    assert made.verdict.text.replace("*", r"\*") in text


def test_the_same_scores_give_the_same_certificate(filled):
    first, second = (
        mmteb_synth.validate("tr", suite="three", translator="authored", **filled.folders).record()
        for _ in range(2)
    )
    assert {**first, "created": ""} == {**second, "created": ""}


def test_a_csv_says_the_same_as_the_folder(filled):
    lines = [
        f"{name},{task},tr,{split},{scores[place]}"
        for name, scores in MODELS.items()
        for place, (task, split) in enumerate(
            [("XQuADRetrieval", "validation"), ("STS22.v2", "test"), ("MassiveIntentClassification", "test")]
        )
    ]
    folder = mmteb_synth.validate("tr", suite="three", translator="authored", **filled.folders)
    table = mmteb_synth.validate(
        "tr", suite="three", translator="authored", trusted=filled.csv(lines), **filled.folders
    )

    assert table.board == folder.board
    assert table.ceiling == folder.ceiling
    assert table.trusted == "the file trusted.csv"


def test_named_tasks_and_models(filled):
    made = mmteb_synth.validate(
        "tr",
        suite="three",
        translator="authored",
        tasks="XQuADRetrieval",
        model=list(MODELS)[:4],
        **filled.folders,
    )

    assert list(made.trusted_tasks) == ["XQuADRetrieval"]
    assert len(made.models) == 4
    assert made.verdict.conclusion == "none"


def test_the_board_carries_it_until_its_data_change(filled):
    def notes():
        text = api.board(suite="three", languages="tr", translator="authored", **filled.folders).markdown()
        return [line for line in text.splitlines() if "Validity" in line]

    assert notes() == []
    made = mmteb_synth.validate("tr", suite="three", translator="authored", **filled.folders)
    mmteb_synth.validate("tr", suite="three", translator="authored", against="nano", **filled.folders)
    assert notes() == [f"- Validity: {made.verdict.text} Certificate: `validity/three.tur-Latn.authored.md`."]
    path = filled.results_dir / "validity" / "three.tur-Latn.authored.json"
    record = json.loads(path.read_text())
    record["board_revisions"]["MiniSTS.tur-Latn.authored"] = "older"
    path.write_text(json.dumps(record))
    (line,) = notes()
    assert line.startswith("- Validity: not known; the certificate is of other data")


@pytest.mark.parametrize("content", ["{", '{"schema": 2}'])
def test_a_damaged_certificate_is_named(filled, content):
    (filled.results_dir / "validity").mkdir()
    (filled.results_dir / "validity" / "x.json").write_text(content)

    with pytest.raises(SynthError, match=r"x\.json is damaged") as caught:
        api.board(**filled.folders)
    assert "mmteb-synth validate" in caught.value.hint


def test_two_translators_or_profiles_are_held_to_each_other(filled):
    deepl = mmteb_synth.validate(
        "tr", suite="three", translator="authored", against="import:deepl", **filled.folders
    )
    nano = mmteb_synth.validate("tr", suite="three", translator="authored", against="nano", **filled.folders)

    assert deepl.board["all"].tau.value == -1
    assert deepl.board["all"].lost.value == pytest.approx(70, abs=2)
    assert nano.board["all"].tau.value == 1
    assert (nano.name, deepl.name) == (
        "three.tur-Latn.authored.against.authored.nano",
        "three.tur-Latn.authored.against.import-deepl",
    )


def test_a_prompt_of_ones_own_is_a_translator_of_its_own(filled):
    for name, scores in MODELS.items():
        for source, value in zip(("MiniClassification", "MiniRetrieval", "MiniSTS"), scores, strict=True):
            filled.board(name, source, value, translator="gpt")
            filled.board(name, source, value, translator="gpt.1a2b3c4d")

    made = mmteb_synth.validate(
        "tr", suite="three", translator="gpt", against="gpt.1a2b3c4d", **filled.folders
    )

    assert (made.translator, made.other["translator"]) == ("gpt", "gpt.1a2b3c4d")


@pytest.mark.parametrize(
    ("choice", "error", "said"),
    [
        ({}, UsageError, "scores of several translators: authored, import:deepl"),
        ({"suite": "three", "translator": "author"}, UnknownNameError, "did you mean authored"),
        (
            {"suite": "three", "translator": "authored", "profile": "standard"},
            UsageError,
            "no scores of the profile standard; there are of full, nano",
        ),
        (
            {"suite": "three", "translator": "authored", "profile": "huge"},
            UnknownNameError,
            "unknown profile",
        ),
        ({"suite": "three", "translator": "authored", "against": "authored"}, UsageError, "the board itself"),
        ({"suite": "three", "translator": "authored", "against": "full"}, UsageError, "the board itself"),
        ({"suite": "three", "translator": "authored", "against": "nobody"}, UnknownNameError, "translator"),
        ({"against": "nano", "tasks": "STS22"}, UsageError, "--trusted and --task say nothing"),
        ({"language": "en"}, UsageError, "no board to validate"),
        ({"language": "de"}, SynthError, "no scores in German"),
        ({"suite": "three", "model": "org/nobody"}, UnknownNameError, "unknown model"),
    ],
)
def test_what_cannot_be_meant_is_refused(filled, choice, error, said):
    language = choice.pop("language", "tr")
    with pytest.raises(error, match=said):
        mmteb_synth.validate(language, **choice, **filled.folders)


def test_of_several_suites_one_must_be_named(made, tmp_path, suite):
    other = tmp_path / "tasks" / "suites" / "one.toml"
    other.write_text('description = "One set."\n[[tasks]]\nname = "MiniSummarization"\n')
    made.boards(MODELS)
    for name, scores in MODELS.items():
        made.board(name, "MiniSummarization", scores[0])
        made.write(name, "STS22.v2", {"tr": scores[1]})

    with pytest.raises(UsageError, match=r"scores of several suites: .*, ") as caught:
        mmteb_synth.validate("tr", **made.folders)
    assert "--suite" in caught.value.hint
    assert mmteb_synth.validate("tr", suite="one", **made.folders).board_tasks == ("MiniSummarization",)


def test_trials_say_nothing_of_whole_sets(made, suite):
    for name, scores in MODELS.items():
        made.board(name, "MiniSTS", scores[0], limit=5)

    with pytest.raises(SynthError, match="there are trials on the first rows"):
        mmteb_synth.validate("tr", suite=suite, **made.folders)


def test_the_only_profile_is_taken_where_there_is_no_full_one(made, suite):
    made.boards(MODELS, profile="nano")
    for name, scores in MODELS.items():
        made.write(name, "STS22.v2", {"tr": scores[1]})

    assert mmteb_synth.validate("tr", suite=suite, **made.folders).profile == "nano"


def test_english_alone_and_ceiling_are_told_on_the_command_line(run):
    result = run("validate", "--lang", "tr", "--suite", "three", "--translator", "authored")

    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0].split() == [
        "chosen",
        "by",
        "among",
        "models",
        "kendall's",
        "tau",
        "spearman's",
        "rho",
        "points",
        "lost",
    ]
    assert [line.split("  ")[0] for line in lines[1:5]] == [
        "the board",
        "English alone",
        "half of the trusted sets",
        "any model",
    ]
    assert "The board ranks 8 models as 3 native or human-translated sets do" in lines[-1]
    assert "written: " in result.stderr
    assert "warning: Trusted sets on which no model of the board was scored" in result.stderr


def test_json_and_another_folder(run, tmp_path):
    words = ("validate", "--lang", "tr", "--suite", "three", "--translator", "authored", "--json", "-q")
    result = run(*words, "--out", str(tmp_path / "elsewhere"))

    (record,) = json.loads(result.stdout)
    assert record["suite"] == "three"
    assert (tmp_path / "elsewhere" / "three.tur-Latn.authored.md").is_file()
    assert result.stderr == ""


def test_one_language_that_fails_does_not_stop_the_others(run):
    result = run(
        "validate", "--lang", "de", "--lang", "tr", "--suite", "three", "--translator", "authored", "-q"
    )

    assert result.exit_code == 1
    assert "error: de: there are no scores in German" in result.stderr
    assert "The board ranks 8 models" in result.stdout


def test_too_few_models_is_an_error_with_the_next_command(run):
    words = ("validate", "--lang", "tr", "--suite", "three", "--translator", "authored")
    result = run(*words, "-m", "org/m01", "-m", "org/m02")

    assert result.exit_code == 1
    assert "error: 2 models (org/m01, org/m02) have scores on" in result.stderr
    assert "hint: score more models on both: mmteb-synth evaluate" in result.stderr


def test_sampling_agreement_on_the_command_line(run):
    result = run("sampling-agreement", "--profile", "nano", "--suite", "three")

    assert result.exit_code == 0, result.output
    names = [line.split("  ")[0] for line in result.stdout.splitlines()]
    assert names[2:] == ["MiniClassification", "MiniRetrieval", "MiniSTS", "all tasks"]
    rows = json.loads(run("sampling-agreement", "--profile", "nano", "--suite", "three", "--json").stdout)
    assert [row["agreement"]["tau"]["value"] for row in rows] == [1, 1, 1, 1]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--profile", "full", "--suite", "three"], "the profile full is what others are held to"),
        (["--profile", "standard", "--suite", "three"], "no scores of the profile standard"),
    ],
)
def test_sampling_agreement_refuses(run, words, said):
    result = run("sampling-agreement", *words)

    assert result.exit_code == 2
    assert said in result.stderr
