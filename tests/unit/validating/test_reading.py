"""Reading trusted scores: folders as mteb writes them, and CSVs."""

import json

import pytest

from mmteb_synth import languages
from mmteb_synth.errors import SynthError, UnknownNameError, UsageError
from mmteb_synth.validating import read
from mmteb_synth.validating.scores import Part, TaskScores, settle

TURKISH = languages.parse("tr")
TASKS = ("STS22.v2", "XQuADRetrieval")


def found(path, models=("org/a", "org/b")):
    return read(path, TASKS, models, TURKISH)


def by_model(reading):
    return {(one.model, one.revision, one.task): dict(one.parts) for one in reading.scores}


def test_a_results_folder_and_the_folder_above_it_are_read_alike(made):
    made.write("org/a", "STS22.v2", {"tr": 0.5})
    made.write("org/c", "STS22.v2", {"tr": 0.5})  # nobody asked for it
    made.write("org/a", "Tatoeba", {"tr": 0.5})
    expected = {("org__a", "r1", "STS22.v2"): {Part("test", "tr"): 0.5}}

    assert by_model(found(made.results_dir)) == expected
    assert by_model(found(made.results_dir / "results")) == expected


def test_only_subsets_of_the_language_alone_count(made):
    path = made.write("org/a", "STS22.v2", {"tr": 0.5})
    result = json.loads(path.read_text())
    result["scores"]["test"] += [
        {"hf_subset": "de", "languages": ["deu-Latn"], "main_score": 0.1},
        {"hf_subset": "de-tr", "languages": ["deu-Latn", "tur-Latn"], "main_score": 0.2},
        {"hf_subset": "tr-again", "languages": ["tur-Latn", "tur-Latn"], "main_score": 0.3},
        {"hf_subset": "tr-missing", "languages": ["tur-Latn"], "main_score": None},
    ]
    path.write_text(json.dumps(result))

    (parts,) = by_model(found(made.results_dir)).values()

    assert parts == {Part("test", "tr"): 0.5, Part("test", "tr-again"): 0.3}


def test_names_of_models_are_compared_without_capitals_and_experiments_are_revisions(made):
    made.write("Org/A", "STS22.v2", {"tr": 0.5})
    made.write("Org/A", "STS22.v2", {"tr": 0.6}, revision="r1/experiments/x")

    assert set(by_model(found(made.results_dir))) == {
        ("org__a", "r1", "STS22.v2"),
        ("org__a", "r1/x", "STS22.v2"),
    }


def test_self_reported_scores_are_counted_and_not_read(made):
    made.write("org/a", "STS22.v2", {"tr": 73.2}, revision="external")
    made.write("org/a", "XQuADRetrieval", {"de": 0.1}, revision="external", language="deu-Latn")

    reading = found(made.results_dir)

    assert (reading.scores, reading.external, reading.unread) == ((), 1, {})


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{", "Expecting"),
        ("version https://git-lfs.github.com/spec/v1", "Expecting value"),
        ('{"test": {"tr": {"cos_sim": 1}}, "mteb_version": "1.0.2"}', "1.11"),
        ("[1]", "1.11"),
        ('{"scores": {"test": [3]}}', "attribute"),
        (
            '{"scores": {"test": [{"hf_subset": "tr", "languages": ["tur-Latn"], "main_score": "x"}]}}',
            "number",
        ),
        (
            '{"scores": {"test": [{"hf_subset": "tr", "languages": ["tur-Latn"], "main_score": NaN}]}}',
            "number",
        ),
        (
            '{"scores": {"test": [{"hf_subset": "tr", "languages": ["tur-Latn"], "main_score": 73.2}]}}',
            "scale",
        ),
    ],
)
def test_a_file_that_cannot_be_read_is_left_out_by_name(made, content, reason):
    made.write("org/b", "STS22.v2", {"tr": 0.4})
    made.write("org/a", "STS22.v2", {"tr": 0.5}).write_text(content)

    reading = found(made.results_dir)

    assert [one.model for one in reading.scores] == ["org__b"]
    assert list(reading.unread) == ["org__a/r1/STS22.v2.json"]
    assert reason in reading.unread["org__a/r1/STS22.v2.json"]


def test_a_folder_without_results(made):
    with pytest.raises(SynthError, match="holds no results") as caught:
        found(made.data_dir)
    assert "CSV with the columns model, task, subset, split, main_score" in caught.value.hint


def test_neither_folder_nor_csv(made):
    with pytest.raises(UsageError, match="no file or folder"):
        found(made.root / "nothing")
    (made.root / "scores.xlsx").write_text("x")
    with pytest.raises(UsageError, match=r"neither a folder nor a \.csv"):
        found(made.root / "scores.xlsx")


def test_a_csv_is_read_like_a_folder(made):
    path = made.csv(
        [
            "org/a,STS22.v2,tr,test,0.5",
            "Org/B, STS22.v2 ,tr,test,0.25",
            "org/a,STS22.v2,de,test,0.9",
            "org/a,STS22.v2,de-en,test,0.9",
            "org/a,XQuADRetrieval,tr,validation,",
            "org/c,STS22.v2,tr,test,0.1",
            "org/a,SciFact,default,test,0.6",
            "org/a,CIFAR10Clustering,default,test,0.6",
        ]
    )

    reading = found(path)

    assert by_model(reading) == {
        ("org__a", "", "STS22.v2"): {Part("test", "tr"): 0.5},
        ("org__b", "", "STS22.v2"): {Part("test", "tr"): 0.25},
    }
    assert reading.where == "the file trusted.csv"


def test_every_subset_of_a_task_of_one_language_is_in_it(made):
    path = made.csv(["org/a,TurHistQuadRetrieval,default,test,0.5"])

    assert len(read(path, ["TurHistQuadRetrieval"], ["org/a"], TURKISH).scores) == 1


def test_a_csv_may_name_revisions(made):
    path = made.csv(
        [
            "org/a,STS22.v2,tr,test,0.5,r1",
            "org/a,STS22.v2,tr,test,0.6,r2",
            "org/a,STS22.v2,tr,test,61,external",
        ],
        header="model,task,subset,split,main_score,revision",
    )

    reading = found(path)

    assert [one.revision for one in reading.scores] == ["r1", "r2"]
    assert reading.external == 1


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("org/a,STS22.v2,tr,test,good", r"line 2: the main_score 'good' is not a number"),
        ("org/a,STS22.v2,tr,test,nan", "line 2: the main_score nan is not a number"),
        ("org/a,STS22.v2,tr,test,73.2", "line 2: the main_score 73.2 is not on MTEB's scale"),
        (",STS22.v2,tr,test,0.5", "line 2: no model"),
        ("org/a,STS22.v2,tr,test,0.5\nORG/A,STS22.v2,tr,test,0.6", "line 3: a second score"),
        ("org/a,STS22.v2,tr,test,0,5", "line 2: 6 cells for 5 columns"),
        ("org/a", "line 2: no task, subset, split"),
        (
            "org/a,STS22.v2,turkish,test,0.5",
            "no score in .*tur-Latn.*: of STS22.v2 it has the subset turkish",
        ),
        ('"org/a', "could not read"),
    ],
)
def test_a_wrong_line_is_named(made, line, said):
    with pytest.raises(UsageError, match=said):
        found(made.csv([line]))


def test_a_task_that_nobody_knows_is_refused_with_the_nearest(made):
    with pytest.raises(UnknownNameError, match="did you mean STS22") as caught:
        found(made.csv(["org/a,STS22v2,tr,test,0.5"]))
    assert "line 2" in caught.value.hint


@pytest.mark.parametrize("header", ["model,task,split,main_score", "", "a;b"])
def test_missing_columns_are_named(made, header):
    with pytest.raises(UsageError, match=r"has no column .*subset") as caught:
        found(made.csv([], header=header))
    assert "model,task,subset,split,main_score" in caught.value.hint


def test_a_column_that_stands_twice_is_named(made):
    with pytest.raises(UsageError, match="several columns main_score"):
        found(made.csv([], header="model,task,subset,split,main_score,main_score"))


def test_marks_and_cells_of_spreadsheets_do_no_harm(made):
    path = made.root / "exported.csv"
    path.write_text(
        "model,task,subset,split,main_score,note\r\norg/a,STS22.v2,tr,test,0.5,x,,\r\n", encoding="utf-8-sig"
    )
    assert by_model(found(path)) == {("org__a", "", "STS22.v2"): {Part("test", "tr"): 0.5}}


def test_a_file_that_is_no_text(made):
    path = made.root / "bytes.csv"
    path.write_bytes(b"model,task,subset,split,main_score\n\xff\xfe,x\n")
    with pytest.raises(UsageError, match="could not read"):
        found(path)


def scores(model, data, *splits):
    return TaskScores(
        model=model, revision="r", task="T", data=data, parts={Part(split, "tr"): 0.5 for split in splits}
    )


def test_a_task_is_compared_on_the_data_and_splits_of_most_models():
    assert settle(
        [scores("a", "new", "test"), scores("b", "old", "test"), scores("c", "old", "test")], "new"
    ) == (
        "old",
        frozenset([Part("test", "tr")]),
    )
    assert settle([scores("a", "new", "test"), scores("b", "old", "test")], "new")[0] == "new"
    both = [scores("a", None, "test", "validation"), scores("b", None, "test", "validation")]
    assert settle(both, None)[1] == {Part("test", "tr"), Part("validation", "tr")}
    assert settle([*both, scores("c", None, "test")], None)[1] == {Part("test", "tr")}
