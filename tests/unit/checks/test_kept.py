"""URLs, addresses, handles, code and placeholders: what a translation keeps as it is."""

import pytest

from mmteb_synth import languages
from mmteb_synth.checks import ENGLISH, kept
from mmteb_synth.types import Languages, Verdict

CHECKS = {"urls": kept.urls, "emails": kept.emails, "handles": kept.handles, "code": kept.code, "placeholders": kept.placeholders}  # fmt: skip


def judged(check: str, source: str, hypothesis: str, code: str = "de") -> Verdict | None:
    return CHECKS[check](source, hypothesis, Languages(ENGLISH, languages.parse(code)), "sentence")


@pytest.mark.parametrize(
    ("check", "source", "hypothesis", "code"),
    [
        ("urls", "See https://example.org/a?b=1.", "Siehe https://example.org/a?b=1.", "de"),
        ("urls", "See https://example.org/a.", "https://example.org/a adresine bakın.", "tr"),
        ("urls", "See https://example.org/a", "https://example.org/a'ya bakın", "tr"),
        ("urls", "See https://example.org/a", "https://example.org/aをご覧ください", "ja"),
        ("urls", "(see www.example.org)", "（参见 www.example.org）", "zh-CN"),
        ("emails", "Write to ann@example.org!", "Schreib an ann@example.org!", "de"),
        ("emails", "Meet me @ noon", "Triff mich mittags", "de"),
        ("handles", "Thanks @mill_owner!", "Danke @mill_owner!", "de"),
        ("handles", "Thanks @mill!", "@mill'e teşekkürler!", "tr"),
        ("handles", "Write to ann@example.org", "Schreib an ann@example.org", "de"),
        ("handles", "A day at #harvest", "Ein Tag bei der #ernte", "de"),
        ("code", "Call `open(path)` first.", "Rufen Sie zuerst `open(path)` auf.", "de"),
        ("code", "Set max_size in the file.", "Setzen Sie max_size in der Datei.", "de"),
        ("code", "Run it:\n```\nmake all\n```", "Ausführen:\n```\nmake all\n```", "de"),
        ("placeholders", "Hello {name}, {0} left", "Hallo {name}, noch {0}", "de"),
        ("placeholders", "%(n)s of %d", "%d içinden %(n)s", "tr"),
        ("placeholders", "A <PERSON> lives in [CITY].", "[CITY]'de bir <PERSON> yaşıyor.", "tr"),
        ("placeholders", "We sold 50% of stock", "Wir verkauften 50 % der Ware", "de"),
        ("placeholders", "100% sure", "100% sicher", "de"),
        ("placeholders", "Louis the Fourteenth", "Ludwig [XIV]", "de"),
        ("placeholders", "It costs $5", "Es kostet 5 $", "de"),
        ("placeholders", "Well done 🎉", "Gut gemacht 🎉", "de"),
    ],
)  # fmt: skip
def test_what_is_kept_is_no_fault(check: str, source: str, hypothesis: str, code: str) -> None:
    assert judged(check, source, hypothesis, code) is None


@pytest.mark.parametrize(
    ("check", "source", "hypothesis", "severity", "told"),
    [
        ("urls", "See https://example.org/a now", "Jetzt ansehen", "error", "https://example.org/a is missing"),
        ("urls", "See https://example.org/ab", "Siehe https://example.org/xb", "error", "changed into https://example.org/xb"),
        ("urls", "See https://example.org/a", "Siehe https://example.org/abc", "error", "changed into"),
        ("urls", "See the site", "Siehe www.example.org", "error", "is not in the source"),
        ("emails", "Write to ann@example.org", "Schreib an anna@example.org", "error", "ann@example.org"),
        ("emails", "Write to us", "Schreib an us@example.org", "error", "is not in the source"),
        ("handles", "Thanks @mill_owner!", "Danke @mühlenbesitzer!", "error", "@mill_owner"),
        ("handles", "A day at #harvest", "Ein Tag bei der Ernte", "warning", "#harvest is missing"),
        ("code", "Call `open(path)` first.", "Rufen Sie zuerst `öffne(pfad)` auf.", "error", "`open(path)`"),
        ("code", "Say `please wait for the next bus here`", "Sag `bitte hier auf den Bus warten`", "warning", "`please"),
        ("code", "Set max_size in the file.", "Setzen Sie max_größe in der Datei.", "error", "max_size"),
        ("code", "Call close() now", "Jetzt schließen() rufen", "error", "close()"),
        ("code", "Run it:\n```\nmake all\n```", "Ausführen:\n```\nmache alles\n```", "warning", "```"),
        ("placeholders", "Hello {name}", "Hallo {Name}", "error", "{name} was changed into {Name}"),
        ("placeholders", "Hello {{ user }}", "Hallo", "error", "{{ user }} is missing"),
        ("placeholders", "%s of %s", "%s von", "error", "%s is missing"),
        ("placeholders", "Open $HOME", "Öffne $HEIM", "error", "$HOME was changed into $HEIM"),
        ("placeholders", "A [MASK] ran", "Ein [MASKE] lief", "error", "[MASK]"),
        ("placeholders", "Hello you", "Hallo {name}", "error", "{name} is not in the source"),
        ("placeholders", "Well done 🎉", "Gut gemacht", "warning", "🎉"),
    ],
)  # fmt: skip
def test_what_is_lost_changed_or_invented_is_named(
    check: str, source: str, hypothesis: str, severity: str, told: str
) -> None:
    verdict = judged(check, source, hypothesis)
    assert verdict is not None
    assert (verdict.check, verdict.severity) == (check, severity)
    assert told in verdict.reason


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize(
    "text",
    ["", "@", "#", "http://", "www.", "``", "```", "{", "%", "$", "<>", "[]", "_()", "a" * 50_000 + "@"],
)
def test_odd_texts_are_equal_to_themselves(check: str, text: str) -> None:
    assert judged(check, text, text) is None
