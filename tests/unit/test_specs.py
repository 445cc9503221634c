"""The files that users write: what they say, and what is wrong with them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mmteb_synth.errors import SpecError
from mmteb_synth.specs import MAIN_SCORES, TASK_TYPES, SuiteBitext, read_suite, read_task, read_toml

OWN = """
type = "{type}"
description = "Sentences."
license = "mit"
"""


def _write(folder: Path, text: str, name: str = "MySet.toml") -> Path:
    path = folder / name
    path.write_text(text, "utf-8")
    return path


def _own(folder: Path, type_: str, rest: str) -> Path:
    return _write(folder, OWN.format(type=type_) + rest)


def test_a_set_of_ones_own(tmp_path: Path) -> None:
    spec = read_task(
        _write(
            tmp_path,
            OWN.format(type="Clustering")
            + 'register = "informal"\n[columns]\nsentences = "headline"\n[files]\ntest = "a.jsonl"\n'
            + '[protocol]\nmax_fraction_of_documents_to_embed = "none"\nmax_documents_per_cluster = 256\n',
        )
    )
    assert spec.name == "MySet"
    assert spec.path == tmp_path / "MySet.toml"
    assert spec.is_own
    assert spec.register == "informal"
    assert spec.columns == {"sentences": "headline"}
    assert spec.own_splits == ("test",)
    assert spec.protocol.attributes() == {
        "max_fraction_of_documents_to_embed": None,
        "max_documents_per_cluster": 256,
    }


def test_an_addition_to_an_mteb_task(tmp_path: Path) -> None:
    spec = read_task(_write(tmp_path, 'register = "informal"\nsubset = "en"\neval_splits = ["test"]\n'))
    assert not spec.is_own
    assert (spec.register, spec.subset, spec.eval_splits) == ("informal", "en", ("test",))


def test_an_empty_file_adds_nothing(tmp_path: Path) -> None:
    spec = read_task(_write(tmp_path, ""))
    assert spec.register == "neutral"
    assert not spec.is_own


def test_training_rows_are_not_a_split_to_score(tmp_path: Path) -> None:
    path = _own(tmp_path, "Classification", '[files]\ntrain = "a"\nvalidation = "b"\ntest = "c"\n')
    assert read_task(path).own_splits == ("validation", "test")
    path = _own(
        tmp_path,
        "Classification",
        'eval_splits = ["test"]\n[files]\ntrain = "a"\nvalidation = "b"\ntest = "c"\n',
    )
    assert read_task(path).own_splits == ("test",)


def test_retrieval_scores_the_test_split(tmp_path: Path) -> None:
    path = _own(tmp_path, "Retrieval", '[files]\ncorpus = "a"\nqueries = "b"\nqrels = "c"\n')
    assert read_task(path).own_splits == ("test",)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('registr = "informal"', "registr: is not a known key; did you mean register?"),
        ("nonsense = 1", "nonsense: is not a known key"),
        ('register = "Informal!"', "register: "),
        ('name = "Other"', "'name' is taken from the file's name"),
        ('path = "x"', "'path' is taken from the file's name"),
        ('license = "mit"', "license may only be set together with [files]"),
        ("[protocol]\nn_experiments = 3", "protocol may only be set together with [files]"),
        ('[files]\ntest = "a"', "needs type, description, license"),
        ("register = ", "is not valid TOML"),
        (OWN.format(type="Sorting") + '[files]\ntest = "a"', "type: "),
        (OWN.format(type="BitextMining") + '[files]\ntest = "a"', "[[bitext]]"),
        (OWN.format(type="STS") + '[files]\ntrain = "a"', "needs a file for the split test"),
        (
            OWN.format(type="STS") + 'eval_splits = ["dev"]\n[files]\ntest = "a"',
            "needs a file for the split dev",
        ),
        (OWN.format(type="Classification") + '[files]\ntest = "a"', "needs train"),
        (OWN.format(type="Classification") + '[files]\ntrain = "a"', "needs a file for the split test"),
        (OWN.format(type="Retrieval") + '[files]\ncorpus = "a"', "needs corpus, qrels, queries"),
        (
            OWN.format(type="Reranking") + '[files]\ncorpus = "a"\nqueries = "b"\nqrels = "c"',
            "needs corpus, qrels, queries, top_ranked",
        ),
        (OWN.format(type="Summarization") + '[files]\ntest = "a"', "needs min_score and max_score"),
        (
            OWN.format(type="STS") + '[files]\ntest = "a"\n[protocol]\nmin_scor = 1',
            "protocol.min_scor: is not a known key; did you mean min_score?",
        ),
        (
            OWN.format(type="Clustering")
            + '[files]\ntest = "a"\n[protocol]\nmax_fraction_of_documents_to_embed = 2',
            "max_fraction_of_documents_to_embed",
        ),
        (
            OWN.format(type="Classification")
            + '[files]\ntrain = "a"\ntest = "b"\n[protocol]\nsamples_per_label = 0',
            "protocol.samples_per_label",
        ),
    ],
)
def test_a_broken_task_says_what_is_wrong(tmp_path: Path, text: str, said: str) -> None:
    path = _write(tmp_path, text)
    with pytest.raises(SpecError) as caught:
        read_task(path)
    assert str(path) in caught.value.message
    assert said in caught.value.message
    assert caught.value.exit_code == 2


def test_several_mistakes_are_all_said(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"subset: .*; registr: "):
        read_task(_write(tmp_path, 'registr = "x"\nsubset = 3\n'))


@pytest.mark.parametrize("name", ["my set.toml", "-x.toml", "a..b.toml", "größe.toml"])
def test_a_name_that_no_data_set_can_bear(tmp_path: Path, name: str) -> None:
    with pytest.raises(SpecError, match="name: "):
        read_task(_write(tmp_path, "", name))


def test_a_version_in_the_name_stays(tmp_path: Path) -> None:
    assert read_task(_write(tmp_path, "", "My-Set_1.v2.toml")).name == "My-Set_1.v2"


def test_files_that_cant_be_read(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="no such file"):
        read_toml(tmp_path / "absent.toml")
    with pytest.raises(SpecError, match="could not read"):
        read_toml(tmp_path)
    bad = tmp_path / "bad.toml"
    bad.write_bytes(b'description = "\xff"')
    with pytest.raises(SpecError, match=r"not UTF-8 text: .* at byte 15"):
        read_toml(bad)
    if os.geteuid() != 0:
        bad.chmod(0)
        with pytest.raises(SpecError, match="Permission denied"):
            read_toml(bad)


def test_a_suite(tmp_path: Path) -> None:
    suite = read_suite(
        _write(
            tmp_path,
            'description = "Mine."\n[[tasks]]\nname = "SciFact"\n[[native]]\nname = "STS22"\nsplits = ["test"]\n'
            '[[bitext]]\nsource = "SciFact"\nmax_pairs = 10\n',
            "mine.toml",
        )
    )
    assert suite.name == "mine"
    assert not suite.demo
    assert [task.name for task in suite.tasks] == ["SciFact"]
    assert suite.native[0].splits == ("test",)
    pairs = suite.bitext[0].spec
    assert (pairs.name, pairs.source, pairs.max_pairs, pairs.type) == (
        "SciFactBitext",
        "SciFact",
        10,
        "BitextMining",
    )


def test_bitext_of_a_file_is_named_by_its_stem() -> None:
    assert SuiteBitext(source="/a/b/MySet.v2.toml").name == "MySet.v2Bitext"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[[tasks]]\nname = "SciFact"', "description: "),
        ('description = "x"', "at least one entry"),
        ('description = "x"\n[[tasks]]\nname = "A"\n[[native]]\nname = "A"', "listed twice: A"),
        ('description = "x"\n[[bitext]]\nsource = "A"\n[[bitext]]\nsource = "A"', "listed twice: ABitext"),
        ('description = "x"\n[[tasks]]\nnam = "A"', "tasks.0.nam: is not a known key; did you mean name?"),
        ('description = "x"\ntask = ["A"]', "task: is not a known key; did you mean tasks?"),
        ('description = "x"\n[[bitext]]\nsource = "A"\nmax_pairs = 1', "bitext.0.max_pairs"),
    ],
)
def test_a_broken_suite_says_what_is_wrong(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(SpecError) as caught:
        read_suite(_write(tmp_path, text, "mine.toml"))
    assert said in caught.value.message


def test_every_type_has_a_main_score() -> None:
    assert set(MAIN_SCORES) == set(TASK_TYPES)
