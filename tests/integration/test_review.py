"""Reviews from end to end: handed out, filled in, taken back, known in the manifest and used by a build."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from openpyxl import load_workbook
from reviewed_sets import (
    content,
    fill_xlsx,
    ledger_of,
    manifest,
    save_many,
    save_retrieval,
    save_sts,
    turkish,
)

import mmteb_synth
from mmteb_synth.cli import cli
from mmteb_synth.data import reviews
from mmteb_synth.data.store import Store
from mmteb_synth.data.tables import DEFAULT, TableKey
from mmteb_synth.errors import MissingExtraError, ReviewError, StoreError, UsageError
from mmteb_synth.reviewing import ExportReport, ImportReport, extra, refresh, spreadsheet, xliff
from mmteb_synth.reviewing.form import COLUMNS
from mmteb_synth.translate import translators
from mmteb_synth.translate.cache import Cache
from mmteb_synth.types import Language, Segment

TURKISH = Language(code="tur-Latn", name="Turkish")
MINE = "Mine.tur-Latn.authored"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "data")


def hand_out(store: Store, **options: Any) -> ExportReport:
    return mmteb_synth.review_export(
        "tr", **{"data_dir": store.folder, "out": store.folder.parent / "out", **options}
    )


def take_back(store: Store, files: Sequence[Path], rater: Any = "Ada", **options: Any) -> ImportReport:
    return mmteb_synth.review_import(
        files, rater=rater, data_dir=store.folder, cache_dir=store.folder.parent / "cache", **options
    )


def corrected(store: Store, source: str) -> str | None:
    """What the translator `post-edited` makes of a text."""
    key = translators.resolve("post-edited").key(Segment(source), TURKISH)
    with Cache(store.folder.parent / "cache" / "cache.sqlite") as cache:
        row = cache.lookup([key]).get(key)
    return row.translation if row else None


def nothing_was_kept(store: Store) -> bool:
    return (
        not list(store.folder.glob("*.reviews.parquet"))
        and not (store.folder.parent / "cache" / "cache.sqlite").exists()
    )


def test_a_sample_goes_out_and_comes_back(store: Store) -> None:
    save_sts(store)
    report = hand_out(store)
    assert report.sampled == {MINE: 4}
    assert report.short_of_verified() == {MINE: 96}

    def judge(cells: dict[str, Any]) -> dict[str, Any]:
        if cells["source"] == "iron":
            return {"esa": 20, "severity": "major", "label": "no", "correction": "demir", "comment": "wrong"}
        return {} if cells["source"] == "ore" else dict(content(cells))

    fill_xlsx(report.files[0], judge)
    done = take_back(store, report.files, language_skill="native")
    assert done.blank == 1
    assert done.merged[MINE].added == 3
    assert done.corrections.added == 1
    assert corrected(store, "iron") == "demir"
    (facts,) = done.sets
    assert (facts.rows, facts.errors, facts.missing) == (3, 1, 97)
    known = store.get(MINE).manifest.review
    assert known["reviewers"] == ["Ada"]
    assert known["error_rate"][0] == pytest.approx(1 / 3)
    assert known["label_survival"][0] == pytest.approx(2 / 3)
    assert known["alpha"] is None
    rows = {row["severity"]: row for row in reviews.read(store, MINE).to_pylist()}
    assert rows["major"]["comment"] == "wrong"
    assert rows["major"]["skill"] == "native"
    assert rows["major"]["sampled"]


def test_two_people_agree_as_far_as_they_do(store: Store) -> None:
    save_many(store, 100)
    report = hand_out(store, sample=60, raters=2, overlap=10, format="both")
    assert report.overlap == 10
    assert [file.name for file in report.files] == [
        "review.tur-Latn.rater1.xlsx",
        "review.tur-Latn.rater1.xlf",
        "review.tur-Latn.rater2.xlsx",
        "review.tur-Latn.rater2.xlf",
    ]
    one, _, two, _ = report.files
    assert len(list(spreadsheet.read(one))) == len(list(spreadsheet.read(two))) == 35
    fill_xlsx(one, lambda cells: {**content(cells), "esa": 90 if "other" in cells["source"] else 60})
    fill_xlsx(two, lambda cells: {**content(cells), "esa": 80 if "other" in cells["source"] else 60})
    done = take_back(store, [one, two], ["Ada", "Bo"])
    (facts,) = done.sets
    assert facts.rows == 60
    assert facts.reviewers == ("Ada", "Bo")
    assert facts.alpha.esa is not None
    assert 0 < facts.alpha.esa < 1
    assert facts.alpha.label is None  # both always said yes, so chance is not defined
    assert store.get("Many.tur-Latn.authored").manifest.review["alpha"] == facts.alpha.esa


def test_xliff_brings_corrections_and_answers(store: Store) -> None:
    save_sts(store)
    (file,) = hand_out(store, format="xliff").files
    text = file.read_text("utf-8")
    text = text.replace(">tr steel</target>", ">çelik</target>")
    before, after = text.split(">steel</source>")
    answers = "\n".join(
        f"{COLUMNS[name]}: {value}"
        for name, value in (("esa", "40"), ("severity", "major"), ("label", "unsure"))
    )
    start, rest = after.split('<note annotates="target" from="review">', maxsplit=1)
    after = (
        f'{start}<note annotates="target" from="review">{answers}</note>'
        + rest.split("</note>", maxsplit=1)[1]
    )
    file.write_text(f"{before}>steel</source>{after}", "utf-8")
    done = take_back(store, [file])
    assert done.blank == 3
    assert corrected(store, "steel") == "çelik"
    (row,) = reviews.read(store, MINE).to_pylist()
    assert (row["esa"], row["severity"], row["label_holds"]) == (40.0, "major", "unsure")


def test_a_correction_alone_is_taken_too(store: Store) -> None:
    save_sts(store)
    (file,) = hand_out(store, format="xliff").files
    file.write_text(file.read_text("utf-8").replace(">tr ore</target>", ">maden</target>"), "utf-8")
    done = take_back(store, [file])
    assert done.sets[0].rows == 0
    assert store.get(MINE).manifest.review == {}
    assert corrected(store, "ore") == "maden"


def test_thinking_again_replaces_and_says_so(store: Store) -> None:
    save_sts(store)
    (file,) = hand_out(store).files
    fill_xlsx(
        file, lambda cells: {**content(cells), "correction": "bir" if cells["source"] == "iron" else None}
    )
    take_back(store, [file])
    assert take_back(store, [file]).merged[MINE].equal == 4
    fill_xlsx(
        file, lambda cells: {"severity": "minor", "correction": "iki"} if cells["source"] == "iron" else {}
    )
    done = take_back(store, [file])
    assert done.merged[MINE].replaced == 1
    assert done.corrections.replaced == 1
    assert done.messages == (f"{MINE}: 1 earlier grades of Ada replaced", "1 earlier corrections replaced")
    assert corrected(store, "iron") == "iki"
    assert reviews.read(store, MINE).num_rows == 4


def test_people_who_correct_differently_are_told_whose_stays(store: Store) -> None:
    save_sts(store)
    one, two = hand_out(store, raters=2).files
    for file, text in ((one, "bir"), (two, "iki")):
        fill_xlsx(
            file,
            lambda cells, text=text: (
                {**content(cells), "correction": text} if cells["source"] == "iron" else {}
            ),
        )
    done = take_back(store, [one, two], ["Ada", "Bo"])
    assert len(done.messages) == 1
    assert "takes the place of another" in done.messages[0]
    assert corrected(store, "iron") == "iki"


def test_one_person_may_not_say_two_things(store: Store) -> None:
    save_sts(store)
    one, two = hand_out(store, raters=2).files
    fill_xlsx(one, content)
    fill_xlsx(two, lambda cells: {**content(cells), "esa": 5})
    with pytest.raises(ReviewError, match=r"Ada says something else at .*, row"):
        take_back(store, [one, two])
    assert nothing_was_kept(store)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"esa": 101}, "row 2, column 'ESA score': 101 is not a number from 0 to 100"),
        ({"esa": -1}, "column 'ESA score'"),
        ({"esa": "good"}, "column 'ESA score': 'good' is not a number"),
        ({"esa": "nan"}, "column 'ESA score'"),
        ({"esa": True}, "column 'ESA score'"),
        ({"esa": "=90+5"}, "column 'ESA score'"),
        ({"severity": "severe"}, "column 'severity': 'severe' is not one of none, minor, major, critical"),
        ({"label": "maybe"}, "column 'does the label hold\\?': 'maybe' is not one of yes, no, unsure"),
        ({"severity": None}, "column 'severity': it is empty, and others are filled in"),
        ({"source": "something else"}, "column 'English': it is not the text that was handed out"),
        ({"source": None}, "column 'English': it is not the text"),
        ({"hypothesis": "nicer"}, "column 'translation': it is not the text that was handed out"),
        ({"id": "sentence.0123456789abcdef.0123456789abcdef"}, "column 'id': .* is no segment of Mine"),
        ({"id": 5}, "column 'id': '5' is no segment"),
        ({"id": None}, "column 'id': '' is no segment"),
        ({"set": "Other.tur-Latn.authored"}, "column 'set': 'Other.tur-Latn.authored' is not built"),
        ({"set": "../data/Mine.tur-Latn.authored"}, "column 'set'"),
        ({"drawn": "chosen"}, "column 'drawn': 'chosen' is not one of sample, flagged"),
        ({"drawn": None}, "column 'drawn': it is empty"),
        ({"correction": "=SUM(A1:A2)"}, "column 'correction': .* is a formula"),
    ],
)
def test_what_cannot_be_meant_is_named_and_nothing_is_imported(
    store: Store, values: dict[str, Any], message: str
) -> None:
    save_sts(store)
    (file,) = hand_out(store).files
    first = next(spreadsheet.read(file)).cells["id"]
    fill_xlsx(
        file, lambda cells: {**content(cells), "correction": "x", **(values if cells["id"] == first else {})}
    )
    with pytest.raises(ReviewError, match=message) as caught:
        take_back(store, [file])
    assert "nothing was imported" in caught.value.message
    assert nothing_was_kept(store)
    assert store.get(MINE).manifest.review == {}


def test_all_problems_are_named_at_once(store: Store) -> None:
    save_many(store, 60)
    (file,) = hand_out(store).files
    fill_xlsx(file, lambda cells: {**content(cells), "esa": 500})
    with pytest.raises(ReviewError, match="for 60 problems") as caught:
        take_back(store, [file])
    assert "row 21" in caught.value.message
    assert "and 40 more" in caught.value.message


@pytest.mark.parametrize("value", ["Yes", " YES ", "yes"])
def test_what_programs_make_of_answers_is_understood(store: Store, value: str) -> None:
    save_sts(store)
    (file,) = hand_out(store).files
    fill_xlsx(file, lambda _: {"esa": "85,5", "severity": "None ", "label": value})
    take_back(store, [file])
    assert {
        (row["esa"], row["severity"], row["label_holds"]) for row in reviews.read(store, MINE).to_pylist()
    } == {(85.5, "none", "yes")}


def test_grades_outlive_a_rebuild_and_count_for_texts_that_stayed(store: Store) -> None:
    name = save_sts(store)
    (file,) = hand_out(store).files
    fill_xlsx(file, content)
    take_back(store, [file])
    before = store.get(name).folder
    save_sts(store, translate=lambda text: "yeni" if text == "iron" else turkish(text))
    assert store.get(name).folder != before
    assert refresh(store, name).rows == 3
    assert store.get(name).manifest.review["rows"] == 3
    save_sts(store)
    assert refresh(store, name).rows == 4


def test_rows_of_a_set_that_was_built_anew_are_refused_or_skipped(store: Store) -> None:
    save_sts(store)
    (file,) = hand_out(store).files
    fill_xlsx(file, content)
    save_sts(store, translate=lambda text: "yeni" if text == "iron" else turkish(text))
    with pytest.raises(ReviewError, match="another translation of this text since the export") as caught:
        take_back(store, [file])
    assert caught.value.hint is not None
    assert "--skip-changed" in caught.value.hint
    done = take_back(store, [file], skip_changed=True)
    assert (done.skipped, done.merged[MINE].added) == (1, 3)


def test_sets_are_chosen_and_those_without_a_ledger_are_told_of(store: Store) -> None:
    save_sts(store)
    save_retrieval(store)
    save_sts(store, "Mine.deu-Latn.authored")
    found = store.get(MINE)
    store.save(manifest("Old.tur-Latn.authored", "STS"), found.tables())
    store.save(manifest("MineBitext.tur-Latn.authored", "BitextMining", bitext_of="Mine"), found.tables())
    warnings: list[str] = []
    report = hand_out(store, warn=warnings.append)
    assert report.sampled == {"Find.tur-Latn.authored": 5, MINE: 4}
    assert len(warnings) == 1
    assert "Old.tur-Latn.authored can't be reviewed" in warnings[0]
    (file,) = report.files
    kinds = {row.cells["kind"]: row.cells for row in spreadsheet.read(file)}
    assert kinds["query"]["context_english"] == "Title: Ovens\nDocument: Ovens are hot."
    assert kinds["query"]["question"] == "Is the document still an answer to the query?"


def test_failed_segments_are_not_handed_out_and_flagged_ones_only_on_request(store: Store) -> None:
    texts = [("sentence", f"text {n}") for n in range(100)]
    ledger = ledger_of(texts, lambda text: None if text == "text 0" else turkish(text))
    outcomes = ["failed", *["flagged"] * 10, *["translated"] * 89]
    place = ledger.column_names.index("outcome")
    metadata = ledger.schema.metadata
    ledger = ledger.set_column(place, "outcome", [outcomes]).replace_schema_metadata(metadata)
    save_sts(store, "Base.tur-Latn.authored")
    tables = store.get("Base.tur-Latn.authored").tables()
    store.save(
        manifest("Bad.tur-Latn.authored", "STS"),
        {TableKey(DEFAULT, "test"): tables[TableKey(DEFAULT, "test")]},
        ledger,
    )
    report = hand_out(store, sample=30, flagged=99, translator="authored")
    (file,) = report.files
    rows = [row.cells for row in spreadsheet.read(file)]
    assert "text 0" not in [row["source"] for row in rows]
    assert report.sampled["Bad.tur-Latn.authored"] == 26
    besides = [row["source"] for row in rows if row["drawn"] == "flagged"]
    assert len(besides) == report.flagged["Bad.tur-Latn.authored"]
    in_sample = {row["source"] for row in rows if row["drawn"] == "sample"}
    assert {f"text {n}" for n in range(1, 11)} == set(besides) | (
        in_sample & {f"text {n}" for n in range(1, 11)}
    )
    fill_xlsx(
        file,
        lambda cells: {**content(cells), "severity": "critical" if cells["drawn"] == "flagged" else "none"},
    )
    done = take_back(store, [file])
    assert done.total.errors == 0


def test_files_that_may_hold_work_are_never_overwritten(store: Store) -> None:
    save_sts(store)
    (file,) = hand_out(store).files
    before = file.read_bytes()
    with pytest.raises(UsageError, match="may hold somebody's work"):
        hand_out(store, sample=2)
    assert file.read_bytes() == before
    assert [path.name for path in file.parent.iterdir()] == [file.name]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sample": 0}, "--sample must be at least 1"),
        ({"raters": 0}, "--raters must be at least 1"),
        ({"overlap": 5}, "--overlap needs --raters"),
        ({"translator": "nobody"}, "unknown translator"),
    ],
)
def test_exports_that_cannot_be_meant(store: Store, options: dict[str, Any], message: str) -> None:
    save_sts(store)
    with pytest.raises(UsageError, match=message):
        hand_out(store, **options)


def test_nothing_is_built(store: Store) -> None:
    with pytest.raises(StoreError, match="holds none"):
        hand_out(store)


def test_imports_that_cannot_be_meant(store: Store, tmp_path: Path) -> None:
    save_sts(store)
    (file,) = hand_out(store).files
    for files, rater, message in (
        ([file], " ", "needs the name"),
        ([file], [], "needs the name"),
        ([file, file, file], ["Ada", "Bo"], "2 raters were named for 3 files"),
        ([tmp_path / "none.xlsx"], "Ada", "no such file"),
        ([Path(__file__)], "Ada", "neither .xlsx nor .xlf"),
    ):
        with pytest.raises(UsageError, match=message):
            take_back(store, files, rater)
    assert nothing_was_kept(store)


def test_a_cache_that_cannot_be_written_keeps_the_grades_back(store: Store) -> None:
    save_sts(store)
    (file,) = hand_out(store).files
    fill_xlsx(file, lambda cells: {**content(cells), "correction": "x"})
    cache = store.folder.parent / "cache" / "cache.sqlite"
    cache.parent.mkdir()
    cache.write_bytes(b"no database" * 100)
    with pytest.raises(mmteb_synth.SynthError, match="cache"):
        take_back(store, [file])
    assert not list(store.folder.glob("*.reviews.parquet"))


def test_corrections_are_a_translator(store: Store) -> None:
    translator = translators.resolve("post-edited")
    assert (translator.label, translator.gap) == ("post-edited", "nobody has corrected this text")
    assert "post-edited" in [info.name for info in translators.available()]
    save_sts(store)
    (file,) = hand_out(store).files
    fill_xlsx(file, lambda cells: {**content(cells), "correction": f"düz {cells['source']}"})
    take_back(store, [file])
    assert corrected(store, "a cat") == "düz a cat"
    with Cache(store.folder.parent / "cache" / "cache.sqlite") as cache:
        row = next(row for row in cache.rows(translator="post-edited") if row.source == "iron")
    assert (row.model, row.raw, row.language) == ("Ada", "tr iron", "tur-Latn")


def test_a_file_that_nobody_filled_in_changes_nothing(store: Store) -> None:
    save_sts(store)
    done = take_back(store, hand_out(store, format="both").files)
    assert (done.blank, done.sets, done.total.rows) == (8, (), 0)
    assert nothing_was_kept(store)


def test_without_the_extra_the_command_that_installs_it_is_named(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_sts(store)
    monkeypatch.setattr(extra.util, "find_spec", lambda name: None if name == "openpyxl" else name)
    for call in (lambda: hand_out(store), lambda: take_back(store, [Path("a.xlsx")])):
        with pytest.raises(MissingExtraError) as caught:
            call()
        assert caught.value.hint == "pip install 'mmteb-synth[review]'"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["review", *arguments], catch_exceptions=False)


def test_the_command_line(store: Store, tmp_path: Path) -> None:
    save_sts(store)
    places = ["--data-dir", str(store.folder)]
    done = run("export", "-l", "tr", "--out", str(tmp_path / "out"), "--format", "both", *places)
    assert done.exit_code == 0, done.output
    assert "96 more rows" in done.stderr
    file = tmp_path / "out" / "review.tur-Latn.rater1.xlsx"
    assert str(file) in done.stdout
    fill_xlsx(file, content)
    taken = run("import", str(file), "--rater", "Ada", "--cache-dir", str(tmp_path / "cache"), *places)
    assert taken.exit_code == 0, taken.output
    assert "4 grades added" in taken.stdout
    assert f'{MINE}: 4 rows; the name "verified" needs 100, 96 more' in taken.stdout
    again = run(
        "import", str(file), "--rater", "Ada", "--json", "--cache-dir", str(tmp_path / "cache"), *places
    )
    assert [line["name"] for line in json.loads(again.stdout)] == [MINE, "total"]
    book = load_workbook(file)
    book["Review"].cell(2, list(COLUMNS).index("esa") + 1).value = 1000
    book.save(file)
    wrong = run("import", str(file), "--rater", "Ada", *places)
    assert wrong.exit_code == 1
    assert "row 2, column 'ESA score': 1000" in wrong.stderr
    assert run("import", str(file), *places).exit_code == 2


def test_texts_of_every_kind_survive_the_whole_way(store: Store) -> None:
    odd = [
        "=1+1",
        "-x",
        "@a",
        " a\r\nb ",
        "bell\x07",
        "_x0041_",
        "שלום",
        "日本語 🎉",
        "<&>",
        "1.0",
        "TRUE",
        "#N/A",
    ]
    save_sts(store, pairs=[(1.0, text, f"other {text}") for text in odd], translate=lambda text: f"{text} ç")
    files = hand_out(store, format="both").files
    fill_xlsx(files[0], content)
    assert take_back(store, files).merged[MINE].added == 2 * len(odd)
    assert len(list(xliff.read(files[1]))) == 2 * len(odd)


def test_what_a_cell_cannot_hold_is_judged_in_xliff(store: Store) -> None:
    save_sts(store, pairs=[(1.0, "long " * 10_000, "short")])
    report = hand_out(store, format="both")
    assert report.too_long == 1
    fill_xlsx(report.files[0], content)
    assert take_back(store, report.files[:1]).merged[MINE].added == 2
