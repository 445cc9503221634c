import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmteb_synth.errors import RequestError
from mmteb_synth.translate.parsing import clean, parse_completion, parse_text
from mmteb_synth.types import Language, Usage

TURKISH = Language(code="tur-Latn", name="Turkish")
CHINESE = Language(code="cmn-Hans", name="Chinese (Simplified)")


def _completion(content: object, **choice: object) -> bytes:
    return json.dumps({"choices": [{"message": {"content": content}, **choice}]}).encode()


@pytest.mark.parametrize(
    ("source", "answer", "translation"),
    [
        ("Hi.", '{"translation": "Selam."}', "Selam."),
        ("Hi.", ' {\n"translation": "\\u0130yi \\"gün\\"\\n"}\n', 'İyi "gün"'),
        ('{"a": "hi"}', '{"translation": "{\\"a\\": \\"selam\\"}"}', '{"a": "selam"}'),
        ('{"a": "hi"}', '{"a": "selam"}', '{"a": "selam"}'),
        ('{"translation": "hi"}', '{"translation": "selam"}', '{"translation": "selam"}'),
        (
            '{"translation": "hi"}',
            '{"translation": "{\\"translation\\": \\"selam\\"}"}',
            '{"translation": "selam"}',
        ),
        ("Hello {name}", "{name}, selam", "{name}, selam"),
        ("Hello {}", "{} selam", "{} selam"),
        ("Hi.", '<think>Hm.</think>\n{"translation": "Selam."}', "Selam."),
        ("Hi.", '```json\n{"translation": "Selam."}\n```', "Selam."),
    ],
)
def test_structured_answers(source: str, answer: str, translation: str) -> None:
    assert parse_text(source, answer).translation == translation


@pytest.mark.parametrize(
    "answer",
    [
        '{"translation": "Sel',
        '{"translation": "Selam."} and more',
        '{"translation": 5}',
        '{"translation": null}',
        '{"translation": "a", "note": "b"}',
        '{"text": "Selam."}',
        '<think>Hm.</think>{"text": "Selam."}',
        '{"a":' * 5000,
    ],
)
def test_an_object_of_another_form_is_no_translation(answer: str) -> None:
    read = parse_text("Hi.", answer)
    assert (read.translation, read.finish_reason, read.raw) == (None, "malformed", answer)


@given(text=st.text(min_size=1).filter(str.strip))
def test_a_structured_answer_comes_out_as_it_went_in(text: str) -> None:
    read = parse_text(text, json.dumps({"translation": text}))
    assert read.translation == clean(text, text)
    assert read.raw == json.dumps({"translation": text})


@given(text=st.text())
def test_an_answer_that_is_the_source_is_never_touched(text: str) -> None:
    assert clean(text, text, TURKISH) == text


RULES = [
    ("What?", "<think>\nHm, a question.\n</think>\n\nNe?", "Ne?"),
    ("What?", "<think></think>Ne?", "Ne?"),
    ("What?", "They ask for <source>.\n</think>\n\nNe?", "Ne?"),
    ("What?", "<thinking>A question.</thinking>Ne?", "Ne?"),
    ("What?", "[THINK]A question.[/THINK]Ne?", "Ne?"),
    ("What?", "```\nNe?\n```", "Ne?"),
    ("What?", "```text\nNe?\n```\n", "Ne?"),
    ("What?", "<source>\nNe?\n</source>", "Ne?"),
    ("What?", "<source2>Ne?</source2>", "Ne?"),
    ("What?", "<translation>Ne?</translation>", "Ne?"),
    ("What?", "Ne?\n</source>", "Ne?"),
    ("What?", "Translation: Ne?", "Ne?"),
    ("What?", "**Translation:** Ne?", "Ne?"),
    ("What?", "Turkish: Ne?", "Ne?"),
    ("What?", "Türkçe: Ne?", "Ne?"),
    ("What?", "Turkish (tur): Ne?", "Ne?"),
    ("What?", "Turkish translation:\nNe?", "Ne?"),
    ("What?", "Here is the translation:\n\nNe?", "Ne?"),
    ("What?", "Sure! Here's the Turkish translation of the text:\nNe?", "Ne?"),
    ("Q: What?", "Translation: S: Ne?", "S: Ne?"),
    ("What?", "Ne?\n\nNote: I kept the question mark.", "Ne?"),
    ("What?", "Ne?\n\n(Note: the text is a fragment.)", "Ne?"),
    ("One.\n\nTwo.", "Bir.\n\nİki.\n\n*Translator's note: short.*", "Bir.\n\nİki."),
    ("What?", '"Ne?"', "Ne?"),
    ("What?", "“Ne?”", "Ne?"),
    ("What?", "«Ne?»", "Ne?"),
    ("What?", '„Ne?"', "Ne?"),
    ("What?", "”Ne?”", "Ne?"),
    ("What?", "＂Ne?＂", "Ne?"),
    ("Don't.", "'Yapma.'", "Yapma."),
    ("What?", " Ne? \n", "Ne?"),
    ("What?", 'Türkçe: "Ne?"\n\nNote: informal.', "Ne?"),
]


@pytest.mark.parametrize(("source", "answer", "translation"), RULES)
def test_what_models_put_around_a_translation_is_removed(source: str, answer: str, translation: str) -> None:
    read = parse_text(source, answer, TURKISH)
    assert read.translation == translation
    assert read.raw == answer


@pytest.mark.parametrize(
    ("source", "answer"),
    [
        ("a <think>b</think>", "<think>c</think> d"),
        ("a </think>", "b </think> c"),
        ("```\nx = 1\n```", "```\nx = 1\n```"),
        ("Use ``` here", "```\nBurada\n```"),
        ("<source>Hi</source>", "<source>Selam</source>"),
        ("<translation>Hi", "<translation>Selam"),
        ("Translation: hi", "Translation: selam"),
        ("In Turkish: hi", "Türkçe: selam"),
        ("Turkish: merhaba", "Türkçe: merhaba"),
        ("Turkish: note: hi", "Türkçe: not: selam"),
        ("Here is the translation: hi", "Here is the translation: selam"),
        ("Hi.\n\nNote: not today.", "Selam.\n\nNote: bugün değil."),
        ("Please note it. Bye.", "Not et.\n\nNote: hoşça kal."),
        ("One.\n\nRemark: two.", "Bir.\n\nNote : iki."),
        ('"Hi."', '"Selam."'),
        ("“Hi.”", '"Selam."'),
        ('"Hi," he said.', '"Selam"'),
        ('He said "hi".', '"Selam"'),
        ("'Hi.'", "'Selam.'"),
        ("Hi and bye.", '"Selam" ve "güle güle"'),
        ("Rock 'n' roll'", "'Rock'"),
        ("Turkish is a language", "Türkçe bir dildir"),
        ("What?", '"'),
        ("\n What?", "\n Ne?"),
        ("Translation:", "Translation:"),
        ("Time 5:30", "Turkish 5:30"),
    ],
)
def test_what_the_source_has_too_is_left_alone(source: str, answer: str) -> None:
    read = parse_text(source, answer, TURKISH)
    assert (read.translation, read.raw) == (answer, None)


def test_a_language_is_known_by_its_own_name() -> None:
    assert clean("Hi", "中文：你好", CHINESE) == "你好"
    assert clean("Hi", "中文: 你好", CHINESE) == "你好"
    assert clean("In Chinese: hi", "中文：你好", CHINESE) == "中文：你好"
    assert clean("Hi", "中文: 你好", None) == "中文: 你好"


def test_a_note_in_the_midst_ends_nothing() -> None:
    answer = "Bir.\n\nNote: iki.\n\nÜç."
    assert clean("One two three.", answer, TURKISH) == answer


@pytest.mark.parametrize("answer", ["", " \n", "<think>I wonder", "<think>done</think>\n", "```\n\n```"])
def test_an_answer_with_nothing_in_it_is_empty(answer: str) -> None:
    read = parse_text("What?", answer, TURKISH)
    assert (read.translation, read.finish_reason, read.raw) == (None, "empty", answer or None)


def test_what_a_completion_says() -> None:
    body = {
        "model": "m-1",
        "choices": [{"message": {"content": " Selam "}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 5, "completion_tokens": 2},
    }
    for form in (body, json.dumps(body).encode()):
        read = parse_completion("Hi", form, TURKISH)
        assert (read.translation, read.raw, read.model) == ("Selam", " Selam ", "m-1")
        assert read.usage == Usage(input_tokens=5, output_tokens=2)


@pytest.mark.parametrize(
    ("content", "choice", "reason"),
    [
        ("Sel", {"finish_reason": "length"}, "length"),
        ('{"translation": "Sel', {"finish_reason": "length"}, "length"),
        (None, {"finish_reason": "length"}, "length"),
        ("", {"finish_reason": "content_filter"}, "content_filter"),
        (None, {}, "empty"),
        ("", {"finish_reason": None}, "empty"),
    ],
)
def test_what_is_not_served(content: str | None, choice: dict[str, object], reason: str) -> None:
    read = parse_completion("Hi", _completion(content, **choice))
    assert (read.translation, read.finish_reason) == (None, reason)


def test_a_refusal_is_kept_as_evidence() -> None:
    body = {"choices": [{"message": {"content": None, "refusal": "I can't."}}]}
    read = parse_completion("Hi", body)
    assert (read.translation, read.finish_reason, read.raw) == (None, "refusal", "I can't.")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{",
        b"\xff",
        b"[" * 100_000,
        _completion(5),
        _completion("a", finish_reason=7),
        b'{"choices": []}',
        b'{"choices": [{"message": null}]}',
    ],
)
def test_what_is_no_completion_may_be_asked_for_again(body: bytes) -> None:
    with pytest.raises(RequestError, match="not a chat completion") as caught:
        parse_completion("Hi", body)
    assert caught.value.retryable


@pytest.mark.parametrize("reason", ["abort", "error"])
def test_what_an_engine_gave_up_is_asked_for_again(reason: str) -> None:
    with pytest.raises(RequestError, match="broken off") as caught:
        parse_completion("Hi", _completion("Sel", finish_reason=reason))
    assert caught.value.retryable


@pytest.mark.parametrize("count", [True, -5, 10**30, 1.5, "7", None])
def test_tokens_that_nobody_can_have_used_are_not_counted(count: object) -> None:
    body = {"choices": [{"message": {"content": "a"}}], "usage": {"prompt_tokens": count}}
    assert parse_completion("Hi", body).usage == Usage()


@pytest.mark.parametrize("name", ["\ud800", "m" * 1000, "a\nb"])
def test_a_name_that_no_model_has_is_not_kept(name: str) -> None:
    body = {"choices": [{"message": {"content": "a"}}], "model": name}
    assert parse_completion("Hi", json.dumps(body).encode()).model is None


def test_an_answer_of_white_space_is_read_as_fast_as_any_other() -> None:
    # With a pattern that tried every newline as a beginning, this took hours.
    answer = "Ne?" + "\n" * 100_000 + "?"
    assert clean("What?", answer, TURKISH) == answer


def test_a_flood_is_no_reason() -> None:
    body = {"choices": [{"message": {"content": "Selam"}, "finish_reason": "s" * 1_000_000}]}
    assert len(parse_completion("Hi", body).finish_reason) == 200


def test_a_flood_is_no_translation() -> None:
    with pytest.raises(RequestError, match="more than any translation") as caught:
        parse_completion("Hi", _completion("a" * (5 << 20)))
    assert not caught.value.retryable


@given(source=st.text(), answer=st.text())
def test_any_answer_is_read(source: str, answer: str) -> None:
    read = parse_text(source, answer, TURKISH)
    assert read.translation is None or read.translation.strip()
