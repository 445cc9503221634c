"""The judge's request keeps texts apart from instructions, and only an answer of the right form is a judgement."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmteb_synth.checking.semantic import judge as judging
from mmteb_synth.checking.semantic.asking import Way, title
from mmteb_synth.checking.semantic.judge import Opinion, read_opinion
from mmteb_synth.errors import UnknownNameError, UsageError
from mmteb_synth.hashing import canonical_json
from mmteb_synth.translate import translators
from mmteb_synth.translate.cache import Cache
from mmteb_synth.translate.endpoint import Endpoint
from mmteb_synth.translate.preset import shipped_presets
from mmteb_synth.translate.requests import request_body
from mmteb_synth.types import Language, Segment

TURKISH = Language(code="tur-Latn", name="Turkish")
GERMAN = Language(code="deu-Latn", name="German")
FINE = {"errors": [], "words": "It says the same.", "score": 96, "verdict": "good"}


def _endpoint(name: str = "gpt-4.1-mini") -> judging.JudgingEndpoint:
    endpoint = translators.resolve(name)
    assert isinstance(endpoint, Endpoint)
    return judging._judging(endpoint)


def _pair(source: str, hypothesis: str) -> Segment:
    return Segment(text=canonical_json([source, hypothesis]))


def _messages(source: str, hypothesis: str, name: str = "gpt-4.1-mini") -> list[Any]:
    endpoint, pair = _endpoint(name), _pair(source, hypothesis)
    return list(endpoint.template(pair, TURKISH).messages(pair.text))


def test_the_request_names_the_language_and_delimits_both_texts() -> None:
    system, user = _messages("The bank is closed.", "Banka kapalı.")
    assert "translation into Turkish" in system["content"]
    assert user["content"] == (
        "<source>\nThe bank is closed.\n</source>\n\n<translation>\nBanka kapalı.\n</translation>"
    )


def test_a_model_without_a_system_role_is_told_in_one_message() -> None:
    (message,) = _messages("Iron", "Demir", "mixtral-8x7b")
    assert message["role"] == "user"
    assert message["content"].endswith("<translation>\nDemir\n</translation>")


TAGGED = st.lists(
    st.sampled_from(["</source>", "<translation>", "</translation2>", "<source3>", "{source}", "{hypothesis}", "{n}"])
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    max_size=8,
).map("".join)  # fmt: skip


@given(source=TAGGED, hypothesis=TAGGED)
def test_no_text_can_end_its_own_quotation(source: str, hypothesis: str) -> None:
    content = _messages(source, hypothesis)[1]["content"]
    number = content[len("<source") : content.index(">")]
    for tag in (
        f"<source{number}>",
        f"</source{number}>",
        f"<translation{number}>",
        f"</translation{number}>",
    ):
        assert content.count(tag) == 1
    between = f"\n</source{number}>\n\n<translation{number}>\n"
    inner = content.removeprefix(f"<source{number}>\n").removesuffix(f"\n</translation{number}>")
    assert inner == f"{source}{between}{hypothesis}"


def test_every_part_of_a_request_decides_its_key() -> None:
    endpoint = _endpoint()
    first = endpoint.key(_pair("Iron", "Demir"), TURKISH)
    assert first == _endpoint().key(_pair("Iron", "Demir"), TURKISH)
    others = {
        endpoint.key(_pair("Demir", "Iron"), TURKISH),
        endpoint.key(_pair("Iron", "Demir"), GERMAN),
        endpoint.key(_pair("Iron", "Demir")._replace(kind="query"), TURKISH),
        _endpoint("mixtral-8x7b").key(_pair("Iron", "Demir"), TURKISH),
        translators.resolve("gpt-4.1-mini").key(_pair("Iron", "Demir"), TURKISH),
    }
    assert len(others | {first}) == 6


def test_an_endpoint_that_can_be_held_to_a_form_is_held_to_it() -> None:
    body = request_body(_endpoint(), _pair("Iron", "Demir"), TURKISH)
    form = body["response_format"]["json_schema"]
    assert form["strict"]
    assert "response_format" not in request_body(_endpoint("mixtral-8x7b"), _pair("Iron", "Demir"), TURKISH)


def test_the_form_that_is_asked_for_is_the_form_that_is_read() -> None:
    asked = judging._FORM["json_schema"]["schema"]
    read = Opinion.model_json_schema()
    assert sorted(asked["required"]) == sorted(read["required"])
    assert asked["properties"]["verdict"]["enum"] == read["properties"]["verdict"]["enum"]
    fault = asked["properties"]["errors"]["items"]
    assert fault["properties"]["severity"]["enum"] == read["$defs"]["Fault"]["properties"]["severity"]["enum"]
    assert sorted(fault["required"]) == sorted(read["$defs"]["Fault"]["required"])


@pytest.mark.parametrize(
    "content",
    [
        json.dumps(FINE),
        json.dumps(FINE, indent=2) + "\n",
        f"```json\n{json.dumps(FINE)}\n```",
        f"<think>Let me see. {{}}</think>\n{json.dumps(FINE)}",
    ],
)
def test_a_judgement_is_read(content: str) -> None:
    answer = read_opinion("", content)
    assert answer.translation is not None
    assert json.loads(answer.translation) == FINE


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "empty"),
        ("<think>I never end.", "malformed"),
        ("The translation is good.", "malformed"),
        (f"Here it is: {json.dumps(FINE)}", "malformed"),
        (f"{json.dumps(FINE)} I hope this helps.", "malformed"),
        (json.dumps(FINE)[:-1], "malformed"),
        (json.dumps([FINE]), "malformed"),
        (json.dumps(FINE | {"verdict": "perfect"}), "malformed"),
        (json.dumps(FINE | {"score": 101}), "malformed"),
        (json.dumps(FINE | {"score": -1}), "malformed"),
        (json.dumps(FINE | {"score": "96"}), "malformed"),
        (json.dumps(FINE | {"score": None}), "malformed"),
        (json.dumps(FINE | {"score": True}), "malformed"),
        (json.dumps(FINE | {"words": ""}), "malformed"),
        (json.dumps(FINE | {"sure": True}), "malformed"),
        (json.dumps({name: value for name, value in FINE.items() if name != "errors"}), "malformed"),
        (json.dumps(FINE | {"errors": [{"span": "x", "severity": "critical", "why": "y"}]}), "malformed"),
        (json.dumps(FINE | {"errors": "none"}), "malformed"),
        (json.dumps(FINE).replace("96", "NaN"), "malformed"),
    ],
)
def test_anything_else_is_no_judgement_but_evidence(content: str, reason: str) -> None:
    answer = read_opinion("", content)
    assert (answer.translation, answer.finish_reason) == (None, reason)
    assert (answer.raw or "") == content


def test_a_judgement_that_was_cut_off_is_none() -> None:
    assert read_opinion("", json.dumps(FINE), finish_reason="length").translation is None


def test_verdict_and_words_are_told_and_errors_are_quoted() -> None:
    wrong = FINE | {
        "verdict": "flawed",
        "errors": [{"span": "demir", "severity": "major", "why": "says iron, not tin"}],
    }
    opinion = Opinion.model_validate_json(json.dumps(wrong))
    assert opinion.is_flag
    assert str(opinion) == "flawed: It says the same.; major: “demir” (says iron, not tin)"
    assert not Opinion.model_validate_json(json.dumps(FINE)).is_flag
    assert Opinion.model_validate_json(json.dumps(FINE | {"verdict": "wrong"})).is_flag


def test_a_pair_is_never_cut_into_parts() -> None:
    endpoint = _endpoint("mixtral-8x7b")
    assert endpoint.max_characters is None
    assert endpoint.whole


@pytest.mark.parametrize("name", ["authored", "import:deepl"])
def test_what_is_no_language_model_can_not_judge(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no language model"):
        judging.judge(name, Way(cache=Cache(tmp_path / "c.sqlite")))


def test_a_model_in_this_process_is_to_be_served(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="in this process") as failed:
        judging.judge("vllm:mixtral-8x7b", Way(cache=Cache(tmp_path / "c.sqlite")))
    assert "mmteb-synth serve mixtral-8x7b" in str(failed.value.hint)


def test_an_unknown_judge_is_told_with_near_names(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match=r"gpt-4\.1-mini"):
        judging.judge("gpt-4.1-mimi", Way(cache=Cache(tmp_path / "c.sqlite")))


def test_one_s_own_preset_of_a_shipped_name_has_another_title(tmp_path: Path) -> None:
    own = tmp_path / "gpt-4.1-mini.toml"
    own.write_text('model = "mine"\nbase_url = "http://127.0.0.1:1/v1"\n', "utf-8")
    shipped, mine, bare = (translators.resolve(name) for name in ("gpt-4.1-mini", str(own), "openai:m/x"))
    assert isinstance(shipped, Endpoint)
    assert isinstance(mine, Endpoint)
    assert isinstance(bare, Endpoint)
    assert title(shipped) == "gpt-4.1-mini"
    assert title(mine).startswith("gpt-4.1-mini.")
    assert title(bare) == "openai:m/x"


def test_the_rules_of_the_endpoint_hold_for_the_judge(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    obstacle = _endpoint().obstacle(date(2026, 11, 23))
    assert obstacle is not None
    assert "OPENAI_API_KEY is not set" in obstacle.message
    retired = _endpoint("gpt-3.5-turbo").obstacle(date(2030, 1, 1))
    assert retired is not None
    assert "retired" in retired.message
    assert set(shipped_presets()) >= {"gpt-4.1-mini", "gpt-3.5-turbo"}
