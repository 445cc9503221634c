"""Whole sets copied for others: what comes along, what stays, and what must be accepted first."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import yaml
from click.testing import CliRunner, Result
from datasets import load_dataset
from mini_sets import build
from reviewed_sets import ledger_of, manifest

from mmteb_synth import api, licences
from mmteb_synth.cli import cli
from mmteb_synth.data.store import Store
from mmteb_synth.data.tables import DEFAULT, TableKey
from mmteb_synth.errors import LicenceError, StoreError

TEST = TableKey(DEFAULT, "test")
PAIRS = [("iron", "steel"), ("ore", "a cat")]
SCIFACT = "SciFact.tur-Latn.authored"
BANKING = "Banking77Classification.tur-Latn.authored"
AMAZON = "AmazonReviewsClassification.tur-Latn.authored"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "data")


def save(store: Store, name: str, licence: str, **values: Any) -> str:
    """Store a made-up set under the name of a real one."""
    tables = {TEST: pa.table({"score": [4.5, 1.0], "sentence1": ["a", "b"], "sentence2": ["c", name]})}
    ledger = ledger_of([("pair", text) for pair in PAIRS for text in pair])
    store.save(manifest(name, "STS", licence=licence, **values), tables, ledger)
    return name


def run(store: Store, *arguments: object) -> Result:
    places = ["--data-dir", store.folder, "--results-dir", store.folder.parent / "results"]
    return CliRunner().invoke(cli, ["export", *map(str, arguments), *map(str, places)])


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_a_set_comes_whole_with_card_record_and_ledger(store: Store, tmp_path: Path) -> None:
    save(store, SCIFACT, "cc-by-nc-4.0")
    before = files(store.folder)
    done = run(store, "--lang", "tr", "--to", tmp_path / "out", "--accept-licence", "cc-by-nc-4.0")
    assert done.exit_code == 0, done.output
    made = Store(tmp_path / "out").get(SCIFACT)
    assert done.stdout == f"{made.folder}: cc-by-nc-4.0 (non-commercial)\n"
    assert sorted(files(made.folder)) == [
        "README.md",
        "default/test.parquet",
        "ledger.parquet",
        "manifest.json",
    ]
    there = store.get(SCIFACT)
    assert made.manifest.revision == there.manifest.revision
    assert made.tables()[TEST].equals(there.tables()[TEST])
    assert made.ledger().equals(there.ledger())
    assert made.manifest.terms["licence"] == "cc-by-nc-4.0"
    assert made.manifest.terms["accepted"] == ["cc-by-nc-4.0"]
    assert files(store.folder) == before
    card = (made.folder / "README.md").read_text("utf-8")
    assert yaml.safe_load(card.split("---\n")[1])["license"] == "cc-by-nc-4.0"
    assert "make no commercial use of it" in card
    # as `datasets` reads it
    assert load_dataset(str(made.folder), split="test")["sentence2"][:] == ["c", SCIFACT]


def test_exporting_again_changes_nothing_and_a_changed_set_takes_the_old_ones_place(
    store: Store, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    save(store, BANKING, "mit")
    assert [one.error for one in api.export("tr", out, data_dir=store.folder)] == [None]
    first = files(out)
    assert [one.error for one in api.export("Turkish", out, data_dir=store.folder)] == [None]
    assert files(out) == first
    store.save(store.get(BANKING).manifest, {TEST: pa.table({"text": ["new"], "label": [1]})})
    (one,) = api.export("tr", out, data_dir=store.folder)
    assert one.folder is not None
    assert sorted(path.name for path in out.iterdir()) == [one.folder.name, f"{BANKING}.json"]


def test_share_alike_stays_where_mteb_names_a_freer_licence(store: Store, tmp_path: Path) -> None:
    name = save(store, "CQADupstackTexRetrieval.tur-Latn.authored", "apache-2.0")
    with pytest.raises(LicenceError, match=r"cc-by-sa-3\.0"):
        api.export("tr", tmp_path / "out", data_dir=store.folder)
    api.export("tr", tmp_path / "out", accept_licence="cc-by-sa-3.0", data_dir=store.folder)
    card = (Store(tmp_path / "out").get(name).folder / "README.md").read_text("utf-8")
    assert yaml.safe_load(card.split("---\n")[1])["license"] == "cc-by-sa-3.0"


def test_nothing_is_written_before_every_licence_is_accepted(store: Store, tmp_path: Path) -> None:
    save(store, BANKING, "mit")
    save(store, SCIFACT, "cc-by-nc-4.0")
    save(store, "STS12.tur-Latn.authored", "not specified")
    for accepted in ([], ["--accept-licence", "unspecified"]):
        done = run(store, "-l", "tr", "--to", tmp_path / "out", *accepted)
        assert done.exit_code == 2
        assert done.stdout == ""
        assert "cc-by-nc-4.0 (non-commercial), the licence of SciFact" in done.stderr
        assert "--accept-licence cc-by-nc-4.0" in done.stderr.splitlines()[1]
        assert not (tmp_path / "out").exists()


def test_what_may_not_leave_stays_and_the_others_go(store: Store, tmp_path: Path) -> None:
    save(store, BANKING, "mit")
    save(store, AMAZON, "https://docs.opendata.aws/amazon-reviews-ml/license.txt")
    save(store, "STS12.tur-Latn.authored.limit2", "not specified", limit=2, translator="authored")
    save(store, "STS13.tur-Latn.authored", "not specified", counts={"unencoded": 3})
    save(store, "STS14.tur-Latn.authored", "not specified", counts={"unencoded": 3}, all_rows=True)
    damaged = store.get(save(store, "STS15.tur-Latn.authored", "not specified"))
    (damaged.folder / TEST.file).unlink()
    every = [word for name in ("unspecified", "amazon-reviews-ml") for word in ("--accept-licence", name)]
    done = run(store, "-l", "tr", "--to", tmp_path / "out", *every)
    assert done.exit_code == 1
    assert Store(tmp_path / "out").names() == [BANKING, "STS14.tur-Latn.authored"]
    for said in (
        "AmazonReviewsClassification stays here: its licence, amazon-reviews-ml, lets nobody hand its texts on",
        "STS12.tur-Latn.authored.limit2 is a trial of 2 rows",
        "build the whole set: mmteb-synth build --lang tur-Latn --task STS12 --translator authored --all-rows",
        "STS13.tur-Latn.authored has 3 empty texts, those that MTEB shows no model",
        "STS15.tur-Latn.authored",
    ):
        assert said in done.stderr
    assert "Traceback" not in done.stderr
    again = api.export("tr", tmp_path / "again", accept_licence="unspecified", data_dir=store.folder)
    left = {one.name: one for one in again}
    assert isinstance(left["STS15.tur-Latn.authored"].error, StoreError)
    assert left["STS15.tur-Latn.authored"].folder is None


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (
            ["-l", "tr", "--to", "{out}", "--accept-licence", "apache"],
            2,
            "unknown licence 'apache'; did you mean",
        ),
        (["-l", "tr", "--to", "{data}"], 2, "is where the sets lie already"),
        (["-l", "de", "--to", "{out}"], 1, "holds none of the chosen sets in German"),
        (["-l", "tr", "-t", "STS12", "--to", "{out}"], 1, "holds none of the chosen sets in Turkish"),
        (["-l", "xx", "--to", "{out}"], 2, "unknown language 'xx'"),
        (
            ["-l", "tr", "--translator", "nobody", "--to", "{out}"],
            2,
            "unknown translator of built sets 'nobody'",
        ),
        (["-l", "tr", "--to", "{file}"], 1, "a file"),
    ],
)
def test_what_can_not_be_is_one_clear_error(
    store: Store, tmp_path: Path, arguments: list[str], code: int, said: str
) -> None:
    save(store, BANKING, "mit")
    (tmp_path / "a file").write_text("x")
    places = {"out": tmp_path / "out", "data": store.folder, "file": tmp_path / "a file" / "below"}
    done = run(store, *(word.format(**places) for word in arguments))
    assert done.exit_code == code, done.output
    assert done.stderr.startswith("error: ")
    assert said in done.stderr
    assert "Traceback" not in done.output
    assert not (tmp_path / "out").exists()


def test_a_real_build_records_its_terms_and_its_bitext_goes_with_it(tmp_path: Path) -> None:
    data = build(tmp_path, ["tr"], ["MiniSTS", "MiniSTSBitext"])
    for one in Store(data).all():
        assert one.manifest.terms["licence"] == "apache-2.0"
        assert one.manifest.terms["conditions"] == ["attribution"]
        assert one.manifest.terms["to_accept"] == []
    done = api.export("tr", tmp_path / "out", data_dir=data)
    assert [(one.name, one.error) for one in done] == [
        ("MiniSTS.tur-Latn.authored", None),
        ("MiniSTSBitext.tur-Latn.authored", None),
    ]
    assert {one.manifest.name for one in Store(tmp_path / "out").all()} == {one.name for one in done}


def test_what_is_known_now_counts_and_reaches_sets_that_were_built_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = build(tmp_path, ["tr"], ["MiniSTS"])
    store, before = Store(data), files(data)
    found_out = licences.Entry(
        tasks=("MiniSTS",),
        licence="cc-by-nc-sa-4.0",
        words="the authors say so",
        source="https://example.org",
        checked=date(2026, 11, 23),
    )
    table = licences.shipped()
    monkeypatch.setattr(licences, "shipped", lambda: table.model_copy(update={"known": (found_out,)}))
    with pytest.raises(LicenceError, match=r"cc-by-nc-sa-4\.0 \(share-alike, non-commercial\)"):
        api.export("tr", tmp_path / "out", data_dir=data)  # whatever the record says
    report = api.build("tr", tasks="MiniSTS", data_dir=data, cache_dir=tmp_path / "cache", offline=True)
    assert [one.status for one in report.sets] == ["unchanged"]
    name = "MiniSTS.tur-Latn.authored"
    folder = store.get(name).folder.name
    after = files(data)
    assert {file for file in after if after[file] != before[file]} == {
        f"{folder}/README.md",
        f"{folder}/manifest.json",
    }
    assert store.get(name).manifest.terms["licence"] == "cc-by-nc-sa-4.0"
    card = after[f"{folder}/README.md"].decode()
    assert yaml.safe_load(card.split("---\n")[1])["license"] == "cc-by-nc-sa-4.0"
    assert "the authors say so" in card
    accepted = "cc-by-nc-sa-4.0"
    api.export("tr", tmp_path / "out", data_dir=data, accept_licence=accepted)
    assert Store(tmp_path / "out").get(name).manifest.terms["accepted"] == [accepted]
    api.build("tr", tasks="MiniSTS", data_dir=tmp_path / "out", cache_dir=tmp_path / "cache", offline=True)
    assert Store(tmp_path / "out").get(name).manifest.terms["accepted"] == [accepted]


def test_mtebs_field_of_today_counts_too(store: Store, tmp_path: Path) -> None:
    save(store, SCIFACT, "mit")  # as an older MTEB might have said
    with pytest.raises(LicenceError, match=r"cc-by-nc-4\.0"):
        api.export("tr", tmp_path / "out", data_dir=store.folder)
    api.export("tr", tmp_path / "out", data_dir=store.folder, accept_licence="cc-by-nc-4.0")
    made = Store(tmp_path / "out").get(SCIFACT)
    assert made.manifest.licence == made.manifest.terms["licence"] == "cc-by-nc-4.0"
    assert "license: cc-by-nc-4.0" in (made.folder / "README.md").read_text("utf-8")


def test_a_sample_comes_with_the_list_of_what_it_kept(tmp_path: Path) -> None:
    data = build(tmp_path, ["tr"], ["MiniRetrieval"], profile="nano")
    (there,) = Store(data).all()
    (one,) = api.export("tr", tmp_path / "out", data_dir=data)
    assert one.error is None
    (made,) = Store(tmp_path / "out").all()
    listed = there.sample()
    assert listed is not None
    assert listed.equals(made.sample())


def test_licences_are_listed_with_what_they_ask_for_and_who_says_so() -> None:
    listed = CliRunner().invoke(cli, ["tasks", "--licences", "--suite", "MTEB(eng, v1)"])
    assert listed.exit_code == 0
    lines = {line.split()[0]: line for line in listed.stdout.splitlines()}
    assert lines["AmazonReviewsClassification"].split()[1:4] == [
        "amazon-reviews-ml",
        "non-commercial",
        "refused",
    ]
    assert lines["Banking77Classification"].split()[1:] == ["mit", "attribution", "free"]
    assert lines["ArxivClusteringP2P"].split()[1:] == ["cc0-1.0", "free"]
    assert "https://github.com/huggingface/datasets" in lines["AmazonReviewsClassification"]
    assert "accept cc-by-nc-4.0" in lines["SciFact"]
    rows = json.loads(CliRunner().invoke(cli, ["tasks", "--json", "--type", "Retrieval"]).stdout)
    (scifact,) = (row for row in rows if row["name"] == "SciFact")
    assert scifact["terms"]["to_accept"] == ["cc-by-nc-4.0"]


def test_the_licences_of_what_mteb_holds_in_a_language_are_listed_too() -> None:
    listed = CliRunner().invoke(cli, ["tasks", "--native", "--lang", "sw", "--licences"])
    (line,) = (line for line in listed.stdout.splitlines() if line.startswith("SwahiliNewsClassification"))
    said = "cc-by-nc-sa-4.0 share-alike, non-commercial accept cc-by-nc-sa-4.0"
    assert " ".join(line.split()[1:]) == said
    nothing = CliRunner().invoke(cli, ["tasks", "--native", "--lang", "sr-Latn"])
    assert nothing.stdout == ""
    assert "MTEB has no such task in Serbian (Latin) (srp-Latn)" in nothing.stderr


def test_a_plan_ends_with_the_licences(tmp_path: Path) -> None:
    words = ["plan", "-l", "tr", "--suite", "mini", "--data-dir", str(tmp_path), "--cache-dir", str(tmp_path)]
    shown = CliRunner().invoke(cli, words)
    assert shown.exit_code == 0, shown.output
    (line,) = (line for line in shown.stdout.splitlines() if line.startswith("licence "))
    assert line.startswith("licence apache-2.0: MiniClassification, ")
    assert line.count("MiniSTS") == 1
    planned = json.loads(CliRunner().invoke(cli, [*words, "--json"]).stdout)
    assert planned["licences"]["MiniSTS"]["conditions"] == ["attribution"]


def test_a_copy_of_the_cache_says_that_it_knows_no_licences(tmp_path: Path) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_text("source,translation\nA cat,Eine Katze\n")
    cache = ["--cache-dir", str(tmp_path)]
    CliRunner().invoke(cli, ["cache", "import", str(rows), "-l", "de", "--translator", "import:x", *cache])
    done = CliRunner().invoke(cli, ["cache", "export", str(tmp_path / "out.csv"), *cache])
    assert done.exit_code == 0
    assert done.stdout.startswith("1 rows written")
    assert "use mmteb-synth export" in done.stderr
