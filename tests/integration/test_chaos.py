"""Everything at once: a server that misbehaves in every way, and a run that is killed and signalled at random moments.

`MMTEB_SYNTH_CHAOS_SEGMENTS=20000` makes it as large as the library promises; the default keeps the test short.
"""

import itertools
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
from openai_server import Fault, OpenAIServer

from mmteb_synth.translate import engine
from mmteb_synth.translate.cache import Cache

SEGMENTS = int(os.environ.get("MMTEB_SYNTH_CHAOS_SEGMENTS", "2000"))
FULL = SEGMENTS >= 20_000
KILLS, TERMS = (10, 5) if FULL else (3, 2)
CONCURRENCY = 32

_RUN = """
import json, sys
from pathlib import Path
import openai
from mmteb_synth import stopping
from mmteb_synth.translate import engine, translators
from mmteb_synth.translate.backends import client
from mmteb_synth.translate.cache import Cache
from mmteb_synth.translate.limits import RetryPolicy
from mmteb_synth.types import Language, Segment
client._TIMEOUT = openai.Timeout(1.0, connect=1.0)
url, file, count, concurrency = sys.argv[1:]
policy = RetryPolicy(first_wait=0.02, longest_wait=0.2, outage_seconds=60)
segments = [Segment(text=f"Text number {number}") for number in range(int(count))]
language = Language(code="tur-Latn", name="Turkish")
translator = translators.resolve("openai:test-model", base_url=url)
try:
    with stopping.on_signals(grace=10) as stop, Cache(Path(file)) as cache:
        run = engine.translate(
            segments, language, translator, cache, concurrency=int(concurrency), retries=policy, stop=stop
        )
except stopping.Stopped as error:
    print(error.message, file=sys.stderr)
    sys.exit(error.exit_code)
failures = {segment.text: reason for segment, reason in run.failures.items()}
print(json.dumps({"translated": len(run.translations), "failures": failures, "requests": run.requests}))
"""

_FOR_EVER = {
    # What is wrong with every answer to a text, by the text's number modulo 500.
    11: Fault(message={"content": None}),
    111: Fault(message={"content": ""}),
    211: Fault(message={"content": None, "refusal": "I can't help with that."}),
    311: Fault(message={"content": "Yar"}, finish_reason="length"),
    411: Fault(status=400, body={"error": {"message": "this text is not allowed"}}),
    461: Fault(status=500, body={"error": {"message": "this text breaks me"}}),
}


def _fails(number: int) -> bool:
    return number % 500 in _FOR_EVER


class _Chaos:
    """Decides what happens to each request."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._storm_until = 0.0
        self.met: Counter[str] = Counter()

    def __call__(self, text: str) -> Fault | None:
        fault = _FOR_EVER.get(int(text.rsplit(" ", 1)[1]) % 500)
        if fault is not None:
            return fault
        if time.monotonic() < self._storm_until:
            return self._meet("storm", _storm(self._random))
        draw = self._random.random()
        if draw < 0.002:
            self._storm_until = time.monotonic() + 0.2
        for name, until, made in (
            ("busy", 0.015, Fault(status=self._random.choice([408, 409, 429, 500, 502, 503, 504]))),
            ("reset", 0.025, Fault(reset=True)),
            ("cut", 0.035, Fault(cut=True)),
            ("not JSON", 0.040, Fault(body="<html>busy</html>")),
            ("null", 0.045, Fault(body="null")),
            ("stall", 0.0465, Fault(seconds=1.5)),
        ):
            if draw < until:
                return self._meet(name, made)
        return None

    def _meet(self, name: str, fault: Fault) -> Fault:
        self.met[name] += 1
        return fault


def _storm(generator: random.Random) -> Fault:
    headers = generator.choice(
        [
            {},
            {"Retry-After": "0.1"},
            {"retry-after-ms": "80"},
            {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "90ms"},
        ]
    )
    return Fault(status=429, body={"error": {"message": "slow down"}}, headers=headers)


@pytest.mark.parametrize("seed", [7])
def test_chaos_ends_with_every_text_translated_or_listed_and_paid_for_once(tmp_path: Path, seed: int) -> None:
    generator = random.Random(seed)
    chaos = _Chaos(seed)
    file = tmp_path / "cache.sqlite"
    signals = [signal.SIGKILL] * KILLS + [signal.SIGTERM] * TERMS
    generator.shuffle(signals)
    moments = sorted(generator.randrange(20, int(0.95 * SEGMENTS)) for _ in signals)
    over = threading.Event()
    with OpenAIServer(seconds=0.003) as server:
        server.fault_for = chaos
        command = [sys.executable, "-c", _RUN, server.url, str(file), str(SEGMENTS), str(CONCURRENCY)]
        misfortune = threading.Thread(
            target=_misfortune, args=(server, over, generator.random()), daemon=True
        )
        misfortune.start()
        stopped = 0
        for moment, number in zip(moments, signals, strict=True):
            process = _start(command)
            while len(server.paid) < moment:
                if process.poll() is not None:  # it came while the server was away, and is told to come again
                    assert "can't be reached" in process.communicate()[1]
                    process = _start(command)
                time.sleep(0.002)
            process.send_signal(number)
            _, said = process.communicate(timeout=60)
            if number == signal.SIGKILL:
                assert process.returncode == -signal.SIGKILL, said
            elif process.returncode == 75:
                stopped += 1
                assert "stopped by SIGTERM" in said
            else:  # it came before the handlers were there
                assert process.returncode == -signal.SIGTERM, said
        finished = _start(command)
        result, said = finished.communicate(timeout=600)
        if "can't be reached" in said:
            finished = _start(command)
            result, said = finished.communicate(timeout=600)
        assert finished.returncode == 0, said
        over.set()
        misfortune.join()
        paid, requests = Counter(server.paid), len(server.requests)
        last = json.loads(result)

        expected = {f"Text number {number}" for number in range(SEGMENTS) if _fails(number)}
        assert set(last["failures"]) == expected
        assert last["translated"] == SEGMENTS - len(expected)
        with Cache(file) as cache:
            rows = {row.source: row for row in cache.rows()}
        assert sum(row.translation is not None for row in rows.values()) == last["translated"]
        assert all(
            row.translation == f"[{text}]" for text, row in rows.items() if row.translation is not None
        )

        repeated = paid.total() - len(paid)
        bound = KILLS * (CONCURRENCY + engine.COMMIT_ROWS)
        print(
            f"{SEGMENTS} segments, {KILLS} SIGKILLs, {TERMS} SIGTERMs ({stopped} ended with 75): {requests} requests, "
            f"{paid.total()} paid, {repeated} of them twice (bound {bound}); met {dict(chaos.met)}"
        )
        assert repeated <= bound
        assert max(paid.values()) <= 1 + KILLS
        refused = {text for number, text in enumerate(sorted(expected)) if text not in paid}
        assert all(int(text.rsplit(" ", 1)[1]) % 500 in (411, 461) for text in refused)

        again = subprocess.run(command, capture_output=True, text=True, timeout=600, check=True)
        asked_again = json.loads(again.stdout)
        assert set(asked_again["failures"]) == expected
        assert Counter(server.paid) == paid


def _start(command: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def _misfortune(server: OpenAIServer, over: threading.Event, seed: float) -> None:
    """From time to time the whole server dies and comes back, or hangs with /health at 200."""
    generator = random.Random(seed)
    for turn in itertools.count():
        if over.wait(generator.uniform(1.5, 3.0)):
            return
        if turn % 2:
            server.hangs_until = time.monotonic() + 1.5
        else:
            server.die(0.3)
