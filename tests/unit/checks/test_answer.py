import pytest

from mmteb_synth.checks.answer import check, longest, reason
from mmteb_synth.types import Answer


@pytest.mark.parametrize("hypothesis", ["Merhaba", " Merhaba\n", "x" * 100, "…", "名", "🙂"])
def test_a_translation_passes(hypothesis: str) -> None:
    assert check("Hello", Answer(translation=hypothesis)) is None


@pytest.mark.parametrize(
    ("answer", "name"),
    [
        (Answer(translation=""), "empty"),
        (Answer(translation=" \n\t\u3000"), "empty"),
        (Answer(translation=None), "empty"),
        (Answer(translation=None, finish_reason="empty"), "empty"),
        (Answer(translation=None, finish_reason="refusal", raw="I can't."), "refusal"),
        (Answer(translation=None, finish_reason="length", raw="Mer"), "length"),
        (Answer(translation=None, finish_reason="content_filter"), "content_filter"),
        (Answer(translation="x" * (longest("Hello") + 1)), "oversize"),
        (Answer(translation="Merhaba \ud83d"), "broken"),
    ],
)
def test_what_is_no_translation_is_an_error_with_a_name(answer: Answer, name: str) -> None:
    verdict = check("Hello", answer)
    assert verdict is not None
    assert (verdict.check, verdict.severity) == (name, "error")
    assert verdict.reason == reason(name)


def test_an_unknown_finish_reason_is_named() -> None:
    assert "'bored'" in reason("bored")
