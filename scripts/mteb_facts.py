"""Write tasks/mteb.json and tasks/languages.json from the installed mteb.

The library reads them instead of importing mteb, which takes seconds. Run it after every change of the pinned
mteb; a contract test compares the files with what it would write:

    python scripts/mteb_facts.py
"""

from __future__ import annotations

import ast
import inspect
import json
import textwrap
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mmteb_synth import paths
from mmteb_synth.facts import SCHEMA
from mmteb_synth.languages import english_name, family
from mmteb_synth.specs import TASK_TYPES

_PREFERRED = ("en", "default", "eng", "eng-Latn", "en-en")
_NO_LANGUAGE = ("-Code", "-Zxxx")  # programming languages, and sounds without words


def gather() -> tuple[str, str]:
    """The content of mteb.json and of languages.json for the installed mteb."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # beta tasks warn when they are made
        import mteb

        every = mteb.get_tasks(
            exclude_superseded=False, exclude_aggregate=False, exclude_private=False, exclude_beta=False
        )
        tasks = [task for task in every if _is_text(task)]
        benchmarks = {benchmark.name: _benchmark(benchmark) for benchmark in mteb.get_benchmarks()}
    others = {
        task.metadata.name: {"type": task.metadata.type, "modalities": list(task.metadata.modalities)}
        for task in every
        if not _is_text(task)
    }
    header = {"schema": SCHEMA, "mteb_version": mteb.__version__}
    facts = {task.metadata.name: _task(task) for task in tasks}
    return (
        _layout(header, {"tasks": facts, "others": others, "benchmarks": benchmarks}),
        _layout(header, {"languages": _languages((_codes(task), _is_text(task)) for task in every)}),
    )


def _is_text(task: Any) -> bool:
    return task.metadata.type in TASK_TYPES and list(task.metadata.modalities) == ["text"]


def _task(task: Any) -> dict[str, Any]:
    metadata = task.metadata
    parts = [part.metadata.name for part in metadata.tasks] if task.is_aggregate else []
    subsets = _subsets(metadata)
    alone = {codes[0] for codes in subsets.values() if len(codes) == 1}
    mixed = {code for codes in subsets.values() for code in codes} - alone
    english = _english(subsets) if metadata.type != "BitextMining" else []
    facts = {
        "type": metadata.type,
        "main_score": metadata.main_score,
        "license": metadata.license,
        "splits": list(metadata.eval_splits),
        "dataset": None if parts else metadata.dataset["path"],
        "revision": None if parts else metadata.dataset["revision"],
        "languages": sorted(alone),
        "mixed_languages": sorted(mixed),
        "subsets": _languages_of_subsets(subsets) if len(alone | mixed) > 1 else None,
        "english": english,
        "sample_creation": metadata.sample_creation,
        "adapted_from": list(metadata.adapted_from or ()),
        "superseded_by": metadata.superseded_by,
        "private": metadata.is_public is False,
        "reference": str(metadata.reference) if metadata.reference else None,
        "parts": parts,
        "sizes": _sizes(metadata.descriptive_stats, english[0], len(subsets)) if english else None,
        "sets": _set_by_transform(type(task)) if english else None,
        "sizes_in": {} if metadata.type == "BitextMining" else _sizes_in(metadata.descriptive_stats, subsets),
    }
    return {key: value for key, value in facts.items() if value}


def _subsets(metadata: Any) -> dict[str, list[str]]:
    """Subset to its languages, each once."""
    langs = metadata.eval_langs
    by_subset = langs if isinstance(langs, Mapping) else {"default": langs}
    return {subset: list(dict.fromkeys(codes)) for subset, codes in by_subset.items()}


def _languages_of_subsets(subsets: Mapping[str, list[str]]) -> dict[str, str]:
    """Each subset that holds one language alone, and which."""
    return {subset: codes[0] for subset, codes in sorted(subsets.items()) if len(codes) == 1}


def _english(subsets: Mapping[str, list[str]]) -> list[str]:
    """The purely English subsets, the one to translate first."""
    pure = [subset for subset, codes in subsets.items() if all(code.startswith("eng-") for code in codes)]
    return sorted(
        pure, key=lambda subset: _PREFERRED.index(subset) if subset in _PREFERRED else len(_PREFERRED)
    )


def _sizes(
    statistics: Mapping[str, Any] | None, subset: str, subset_count: int
) -> dict[str, list[int]] | None:
    """Split to [samples, characters] of one subset, as mteb counted them."""
    sizes = {}
    for split, whole in (statistics or {}).items():
        by_subset = whole.get("hf_subset_descriptive_stats") or {}
        counts = by_subset.get(subset, whole if subset_count == 1 and not by_subset else None)
        if counts and (characters := _characters(counts)):
            sizes[split] = [counts["num_samples"], characters]
    return sizes or None


def _set_by_transform(cls: type[Any]) -> dict[str, Any]:
    """What a task's own loading sets on the task object, as far as it is a constant: it decides scores too."""
    found: dict[str, Any] = {}
    for base in cls.__mro__:
        if base.__module__.startswith("mteb.abstasks"):
            break
        for name in ("load_data", "dataset_transform"):
            if name in vars(base):
                found |= _assigned(textwrap.dedent(inspect.getsource(vars(base)[name])))
    return found


def _assigned(source: str) -> dict[str, Any]:
    """Constants that a method assigns to attributes of `self`."""
    return {
        target.attr: node.value.value
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Attribute)
        and ast.unparse(target.value) == "self"
        and target.attr != "data_loaded"
    }


def _sizes_in(
    statistics: Mapping[str, Any] | None, subsets: Mapping[str, list[str]]
) -> dict[str, dict[str, list[int]]]:
    """The same for each language but English that subsets hold by itself; nothing where one of them was not counted."""
    found: dict[str, dict[str, list[int]]] = {}
    for code in sorted({codes[0] for codes in subsets.values() if len(codes) == 1} - {"eng-Latn"}):
        sizes = [
            _sizes(statistics, subset, len(subsets)) for subset, codes in subsets.items() if codes == [code]
        ]
        counted = [size for size in sizes if size]
        if len(counted) == len(sizes):
            found[code] = {
                split: [sum(size[split][place] for size in counted) for place in (0, 1)]
                for split in counted[0]
                if all(split in size for size in counted)
            }
    return found


def _characters(counts: Mapping[str, Any]) -> int | None:
    """The characters of all texts: mteb's sum, or ours over the columns where it makes none."""
    if "number_of_characters" in counts:
        return int(counts["number_of_characters"])
    columns = [value for value in counts.values() if isinstance(value, Mapping)]
    return sum(column.get("total_text_length", 0) for column in columns) or None


def _benchmark(benchmark: Any) -> dict[str, Any]:
    """A benchmark; with members where it is of text tasks, some of them English."""
    tasks = list(benchmark.tasks)
    is_text = all(list(task.metadata.modalities) == ["text"] for task in tasks)
    has_english = any("eng" in task.languages for task in tasks)
    members = []
    for task in tasks if is_text and has_english else ():
        member = {"name": task.metadata.name, "splits": list(task.eval_splits)}
        if set(task.hf_subsets) < set(_subsets(task.metadata)):
            member["subsets"] = list(task.hf_subsets)
        members.append(member)
    facts = {"aliases": sorted(benchmark.aliases or ()), "members": members}
    return {key: value for key, value in facts.items() if value}


def _codes(task: Any) -> set[str]:
    """The codes of all languages that a task holds."""
    codes = {code for codes in _subsets(task.metadata).values() for code in codes}
    return {code for code in codes if not code.endswith(_NO_LANGUAGE)}


def _languages(tasks: Iterable[tuple[set[str], bool]]) -> dict[str, Any]:
    """One row for each language: MTEB's codes for it are one.

    Args:
        tasks: The codes of each task, and whether it is text. Other tasks add their codes, but don't count.
    """
    codes: dict[str, Counter[str]] = defaultdict(Counter)  # by family
    isos: dict[str, Counter[str]] = defaultdict(Counter)  # by macro-language
    held: Counter[str] = Counter()
    families: dict[str, str] = {}
    for written, counts in tasks:
        families |= {code: family(code) for code in written - families.keys()}
        for code in written:
            codes[families[code]][code] += counts
        for iso, macro in {(code.split("-")[0], families[code].split("-")[0]) for code in written}:
            isos[macro][iso] += counts
        for name in {families[code] for code in written}:
            held[name] += counts
    scripts = Counter(name.split("-")[0] for name in codes)
    rows = {}
    for name, members in codes.items():
        macro = name.split("-")[0]
        iso = max(isos[macro], key=lambda iso: (isos[macro][iso], iso == macro, iso))
        script = max(members, key=lambda code: (members[code], code)).split("-")[1]
        usual = f"{iso}-{script}"
        row = {
            "name": _name(usual, with_script=scripts[macro] > 1, of_family=len(isos[macro]) > 1),
            "family": name,
            "alternatives": sorted(members.keys() - {usual}),
            "tasks": held[name],
        }
        rows[usual] = {key: value for key, value in row.items() if value}
    return rows


def _name(code: str, *, with_script: bool, of_family: bool) -> str:
    """CLDR's English name, or MTEB's for the few languages that CLDR does not name."""
    from mteb.languages import ISO_TO_LANGUAGE

    name = english_name(code, with_script=with_script, of_family=of_family)
    return (
        str(ISO_TO_LANGUAGE[code.split("-", maxsplit=1)[0]]) if name.startswith("Unknown language") else name
    )


def _layout(header: Mapping[str, Any], tables: Mapping[str, Mapping[str, Any]]) -> str:
    """JSON with one entry of a table on a line, so that a change of mteb reads well as a difference."""
    lines = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in sorted(header.items())]
    for name, table in sorted(tables.items()):
        rows = [
            f"{json.dumps(key, ensure_ascii=False)}: {json.dumps(row, ensure_ascii=False, sort_keys=True)}"
            for key, row in sorted(table.items())
        ]
        lines.append(f"{json.dumps(name)}: {{\n" + ",\n".join(rows) + "\n}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def main() -> None:
    """Write both files into the checkout's tasks folder."""
    folder: Path = paths.bundled_tasks()
    for name, content in zip(("mteb.json", "languages.json"), gather(), strict=True):
        paths.write_text(folder / name, content)
        print(f"{folder / name}: {len(content) / 1024:.0f} KiB")


if __name__ == "__main__":
    main()
