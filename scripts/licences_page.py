"""Write docs/licences.md from mmteb_synth/licences.toml. A contract test fails while it is not current.

python scripts/licences_page.py
"""

from __future__ import annotations

from pathlib import Path

from mmteb_synth import licences
from mmteb_synth.markdown import Column, escape, table

PAGE = Path(__file__).parents[1] / "docs" / "licences.md"
HEAD = """\
# Licences

A translation is derived from its source, so the source's licence holds for it. MTEB has a licence field for each task;
for many it says nothing, or gives an address. The tables below are `mmteb_synth/licences.toml`, from which the package
reads what each licence asks for and what is known beyond MTEB's field, with who says so and when that was read (this
page is made from it by `python scripts/licences_page.py`). They are notes on what others wrote, not legal advice.

```sh
mmteb-synth tasks --licences --type Retrieval
mmteb-synth plan --lang tr --suite seed --translator gpt-4.1-mini
mmteb-synth export --lang tr --suite seed --to for-others \\
  --accept-licence cc-by-nc-4.0 --accept-licence msr-mind --accept-licence unspecified
```

**Building, scoring and boards are free**, whatever the licence. `tasks --licences` and `plan` show it; each set's
manifest records the terms (`terms`), and its data card says what may be done with it. What has become known since
reaches both with the next build, which makes nothing anew for it; `export` always goes by what is known now.

**Handing a set on** is what `mmteb-synth export` does: it copies whole sets into a folder of their own, each with its
card, record and ledger. It asks for `--accept-licence NAME`, once for each licence that is non-commercial, share-alike
or unspecified; without, nothing is written. A set whose source forbids redistribution, or derivatives, stays here
whatever is accepted, and so do trials (`--limit`) and sets with blanks (without `--all-rows`). The card's front matter
names the source's licence, so that what is share-alike stays so, and the manifest records what was accepted.

**What is no handing on.** `mmteb-synth cache export` and `cache merge` move translations between your own machines: a
row doesn't know which data set its English comes from, so no licence is asked for, and a warning says so. The forms
of `mmteb-synth review export` and the page of `mmteb-synth check --html` quote texts; they are working copies for the
people who review and mend, not for publication.

**Several licences.** An aggregate, as CQADupstackRetrieval, has its parts' licences: all their conditions hold, and each
must be accepted; the strictest names it. NanoBEIR's sets are treated as the sets of BEIR they are samples of. A set of
one's own has the licence of its file; one that is not in the list below is unspecified, and accepted by its own name.
"""
KNOWN = """
## What is known beyond MTEB's field

Where whoever owns the texts names a licence, it takes the place of MTEB's field; all else only adds. Nothing makes terms
looser on the word of somebody who doesn't own the texts.
"""
LICENCES = """
## What each licence asks for

attribution: name the authors; share-alike: hand on under the same licence; non-commercial: no commercial use;
unspecified: no grant is on record, so ask whoever owns the texts; no-derivatives: hand on no translation.
"""


def page() -> str:
    """The whole page as Markdown."""
    shipped = licences.shipped()
    known = "\n".join(_line(entry) for entry in shipped.known)
    written: dict[str, list[str]] = {}
    for address, name in shipped.names.items():
        written.setdefault(name, []).append(address)
    names = table(
        [
            _column("Licence", list(shipped.licences)),
            _column("Asks for", [", ".join(asked) or "nothing" for asked in shipped.licences.values()]),
            _column("MTEB writes", [", ".join(written.get(name, ())) for name in shipped.licences]),
        ]
    )
    return f"{HEAD}{KNOWN}\n{known}\n{LICENCES}\n{names}\n"


def _line(entry: licences.Entry) -> str:
    """One line of the list: which tasks, what follows, and who says so."""
    follows = [f"{entry.licence} takes the place of MTEB's field"] if entry.licence else []
    follows += [f"{', '.join(entry.conditions)} is added"] if entry.conditions else []
    follows += ["may not be handed on"] if entry.redistribution else []
    follows += [f"has the terms of {', '.join(entry.takes_from)} too"] if entry.takes_from else []
    marked = f" **{'; '.join(follows)}.**" if follows else ""
    tasks = ", ".join(entry.tasks)
    return f"- {tasks}:{marked} {escape(entry.words)} ([source]({entry.source}), read on {entry.checked})"


def _column(title: str, cells: list[str]) -> Column:
    return Column(title=title, cells=[escape(cell) for cell in cells], text=True)


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), "utf-8")
    print(f"written: {PAGE}")


if __name__ == "__main__":
    main()
