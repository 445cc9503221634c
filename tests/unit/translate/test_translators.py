from datetime import date
from pathlib import Path

import pytest

from mmteb_synth.errors import (
    CacheError,
    SpecError,
    SynthError,
    UnknownNameError,
    UsageError,
)
from mmteb_synth.translate import translators
from mmteb_synth.translate.backends.replay import bundled_files, bundled_rows
from mmteb_synth.translate.endpoint import Endpoint
from mmteb_synth.translate.preset import shipped_presets
from mmteb_synth.types import Language, Segment

TURKISH = Language(code="tur-Latn", name="Turkish")
GERMAN = Language(code="deu-Latn", name="German")


@pytest.mark.parametrize(
    ("name", "label", "prompted", "decoding"),
    [
        ("authored", "authored", False, "-"),
        ("import:deepl", "import-deepl", False, "-"),
        ("import:My_team.v2", "import-My_team.v2", False, "-"),
        ("gpt-3.5-turbo", "gpt-3.5-turbo", True, "t0"),
        ("gpt-4.1-mini", "gpt-4.1-mini", True, "t0"),
        ("mixtral-8x7b", "mixtral-8x7b", True, "t0"),
        ("openai:mistralai/Mixtral-8x7B", "openai-mistralai-Mixtral-8x7B", True, "t0"),
    ],
)
def test_names(name: str, label: str, prompted: bool, decoding: str) -> None:
    translator = translators.resolve(name)
    assert (translator.name, translator.label, translator.decoding) == (name, label, decoding)
    assert (translator.prompt_version is not None) == prompted
    assert translator.grade is None


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("gpt-4.1-mni", "gpt-4.1-mini"),
        ("Mixtral", "mixtral-8x7b"),
        ("autored", "authored"),
        ("apertum", "apertium"),
    ],
)
def test_an_unknown_name_is_met_with_near_ones(name: str, near: str) -> None:
    with pytest.raises(UnknownNameError, match=f"did you mean .*{near}"):
        translators.resolve(name)


@pytest.mark.parametrize(
    "name", ["", "nobody", "a:b:c", "import:", "import:../x", "import:a b", "openai:", "deepl:x y"]
)
def test_names_that_can_not_be_are_usage_errors(name: str) -> None:
    with pytest.raises(UsageError):
        translators.resolve(name)


def test_source_says_what_it_is() -> None:
    with pytest.raises(UsageError, match="English itself"):
        translators.resolve("source")


@pytest.mark.parametrize("name", ["authored", "import:deepl"])
def test_an_endpoint_for_a_translator_without_one_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="--base-url"):
        translators.resolve(name, base_url="http://127.0.0.1:1/v1")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ftp://host/v1",
        "file:///etc/passwd",
        "127.0.0.1:8000",
        "http://",
        "http://host:99999999/v1",
        "http://h/v1?x=1",
    ],
)
def test_only_http_endpoints(url: str) -> None:
    with pytest.raises(UsageError, match="--base-url"):
        translators.resolve("mixtral-8x7b", base_url=url)


def test_credentials_in_an_endpoint_are_refused_and_not_repeated() -> None:
    with pytest.raises(UsageError) as caught:
        translators.resolve("mixtral-8x7b", base_url="http://me:canary@host/v1")
    assert "canary" not in str(caught.value)


def test_replayed_translations_serve_every_kind() -> None:
    translator = translators.resolve("import:deepl")
    keys = {translator.key(Segment(text="Hi", kind=kind), TURKISH) for kind in ("sentence", "query", "title")}
    assert len(keys) == 1
    assert translator.key(Segment(text="Hi"), GERMAN) not in keys


def test_imports_share_their_keys_with_the_importer() -> None:
    from mmteb_synth.translate.cache import replay_key
    from mmteb_synth.translate.imported import IMPORT_VERSION

    key = translators.resolve("import:deepl").key(Segment(text="Hi"), TURKISH)
    assert key == replay_key("import:deepl", IMPORT_VERSION, "tur-Latn", "Hi")


def test_a_maker_that_does_not_claim_a_language_is_a_warning() -> None:
    mixtral = translators.resolve("mixtral-8x7b")
    assert mixtral.check_language(GERMAN) is None
    warning = mixtral.check_language(TURKISH)
    assert warning is not None
    assert "Turkish" in warning
    assert translators.resolve("gpt-4.1-mini").check_language(TURKISH) is None


def _obstacle(name: str, today: date, base_url: str | None = None) -> str | None:
    translator = translators.resolve(name, base_url=base_url)
    assert isinstance(translator, Endpoint)
    obstacle = translator.obstacle(today)
    return obstacle and f"{obstacle.message} {obstacle.hint}"


def test_a_retired_model_names_its_substitute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-x")
    assert _obstacle("gpt-3.5-turbo", date(2026, 10, 22)) is None
    said = _obstacle("gpt-3.5-turbo", date(2026, 10, 23))
    assert said is not None
    assert "2026-10-23" in said
    assert "gpt-4.1-mini" in said
    assert _obstacle("gpt-3.5-turbo", date(2027, 1, 1), "https://my.openai.azure.com/openai/v1") is None
    assert _obstacle("gpt-3.5-turbo", date(2027, 1, 1), "https://eu.api.openai.com/v1") is not None


def test_a_missing_key_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("OPENAI_API_KEY", "VLLM_API_KEY"):
        monkeypatch.delenv(variable, raising=False)
    today = date(2026, 1, 1)
    assert "OPENAI_API_KEY is not set" in str(_obstacle("gpt-4.1-mini", today))
    assert "OPENAI_API_KEY is not set" in str(_obstacle("openai:x", today))
    assert _obstacle("openai:x", today, "http://127.0.0.1:1/v1") is None
    assert _obstacle("mixtral-8x7b", today) is None
    monkeypatch.setenv("OPENAI_API_KEY", "kéy")
    assert "no key can have" in str(_obstacle("gpt-4.1-mini", today))


def test_the_list_says_what_is_usable_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    infos = {info.name: info for info in translators.available()}
    assert {"authored", "apertium", "import:NAME", "openai:MODEL", "FILE.toml", *shipped_presets()} <= set(
        infos
    )
    assert infos["gpt-4.1-mini"].why_not is not None
    assert "OPENAI_API_KEY is not set" in infos["gpt-4.1-mini"].why_not
    assert not infos["gpt-4.1-mini"].usable
    assert infos["gpt-3.5-turbo"].shutdown_date == "2026-10-23"
    assert infos["mixtral-8x7b"].usable
    assert infos["mixtral-8x7b"].languages == ("deu", "eng", "fra", "ita", "spa")
    assert infos["authored"].usable
    monkeypatch.setenv("OPENAI_API_KEY", "sk-x")
    assert {info.name: info.usable for info in translators.available()}["gpt-4.1-mini"]


def test_presets_pin_dated_models() -> None:
    presets = shipped_presets()
    assert presets["gpt-4.1-mini"].model == "gpt-4.1-mini-2025-04-14"
    assert presets["gpt-3.5-turbo"].substitute in presets
    assert presets["mixtral-8x7b"].system_role is False
    assert presets["mixtral-8x7b"].base_url == "http://127.0.0.1:8000/v1"


def test_the_identity_leaves_out_where_the_model_is_asked() -> None:
    here = translators.resolve("mixtral-8x7b")
    there = translators.resolve("mixtral-8x7b", base_url="http://10.0.0.7:8000/v1/")
    assert here.identity() == there.identity()
    assert here.identity() != translators.resolve("gpt-4.1-mini").identity()


def _write(folder: Path, name: str, text: str) -> str:
    path = folder / name
    path.write_text(text, "utf-8")
    return str(path)


def test_a_preset_of_the_users(tmp_path: Path) -> None:
    name = _write(
        tmp_path,
        "my model.toml",
        'model = "org/m"\nbase_url = "http://h:1/v1/"\ntemperature = "default"\nlanguages = ["swa"]\n',
    )
    translator = translators.resolve(name)
    assert isinstance(translator, Endpoint)
    assert (translator.name, translator.label, translator.decoding) == ("my model", "my-model", "default")
    assert translator.base_url == "http://h:1/v1"
    assert translator.obstacle() is None


def test_a_preset_that_bears_a_shipped_name_gets_another_label(tmp_path: Path) -> None:
    name = _write(tmp_path, "gpt-4.1-mini.toml", 'model = "gpt-4.1-mini-2025-04-14"\ntemperature = 0.7\n')
    label = translators.resolve(name).label
    assert label.startswith("gpt-4.1-mini.")
    assert len(label) == len("gpt-4.1-mini.") + 8
    _write(tmp_path, "gpt-4.1-mini.toml", 'model = "gpt-4.1-mini-2025-04-14"\ntemperature = 0.8\n')
    assert translators.resolve(name).label != label


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "model"),
        ('model = ""', "model"),
        ("model = ", "not valid TOML"),
        ('model = "m"\nmodle = "n"', "did you mean model"),
        ('model = "m"\nname = "n"', "'name' is taken"),
        ('model = "m"\nbase_url = "ftp://h"', "http"),
        ('model = "m"\ntemperature = "hot"', "temperature"),
        ('model = "m"\nconcurrency = 0', "concurrency"),
        ('model = "m"\nmax_tokens_parameter = "n_predict"', "max_completion_tokens"),
        ('model = "m"\n[prices]\ninput = -1\noutput = 1\ndate = 2025-01-01', "prices.input"),
        ('model = "m"\napi_key_env = "sk-my own key"', "api_key_env"),
    ],
)
def test_a_broken_preset_says_what_is_broken(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(SpecError, match=said):
        translators.resolve(_write(tmp_path, "mine.toml", text))


def test_a_missing_preset_file(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="no such file"):
        translators.resolve(str(tmp_path / "none.toml"))


def test_bundled_translations_of_all_suites(tmp_path: Path) -> None:
    for suite in ("mini", "more"):
        (tmp_path / suite).mkdir()
        _write(
            tmp_path / suite,
            "tur-Latn.csv",
            f'source,translation\n"Hi, {suite}","Selam, ""{suite}"""\nShared,Ortak\n',
        )
    rows = bundled_rows(tmp_path, TURKISH)
    translator = translators.resolve("authored")
    assert rows[translator.key(Segment(text="Hi, more"), TURKISH)].translation == 'Selam, "more"'
    assert len(rows) == 3
    assert len(bundled_files(tmp_path, TURKISH)) == 2
    assert bundled_rows(tmp_path, GERMAN) == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("source,target\nHi,Selam\n", "columns"),
        ("", "columns"),
        ("source,translation\nHi,\n", "line 2"),
        ("source,translation\n,Selam\n", "line 2"),
        ("source,translation\nHi\n", "line 2"),
        ("source,translation\nHi,Selam,x\n", "line 2"),
        ("source,translation\nHi,Selam\nHi,Merhaba\n", "line 3.*another translation"),
        ('source,translation\n"Hi,Selam\n', "not CSV"),
        ("source,translation\nHi,Sel\xe4m\n", "not CSV in UTF-8"),
    ],
)
def test_a_broken_bundled_file_names_its_line(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "mini").mkdir()
    (tmp_path / "mini" / "tur-Latn.csv").write_bytes(text.encode("latin-1"))
    with pytest.raises(CacheError, match=said):
        bundled_rows(tmp_path, TURKISH)


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module of the user's in the working directory."""
    _write(
        tmp_path,
        f"mod_{tmp_path.name}.py",
        "__version__ = '2.1'\nvalue = 3\ndef shout(texts, language):\n    return texts\n",
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return f"mod_{tmp_path.name}"


def test_a_function_is_a_translator(module: str) -> None:
    translator = translators.resolve(f"{module}:shout")
    assert translator.version == "2.1"
    assert translator.label == f"{module}-shout"
    assert translator.check_language(TURKISH) is None


@pytest.mark.parametrize("name", ["no_such_module_here:f", "{module}:nothing", "{module}:value"])
def test_a_function_that_is_not_there(module: str, name: str) -> None:
    with pytest.raises(UsageError, match=module if "{" in name else "no_such_module_here"):
        translators.resolve(name.format(module=module))


def test_a_module_that_breaks_on_import(tmp_path: Path, module: str) -> None:
    _write(tmp_path, f"broken_{module}.py", "1 / 0\n")
    with pytest.raises(SynthError, match="ZeroDivisionError"):
        translators.resolve(f"broken_{module}:f")
