"""Write docs/cli.md from the commands themselves. A contract test fails while it is not current.

python scripts/cli_reference.py
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path

import click

from mmteb_synth.cli import cli

PAGE = Path(__file__).parents[1] / "docs" / "cli.md"
NAME = "mmteb-synth"
HEAD = """\
# Every command and flag

Made from the commands by `python scripts/cli_reference.py`; `mmteb-synth COMMAND --help` says the same.
Every command takes `-h` or `--help`.
"""


def page() -> str:
    """The whole page as Markdown."""
    parts = [HEAD]
    for words, command in commands(cli, (NAME,)):
        parts.append(_section(words, command))
    return "\n".join(parts)


def commands(group: click.Group, words: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command below a group with the words that call it, groups themselves left out."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, (*words, name))
        else:
            yield (*words, name), command


def _section(words: tuple[str, ...], command: click.Command) -> str:
    arguments = [param for param in command.params if isinstance(param, click.Argument)]
    options = [param for param in command.params if isinstance(param, click.Option)]
    usage = " ".join([*words, "[OPTIONS]", *(_argument(param) for param in arguments)])
    rows = [f"| {_flags(option)} | {_meaning(option)} |" for option in options]
    text = _prose(inspect.cleandoc(command.help or ""))
    return "\n".join([f"## {usage}", "", text, "", "| flag | meaning |", "|:--|:--|", *rows, ""])


def _argument(argument: click.Argument) -> str:
    name = (argument.name or "").upper()
    return f"{name}..." if argument.nargs == -1 else name


def _flags(option: click.Option) -> str:
    value = "" if option.is_flag else f" {option.metavar or _value(option)}"
    return ", ".join(f"`{flag}{value}`" for flag in sorted(option.opts, key=len))


def _value(option: click.Option) -> str:
    if isinstance(option.type, click.Choice):
        return "\\|".join(map(str, option.type.choices))
    return "DIR" if isinstance(option.type, click.Path) else "N"


def _meaning(option: click.Option) -> str:
    words = [_prose(option.help or "")]
    if option.required:
        words.append("Required.")
    if option.show_default:
        words.append(f"Default: `{option.default}`.")
    return " ".join(word for word in words if word)


def _prose(text: str) -> str:
    """Text that neither a table nor HTML tags can swallow."""
    return text.replace("|", "\\|").replace("<", "\\<")


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), "utf-8")
    print(f"written: {PAGE}")


if __name__ == "__main__":
    main()
