"""What the documentation says can be done: commands parse, targets exist, examples are valid, and code runs."""

from __future__ import annotations

import importlib.util
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import click
import pytest

from mmteb_synth import selection, specs, suites
from mmteb_synth.cli import cli
from mmteb_synth.data.store import Store
from mmteb_synth.errors import UnknownNameError
from mmteb_synth.translate import preset, translators

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs").glob("*.md")),
]
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Installed(Protocol):
    """The fixture of that name."""

    home: Path

    def python(self, *arguments: str) -> Any:
        """Run Python there."""


def _blocks(language: str, pages: list[Path] = PAGES) -> Iterator[tuple[str, str]]:
    """(page, text) of each block of code in a language."""
    for page in pages:
        for found, text in FENCE.findall(page.read_text("utf-8")):
            if found == language:
                yield page.name, text


def _lines(program: str) -> Iterator[tuple[str, list[str]]]:
    """(page, words) of each documented call of a program."""
    for page, text in _blocks("sh"):
        for line in text.replace("\\\n", " ").splitlines():  # a line that goes on is one
            words = shlex.split(line, comments=True)
            if words and words[0] == program:
                yield page, words[1:]


COMMANDS = list(_lines("mmteb-synth"))


def _options(words: list[str]) -> dict[str, Any]:
    """Parse a command line as click does, without running it or looking for its files.

    Raises:
        click.ClickException: The command, a flag or a value is not there.
    """
    command: click.Command = cli
    context = click.Context(cli, info_name="mmteb-synth")
    while isinstance(command, click.Group):
        name, found, words = command.resolve_command(context, words)
        assert found is not None
        command, context = found, click.Context(found, info_name=name, parent=context)
    values, rest, _ = command.make_parser(context).parse_args(list(words))
    assert not rest, rest
    for parameter in command.params:
        given = values.get(parameter.name or "")
        assert given or not parameter.required, f"{parameter.name} is missing"
        if given and isinstance(parameter, click.Option) and not isinstance(parameter.type, click.Path):
            parameter.type_cast_value(context, given)
    return values


def test_there_are_commands_to_check() -> None:
    assert len(COMMANDS) > 20


@pytest.mark.parametrize(
    ("page", "words"), COMMANDS, ids=lambda value: value if isinstance(value, str) else ""
)
def test_documented_commands_parse(page: str, words: list[str]) -> None:
    values = _options(words)
    for name in (*_several(values.get("task")), *_several(values.get("suite"))):
        if not name.endswith(".toml"):
            _known(name)
    translator = values.get("translator")
    if (
        isinstance(translator, str)
        and re.fullmatch(r"[a-z0-9.-]+", translator)
        and not translator.endswith(".toml")
    ):
        translators.resolve(translator)


def _several(value: str | tuple[str, ...] | None) -> tuple[str, ...]:
    """The values of an option, which may be repeatable or not."""
    return (value,) if isinstance(value, str) else value or ()


def _known(name: str) -> None:
    try:
        selection.choose([name])
    except UnknownNameError:
        suites.get_suite(name)


@pytest.mark.parametrize(
    "line",
    ["build --lang tr --to-nowhere", "biuld --lang tr", "build", "build -l tr --limit 0", "build -l tr x"],
)
def test_the_parser_of_documented_commands_refuses_wrong_ones(line: str) -> None:
    with pytest.raises((click.ClickException, AssertionError)):
        _options(line.split())


def test_documented_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    documented = {words[0] for _, words in _lines("make")}
    assert {"demo", "test", "lint"} <= documented <= targets


def test_the_list_of_commands_is_current() -> None:
    spec = importlib.util.spec_from_file_location("cli_reference", ROOT / "scripts" / "cli_reference.py")
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert (ROOT / "docs" / "cli.md").read_text("utf-8") == script.page(), (
        "run python scripts/cli_reference.py"
    )


def test_every_command_and_translator_is_in_the_readme() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    for name in cli.commands:
        assert f"mmteb-synth {name}" in text
    for info in translators.available():
        assert f"| `{info.name}` |" in text


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text("utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize(("page", "text"), list(_blocks("toml")))
def test_documented_files_are_valid(page: str, text: str, tmp_path: Path) -> None:
    name = re.match(r"# (\S+\.toml)\n", text)
    assert name, "the first line names the file"
    path = tmp_path / name[1]
    path.write_text(text, "utf-8")
    keys = tomllib.loads(text).keys()
    if "model" in keys:
        assert preset.read_preset(path).model
    elif keys & {"tasks", "native", "native_query", "benchmark"}:
        assert specs.read_suite(path).name == path.stem
    else:
        assert specs.read_task(path).name == path.stem


def test_the_documented_translator_translates(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import mmteb_synth

    ((_, text),) = _blocks("python", [ROOT / "docs" / "translators.md"])
    (tmp_path / "my_translator.py").write_text(text, "utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    report = mmteb_synth.build(
        "tr",
        tasks="MiniSTS",
        translator="my_translator:translate",
        data_dir=tmp_path / "d",
        cache_dir=tmp_path / "c",
    )
    assert report.ok
    # read as a file: a class made here would stay among mteb's for the rest of the process
    tables = Store(tmp_path / "d").get("MiniSTS.tur-Latn.my_translator-translate").tables()
    (rows,) = tables.values()
    assert rows.column("sentence1")[0].as_py().startswith("[tur-Latn] ")


def test_the_notebook_of_the_readme_runs_on_the_demo_s_sets(demo: str, installed: Installed) -> None:
    ((_, text),) = _blocks("python", [ROOT / "README.md"])
    (installed.home / "notebook.py").write_text(text, "utf-8")
    done = installed.python("notebook.py")
    assert done.returncode == 0, done.stderr
    printed = float(done.stdout.strip().splitlines()[-1])
    line = r"all-MiniLM-L6-v2  MiniSTS\.tur-Latn\.authored  ([\d.]+)"
    (scored,) = re.findall(line, demo)
    assert printed == pytest.approx(float(scored), abs=0.001)
