"""The ladder, with a judge that finds fault with every translation that says `bad`, against a real server."""

from collections.abc import Callable
from pathlib import Path

from openai_server import Fault, OpenAIServer, source_text

from mmteb_synth.translate import engine, translators
from mmteb_synth.translate.backends.callables import CallableTranslator
from mmteb_synth.translate.cache import Cache
from mmteb_synth.translate.endpoint import Endpoint
from mmteb_synth.translate.engine import Fallback
from mmteb_synth.translate.rows import Row, replay_key
from mmteb_synth.types import Kind, Language, Segment, Verdict

TURKISH = Language(code="tur-Latn", name="Turkish")
TEXTS = [Segment(text=text) for text in ("A dog runs.", "A cat sleeps. It dreams.", "Rain.")]


def judge(source: str, hypothesis: str, target: Language, kind: Kind) -> tuple[Verdict, ...]:
    found = []
    if "bad" in hypothesis:
        found.append(Verdict(check="bad", severity="error", reason="it says 'bad'"))
    if "odd" in hypothesis:
        found.append(Verdict(check="odd", severity="warning", reason="it says 'odd'"))
    return tuple(found)


def endpoint(server: OpenAIServer) -> Endpoint:
    found = translators.resolve("openai:test-model", base_url=server.url)
    assert isinstance(found, Endpoint)
    return found


class _Second:
    """Answers badly at first, and well when it is told why that was rejected."""

    def __init__(self, server: OpenAIServer, bad: Callable[[str], bool]) -> None:
        self.server, self.bad = server, bad

    def __call__(self, text: str) -> str:
        was_told = "An earlier translation" in self.server.requests[-1]["messages"][0]["content"]
        return f"bad {text}" if self.bad(text) and not was_told else f"iyi {text}"


def function(name: str, answer: Callable[[str], str], *, asked: list[str]) -> CallableTranslator:
    def translate(texts: list[str], language: str) -> list[str]:
        asked.extend(texts)
        return [answer(text) for text in texts]

    return CallableTranslator(name=name, label="f", version="0", function=translate)


def test_asked_again_with_the_reason(cache: Cache) -> None:
    with OpenAIServer() as server:
        server.answer = _Second(server, lambda text: "dog" in text)
        run = engine.translate(TEXTS, TURKISH, endpoint(server), cache, judge=judge, concurrency=1)
        assert run.translations == {segment: f"iyi {segment.text}" for segment in TEXTS}
        assert (run.requests, run.verdicts, run.failures) == (4, {}, {})
        history = run.histories[TEXTS[0]]
        assert history.served is not None
        assert (history.served.step, history.served.hypothesis) == ("again", "iyi A dog runs.")
        (rejected,) = history.rejected
        assert (rejected.step, rejected.hypothesis, rejected.reason) == (
            "asked",
            "bad A dog runs.",
            "it says 'bad'.",
        )
        told = [request for request in server.requests if "An earlier" in str(request)]
        assert [source_text(request) for request in told] == ["A dog runs."]
        assert "was rejected: it says 'bad'." in told[0]["messages"][0]["content"]
        again = engine.translate(TEXTS, TURKISH, endpoint(server), cache, judge=judge)
        assert (again.translations, again.histories) == (run.translations, run.histories)
        assert (again.requests, again.hits) == (0, 3)


def test_then_in_parts(cache: Cache) -> None:
    with OpenAIServer(answer=lambda text: "bad" if text == TEXTS[1].text else f"iyi {text}") as server:
        run = engine.translate(TEXTS, TURKISH, endpoint(server), cache, judge=judge)
        assert run.translations[TEXTS[1]] == "iyi A cat sleeps. iyi It dreams."
        history = run.histories[TEXTS[1]]
        assert history.served is not None
        assert [attempt.step for attempt in (*history.rejected, history.served)] == [
            "asked",
            "again",
            "parts",
        ]
        assert len(history.served.keys) == 2
        assert run.requests == 3 + 1 + 2


def test_then_of_the_next_translator(cache: Cache) -> None:
    asked: list[str] = []
    second = function("f", lambda text: f"iyi {text}", asked=asked)
    third = function("g", lambda text: f"iyi {text}", asked=asked)
    with OpenAIServer(answer=lambda text: "bad" if "dog" in text else f"odd {text}") as server:
        fallbacks = [Fallback(translator=second), Fallback(translator=third)]
        run = engine.translate(TEXTS, TURKISH, endpoint(server), cache, judge=judge, fallbacks=fallbacks)
        assert asked == ["A dog runs."]
        history = run.histories[TEXTS[0]]
        assert history.served is not None
        assert (history.served.step, history.served.translator) == ("fallback", "f")
        assert [verdict.severity for verdict in run.verdicts[TEXTS[2]]] == ["warning"]
        assert TEXTS[2] not in run.histories
        again = engine.translate(
            TEXTS, TURKISH, endpoint(server), cache, judge=judge, fallbacks=fallbacks, offline=True
        )
        assert (again.translations, again.requests) == (run.translations, 0)


def test_what_nothing_mends_keeps_its_best_translation(cache: Cache) -> None:
    with OpenAIServer(answer=lambda text: f"bad {text}") as server:
        run = engine.translate(TEXTS, TURKISH, endpoint(server), cache, judge=judge)
        assert run.translations == {segment: f"bad {segment.text}" for segment in TEXTS}
        assert {said[0].check for said in run.verdicts.values()} == {"bad"}
        assert all(past.served and past.served.step == "asked" for past in run.histories.values())
        before = run.requests
        assert engine.translate(TEXTS, TURKISH, endpoint(server), cache, judge=judge).requests == 0
        assert before == 3 + 3 + 2


def test_refusals_are_mended_too(cache: Cache) -> None:
    asked: list[str] = []
    fallback = Fallback(translator=function("f", lambda text: f"iyi {text}", asked=asked))
    with OpenAIServer(answer=lambda text: f"iyi {text}") as server:
        server.fault_for = lambda text: (
            Fault(message={"content": None, "refusal": "No."}) if "dog" in text else None
        )
        run = engine.translate(TEXTS, TURKISH, endpoint(server), cache, judge=judge, fallbacks=[fallback])
    assert run.failures == {}
    assert asked == ["A dog runs."]
    history = run.histories[TEXTS[0]]
    assert [(attempt.step, attempt.hypothesis) for attempt in history.rejected] == [
        ("asked", None),
        ("again", None),
    ]
    assert history.rejected[0].reason == "the translator refused this text."


def test_without_a_translation_from_anybody_it_has_failed(cache: Cache) -> None:
    with OpenAIServer(answer=lambda text: f"iyi {text}") as server:
        server.fault_for = lambda text: (
            Fault(message={"content": None, "refusal": "No."}) if "dog" in text else None
        )
        run = engine.translate(TEXTS, TURKISH, endpoint(server), cache, judge=judge)
    assert run.failures == {TEXTS[0]: "the translator refused this text"}
    assert run.histories[TEXTS[0]].served is None


def test_who_did_not_answer_is_not_asked_in_other_ways(cache: Cache) -> None:
    asked: list[str] = []
    fallback = Fallback(translator=function("f", lambda text: f"iyi {text}", asked=asked))
    given_up = {TEXTS[1]: "its batch was cancelled"}
    with OpenAIServer(answer=lambda text: f"iyi {text}") as server:
        run = engine.translate(
            TEXTS, TURKISH, endpoint(server), cache, judge=judge, given_up=given_up, fallbacks=[fallback]
        )
        assert TEXTS[1].text not in server.asked
    assert asked == [TEXTS[1].text]
    assert run.failures == {}
    with OpenAIServer() as server:
        alone = engine.translate([TEXTS[1]], TURKISH, endpoint(server), cache, judge=judge, given_up=given_up)
    assert alone.failures == {TEXTS[1]: "its batch was cancelled"}


def test_nothing_is_mended_unless_asked_for(cache: Cache) -> None:
    with OpenAIServer(answer=lambda text: f"bad {text}") as server:
        run = engine.translate(TEXTS, TURKISH, endpoint(server), cache, judge=judge, mends=False)
        assert run.requests == 3
        assert all(said[0].check == "bad" for said in run.verdicts.values())
        plain = engine.translate(TEXTS, TURKISH, endpoint(server), cache)
        assert (plain.requests, plain.histories) == (0, {})


class TestImports:
    translator = translators.resolve("import:people")

    def row(self, source: str, translation: str) -> Row:
        return Row(
            key=replay_key("import:people", "1", "tur-Latn", source),
            translator="import:people",
            language="tur-Latn",
            kind=None,
            source=source,
            translation=translation,
        )

    def test_judged_but_never_altered(self, cache: Cache) -> None:
        cache.put([self.row(segment.text, "bad") for segment in TEXTS])
        asked: list[str] = []
        fallback = Fallback(translator=function("f", str.upper, asked=asked))
        run = engine.translate(
            TEXTS, TURKISH, self.translator, cache, judge=judge, mends=False, fallbacks=[fallback]
        )
        assert asked == []
        assert set(run.translations.values()) == {"bad"}
        assert len(run.verdicts) == 3

    def test_gaps_are_filled_by_a_fallback(self, cache: Cache) -> None:
        cache.put([self.row(TEXTS[0].text, "bad")])
        asked: list[str] = []
        fallback = Fallback(translator=function("f", str.upper, asked=asked))
        run = engine.translate(
            TEXTS, TURKISH, self.translator, cache, judge=judge, mends=False, fallbacks=[fallback]
        )
        assert sorted(asked) == sorted(segment.text for segment in TEXTS[1:])
        assert run.failures == {}

    def test_mended_where_that_is_asked_for(self, cache: Cache) -> None:
        cache.put([self.row(segment.text, "bad") for segment in TEXTS])
        fallback = Fallback(translator=function("f", str.upper, asked=[]))
        run = engine.translate(TEXTS, TURKISH, self.translator, cache, judge=judge, fallbacks=[fallback])
        assert run.translations == {segment: segment.text.upper() for segment in TEXTS}


def test_a_part_of_a_long_text_is_mended_alone(cache: Cache, tmp_path: Path) -> None:
    preset = tmp_path / "small.toml"
    preset.write_text('model = "test-model"\nmax_output_tokens = 100\n', "utf-8")
    sentences = [f"This is the sentence with number {number} of a long text." for number in range(12)]
    text = Segment(text="\n".join(sentences), kind="document")
    with OpenAIServer() as server:
        server.answer = _Second(server, lambda part: "number 3 " in part)
        translator = translators.resolve(str(preset), base_url=server.url)
        run = engine.translate([text], TURKISH, translator, cache, judge=judge, concurrency=1)
        told = [source_text(request) for request in server.requests if "An earlier" in str(request)]
    assert len(told) == 1
    assert told[0] != text.text
    assert "bad" not in run.translations[text]
    assert run.translations[text].count("\n") == 11
    history = run.histories[text]
    assert history.served is not None
    assert len(history.served.keys) == len(server.requests) - 1
    assert [attempt.step for attempt in history.rejected] == ["asked"]


BESIDE = (Verdict(check="same", severity="error", reason="another text has this translation"),)


def test_what_is_wrong_beside_others_is_mended(cache: Cache) -> None:
    with OpenAIServer() as server:

        def answer(text: str) -> str:
            was_told = "another text has" in server.requests[-1]["messages"][0]["content"]
            return f"iyi {text}" if was_told or "Rain" in text else "aynı"

        server.answer = answer
        first = engine.translate(TEXTS, TURKISH, endpoint(server), cache, judge=judge, concurrency=1)
        beside = {segment: BESIDE for segment, text in first.translations.items() if text == "aynı"}
        assert 0 < len(beside) < len(TEXTS)
        run = engine.translate(beside, TURKISH, endpoint(server), cache, judge=judge, beside=beside)
        assert run.translations == {segment: f"iyi {segment.text}" for segment in beside}
        assert (run.requests, run.verdicts) == (len(beside), {})
        again = engine.translate(beside, TURKISH, endpoint(server), cache, judge=judge, beside=beside)
        assert (again.translations, again.requests) == (run.translations, 0)


def test_what_stays_the_same_is_kept(cache: Cache) -> None:
    beside = dict.fromkeys(TEXTS[::2], BESIDE)
    with OpenAIServer(answer=lambda text: "aynı") as server:
        run = engine.translate(beside, TURKISH, endpoint(server), cache, judge=judge, beside=beside)
    assert set(run.translations.values()) == {"aynı"}
    assert {history.rejected[0].verdicts for history in run.histories.values()} == {BESIDE}


def test_verdicts_are_remembered(cache: Cache) -> None:
    asked: list[str] = []

    def counting(source: str, hypothesis: str, target: Language, kind: Kind) -> tuple[Verdict, ...]:
        asked.append(source)
        return judge(source, hypothesis, target, kind)

    translator = function("f", lambda text: f"odd {text}", asked=[])
    for _ in range(2):
        run = engine.translate(TEXTS, TURKISH, translator, cache, judge=counting)
        assert {said[0].check for said in run.verdicts.values()} == {"odd"}
    assert len(asked) == 3


def test_of_equally_faulty_answers_the_informed_one_is_served(cache: Cache) -> None:
    with OpenAIServer() as server:

        def answer(text: str) -> str:
            was_told = "An earlier translation" in server.requests[-1]["messages"][0]["content"]
            return f"bad, but on purpose: {text}" if was_told else f"bad {text}"

        server.answer = answer
        run = engine.translate(TEXTS[:1], TURKISH, endpoint(server), cache, judge=judge, concurrency=1)
    assert run.translations == {TEXTS[0]: "bad, but on purpose: A dog runs."}
    assert [attempt.hypothesis for attempt in run.histories[TEXTS[0]].rejected] == ["bad A dog runs."]
