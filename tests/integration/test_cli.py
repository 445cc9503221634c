"""Every command with good and bad input: what is printed where, and the exit code."""

from __future__ import annotations

import json
import os
import resource
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result
from mini_sets import BAG_OF_WORDS, build

from mmteb_synth import __version__
from mmteb_synth.cli import cli
from mmteb_synth.errors import Stopped
from mmteb_synth.stopping import INTERRUPTED

STS = "MiniSTS.tur-Latn.authored"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with one Turkish set, a cache with three translations, and a score."""
    home = tmp_path_factory.mktemp("home")
    build(home, ["tr"], ["MiniSTS"])
    (home / "rows.csv").write_text("source,translation\nA cat,Eine Katze\nA dog,Ein Hund\nA tree,Ein Baum\n")
    places = _places(home)
    done = run("cache", "import", home / "rows.csv", "-l", "de", "--translator", "import:mine", *places["c"])
    assert done.exit_code == 0, done.output
    done = run("evaluate", "-m", BAG_OF_WORDS, "-l", "tr", *places["d"], *places["c"], *places["r"])
    assert done.exit_code == 0, done.output
    return home


def _places(home: Path) -> dict[str, list[str | Path]]:
    return {
        "d": ["--data-dir", home / "data"],
        "c": ["--cache-dir", home / "cache"],
        "r": ["--results-dir", home / "results"],
        "o": ["--out", home / "out"],
    }


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


def start(*arguments: object, **options: Any) -> subprocess.Popen[str]:
    """The command in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "mmteb_synth", *(str(argument) for argument in arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def assert_clear_error(done: Result, code: int, said: str) -> None:
    """One line with what was wrong and one with what to do; nothing on stdout, no traceback."""
    assert done.exit_code == code, done.output
    lines = done.stderr.splitlines()
    assert lines[0].startswith("error: "), done.stderr
    assert said in lines[0]
    assert len(lines) == 1 or lines[1].startswith("hint: "), done.stderr
    assert len(lines) <= 2
    assert done.stdout == ""
    assert isinstance(done.exception, SystemExit)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("build -l xx", "unknown language 'xx'"),
        ("build -l zh", "'zh' can mean several"),
        ("build -l tr -t STSBenchmrk", "unknown task 'STSBenchmrk'; did you mean STSBenchmark"),
        ("build -l tr --suite mimi", "unknown suite 'mimi'; did you mean mini?"),
        ("build -l tr -t MiniSTS --translator gpt-4.1-mni", "unknown translator 'gpt-4.1-mni'"),
        ("build -l tr -t STSBenchmark", "STSBenchmark has no bundled Turkish translations"),
        ("build -l fi", "has no bundled Finnish translations"),
        ("build -l tr -t {home}/none.toml", "no such file"),
        ("build -l tr -t {home}/Broken.toml", "Broken.toml is not valid TOML"),
        ("build -l tr -t {home}/Odd.toml", "typ: is not a known key; did you mean type?"),
        ("build -l tr --suite {home}/Broken.toml", "Broken.toml is not valid TOML"),
        ("evaluate -m x -l xx", "unknown language 'xx'"),
        ("evaluate -m x -t MiniST", "unknown task 'MiniST'; did you mean MiniSTS"),
        ("evaluate -m x --suite mimi", "unknown suite 'mimi'"),
        ("evaluate -m x --translator gpt", "unknown translator of built sets 'gpt'"),
        ("evaluate -m x --prompt query", "--prompt 'query' is not KEY=TEXT"),
        ("evaluate -m x --prompt query=a --prompt query=b", "--prompt query is given twice"),
        ("evaluate -m x -m y --model-name org/x", "--model-name org/x is one model's"),
        ("leaderboard --suite mimi", "unknown suite 'mimi'"),
        ("leaderboard -l xx", "unknown language 'xx'"),
        ("leaderboard -m nobody", "unknown model 'nobody'"),
        ("leaderboard --translator nobody", "unknown translator 'nobody'"),
        ("demo -l fi", "has no bundled Finnish translations"),
        ("tasks --suite mimi", "unknown suite 'mimi'"),
        ("tasks --type STSS", "unknown task type 'STSS'; did you mean STS?"),
        ("tasks --native", "--native and --lang go together"),
        ("tasks --lang sw", "--native and --lang go together"),
        ("tasks --native --lang zh", "'zh' can mean several"),
        ("cache export {home}/rows.txt", "is in no form that is known"),
        ("cache export {home}/x.csv --translator nobody", "unknown translator of the cache 'nobody'"),
        ("cache export {home}/x.csv -l xx", "unknown language 'xx'"),
        ("cache import {home}/none.csv -l de --translator import:x", "no such file"),
        ("cache import {home}/rows.csv -l xx --translator import:x", "unknown language 'xx'"),
        ("cache import {home}/Broken.toml -l de --translator import:x", "is in no form that is known"),
        ("cache merge {home}/none.sqlite", "no such cache"),
    ],
)
def test_what_does_not_exist_is_one_clear_error_of_usage(home: Path, line: str, said: str) -> None:
    (home / "Broken.toml").write_text("type = \n")
    (home / "Odd.toml").write_text('typ = "STS"\n')
    before = _files(home)
    arguments = line.format(home=home).split(" ")
    assert_clear_error(run(*arguments, *_fitting(home, arguments)), 2, said)
    assert _files(home) == before


def _fitting(home: Path, arguments: list[str]) -> list[str | Path]:
    """The folder options that a command has."""
    kinds = {
        "build": "dc",
        "evaluate": "dcr",
        "leaderboard": "dro",
        "demo": "dcro",
        "tasks": "",
        "cache": "c",
    }
    return [value for kind in kinds[arguments[0]] for value in _places(home)[kind]]


def _files(folder: Path) -> dict[str, bytes]:
    """All files but the one that only says how the last run stands."""
    return {
        str(path): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "status.json"
    }


@pytest.mark.parametrize(
    "line",
    [
        "",
        "nosuch",
        "build",
        "build -l tr --tolerate 2",
        "build -l tr --limit 0",
        "build -l tr --concurrency 0",
        "build -l tr --on-failure maybe",
        "build -l tr --source-dir /none/such",
        "evaluate",
        "evaluate -m x --batch-size 0",
        "evaluate -m x --max-seq-length 0",
        "cache import",
        "cache merge",
        "tasks extra",
        "leaderboard --nosuch",
    ],
)
def test_flags_that_do_not_fit_are_told_by_click(line: str) -> None:
    done = run(*line.split())
    assert done.exit_code == 2
    assert "Usage: " in done.output


class TestUnknownModels:
    @pytest.mark.parametrize(
        ("model", "said"),
        [
            ("no/such", "unknown model 'no/such'"),
            ("./nowhere", "there is no folder './nowhere'"),
            ("no_module:model", "there is no module no_module"),
            ("mmteb_synth.baselines:none", "has no none"),
        ],
    )
    def test_one_alone_is_a_mistake_of_usage(self, home: Path, model: str, said: str) -> None:
        done = run("evaluate", "-m", model, "-l", "tr", *_fitting(home, ["evaluate"]))
        assert_clear_error(done, 2, said)

    def test_one_beside_others_does_not_stop_them(self, home: Path) -> None:
        done = run("evaluate", "-m", "no/such", "-m", BAG_OF_WORDS, "-l", "tr", *_fitting(home, ["evaluate"]))
        assert done.exit_code == 1
        assert done.stdout.startswith(f"mmteb-synth/bag-of-words  {STS}  ")
        assert done.stderr.count("error: ") == 1

    @pytest.mark.parametrize(
        ("flag", "value", "said"),
        [
            ("--prompts-like", "no/such", "unknown model 'no/such'"),
            ("--dtype", "float8", "unknown dtype 'float8'"),
            ("--device", "tpu9", "unknown device 'tpu9'"),
            ("--prompt", "foo=x", "unknown prompt key 'foo'"),
        ],
    )
    def test_flags_that_do_not_fit_the_model(self, home: Path, flag: str, value: str, said: str) -> None:
        done = run("evaluate", "-m", BAG_OF_WORDS, flag, value, "-l", "tr", *_fitting(home, ["evaluate"]))
        assert_clear_error(done, 2, said)


class TestDamage:
    def test_a_cache_that_is_none(self, tmp_path: Path) -> None:
        (tmp_path / "cache").mkdir()
        (tmp_path / "cache" / "cache.sqlite").write_text("not a database" * 100)
        before = _files(tmp_path)
        where = ["--cache-dir", tmp_path / "cache"]
        for arguments in (
            ["cache", "stats"],
            ["cache", "verify"],
            ["cache", "export", tmp_path / "x.csv"],
            ["build", "-l", "tr", "-t", "MiniSTS", "--data-dir", tmp_path / "data"],
        ):
            assert_clear_error(run(*arguments, *where), 1, "cache.sqlite is damaged")
        assert _files(tmp_path) == before

    def test_rows_that_were_changed_are_found(self, tmp_path: Path) -> None:
        (tmp_path / "rows.csv").write_text("source,translation\nA cat,Eine Katze\n")
        where = ["--cache-dir", tmp_path]
        done = run("cache", "import", tmp_path / "rows.csv", "-l", "de", "--translator", "import:x", *where)
        assert done.stdout == "1 added, 0 were there already, 0 replaced\n"
        assert run("cache", "verify", *where).exit_code == 0
        with sqlite3.connect(tmp_path / "cache.sqlite") as connection:
            tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master")]
            columns = {table: _columns(connection, table) for table in tables}
            (table,) = (table for table in tables if {"source", "translation"} <= set(columns[table]))
            connection.execute(f"UPDATE {table} SET source = 'A dog'")
        connection.close()
        done = run("cache", "verify", *where)
        assert done.exit_code == 1
        assert done.stdout == "1 rows, 1 problems\n"
        assert done.stderr.count("\n") == 1

    @pytest.mark.parametrize(
        ("content", "said"),
        [
            ("source,translation\nA cat,Eine Katze\nA cat,Ein Kater\n", "A cat"),
            ("source,translation\nA cat,\n", "row"),
            ("english,german\nA cat,Eine Katze\n", "column"),
            ("", "rows.csv"),
        ],
    )
    def test_an_import_that_can_not_be_taken(self, tmp_path: Path, content: str, said: str) -> None:
        (tmp_path / "rows.csv").write_text(content)
        done = run(
            "cache", "import", tmp_path / "rows.csv", "-l", "de", "--translator", "import:x",
            "--cache-dir", tmp_path / "cache",
        )  # fmt: skip
        assert done.exit_code in (1, 2)
        assert_clear_error(done, done.exit_code, said)
        assert run("cache", "stats", "--json", "--cache-dir", tmp_path / "cache").stdout == "[]\n"

    def test_a_broken_parquet_file(self, tmp_path: Path) -> None:
        (tmp_path / "rows.parquet").write_bytes(b"PAR1nonsense")
        done = run(
            "cache", "import", tmp_path / "rows.parquet", "-l", "de", "--translator", "import:x",
            "--cache-dir", tmp_path / "cache",
        )  # fmt: skip
        assert done.exit_code in (1, 2)
        assert_clear_error(done, done.exit_code, "rows.parquet")

    def test_a_damaged_set_is_its_own_error(self, home: Path, tmp_path: Path) -> None:
        build(tmp_path, ["tr"], ["MiniSTS"])
        (tmp_path / "data" / f"{STS}.json").write_text("nonsense")
        done = run("evaluate", "-m", BAG_OF_WORDS, "-l", "tr", *_fitting(tmp_path, ["evaluate"]))
        assert_clear_error(done, 1, f"{STS}.json is damaged")


class TestFoldersThatCanNotBeWritten:
    """A file stands where the folder should: also for root, who may write in read-only folders."""

    @pytest.fixture
    def blocked(self, tmp_path: Path) -> Path:
        (tmp_path / "file").touch()
        return tmp_path / "file" / "folder"

    def test_build(self, blocked: Path, tmp_path: Path) -> None:
        done = run(
            "build", "-l", "tr", "-t", "MiniSTS", "--data-dir", blocked, "--cache-dir", tmp_path / "cache"
        )
        assert done.exit_code == 1
        assert f"error: {STS}: could not write temporary files" in done.stderr
        assert "--data-dir" in done.stderr

    def test_evaluate(self, home: Path, blocked: Path) -> None:
        done = run(
            "evaluate", "-m", BAG_OF_WORDS, "-l", "tr", "--data-dir", home / "data",
            "--cache-dir", home / "cache", "--results-dir", blocked,
        )  # fmt: skip
        assert_clear_error(done, 1, "could not write the results in")

    def test_leaderboard(self, home: Path, blocked: Path) -> None:
        places = _places(home)
        done = run("leaderboard", *places["d"], *places["r"], "--out", blocked)
        assert_clear_error(done, 1, "could not write leaderboard.md")

    def test_cache(self, home: Path, blocked: Path) -> None:
        done = run(
            "cache",
            "import",
            home / "rows.csv",
            "-l",
            "de",
            "--translator",
            "import:x",
            "--cache-dir",
            blocked,
        )
        assert_clear_error(done, 1, "cache")
        done = run("cache", "export", blocked / "x.csv", *_places(home)["c"])
        assert_clear_error(done, 1, "x.csv")

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
    def test_a_read_only_folder(self, home: Path, tmp_path: Path) -> None:
        tmp_path.chmod(0o555)
        done = run(
            "evaluate", "-m", BAG_OF_WORDS, "-l", "tr", "--data-dir", home / "data",
            "--cache-dir", home / "cache", "--results-dir", tmp_path / "results",
        )  # fmt: skip
        assert_clear_error(done, 1, "Permission denied")


def test_a_disk_that_fills_up_leaves_no_half_written_result(home: Path, tmp_path: Path) -> None:
    """The system refuses what is beyond 800 bytes of a file, as a full disk does."""
    done = start(
        "evaluate", "-m", BAG_OF_WORDS, "-l", "tr", "--data-dir", home / "data",
        "--cache-dir", home / "cache", "--results-dir", tmp_path / "results",
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (800, 800)),
    )  # fmt: skip
    out, err = done.communicate(timeout=120)
    assert (done.returncode, out) == (1, "")
    assert "could not write the results in" in err
    assert "Traceback" not in err
    assert not [path for path in (tmp_path / "results").rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("number", "code", "said"),
    [
        (signal.SIGINT, INTERRUPTED, "interrupted"),
        (signal.SIGTERM, Stopped.exit_code, "stopped"),
        (signal.SIGUSR1, Stopped.exit_code, "stopped"),
    ],
)
def test_ending_by_a_signal_is_told_with_its_own_exit_code(
    tmp_path: Path, number: int, code: int, said: str
) -> None:
    """Listing a suite waits for its file, which never comes."""
    os.mkfifo(tmp_path / "Slow.toml")
    process = start("tasks", "--suite", tmp_path / "Slow.toml")
    handle = None
    while handle is None:
        assert process.poll() is None, process.communicate()
        try:
            handle = os.open(tmp_path / "Slow.toml", os.O_WRONLY | os.O_NONBLOCK)
        except OSError:  # nobody reads it yet
            time.sleep(0.05)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    os.close(handle)
    assert (process.returncode, out) == (code, "")
    assert err.splitlines()[-1] == (
        f"{said}; everything that was finished is kept, run the command again to go on"
    )
    assert "Traceback" not in err


def test_ctrl_c_before_anything_is_imported_shows_no_traceback() -> None:
    program = """
import signal, sys
class Interrupting:
    def find_spec(self, name, *_):
        if name == "mmteb_synth.cli.main":
            signal.raise_signal(signal.SIGINT)
sys.meta_path.insert(0, Interrupting())
from mmteb_synth.__main__ import main
main()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (INTERRUPTED, "", "")


def test_a_signal_on_the_way_out_changes_no_exit_code() -> None:
    program = """
import atexit, signal, sys
atexit.register(signal.raise_signal, signal.SIGTERM)
sys.argv = ["mmteb-synth", "suites", "--suite"]
from mmteb_synth.__main__ import main
main()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 2


def test_a_reader_that_leaves_is_no_error() -> None:
    command = f"{sys.executable} -m mmteb_synth tasks | head -1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("name")
    assert done.stderr == ""


class TestVerbosity:
    @pytest.mark.parametrize(
        "line", ["--debug tasks --suite mimi", "tasks --debug --suite mimi", "tasks --suite mimi --debug"]
    )
    def test_debug_shows_the_traceback_wherever_it_stands(self, line: str) -> None:
        done = run(*line.split())
        assert done.exit_code == 2
        assert "Traceback" in done.stderr
        assert "error: unknown suite 'mimi'" in done.stderr

    def test_debug_of_a_group_reaches_its_commands(self, tmp_path: Path) -> None:
        done = run("cache", "--debug", "import", tmp_path / "none.csv", "--cache-dir", tmp_path)
        assert done.exit_code == 2
        assert "Traceback" in done.stderr

    @pytest.mark.parametrize("flags", [["--quiet"], ["-q"]])
    def test_quiet_leaves_results(self, home: Path, flags: list[str]) -> None:
        places = [value for kind in "dro" for value in _places(home)[kind]]
        loud, quiet = run("leaderboard", *places), run(*flags, "leaderboard", *places)
        assert loud.stdout == quiet.stdout
        assert loud.stderr.startswith("written: ")
        assert quiet.stderr == ""

    def test_an_error_that_nobody_foresaw_is_still_one_line(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from mmteb_synth import listings

        def fail() -> None:
            raise KeyError("what")

        monkeypatch.setattr(listings, "list_suites", fail)
        assert_clear_error(run("suites"), 1, "KeyError: 'what'")
        assert "Traceback" in run("suites", "--debug").stderr


class TestLists:
    @pytest.mark.parametrize(
        ("line", "key"),
        [
            ("tasks", "name"),
            ("tasks --suite mini --type STS", "name"),
            ("suites", "name"),
            ("languages", "code"),
            ("translators", "name"),
            ("cache stats", "translator"),
        ],
    )
    def test_json_holds_what_the_table_shows(self, home: Path, line: str, key: str) -> None:
        places = _places(home)["c"] if line.startswith("cache") else []
        table, values = run(*line.split(), *places), run(*line.split(), "--json", *places)
        assert table.exit_code == values.exit_code == 0
        assert table.stderr == values.stderr == ""
        rows = json.loads(values.stdout)
        shown = [text.split("  ")[0] for text in table.stdout.splitlines()[1:]]
        assert shown == [row[key] for row in rows] != []

    def test_of_a_suite(self) -> None:
        rows = json.loads(run("tasks", "--suite", "mini", "--json").stdout)
        assert {row["type"] for row in rows} == {
            "BitextMining",
            "Classification",
            "Clustering",
            "PairClassification",
            "Reranking",
            "Retrieval",
            "STS",
            "Summarization",
        }

    def test_no_name_is_cut(self) -> None:
        assert "…" not in "".join(line.split("  ")[0] for line in run("tasks").stdout.splitlines())


class TestCacheCommands:
    def test_out_and_in_again(self, home: Path, tmp_path: Path) -> None:
        places = _places(home)["c"]
        file = tmp_path / "all.parquet"
        done = run("cache", "export", file, "--lang", "German", *places)
        assert (done.exit_code, done.stdout) == (0, f"3 rows written to {file}\n")
        done = run("cache", "import", file, "--cache-dir", tmp_path / "other")
        assert done.stdout == "3 added, 0 were there already, 0 replaced\n"
        done = run("cache", "merge", tmp_path / "other" / "cache.sqlite", *places)
        assert done.stdout == "0 added, 3 were there already, 0 conflicts\n"
        assert run("cache", "verify", *places).stdout == "3 rows, 0 problems\n"

    def test_a_different_translation_is_refused_and_replaced_when_asked(
        self, home: Path, tmp_path: Path
    ) -> None:
        build_from = ["--cache-dir", tmp_path / "cache", "-l", "de", "--translator", "import:mine"]
        assert run("cache", "import", home / "rows.csv", *build_from).exit_code == 0
        (tmp_path / "rows.csv").write_text("source,translation\nA cat,Ein Kater\n")
        done = run("cache", "import", tmp_path / "rows.csv", *build_from)
        assert_clear_error(done, 1, "A cat")
        done = run("cache", "import", tmp_path / "rows.csv", "--replace", *build_from)
        assert done.stdout == "0 added, 0 were there already, 1 replaced\n"

    def test_an_empty_cache_says_so(self, tmp_path: Path) -> None:
        done = run("cache", "stats", "--cache-dir", tmp_path)
        assert done.exit_code == 0
        assert "the cache is empty" in done.stderr


class TestHelp:
    @pytest.mark.parametrize("group", [[], ["cache"]])
    def test_the_list_of_commands_says_what_each_does(self, group: list[str]) -> None:
        done = run(*group, "--help")
        assert done.exit_code == 0
        lines = dict(
            line.split(maxsplit=1)
            for line in done.stdout.split("Commands:\n")[1].splitlines()
            if line.strip()
        )
        shown = ["build", "evaluate", "leaderboard", "demo", "tasks", "suites", "languages", "translators"]
        for name in shown if not group else ["export", "import", "merge", "stats", "verify"]:
            assert lines[name].endswith("."), lines[name]
            assert not lines[name].endswith("..."), lines[name]

    def test_every_option_is_explained(self) -> None:
        for command in _commands(cli):
            assert command.help
            for option in command.params:
                if isinstance(option, click.Option):
                    assert option.help, f"{command.name} {option.name}"

    def test_everywhere_there_is_quiet_and_debug(self) -> None:
        for command in _commands(cli):
            assert {"quiet", "debug"} <= {option.name for option in command.params}, command.name

    def test_version(self) -> None:
        assert run("--version").stdout == f"mmteb-synth, version {__version__}\n"


def _commands(group: click.Group) -> list[click.Command]:
    found: list[click.Command] = []
    for command in group.commands.values():
        found += _commands(command) if isinstance(command, click.Group) else [command]
    return found


def _columns(connection: sqlite3.Connection, table: str) -> list[str]:
    return [row[1] for row in connection.execute(f"PRAGMA table_info('{table}')")]


class TestBuild:
    def test_it_tells_what_it_did_and_skips_what_is_built(self, tmp_path: Path) -> None:
        places = _fitting(tmp_path, ["build"])
        first, second = (run("build", "-l", "tr", "-t", "MiniSTS", *places) for _ in range(2))
        assert first.exit_code == second.exit_code == 0
        assert first.stdout.startswith(f"{STS}: built; 57 segments of 30 rows; 57 from the cache, 0 requests")
        assert second.stdout == f"{STS}: unchanged\n"
        assert first.stderr == second.stderr == ""

    def test_a_set_with_gaps_is_held_back_and_stored_on_request(self, tmp_path: Path) -> None:
        places = _fitting(tmp_path, ["build"])
        (tmp_path / "rows.csv").write_text("source,translation\nA cat,Eine Katze\n")
        imported = run(
            "cache",
            "import",
            tmp_path / "rows.csv",
            "-l",
            "de",
            "--translator",
            "import:few",
            *_places(tmp_path)["c"],
        )
        assert imported.exit_code == 0
        line = ["build", "-l", "de", "-t", "MiniSTS", "--limit", "6", "--translator", "import:few"]
        held = run(*line, *places)
        assert held.exit_code == 1
        assert held.stdout.startswith("MiniSTS.deu-Latn.import-few.limit6: held back")
        assert "segments failed" in held.stderr
        assert "--on-failure source or drop" in held.stderr
        assert not list((tmp_path / "data").glob("*.json"))
        kept = run(*line, "--on-failure", "source", *places)
        assert kept.exit_code == 0
        assert (tmp_path / "data" / "MiniSTS.deu-Latn.import-few.limit6.json").is_file()
