"""The in-process translator against a stand-in for vLLM; `make test-vllm` runs the real one."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from vllm_stand_in import make, started

from mmteb_synth.cli import cli
from mmteb_synth.errors import RequestError, TranslatorError, UnknownNameError, UsageError
from mmteb_synth.translate import engine, translators
from mmteb_synth.translate.backends.vllm import InProcess
from mmteb_synth.translate.cache import Cache
from mmteb_synth.translate.vllm import process
from mmteb_synth.translate.vllm.process import VllmProcess
from mmteb_synth.types import Language, Segment

FRENCH = Language(code="fra-Latn", name="French")
PRESET = """
model = "org/model"
temperature = 0.0
system_role = false

[serving]
weights_gb = 1.0
"""


@pytest.fixture
def vllm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A stand-in for an environment with vLLM."""
    monkeypatch.setenv("MMTEB_SYNTH_VLLM_PYTHON", str(make(tmp_path / "vllm")))
    monkeypatch.delenv("MMTEB_SYNTH_WEIGHTS", raising=False)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    yield tmp_path / "vllm"
    for one in started(tmp_path / "vllm"):
        wait_until_gone(one["pid"])


@pytest.fixture
def preset(tmp_path: Path) -> Path:
    path = tmp_path / "mine.toml"
    path.write_text(PRESET)
    return path


def translator(preset: Path, *, batches: bool = False) -> InProcess:
    found = translators.resolve(f"vllm:{preset}")
    assert isinstance(found, InProcess)
    return InProcess(preset=found.preset, base_url=found.base_url, label=found.label, batches=batches)


def segments(*texts: str) -> list[Segment]:
    return [Segment(text=text) for text in texts]


def wait_until_gone(pid: int) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
            return
        assert time.monotonic() < deadline, f"{pid} lives on"
        time.sleep(0.02)


@pytest.mark.parametrize("batches", [False, True])
def test_answers_come_to_their_questions(vllm: Path, preset: Path, tmp_path: Path, batches: bool) -> None:
    texts = [f"text {number}" for number in range(300)]
    with Cache(tmp_path / "cache.sqlite") as cache:
        run = engine.translate(segments(*texts), FRENCH, translator(preset, batches=batches), cache)
    assert {segment.text: found for segment, found in run.translations.items()} == {
        text: f"[{text}] 0" for text in texts
    }
    assert (run.usage.input_tokens, run.usage.output_tokens) == (900, 600)
    (one,) = started(vllm)
    assert one["arguments"] == {"model": "org/model", "max_num_seqs": 256}
    assert not list(tmp_path.glob("mmteb-synth-vllm-*.log"))


def test_served_and_in_process_share_their_names_and_keys(preset: Path) -> None:
    (served, inside) = (translators.resolve(name) for name in (str(preset), f"vllm:{preset}"))
    (segment,) = segments("A dog.")
    assert served.key(segment, FRENCH) == inside.key(segment, FRENCH)
    assert (served.name, served.label, served.identity()) == (inside.name, inside.label, inside.identity())
    for name in ("mixtral-8x7b", "mixtral-8x7b-fp8", "mixtral-8x7b-awq"):
        served, inside = translators.resolve(name), translators.resolve(f"vllm:{name}")
        assert served.key(segment, FRENCH) == inside.key(segment, FRENCH)
        assert (served.name, served.label, served.identity()) == (
            inside.name,
            inside.label,
            inside.identity(),
        )
    keys = {
        translators.resolve(f"vllm:{name}").key(segment, FRENCH)
        for name in translators.shipped_presets()
        if name.startswith("mixtral")
    }
    assert len(keys) == 3


@pytest.mark.parametrize("batches", [False, True])
def test_a_text_that_is_refused_fails_alone(vllm: Path, preset: Path, tmp_path: Path, batches: bool) -> None:
    with Cache(tmp_path / "cache.sqlite") as cache:
        run = engine.translate(
            segments("one", "too long", "two", "three"), FRENCH, translator(preset, batches=batches), cache
        )
    assert {segment.text for segment in run.translations} == {"one", "two", "three"}
    assert {segment.text for segment in run.failures} == {"too long"}


def test_when_it_dies_its_last_words_are_shown_and_the_rest_is_kept(
    vllm: Path, preset: Path, tmp_path: Path
) -> None:
    with Cache(tmp_path / "cache.sqlite") as cache:
        engine.translate(segments("one", "two"), FRENCH, translator(preset), cache)
        with pytest.raises(RequestError, match=r"^vLLM ended with 3: CUDA error: out of luck\n") as raised:
            engine.translate(segments("one", "two", "die"), FRENCH, translator(preset), cache)
        assert cache.lookup([translator(preset).key(segments("two")[0], FRENCH)])
    log = Path(str(raised.value.hint).split(" ", 1)[0])
    assert log.parent == tmp_path
    assert "vLLM talks on standard output" in log.read_text()


def test_when_it_can_not_load(vllm: Path, preset: Path, tmp_path: Path) -> None:
    preset.write_text(PRESET.replace("org/model", "broken"))
    with (
        Cache(tmp_path / "cache.sqlite") as cache,
        pytest.raises(TranslatorError, match=r"^vLLM ended with 1: RuntimeError: CUDA out of memory\n"),
    ):
        engine.translate(segments("one"), FRENCH, translator(preset), cache)


def test_what_still_loads_is_ended_at_once(vllm: Path, tmp_path: Path) -> None:
    settings = {"arguments": {"model": "slow"}, "name": "slow", "first": {}, "batches": False}
    process = VllmProcess(vllm / "bin" / "python", {}, settings)
    while not started(vllm):
        time.sleep(0.02)
    process.end()
    with pytest.raises(TranslatorError, match="vLLM ended with 143"):
        process.ready.result(0)
    with pytest.raises(RequestError, match="vLLM ended with 143"):
        process.ask({}).result(0)


def test_a_kept_process_that_died_is_replaced(vllm: Path, preset: Path, tmp_path: Path) -> None:
    with Cache(tmp_path / "cache.sqlite") as cache, process.keeping():
        engine.translate(segments("one"), FRENCH, translator(preset), cache)
        engine.translate(segments("two"), FRENCH, translator(preset), cache)
        assert len(started(vllm)) == 1
        with pytest.raises(RequestError, match="out of luck"):
            engine.translate(segments("die"), FRENCH, translator(preset), cache)
        engine.translate(segments("three"), FRENCH, translator(preset), cache)
        assert len(started(vllm)) == 2
        os.kill(started(vllm)[-1]["pid"], 0)


def test_each_group_of_gpus_has_a_process(
    vllm: Path, preset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MMTEB_SYNTH_VLLM_PYTHON", str(make(tmp_path / "gpu", "0.32.0")))
    program = tmp_path / "bin" / "nvidia-smi"
    program.parent.mkdir()
    program.write_text(
        "#!/bin/sh\necho '0, GPU-1, X, Disabled, 81559, 0'\necho '1, GPU-2, X, Disabled, 81559, 0'\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    with Cache(tmp_path / "cache.sqlite") as cache:
        run = engine.translate(segments(*map(str, range(50)), "a"), FRENCH, translator(preset), cache)
    assert len(run.translations) == 51
    assert sorted(one["gpus"] for one in started(tmp_path / "gpu")) == ["0", "1"]


def test_parameters_that_only_a_server_knows_are_not_dropped(
    vllm: Path, preset: Path, tmp_path: Path
) -> None:
    preset.write_text(PRESET.replace("temperature = 0.0", "temperature = 0.0\nstructured_output = true"))
    with (
        Cache(tmp_path / "cache.sqlite") as cache,
        pytest.raises(TranslatorError, match="vLLM can be asked for response_format only as a server"),
    ):
        engine.translate(segments("one"), FRENCH, translator(preset), cache)


def test_names(preset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnknownNameError, match="did you mean mixtral-8x7b"):
        translators.resolve("vllm:mixtral-8x7")
    with pytest.raises(UsageError, match=r"no table \[serving\]"):
        translators.resolve("vllm:gpt-4.1-mini")
    with pytest.raises(UsageError, match="--base-url is for translators behind an endpoint"):
        translators.resolve("vllm:mixtral-8x7b", base_url="http://127.0.0.1:8000/v1")
    with pytest.raises(UsageError, match="--weights is for models that run in this process"):
        translators.resolve("mixtral-8x7b", weights=tmp_path)
    monkeypatch.setenv("MMTEB_SYNTH_WEIGHTS", str(tmp_path))
    found = translators.resolve("vllm:mixtral-8x7b")
    assert isinstance(found, InProcess)
    assert found.weights == tmp_path


_RUN = """
import sys
from pathlib import Path
from mmteb_synth.translate import engine, translators
from mmteb_synth.translate.cache import Cache
from mmteb_synth.types import Language, Segment
with Cache(Path(sys.argv[2])) as cache:
    engine.translate(
        [Segment(text=text) for text in sys.argv[3:]],
        Language(code="fra-Latn", name="French"),
        translators.resolve("vllm:" + sys.argv[1]),
        cache,
    )
"""


def test_killed_it_leaves_no_process_and_loses_only_what_was_not_committed(
    vllm: Path, preset: Path, tmp_path: Path
) -> None:
    cache_file = tmp_path / "cache.sqlite"
    with Cache(cache_file) as cache:
        engine.translate(segments("one", "two"), FRENCH, translator(preset), cache)
    command = [sys.executable, "-c", _RUN, str(preset), str(cache_file), "one", "two", "three", "slow"]
    process = subprocess.Popen(command)
    deadline = time.monotonic() + 60
    while len(started(vllm)) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    time.sleep(0.5)
    process.send_signal(signal.SIGKILL)
    process.wait()
    for one in started(vllm):
        wait_until_gone(one["pid"])
    (vllm / "go").touch()
    with Cache(cache_file) as cache:
        run = engine.translate(segments("one", "two", "three", "slow"), FRENCH, translator(preset), cache)
    assert (run.hits >= 2, run.requests <= 2, len(run.translations)) == (True, True, 4)


def test_a_build_in_process_is_one_of_the_served_form(vllm: Path, preset: Path, tmp_path: Path) -> None:
    build = ["build", "--no-repair", "--lang", "fr", "-t", "MiniSTS"]
    folders = ["--cache-dir", str(tmp_path / "cache"), "--data-dir", str(tmp_path / "data")]

    def run(*arguments: str) -> str:
        done = CliRunner().invoke(cli, [*build, *folders, *arguments])
        assert done.exit_code == 0, done.output
        return done.stdout

    # Weights are loaded once for all sets.
    both = run("--translator", f"vllm:{preset}", "-t", "MiniClassification")
    assert "MiniSTS.fra-Latn.mine: built; " in both
    assert "MiniClassification.fra-Latn.mine: built; " in both
    assert len(started(vllm)) == 1
    assert "MiniSTS.fra-Latn.mine: unchanged" in run("--translator", f"vllm:{preset}")
    served = ["--translator", str(preset), "--base-url", "http://127.0.0.1:9/v1"]
    assert "MiniSTS.fra-Latn.mine: unchanged" in run(*served)
    shutil.rmtree(tmp_path / "data")
    assert ", 0 requests" in run(*served)
    assert len(started(vllm)) == 1
