"""What people call languages, and the codes that MTEB writes.

Two libraries know the facts: langcodes (CLDR and IANA) parses and names, and `tasks/languages.json`, made from
MTEB by `scripts/mteb_facts.py`, says which codes MTEB's tasks use. MTEB splits macro-languages and their members,
as Swahili into swa-Latn and swh-Latn: here they are one row, and one for every look-up.
"""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mmteb_synth import paths
from mmteb_synth.errors import UnknownNameError, UsageError, near_names
from mmteb_synth.types import Language

if TYPE_CHECKING:
    import langcodes

ENGLISH = Language(code="eng-Latn", name="English")

_HINT = "list them with: mmteb-synth languages"

_CHOICES = {
    "zho": ("zho-Hans", "zho-Hant"),
    "srp": ("srp-Cyrl", "srp-Latn"),
    "nor": ("nob-Latn", "nno-Latn"),
}
"""The languages whose bare name leaves open what is meant. Everything else has one usual reading."""

_NO_LANGUAGES = {"und", "mul", "mis", "zxx"}
"""Codes of ISO 639 that stand for no one language."""

_SLIPS = {"cmo-Hans": "cmn-Hans", "cmo-Hant": "cmn-Hant"}
"""MTEB codes the Chinese of MASSIVE as Central Mnong (cmo), which nobody writes in Han characters."""

_PARTS_OF_SCRIPTS = {"Hang": "Kore", "Hira": "Jpan", "Kana": "Jpan"}
"""ISO 15924 defines Kore and Jpan as the whole of what Korean and Japanese are written in; MTEB uses both levels."""

_RIGHT_TO_LEFT = frozenset(
    ["Adlm", "Arab", "Hebr", "Mand", "Mend", "Nkoo", "Rohg", "Samr", "Syrc", "Thaa", "Yezi"]
)
"""Scripts in use that run from right to left (Unicode 16, chapters 9 and 19)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LanguageInfo:
    """A language that MTEB names.

    Attributes:
        code: The code to use, as `swa-Latn`: of those that mean this language, the one in most MTEB tasks.
        name: Its English name, with the script where MTEB has the language in several.
        alternatives: MTEB's other codes for it, as `("swh-Latn",)`.
        mteb_tasks: How many MTEB text tasks hold it, under any of its codes; 0 where only others do.
        family: The macro-language and script that all its codes belong to.
    """

    code: str
    name: str
    alternatives: tuple[str, ...]
    mteb_tasks: int
    family: str


@functools.cache
def known() -> tuple[LanguageInfo, ...]:
    """All languages that MTEB's tasks hold, those with most text tasks first."""
    content = json.loads((paths.bundled_tasks() / "languages.json").read_text("utf-8"))
    rows = [
        LanguageInfo(
            code=code,
            name=row["name"],
            alternatives=tuple(row.get("alternatives", ())),
            mteb_tasks=row.get("tasks", 0),
            family=row["family"],
        )
        for code, row in content["languages"].items()
    ]
    return tuple(sorted(rows, key=lambda row: (-row.mteb_tasks, row.name)))


@functools.lru_cache(maxsize=1024)
def parse(value: str) -> Language:
    """The language that a user means by `tr`, `tur`, `tr-TR`, `tur-Latn` or `Turkish`.

    A code that MTEB uses is kept when written in full. Otherwise the code is the one that most MTEB tasks use for
    the language, in the script of the region where one is given (zh-TW is cmn-Hant).

    Args:
        value: A code, a tag or a name, in any case.

    Raises:
        UnknownNameError: No language is called so.
        UsageError: Bare Chinese, Serbian or Norwegian, with the choices; or a language outside MTEB whose script
            is not on record.
    """
    text = value.strip()
    exact = _by_code().get(text.replace("_", "-").casefold()) or _by_name().get(text.casefold())
    if exact:
        return exact
    tag = _tag(text)
    if tag is None and (in_mteb := _scripts().get(text.casefold())):  # as Toki Pona, which CLDR does not name
        return _usual(f"{text.casefold()}-{in_mteb[0]}")
    if tag is None:
        raise UnknownNameError("language", value, _spellings(), hint=_HINT)
    if tag.to_alpha3() in _CHOICES and not tag.script and not tag.territory:
        choices = ", ".join(
            f"{choice.code} ({choice.name})" for choice in map(_usual, _CHOICES[tag.to_alpha3()])
        )
        raise UsageError(f"{value!r} can mean several: {choices}", hint="name one of these codes")
    return _usual(f"{tag.to_alpha3()}-{_script(tag)}")


def same(a: str, b: str) -> bool:
    """Whether two codes mean one language in one script: swa-Latn and swh-Latn do, cmn-Hans and cmn-Hant don't."""
    return b in equivalents(a)


def equivalents(code: str) -> frozenset[str]:
    """All codes that MTEB may use for the language of this one, itself included.

    Args:
        code: As MTEB writes it, `swa-Latn`.
    """
    info = _rows_by_code().get(code)
    return frozenset({code, info.code, *info.alternatives} if info else {code})


def family(code: str) -> str:
    """The macro-language and script under which codes are one: `swa-Latn` of swh-Latn, `zho-Hans` of cmn-Hans.

    CLDR says which member stands for its macro-language; Bokmål for Norwegian is added, which CLDR leaves to its
    matching rules.

    Args:
        code: As MTEB writes it.
    """
    iso, script = _SLIPS.get(code, code).split("-", 1)
    language = _language(iso).prefer_macrolanguage()
    iso = "nor" if language.language == "nb" else language.to_alpha3()
    return f"{iso}-{_PARTS_OF_SCRIPTS.get(script, script)}"


def english_name(code: str, *, with_script: bool, of_family: bool) -> str:
    """The English name of a code, from CLDR.

    Args:
        code: As MTEB writes it.
        with_script: Name the script too, unless it is the one that the language is taken to be written in.
        of_family: Name the macro-language, as Chinese for Mandarin.
    """
    iso, script = code.split("-", 1)
    language = _language(iso)
    if of_family:
        language = language.prefer_macrolanguage()
    name: str = (
        language.update_dict({"script": script}).display_name() if with_script else language.language_name()
    )
    return name


def is_right_to_left(code: str) -> bool:
    """Whether a language as MTEB writes it, as `arb-Arab`, runs from right to left."""
    return code.rpartition("-")[2] in _RIGHT_TO_LEFT


def bcp47(code: str) -> str:
    """A language as other programs write it (BCP 47): `tr` for `tur-Latn`, `sr-Cyrl` for `srp-Cyrl`."""
    import langcodes

    return langcodes.standardize_tag(code)


def _language(iso: str) -> langcodes.Language:
    """The language of a code without script. Aliases that add a country, as fa-AF for Dari, are not followed."""
    import langcodes

    language = langcodes.Language.get(iso)
    return langcodes.Language.get(iso, normalize=False) if language.territory else language


def _tag(text: str) -> langcodes.Language | None:
    """The tag that a user wrote, or that bears the name that a user wrote."""
    import langcodes
    from langcodes.tag_parser import LanguageTagError

    if len(text) < 2 or not text.isprintable():  # one letter names no language, and a NUL breaks the look-up
        return None
    try:
        tag = langcodes.Language.get(text) if "-" in text or "_" in text else _language(text)
    except LanguageTagError:
        tag = None
    try:
        if tag is None or not tag.is_valid():
            tag = langcodes.find(text)
            if _is_misspelt(text, tag):
                return None
        return None if tag.to_alpha3() in _NO_LANGUAGES else tag
    except LookupError:
        return None


def _is_misspelt(text: str, found: langcodes.Language) -> bool:
    """Whether a name was found only by its first letters, as Turkish by "Turkixh", and is no name itself."""
    from language_data.names import code_to_names

    if text.casefold() in {name.casefold() for name in code_to_names(found.language).values()}:
        return False
    near = near_names(text, [found.language_name()], 1)
    return bool(near) and near[0].casefold() != text.casefold()


def _script(tag: langcodes.Language) -> str:
    """The script of a tag: its own, its region's, the one of most MTEB tasks, or the likely one by CLDR."""
    from langcodes.data_dicts import LIKELY_SUBTAGS

    if tag.script:
        return str(tag.script)
    macro = family(f"{tag.to_alpha3()}-Zyyy").removesuffix("-Zyyy")
    in_mteb = _scripts().get(macro, ())
    likely = tag.maximize().script
    if tag.territory and (likely in in_mteb or not in_mteb):
        return str(likely)
    if in_mteb:
        return in_mteb[0]
    if tag.language not in LIKELY_SUBTAGS:
        name = tag.language_name()
        raise UsageError(
            f"it is not on record which script {name} is written in",
            hint=f"write the code in full, as {tag.to_alpha3()}-Latn",
        )
    return str(likely)


def _usual(code: str) -> Language:
    """The language of a code under the code that most MTEB tasks use."""
    usual = family(code)
    if info := _rows_by_family().get(usual):
        return Language(code=info.code, name=info.name)
    macro = usual.split("-")[0]
    relative = next((row for row in known() if row.family.split("-")[0] == macro), None)
    if relative is None:
        return Language(code=code, name=english_name(code, with_script=False, of_family=False))
    code = f"{relative.code.split('-')[0]}-{code.split('-')[1]}"
    return Language(code=code, name=english_name(code, with_script=True, of_family=True))


@functools.cache
def _rows_by_family() -> dict[str, LanguageInfo]:
    return {row.family: row for row in known()}


@functools.cache
def _rows_by_code() -> dict[str, LanguageInfo]:
    return {code: row for row in known() for code in (row.code, *row.alternatives)}


@functools.cache
def _by_code() -> dict[str, Language]:
    return {code.casefold(): Language(code=code, name=row.name) for code, row in _rows_by_code().items()}


@functools.cache
def _by_name() -> dict[str, Language]:
    return {row.name.casefold(): Language(code=row.code, name=row.name) for row in reversed(known())}


@functools.cache
def _scripts() -> dict[str, tuple[str, ...]]:
    """The scripts of each macro-language in MTEB, the one of most tasks first."""
    found: dict[str, tuple[str, ...]] = {}
    for row in known():
        macro, script = row.family.split("-", 1)
        found[macro] = (*found.get(macro, ()), script)
    return found


def _spellings() -> list[str]:
    return [spelling for row in known() for spelling in (row.name, row.code, row.code.split("-")[0])]
