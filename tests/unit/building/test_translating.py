"""Sets that are worked on a block at a time come out as if they were worked on at once."""

import shutil
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from mmteb_synth import building, paths, selection
from mmteb_synth.building import BuildOptions, comparing, evidence, inputs
from mmteb_synth.checks import across
from mmteb_synth.data.store import Store, TranslatedDataset
from mmteb_synth.specs import TaskSpec
from mmteb_synth.types import Language, Progress

TURKISH = Language(code="tur-Latn", name="Turkish")
TEXTS = {
    "The farmers harvested their wheat early this summer.": "Çiftçiler bu yaz buğdaylarını erken hasat etti.",
    "Several ministers resigned after the scandal yesterday.": "Dün skandalın ardından birkaç bakan istifa etti.",
    "My grandmother still bakes bread in the old oven.": "Büyükannem hâlâ eski fırında ekmek pişiriyor.",
    "Heavy storms damaged many roofs along the coast.": "Şiddetli fırtınalar kıyıdaki birçok çatıya zarar verdi.",
    "The museum opens its new gallery next Thursday.": "Müze yeni galerisini gelecek perşembe açıyor.",
}


class Person:
    """A translator of the user's, who has an answer for every text."""

    name = "made_up_speaker:translate"

    def __init__(self) -> None:
        self.answers = dict(TEXTS)
        self.asked: list[str] = []

    def translate(self, texts: list[str], language: str) -> list[str]:
        self.asked += texts
        return [self.answers[text] for text in texts]


@pytest.fixture
def person(monkeypatch: pytest.MonkeyPatch) -> Person:
    somebody, module = Person(), ModuleType("made_up_speaker")
    module.translate = somebody.translate  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "made_up_speaker", module)
    return somebody


@pytest.fixture(params=[1, 2, 50_000], ids="blocks of {}".format)
def block(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(inputs, "_BLOCK", request.param)
    return int(request.param)


def built(
    folder: Path, own_set: Any, progress: list[Progress] | None = None, **options: Any
) -> TranslatedDataset:
    sentences = list(TEXTS)
    rows = [
        {"sentence1": one, "sentence2": other, "score": 1.0}
        for one, other in zip(sentences, [*sentences[1:], sentences[0]], strict=True)
    ]
    spec: TaskSpec = own_set("Pairs", "STS", {"test": rows})
    folders = paths.folders(cache_dir=folder / "cache", data_dir=folder / "data")
    report = building.build(
        [TURKISH],
        [selection.Member(spec=spec)],
        options=BuildOptions(translator=Person.name, **options),
        folders=folders,
        progress=lambda name: progress.append if progress is not None else lambda _: None,
    )
    assert [done.status for done in report.sets] == ["built"]
    return Store(folders.data_dir).get("Pairs.tur-Latn.made_up_speaker-translate")


def test_blocks_make_one_set(tmp_path: Path, own_set: Any, person: Person, block: int) -> None:
    told: list[Progress] = []
    found = built(tmp_path, own_set, told)
    (table,) = found.tables().values()
    for column in ("sentence1", "sentence2"):
        assert set(table.column(column).to_pylist()) == set(TEXTS.values())
    assert found.ledger().column("source").to_pylist() == list(TEXTS)
    assert found.ledger().column("hypothesis").to_pylist() == list(TEXTS.values())
    assert (told[-1].total, told[-1].done, told[0].total) == (5, 5, 5)
    assert [progress.done for progress in told] == sorted(progress.done for progress in told)


def test_long_texts_make_small_blocks(
    tmp_path: Path, own_set: Any, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inputs, "_BLOCK_CHARACTERS", 100)
    sizes: list[int] = []
    real = evidence.rows_of

    def counting(segments: Any, *others: Any) -> Any:
        sizes.append(len(segments))
        return real(segments, *others)

    monkeypatch.setattr(evidence, "rows_of", counting)
    assert built(tmp_path, own_set).ledger().column("source").to_pylist() == list(TEXTS)
    assert sizes == [2, 3]


def test_a_translation_of_two_texts_in_different_blocks_is_marked(
    tmp_path: Path, own_set: Any, person: Person, block: int
) -> None:
    first, *_, last = TEXTS
    person.answers[last] = TEXTS[first]
    found = built(tmp_path, own_set)
    rows = found.ledger().to_pylist()
    assert [row["outcome"] for row in rows] == ["flagged", *["translated"] * 3, "flagged"]
    assert [verdict["check"] for verdict in rows[0]["verdicts"]] == ["collision"]
    assert rows[0]["verdicts"][0]["reason"] in rows[0]["reason"]
    assert found.manifest.outcomes["flagged"] == 2
    assert (
        "2 of 5 translations have faults that nothing mended, and are kept and marked" in found.manifest.notes
    )


def test_where_faults_are_refused_such_translations_have_failed(
    tmp_path: Path, own_set: Any, person: Person, block: int
) -> None:
    first, *_, last = TEXTS
    person.answers[last] = TEXTS[first]
    found = built(tmp_path, own_set, strict=True, on_failure="source")
    rows = found.ledger().to_pylist()
    assert [row["hypothesis"] for row in rows] == [None, *list(TEXTS.values())[1:4], None]
    assert {failure["source"] for failure in found.manifest.failures} == {first, last}
    assert all(failure["reason"].startswith("collision: ") for failure in found.manifest.failures)
    (table,) = found.tables().values()
    assert table.column("sentence1").to_pylist() == [first, *list(TEXTS.values())[1:4], last]


def test_a_large_sets_comparison_is_remembered(
    tmp_path: Path, own_set: Any, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[int] = []
    real = across.judge

    def counting(sources: Any, hypotheses: Any, target: Language) -> Any:
        compared.append(len(sources))
        return real(sources, hypotheses, target)

    monkeypatch.setattr(across, "judge", counting)
    monkeypatch.setattr(comparing, "_REMEMBERED", 5)
    first, *_, last = TEXTS
    person.answers[last] = TEXTS[first]
    before = built(tmp_path / "one", own_set, repair=False)
    shutil.copytree(tmp_path / "one" / "cache", tmp_path / "two" / "cache")
    after = built(tmp_path / "two", own_set, repair=False)
    assert compared == [5]
    assert after.ledger().column("verdicts").equals(before.ledger().column("verdicts"))
