"""A certificate for reading, as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mmteb_synth import languages
from mmteb_synth.markdown import Column, escape, fill_in, table, two_digits
from mmteb_synth.statistics.bootstrap import LEVEL
from mmteb_synth.validating.certificate import Certificate, ComparedModel
from mmteb_synth.validating.comparing import PARTS, RESAMPLES
from mmteb_synth.validating.verdicts import WIDEST, said

HEAD = ("Chosen by", "Among", "Models", "Kendall's tau", "Spearman's rho", "Points lost")
"""The titles of `rows`."""


def render(certificate: Certificate) -> str:
    """The whole certificate.

    Returns:
        Markdown; it ends with a newline.
    """
    is_validity = certificate.kind == "validity"
    origins: dict[str, list[str]] = {}
    for name, task in certificate.trusted_tasks.items():
        if is_validity:
            origins.setdefault(task.origin, []).append(name)
    profile = "" if certificate.profile == "full" else f", profile {certificate.profile}"
    values = {
        "certificate": certificate,
        "is_validity": is_validity,
        "language": languages.parse(certificate.language).name,
        "board": certificate.translator + profile,
        "side": "the native and human-translated sets" if is_validity else "the other board",
        "numbers": table(_numbers(certificate)),
        "models": table(_models(certificate.models)),
        "origins": dict(sorted(origins.items())),
        "data": table(_data(certificate)),
        "level": f"{LEVEL:.0%}",
        "resamples": RESAMPLES,
        "widest": WIDEST,
    }
    return fill_in(Path(__file__).with_name("certificate.md.j2"), values)


def rows(certificate: Certificate) -> list[tuple[str, str, str, str, str, str]]:
    """The lines of the table of numbers, under `HEAD`."""
    choosers = {
        "the board": certificate.board,
        "English alone": certificate.english,
        "half of the trusted sets": certificate.ceiling,
    }
    found = []
    for part in PARTS:
        for who, agreements in choosers.items():
            if agreements is not None:
                one = agreements[part]
                found.append((who, part, str(one.models), said(one.tau), said(one.rho), said(one.lost)))
        count = str(certificate.board[part].models)
        found.append(("any model", part, count, "", "", said(certificate.chance[part])))
    return found


def _numbers(certificate: Certificate) -> list[Column]:
    columns = zip(*rows(certificate), strict=True)
    return [
        Column(title=title, cells=[escape(cell) for cell in cells], text=place < 2)
        for place, (title, cells) in enumerate(zip(HEAD, columns, strict=True))
    ]


def _models(models: Sequence[ComparedModel]) -> list[Column]:
    return [
        Column(title="Model", cells=[escape(model.name) for model in models], text=True),
        Column(title="Board", cells=[two_digits(model.board) for model in models]),
        Column(title="Trusted", cells=[two_digits(model.trusted) for model in models]),
        Column(title="English", cells=[two_digits(model.english) for model in models]),
        Column(title="Revision", cells=[escape(model.revision) for model in models], text=True),
        Column(
            title="Revision of the trusted scores",
            cells=[escape(model.trusted_revision) for model in models],
            text=True,
        ),
    ]


def _data(certificate: Certificate) -> list[Column]:
    trusted = {name: task.data or "not said" for name, task in certificate.trusted_tasks.items()}
    revisions = {**certificate.board_revisions, **trusted}
    return [
        Column(title="Data", cells=[escape(name) for name in revisions], text=True),
        Column(title="Revision", cells=[escape(revision) for revision in revisions.values()], text=True),
    ]
