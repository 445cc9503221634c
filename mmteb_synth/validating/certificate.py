"""A certificate: what was compared, what came out, and all that is needed to compute it again."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mmteb_synth import facts
from mmteb_synth._version import __version__
from mmteb_synth.errors import SynthError
from mmteb_synth.paths import write_text
from mmteb_synth.statistics.bootstrap import LEVEL, SEED
from mmteb_synth.validating.comparing import RESAMPLES, SPLITS, Estimate
from mmteb_synth.validating.measuring import Agreement
from mmteb_synth.validating.verdicts import MARGIN, WIDEST, Verdict

SCHEMA = 1

Kind = Literal["validity", "against"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedModel:
    """One model on both sides. Means are main scores times 100; the scores are MTEB's own, 0 to 1."""

    name: str
    revision: str
    trusted_revision: str
    board: float
    trusted: float
    english: float | None
    board_scores: Mapping[str, float]
    trusted_scores: Mapping[str, float]
    english_scores: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedTask:
    """One task of the trusted side.

    Attributes:
        origin: How its text came to the language.
        data: The revision of its data; None where nobody says.
        parts: The (split, subset) pairs that its score is a mean over.
    """

    origin: str
    data: str | None
    parts: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """Whether a board ranks models as trusted scores do.

    Attributes:
        kind: `validity` where the trusted side is MTEB's own sets, `against` where it is another board.
        suite: The board's suite.
        demo: Whether that is a demo, not a benchmark.
        language: The language's code.
        translator: The board's translator, with the mark of overridden settings.
        profile: The board's profile.
        trusted: What the trusted side is, in a few words.
        other: The other board's translator and profile, of the kind `against`.
        board_tasks: The board's tasks.
        board_revisions: The sets that the board was made on, and the revisions of their data.
        trusted_tasks: The trusted tasks.
        models: The models, best first by the trusted side.
        board: The board held to the trusted side, for each part of the models.
        chance: The points that choosing any model loses, for each part.
        ceiling: Halves of the trusted tasks held to each other, averaged; None where there is one task, or another board.
        english: English scores held to the trusted side; None where fewer than three models have them.
        english_models: How many models have them.
        beyond_ceiling: The board's tau less the ceiling's.
        beyond_english: The board's tau less that of English, over the models that have both.
        verdict: What follows.
        notes: What was left out.
        created: When, UTC.
    """

    kind: Kind
    suite: str
    demo: bool
    language: str
    translator: str
    profile: str
    trusted: str
    other: Mapping[str, str] = field(default_factory=dict)
    board_tasks: tuple[str, ...]
    board_revisions: Mapping[str, str]
    trusted_tasks: Mapping[str, TrustedTask]
    models: tuple[ComparedModel, ...]
    board: Mapping[str, Agreement]
    chance: Mapping[str, Estimate]
    ceiling: Mapping[str, Agreement] | None
    english: Mapping[str, Agreement] | None
    english_models: int
    beyond_ceiling: Estimate | None
    beyond_english: Estimate | None
    verdict: Verdict
    notes: tuple[str, ...]
    created: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))

    @property
    def name(self) -> str:
        """The name of its files: suite, language, translator, a profile that is not full, and the other board."""
        parts = [self.suite, self.language, self.translator]
        parts += [] if self.profile == "full" else [self.profile]
        if self.other:
            parts += ["against", self.other["translator"]]
            parts += [] if self.other["profile"] == "full" else [self.other["profile"]]
        return re.sub(r"[^A-Za-z0-9._-]", "-", ".".join(parts))

    def record(self) -> dict[str, Any]:
        """All of it as JSON has it, with the versions and constants that decided the numbers."""
        return {
            "schema": SCHEMA,
            **dataclasses.asdict(self),
            "versions": {"mmteb_synth": __version__, "mteb": facts.mteb_version()},
            "method": {
                "resamples": RESAMPLES,
                "seed": SEED,
                "level": LEVEL,
                "splits": SPLITS,
                "margin": MARGIN,
                "widest": WIDEST,
            },
        }


class Carried(BaseModel):
    """What a board and a card say of a certificate. Keys that a later version adds are ignored."""

    model_config = ConfigDict(frozen=True)

    class Said(BaseModel):
        """The verdict's words."""

        model_config = ConfigDict(frozen=True)

        text: str

    schema_: Literal[1] = Field(alias="schema")
    kind: Kind
    suite: str
    language: str
    translator: str
    profile: str
    board_revisions: dict[str, str]
    verdict: Said
    created: str
    file: str = ""


def write(certificate: Certificate, folder: Path, markdown: str) -> list[Path]:
    """Write a certificate as JSON and Markdown, each moved into place whole.

    Args:
        certificate: What to write.
        folder: Where to.
        markdown: It for reading.

    Returns:
        The files written.

    Raises:
        SynthError: The folder can't be written.
    """
    text = json.dumps(certificate.record(), ensure_ascii=False, sort_keys=True, indent=1, allow_nan=False)
    texts = {f"{certificate.name}.md": markdown, f"{certificate.name}.json": text + "\n"}
    for name, content in texts.items():
        write_text(folder / name, content)
    return [folder / name for name in texts]


def carried(folder: Path) -> list[Carried]:
    """The certificates of a folder that boards and cards carry: those on MTEB's own sets.

    Args:
        folder: It need not exist.

    Raises:
        SynthError: A certificate is damaged.
    """
    found = []
    for path in sorted(folder.glob("*.json")):
        try:
            one = Carried.model_validate_json(path.read_bytes())
        except (OSError, ValidationError) as error:
            reason = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
            raise SynthError(
                f"the certificate {path} is damaged: {reason}",
                hint="delete it and make it anew with mmteb-synth validate",
            ) from error
        if one.kind == "validity":
            found.append(one.model_copy(update={"file": path.with_suffix(".md").name}))
    return found
