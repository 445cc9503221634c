"""What servers say becomes messages: without the key, and no longer than anybody reads."""

from __future__ import annotations

import pytest

from mmteb_synth.translate import translators
from mmteb_synth.translate.backends.client import Connection
from mmteb_synth.translate.endpoint import Endpoint

KEY = "sk-canary-0123456789"


@pytest.fixture
def connection(monkeypatch: pytest.MonkeyPatch) -> Connection:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    endpoint = translators.resolve("openai:m", base_url="http://127.0.0.1:9/v1")
    assert isinstance(endpoint, Endpoint)
    return Connection(endpoint)


def test_a_flood_of_words_is_cut(connection: Connection) -> None:
    message = connection.refusal(400, {}, "no " * 1_000_000).message
    assert message.startswith("http://127.0.0.1:9/v1 answered 400: no no")
    assert len(message) < 600


@pytest.mark.parametrize("before", range(480, 502, 3))
def test_a_cut_leaves_no_half_of_a_key(connection: Connection, before: int) -> None:
    said = connection.scrubbed("x" * before + KEY + "y" * 1000)
    assert "sk-" not in said
    assert len(said) < 600
