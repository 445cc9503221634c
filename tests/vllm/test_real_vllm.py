"""Mixtral on the real vLLM, served and in process: a tiny one with random weights, on a processor.

Every in-process run and every server loads it anew, which takes half a minute, so tests share what they can.
"""

from __future__ import annotations

import importlib.util
import json
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from tiny_vllm import MODEL, Served, processes, sentences, wait_until_gone

from mmteb_synth.errors import TranslatorError
from mmteb_synth.translate import engine, translators
from mmteb_synth.translate.backends.vllm import InProcess
from mmteb_synth.translate.cache import Cache, Row
from mmteb_synth.translate.endpoint import Endpoint
from mmteb_synth.types import Language, Segment

FRENCH = Language(code="fra-Latn", name="French")
TEXTS = 400


def in_process(preset: Path, weights: Path, *, batches: bool = False) -> InProcess:
    found = translators.resolve(f"vllm:{preset}", weights=weights)
    assert isinstance(found, InProcess)
    return InProcess(
        preset=found.preset, base_url=found.base_url, label=found.label, weights=weights, batches=batches
    )


def stored(cache: Cache, translator: translators.Translator, segments: list[Segment]) -> dict[str, Row]:
    """What the cache holds, by text; refused answers too."""
    keys = {translator.key(segment, FRENCH): segment.text for segment in segments}
    return {keys[key]: row for key, row in cache.lookup(list(keys)).items()}


def said(row: Row) -> str | None:
    """What the model wrote, as far as the row holds it."""
    return row.raw or row.translation


def post(url: str, body: dict[str, Any]) -> tuple[int, Any]:
    request = urllib.request.Request(
        f"{url}/chat/completions", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as reply:
            return reply.status, json.load(reply)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


@pytest.fixture(scope="session")
def served_cache(served: Served, preset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache with what the server answered."""
    file = tmp_path_factory.mktemp("cache") / "cache.sqlite"
    translator = translators.resolve(str(preset), base_url=served.url)
    with Cache(file) as cache:
        run = engine.translate(sentences(TEXTS), FRENCH, translator, cache)
        rows = stored(cache, translator, sentences(TEXTS))
    print(f"served: {run.requests} requests, {Counter(row.finish_reason for row in rows.values())}")
    assert run.requests >= TEXTS
    assert len(rows) == TEXTS
    return file


def test_two_environments(vllm_python: str) -> None:
    assert importlib.util.find_spec("vllm") is None
    ours = subprocess.run([vllm_python, "-I", "-c", "import mmteb_synth"], capture_output=True, check=False)
    assert b"No module named 'mmteb_synth'" in ours.stderr


def test_a_server_is_ready_when_it_says_so(served: Served, preset: Path) -> None:
    body = {"model": MODEL, "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 4}
    status, answer = post(served.url, body)
    print(f"ready after {served.seconds:.0f} s")
    assert (status, answer["model"]) == (200, MODEL)
    assert served.build_line == (
        f"mmteb-synth build --lang LANG --translator {preset} --base-url {served.url} --concurrency 64"
    )


def test_a_folder_is_served_under_its_hub_name(served: Served, weights: Path) -> None:
    with urllib.request.urlopen(f"{served.url}/models", timeout=60) as reply:
        (model,) = json.load(reply)["data"]
    assert (model["id"], model["root"]) == (MODEL, str(weights))


def test_the_template_has_no_system_role_and_needs_none(served: Served, served_cache: Path) -> None:
    messages = [{"role": "system", "content": "Translate."}, {"role": "user", "content": "Hello"}]
    status, answer = post(served.url, {"model": MODEL, "messages": messages, "max_tokens": 4})
    assert status == 400
    assert "no system role" in json.dumps(answer)


def test_in_process_takes_what_the_server_answered(served_cache: Path, preset: Path, weights: Path) -> None:
    before = processes("vllm_chat.py")
    with Cache(served_cache) as cache:
        run = engine.translate(sentences(TEXTS), FRENCH, in_process(preset, weights), cache)
    assert (run.hits + len(run.failures), run.requests) == (TEXTS, 0)
    assert processes("vllm_chat.py") == before


@pytest.mark.parametrize("batches", [False, True], ids=["one by one", "in batches"])
def test_in_process_answers_as_the_server_does(
    served_cache: Path, preset: Path, weights: Path, tmp_path: Path, batches: bool
) -> None:
    translator = in_process(preset, weights, batches=batches)
    texts = sentences(TEXTS)
    start = time.monotonic()
    with Cache(tmp_path / "cache.sqlite") as cache, Cache(served_cache) as other:
        run = engine.translate(texts, FRENCH, translator, cache)
        seconds = time.monotonic() - start
        inside, outside = stored(cache, translator, texts), stored(other, translator, texts)
        # And the other way round: the server is asked nothing.
        endpoint = translators.resolve(str(preset), base_url="http://127.0.0.1:9/v1")
        again = engine.translate(texts, FRENCH, endpoint, cache)
    equal = sum(said(inside[text]) == said(outside[text]) for text in inside)
    print(f"in process: {TEXTS} texts in {seconds:.0f} s; {equal} answers as the server's")
    assert (run.requests, len(inside), again.requests) == (TEXTS, TEXTS, 0)
    assert {row.model for row in inside.values()} == {row.model for row in outside.values()} == {MODEL}
    assert all(inside[text].input_tokens == outside[text].input_tokens for text in inside)
    # Other batches round otherwise in bfloat16, which may turn a tie.
    assert equal >= 0.95 * TEXTS
    wait_until_gone(list(processes("vllm_chat.py").values()))


def test_other_bits_share_nothing(served_cache: Path, preset: Path, weights: Path, tmp_path: Path) -> None:
    texts = sentences(5)
    for quantisation in ("awq", "fp8"):
        other = tmp_path / f"{quantisation}.toml"
        other.write_text(f'{preset.read_text()}\n[weights]\nquantisation = "{quantisation}"\n')
        translator = translators.resolve(f"vllm:{other}", weights=weights)
        with Cache(served_cache) as cache:
            assert not engine.translate(texts, FRENCH, translator, cache, offline=True).translations
            assert not stored(cache, translator, texts)
            with pytest.raises(TranslatorError, match="they would share cache entries"):
                engine.translate(texts, FRENCH, translator, cache)
        command = [sys.executable, "-m", "mmteb_synth", "serve", str(other), "--weights", str(weights)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert "they would share cache entries" in done.stderr


def test_a_text_that_exceeds_the_window_fails_no_other(
    served: Served, preset: Path, weights: Path, tmp_path: Path
) -> None:
    # 2,048 tokens are the window, so the first text is cut into parts; words that can't be cut are refused.
    texts = [Segment(text="The dog sees the river. " * 300), Segment(text="ü" * 6000), Segment(text="A dog.")]
    for name, translator in {
        "served": translators.resolve(str(preset), base_url=served.url),
        "inside": in_process(preset, weights),
    }.items():
        with Cache(tmp_path / f"{name}.sqlite") as cache:
            run = engine.translate(texts, FRENCH, translator, cache)
            assert "A dog." in stored(cache, translator, texts)
        reasons = [run.failures.get(text, "translated")[:70] for text in texts]
        print(f"{name}: {run.requests} requests; {reasons}")
        assert run.requests > len(texts)


def test_killed_in_process_it_repeats_only_what_was_not_committed(
    preset: Path, weights: Path, tmp_path: Path
) -> None:
    count = 4_000
    file = tmp_path / "cache.sqlite"
    source = tmp_path / "run.py"
    source.write_text(
        f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from pathlib import Path
from tiny_vllm import sentences
from mmteb_synth.translate import engine, translators
from mmteb_synth.translate.cache import Cache
from mmteb_synth.types import Language
with Cache(Path({str(file)!r})) as cache:
    engine.translate(
        sentences({count}, seed=1),
        Language(code="fra-Latn", name="French"),
        translators.resolve("vllm:{preset}", weights=Path({str(weights)!r})),
        cache,
    )
"""
    )
    texts, translator = sentences(count, seed=1), in_process(preset, weights)
    process = subprocess.Popen([sys.executable, str(source)])
    start = time.monotonic()
    commits: list[tuple[float, int]] = []
    with Cache(file) as cache:
        while not commits or commits[-1][1] < 600:
            assert process.poll() is None
            time.sleep(0.25)
            committed, now = len(stored(cache, translator, texts)), time.monotonic() - start
            assert now < (commits[-1][0] + 30 if commits else 300), "nothing is committed"
            if committed > (commits[-1][1] if commits else 0):
                commits.append((now, committed))
        sessions = list(processes("vllm_chat.py").values())
        process.send_signal(signal.SIGKILL)
        process.wait()
        committed = len(stored(cache, translator, texts))
        assert sessions
        wait_until_gone(sessions)
        run = engine.translate(texts, FRENCH, translator, cache)
        assert len(stored(cache, translator, texts)) == count
    seen = ", ".join(f"{rows} rows after {seconds:.1f} s" for seconds, rows in commits)
    print(f"seen in the cache: {seen}; killed after {committed} of {count}; {run.requests} requests then")
    assert committed < count
    assert run.requests == count - committed


def test_servers_end_when_the_command_is_killed_and_others_take_their_load(
    served: Served, preset: Path, weights: Path, tmp_path: Path
) -> None:
    second = Served(preset, weights, tmp_path / "log")
    sessions = [
        session
        for pid, session in processes("vllm serve").items()
        if str(second.url.split(":")[2][:-3]) in Path(f"/proc/{pid}/cmdline").read_text()
    ]
    assert sessions
    translator = translators.resolve(str(preset), base_url=[served.url, second.url])
    texts = sentences(1_500, seed=2)

    def kill(progress: object) -> None:
        if getattr(progress, "done", 0) >= 300 and second.process.poll() is None:
            second.process.kill()
            second.process.wait()

    with Cache(tmp_path / "cache.sqlite") as cache:
        run = engine.translate(texts, FRENCH, translator, cache, progress=kill)
        rows = stored(cache, translator, texts)
    print(f"two servers, one killed: {run.requests} requests for {len(texts)} texts")
    assert len(rows) == len(texts)
    assert second.process.returncode == -signal.SIGKILL
    assert second.process.stdout is not None
    second.process.stdout.close()
    wait_until_gone(sessions)


def test_a_build_by_command_line_in_process_and_served(
    served: Served, preset: Path, weights: Path, tmp_path: Path
) -> None:
    common = ["--lang", "fr", "-t", "MiniSTS", "--on-failure", "source"]
    folders = ["--cache-dir", str(tmp_path / "cache"), "--data-dir", str(tmp_path / "data")]
    build = [sys.executable, "-m", "mmteb_synth", "build", "--no-repair", *common, *folders]
    inside = subprocess.run(
        [*build, "--translator", f"vllm:{preset}", "--weights", str(weights)],
        capture_output=True,
        text=True,
        check=False,
    )
    print(inside.stdout, inside.stderr)
    assert inside.returncode == 0
    (line,) = (
        line for line in inside.stdout.splitlines() if line.startswith("MiniSTS.fra-Latn.tiny-mixtral:")
    )
    assert " 0 from the cache" in line
    # Name, keys and content are those of the served form: the server is asked nothing, and the same set comes of it.
    outside = subprocess.run(
        [*build, "--translator", str(preset), "--base-url", served.url],
        capture_output=True,
        text=True,
        check=False,
    )
    print(outside.stdout)
    assert outside.returncode == 0
    (line,) = (
        line for line in outside.stdout.splitlines() if line.startswith("MiniSTS.fra-Latn.tiny-mixtral:")
    )
    assert ", 0 requests" in line


def test_too_little_memory_is_said_in_vllms_own_words(
    preset: Path, weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VLLM_CPU_KVCACHE_SPACE", "1000000")  # GiB
    translator = in_process(preset, weights)
    with (
        Cache(tmp_path / "cache.sqlite") as cache,
        pytest.raises(TranslatorError, match=r"vLLM ended with 1: ValueError: Available memory") as raised,
    ):
        engine.translate(sentences(3), FRENCH, translator, cache)
    print(raised.value.message, raised.value.hint, sep="\n")
    Path(str(raised.value.hint).split(" ", 1)[0]).unlink()


def test_stopped_the_server_leaves_nothing(preset: Path, weights: Path, tmp_path: Path) -> None:
    before = set(Path("/dev/shm").iterdir())
    server = Served(preset, weights, tmp_path / "log")
    port = server.url.split(":")[2][:-3]
    sessions = [
        session
        for pid, session in processes("vllm serve").items()
        if port in Path(f"/proc/{pid}/cmdline").read_text()
    ]
    assert server.stop() == 0
    assert sessions
    wait_until_gone(sessions)
    assert set(Path("/dev/shm").iterdir()) <= before
    assert isinstance(translators.resolve(str(preset), base_url=server.url), Endpoint)
