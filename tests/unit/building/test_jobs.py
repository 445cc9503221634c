"""Which sets a build makes, and what is refused before any work is done."""

from collections.abc import Callable
from typing import Any

import pytest

from mmteb_synth import selection
from mmteb_synth.building.jobs import BuildOptions, jobs_of
from mmteb_synth.data import source
from mmteb_synth.errors import TranslatorError, UnknownNameError, UsageError
from mmteb_synth.specs import BitextSpec, TaskSpec
from mmteb_synth.translate import translators
from mmteb_synth.types import Language

TURKISH = Language(code="tur-Latn", name="Turkish")
ITALIAN = Language(code="ita-Latn", name="Italian")
ENGLISH = Language(code="eng-Latn", name="English")


def jobs(*names: str, languages: tuple[Language, ...] = (TURKISH,), **options: Any) -> list[str]:
    members = selection.choose(names).members
    return [job.name for job in jobs_of(members, languages, BuildOptions(**options))]


def test_bundled_sets_take_their_bundled_translations() -> None:
    assert jobs("MiniSTS", languages=(TURKISH, ENGLISH)) == [
        "MiniSTS.tur-Latn.authored",
        "MiniSTS.eng-Latn.source",
    ]


def test_the_mini_suite_is_the_default_and_bitext_comes_last() -> None:
    names = jobs(languages=(TURKISH, ENGLISH))
    assert names[-1] == "MiniSTSBitext.tur-Latn.authored"
    assert len(names) == 15


def test_labels_and_limits_go_into_names() -> None:
    assert jobs("STSBenchmark", translator="import:deepl", limit=100) == [
        "STSBenchmark.tur-Latn.import-deepl.limit100"
    ]


@pytest.mark.parametrize(("name", "language"), [("STSBenchmark", "Turkish"), ("MiniSTS", "Italian")])
def test_a_set_without_bundled_translations_wants_a_translator(name: str, language: str) -> None:
    wanted = TURKISH if language == "Turkish" else ITALIAN
    with pytest.raises(UsageError, match=f"{name} has no bundled {language} translations") as raised:
        jobs(name, languages=(wanted,))
    hint = str(raised.value.hint)
    usable = [info.name for info in translators.available() if info.usable and info.name != "authored"]
    assert usable
    assert hint.startswith(f"usable here: {', '.join(usable)}")
    assert raised.value.exit_code == 2


def test_english_needs_no_translator() -> None:
    assert jobs("STSBenchmark", languages=(ENGLISH,)) == ["STSBenchmark.eng-Latn.source"]


def test_a_set_of_ones_own_has_no_bundled_translations(own_set: Callable[..., TaskSpec]) -> None:
    rows = [{"sentence1": "a", "sentence2": "b", "score": 1.0}]
    spec = own_set("Mine", "STS", {"test": rows})
    with pytest.raises(UsageError, match="Mine has no bundled Turkish translations"):
        jobs(str(spec.path))


def test_an_unknown_translator_is_refused_before_any_work() -> None:
    with pytest.raises(
        UnknownNameError, match=r"unknown translator 'gpt-4\.1-mni'; did you mean gpt-4\.1-mini"
    ):
        jobs("MiniSTS", translator="gpt-4.1-mni")


def test_a_language_that_a_translator_cannot_do_is_refused_before_any_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Picky:
        name = label = "picky"

        def check_language(self, language: Language) -> str | None:
            if language == ITALIAN:
                raise TranslatorError("picky translates into no Italian")
            return "not good at it"

    monkeypatch.setattr(translators, "resolve", lambda name, **_: Picky())
    members = selection.choose(["MiniSTS"]).members
    (job,) = jobs_of(members, [TURKISH], BuildOptions(translator="picky"))
    assert job.warning == "not good at it"
    with pytest.raises(TranslatorError, match="no Italian"):
        jobs("MiniSTS", languages=(TURKISH, ITALIAN), translator="picky")


def test_bitext_of_bitext_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = BitextSpec(name="ABitext", source="MiniSTSBitext")
    with pytest.raises(UsageError, match="can't be made from another bitext set"):
        list(jobs_of([selection.Member(spec=spec)], [TURKISH], BuildOptions()))


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"limit": 0}, "--limit must be at least 1, not 0"),
        ({"tolerate": -0.1}, "--tolerate is a share between 0 and 1, not -0.1"),
        ({"tolerate": 1.5}, "--tolerate is a share between 0 and 1, not 1.5"),
        ({"tolerate": float("nan")}, "--tolerate is a share between 0 and 1, not nan"),
        ({"concurrency": 0}, "--concurrency must be at least 1, not 0"),
        ({"on_failure": "drp"}, "unknown policy for failures 'drp'; did you mean drop"),
    ],
)
def test_options_that_cannot_be_meant_are_refused(options: dict[str, Any], problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        BuildOptions(**options)


def test_a_fingerprint_follows_what_decides_the_content() -> None:
    def fingerprint(
        name: str = "MiniSTS", language: Language = TURKISH, bundle: str = "", **options: Any
    ) -> str:
        members = selection.choose([name]).members
        (job,) = jobs_of(members, [language], BuildOptions(**options))
        return job.fingerprint(source.identify(job.spec), bundle)

    same = fingerprint()
    assert same == fingerprint(concurrency=3, offline=True, retry_failed=True, tolerate=0.5)
    different = [
        fingerprint("MiniPairClassification"),
        fingerprint("MiniSTSBitext"),
        fingerprint(language=ENGLISH),
        fingerprint(bundle="x"),
        fingerprint(all_rows=True),
        fingerprint(translator="import:mine"),
    ]
    assert len({same, *different}) == 1 + len(different)
