"""Translations with faults of known kinds, made from clean ones: what the checks have to find.

`seeded(pairs, "de", "doubled", 300, seed=1)` gives the same 300 faults on every machine. Pairs are (source,
translation); any will do. `OWN` holds some of our own, for machines without the real data.
"""

import bisect
import html
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Pair = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A translation that is wrong in one known way.

    Attributes:
        kind: One of `KINDS`.
        source: The source, with what was put into it where the kind needs that.
        hypothesis: The spoilt translation.
        clean: What would be right for this source.
    """

    kind: str
    source: str
    hypothesis: str
    clean: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Around:
    """What a kind may need beside the pair: the language, and other texts by their length."""

    language: str
    sources: Sequence[str]
    foreign: Sequence[str]


_Spoil = Callable[[random.Random, str, str, _Around], tuple[str, str, str] | str | None]

OWN: dict[str, list[Pair]] = {
    "de": [
        ("The bridge will be closed to trucks from Monday on.", "Die Brücke wird ab Montag für Lastwagen gesperrt."),
        ("Grandmother bakes bread every Saturday morning.", "Großmutter backt jeden Samstagmorgen Brot."),
        ("Why did nobody answer the phone in room 214?", "Warum ist in Zimmer 214 niemand ans Telefon gegangen?"),
        ("Two tourists lost their way in the forest", "Zwei Touristen verirrten sich im Wald"),
        ("The museum, which opened in 1962, has 48 rooms; most of them show old maps.", "Das Museum, das 1962 eröffnet wurde, hat 48 Räume; die meisten zeigen alte Landkarten."),
        ("Please water the plants on the balcony while we are away.", "Bitte gieß die Pflanzen auf dem Balkon, während wir weg sind."),
        ("A small dog sleeps under the kitchen table.", "Ein kleiner Hund schläft unter dem Küchentisch."),
        ("The farmer sold 35 sheep and bought a tractor with the money.", "Der Bauer verkaufte 35 Schafe und kaufte von dem Geld einen Traktor."),
    ],
    "es": [
        ("The bridge will be closed to trucks from Monday on.", "El puente estará cerrado a los camiones a partir del lunes."),
        ("Grandmother bakes bread every Saturday morning.", "La abuela hornea pan todos los sábados por la mañana."),
        ("Why did nobody answer the phone in room 214?", "¿Por qué nadie contestó el teléfono en la habitación 214?"),
        ("Two tourists lost their way in the forest", "Dos turistas se perdieron en el bosque"),
        ("The museum, which opened in 1962, has 48 rooms; most of them show old maps.", "El museo, que abrió en 1962, tiene 48 salas; la mayoría muestra mapas antiguos."),
        ("Please water the plants on the balcony while we are away.", "Por favor, riega las plantas del balcón mientras no estamos."),
        ("A small dog sleeps under the kitchen table.", "Un perro pequeño duerme debajo de la mesa de la cocina."),
        ("The farmer sold 35 sheep and bought a tractor with the money.", "El granjero vendió 35 ovejas y compró un tractor con el dinero."),
    ],
    "fr": [
        ("The bridge will be closed to trucks from Monday on.", "Le pont sera fermé aux camions à partir de lundi."),
        ("Grandmother bakes bread every Saturday morning.", "Grand-mère fait du pain tous les samedis matin."),
        ("Why did nobody answer the phone in room 214?", "Pourquoi personne n'a-t-il répondu au téléphone dans la chambre 214 ?"),
        ("Two tourists lost their way in the forest", "Deux touristes se sont égarés dans la forêt"),
        ("The museum, which opened in 1962, has 48 rooms; most of them show old maps.", "Le musée, ouvert en 1962, compte 48 salles ; la plupart présentent des cartes anciennes."),
        ("Please water the plants on the balcony while we are away.", "Arrose les plantes du balcon pendant notre absence, s'il te plaît."),
        ("A small dog sleeps under the kitchen table.", "Un petit chien dort sous la table de la cuisine."),
        ("The farmer sold 35 sheep and bought a tractor with the money.", "Le fermier a vendu 35 moutons et acheté un tracteur avec l'argent."),
    ],
    "tr": [
        ("The bridge will be closed to trucks from Monday on.", "Köprü pazartesi gününden itibaren kamyonlara kapatılacak."),
        ("Grandmother bakes bread every Saturday morning.", "Büyükannem her cumartesi sabahı ekmek pişirir."),
        ("Why did nobody answer the phone in room 214?", "214 numaralı odada telefona neden kimse bakmadı?"),
        ("Two tourists lost their way in the forest", "İki turist ormanda yolunu kaybetti"),
        ("The museum, which opened in 1962, has 48 rooms; most of them show old maps.", "1962'de açılan müzenin 48 salonu var; çoğunda eski haritalar sergileniyor."),
        ("Please water the plants on the balcony while we are away.", "Biz yokken lütfen balkondaki çiçekleri sula."),
        ("A small dog sleeps under the kitchen table.", "Küçük bir köpek mutfak masasının altında uyuyor."),
        ("The farmer sold 35 sheep and bought a tractor with the money.", "Çiftçi 35 koyun sattı ve parasıyla bir traktör aldı."),
    ],
}  # fmt: skip

_ENGLISH = {
    "refusal": [
        "I'm sorry, but I can't assist with that request.",
        "I cannot translate this text.",
        "I'm sorry, but I cannot translate this content as it may be offensive.",
        "As an AI language model, I am unable to translate this.",
        "Sorry, I can't help with that.",
        "I'm not able to provide a translation for this text.",
        "Unfortunately, I am unable to fulfill this request.",
        "I apologize, but I can't translate that sentence.",
    ],
    "preamble": [
        "Here is the translation:",
        "Sure! Here's the translation:",
        "Certainly! Here is the translated text:",
        "Translation:",
        "Here's the translation of the sentence you provided:",
        "The translation is:",
        "Of course! The translation would be:",
        "Translated text:",
    ],
    "note": [
        "Note: I kept the names as they are.",
        "(Note: this is a literal translation.)",
        "Let me know if you need anything else!",
        "Please note that the tone was kept neutral.",
        "[Translator's note: the idiom has no exact equivalent.]",
        "Explanation: the verb was put at the end.",
    ],
    "or": ["or", "Alternatively:", "OR:", "Alternative translation:"],
}
_PHRASES = {
    "de": {
        "refusal": [
            "Es tut mir leid, aber ich kann diesen Text nicht übersetzen.",
            "Entschuldigung, dabei kann ich nicht helfen.",
            "Ich kann diese Anfrage leider nicht erfüllen.",
            "Als KI-Sprachmodell kann ich diesen Inhalt nicht übersetzen.",
        ],
        "preamble": [
            "Hier ist die Übersetzung:", "Übersetzung:", "Gerne! Hier ist die Übersetzung:", "Die Übersetzung lautet:",
        ],
        "note": ["Hinweis: Die Namen wurden beibehalten.", "(Anmerkung: Dies ist eine wörtliche Übersetzung.)"],
        "or": ["oder", "Alternativ:"],
    },
    "es": {
        "refusal": [
            "Lo siento, pero no puedo traducir este texto.",
            "Lo siento, no puedo ayudar con eso.",
            "No puedo cumplir con esta solicitud.",
            "Como modelo de lenguaje, no puedo traducir este contenido.",
        ],
        "preamble": [
            "Aquí está la traducción:", "Traducción:", "¡Claro! Aquí tienes la traducción:", "La traducción es:",
        ],
        "note": ["Nota: se mantuvieron los nombres.", "(Nota: es una traducción literal.)"],
        "or": ["o", "Alternativamente:"],
    },
    "fr": {
        "refusal": [
            "Je suis désolé, mais je ne peux pas traduire ce texte.",
            "Désolé, je ne peux pas vous aider avec cela.",
            "Je ne peux pas répondre à cette demande.",
            "En tant que modèle de langage, je ne peux pas traduire ce contenu.",
        ],
        "preamble": [
            "Voici la traduction :", "Traduction :", "Bien sûr ! Voici la traduction :", "La traduction est :",
        ],
        "note": ["Note : les noms ont été conservés.", "(Remarque : il s'agit d'une traduction littérale.)"],
        "or": ["ou", "Autre possibilité :"],
    },
    "tr": {
        "refusal": [
            "Üzgünüm, bu metni çeviremem.",
            "Üzgünüm, bu konuda yardımcı olamam.",
            "Bu isteği yerine getiremiyorum.",
            "Bir yapay zeka dil modeli olarak bu içeriği çeviremem.",
        ],
        "preamble": ["İşte çeviri:", "Çeviri:", "Elbette! İşte çevirisi:", "Metnin çevirisi şöyledir:"],
        "note": ["Not: İsimler olduğu gibi bırakıldı.", "(Not: Bu birebir bir çeviridir.)"],
        "or": ["veya", "Alternatif olarak:"],
    },
}  # fmt: skip
_URLS = [
    "https://example.org/a/42", "http://www.example.com", "https://docs.example.net/guide?page=3&lang=en", "www.example.org/help",
]  # fmt: skip
_HANDLES = ["info@example.org", "jane.doe@mail.example.com", "@example_user", "@newsdesk"]
_PLACEHOLDERS = [
    "{name}",
    "{0}",
    "%s",
    "%d",
    "%(count)s",
    "{{ user }}",
    "${total}",
    "<b>",
    "`git push`",
    "`x = f(y)`",
]
_CYRILLIC = str.maketrans(
    "abcçdefgğhıijklmnoöpqrsştuüvwxyzßäáàâéèêëíìîïóòôúùûñœABCÇDEFGĞHIİJKLMNOÖPQRSŞTUÜVWXYZÄÉ",
    "абцчдефггхыийклмноопкрсштууввхйзсааааееееииииоооууунеАБЦЧДЕФГГХИИЙКЛМНООПКРСШТУУВВХЙЗАЕ",
)
_GREEK = str.maketrans(
    "abcçdefgğhıijklmnoöpqrsştuüvwxyzßäáàâéèêëíìîïóòôúùûñœABCÇDEFGĞHIİJKLMNOÖPQRSŞTUÜVWXYZÄÉ",
    "αβκτδεφγγχιιικλμνοοπκρσστυυβωξυζσααααεεεειιιιοοουυυνεΑΒΚΤΔΕΦΓΓΧΙΙΙΚΛΜΝΟΟΠΚΡΣΣΤΥΥΒΩΞΥΖΑΕ",
)


def seeded(
    pairs: Sequence[Pair],
    language: str,
    kind: str,
    count: int,
    seed: int = 0,
    *,
    foreign: Sequence[str] = (),
) -> list[Fault]:
    """Faults of one kind.

    Args:
        pairs: Clean pairs of source and translation.
        language: Of the translations, as `de`; refusals and preambles are in it or in English.
        kind: One of `KINDS`.
        count: How many at the most; fewer where too few pairs allow the kind (a number needs a number).
        seed: Other seeds give other faults.
        foreign: Texts in languages that were not asked for; a `wrong_language` is the one whose length is nearest.
            Without them it is the English of another text.
    """
    rng = random.Random(f"{seed} {kind} {language}")
    around = _Around(
        language=language,
        sources=sorted({source for source, _ in pairs}, key=lambda text: (len(text), text)),
        foreign=sorted(set(foreign), key=lambda text: (len(text), text)),
    )
    spoil = KINDS[kind]
    faults: list[Fault] = []
    for source, clean in rng.sample(pairs, len(pairs)):
        if len(faults) == count:
            break
        spoilt = spoil(rng, source, clean, around)
        if spoilt is None:
            continue
        fault = (source, spoilt, clean) if isinstance(spoilt, str) else spoilt
        if fault[1] != fault[2]:
            faults.append(Fault(kind=kind, source=fault[0], hypothesis=fault[1], clean=fault[2]))
    return faults


def _empty(rng: random.Random, source: str, clean: str, around: _Around) -> str:
    return rng.choice(["", " ", "\n", " \n\t", "\ufeff", "\u00a0"])


def _copied(rng: random.Random, source: str, clean: str, around: _Around) -> str:
    return rng.choice([source, source, f"{source} ", source.strip()])


def _wrong_language(rng: random.Random, source: str, clean: str, around: _Around) -> str | None:
    if not around.foreign:
        return _untranslated(rng, source, clean, around)
    return _near(rng, around.foreign, len(clean), {clean})


def _untranslated(rng: random.Random, source: str, clean: str, around: _Around) -> str | None:
    return _near(rng, around.sources, len(source), {source, clean})


def _near(rng: random.Random, texts: Sequence[str], length: int, without: set[str]) -> str | None:
    """One of the ten texts whose length is nearest."""
    at = bisect.bisect_left(texts, length, key=len)
    choice = [text for text in texts[max(0, at - 5) : at + 5] if text not in without]
    return rng.choice(choice) if choice else None


def _variant(rng: random.Random, text: str) -> str:
    """A text with up to a third of its words left out or in another order."""
    words = text.split()
    for _ in range(max(1, len(words) // 6)):
        at = rng.randrange(len(words))
        if rng.random() < 0.5 and len(words) > 3:
            del words[at]
        elif at + 1 < len(words):
            words[at : at + 2] = words[at + 1], words[at]
    return " ".join(words)


def _doubled(rng: random.Random, source: str, clean: str, around: _Around) -> str:
    again = clean if rng.random() < 0.6 else _variant(rng, clean)
    return clean + rng.choice([" ", "\n", "\n\n", " / ", " - ", " | "]) + again


def _phrase(rng: random.Random, what: str, around: _Around) -> str:
    own = _PHRASES.get(around.language)
    return rng.choice(own[what] if own and rng.random() < 0.5 else _ENGLISH[what])


def _preamble(rng: random.Random, source: str, clean: str, around: _Around) -> str:
    return _phrase(rng, "preamble", around) + rng.choice([" ", "\n", "\n\n"]) + clean


def _refusal(rng: random.Random, source: str, clean: str, around: _Around) -> str:
    return _phrase(rng, "refusal", around)


def _note(rng: random.Random, source: str, clean: str, around: _Around) -> str:
    return clean + rng.choice([" ", "\n\n"]) + _phrase(rng, "note", around)


def _alternatives(rng: random.Random, source: str, clean: str, around: _Around) -> str:
    link = _phrase(rng, "or", around)
    if rng.random() < 0.3:
        return f"1. {clean}\n2. {_variant(rng, clean)}"
    return (
        f"{clean}\n{link}\n{_variant(rng, clean)}"
        if rng.random() < 0.5
        else f"{clean} ({link} {_variant(rng, clean)})"
    )


def _quotes(rng: random.Random, source: str, clean: str, around: _Around) -> str | None:
    if clean[:1] in "\"'„“«‘" or source[:1] in "\"'“‘":
        return None
    opening, closing = rng.choice(['""', "“”", "„“", "«»", "''", "‘’"])
    return f"{opening}{clean}{closing}"


def _delimiters(rng: random.Random, source: str, clean: str, around: _Around) -> str:
    return rng.choice(
        ["<translation>{}</translation>", "```\n{}\n```", "<text>{}</text>", "[[{}]]", "<<<{}>>>", "{}</s>", "### {}", '{{"translation": "{}"}}']
    ).format(clean)  # fmt: skip


def _entities(rng: random.Random, source: str, clean: str, around: _Around) -> str:
    spoilt = html.escape(clean)
    if spoilt == clean or rng.random() < 0.3:
        spoilt = "".join(
            f"&{name};" if ord(char) > 127 and (name := html.entities.codepoint2name.get(ord(char))) else char
            for char in spoilt
        )
    if spoilt == clean:
        spaces = [found.start() for found in re.finditer(" ", clean)]
        at = rng.choice(spaces) if spaces else len(clean)
        spoilt = f"{clean[:at]}&nbsp;{clean[at + 1 :]}"
    return spoilt


def _with(rng: random.Random, source: str, clean: str, token: str, left: str) -> tuple[str, str, str]:
    """A pair that holds a token on both sides, of which the translation keeps only what is left."""
    if rng.random() < 0.5:
        return f"{token} {source}", f"{left} {clean}".strip(), f"{token} {clean}"
    return f"{source} {token}", f"{clean} {left}".strip(), f"{clean} {token}"


def _lost_url(rng: random.Random, source: str, clean: str, around: _Around) -> tuple[str, str, str]:
    token = rng.choice(_URLS + _HANDLES)
    at = rng.randrange(len(token) // 2, len(token) - 1)
    changed = token[:at] + ("x" if token[at] != "x" else "y") + token[at + 1 :]
    return _with(rng, source, clean, token, rng.choice(["", "", changed, token[: len(token) // 2]]))


def _lost_placeholder(rng: random.Random, source: str, clean: str, around: _Around) -> tuple[str, str, str]:
    token = rng.choice(_PLACEHOLDERS)
    changed = {"{name}": "{isim}", "%s": "% s", "%(count)s": "%(sayı)s", "`git push`": "`git itmek`"}.get(
        token, ""
    )
    return _with(rng, source, clean, token, rng.choice(["", changed]))


def _half_word(rng: random.Random, source: str, clean: str, around: _Around) -> str | None:
    half = clean[: len(clean) // 2]
    return half.rpartition(" ")[0].rstrip() or half or None


def _half_character(rng: random.Random, source: str, clean: str, around: _Around) -> str | None:
    return clean[: len(clean) // 2].rstrip() or None


def _numbers(rng: random.Random, source: str, clean: str, around: _Around) -> str | None:
    """A number that both sides have, changed or dropped, or one invented beside it."""
    both = [found for found in re.finditer(r"(?<![\w.,])\d+(?![\w]|[.,]\d)", clean) if re.search(rf"(?<![\w.,]){found[0]}(?![\w]|[.,]\d)", source)]  # fmt: skip
    if not both:
        return None
    found = rng.choice(both)
    start, end = found.span()
    how = rng.choice(["changed", "dropped", "invented"])
    if how == "dropped":
        return (clean[:start].rstrip() + clean[end:]).strip()
    if how == "invented":
        return f"{clean[:end]} {rng.choice([7, 12, 38, 450, 1993])}{clean[end:]}"
    at = rng.randrange(start, end)
    digit = rng.choice([each for each in "123456789" if each != clean[at]])
    return clean[:at] + digit + clean[at + 1 :]


def _runaway(rng: random.Random, source: str, clean: str, around: _Around) -> str:
    words = clean.split()
    how = rng.choice(["end", "letter", "whole", "middle"])
    if how == "letter":
        return clean + clean.rstrip(".!?… \u00a0\u202f")[-1:] * rng.randrange(30, 200)
    if how == "whole":
        return " ".join([clean] * rng.randrange(4, 12))
    size = rng.randrange(1, min(5, len(words)) + 1)
    at = len(words) if how == "end" else rng.randrange(size, len(words) + 1)
    return " ".join([*words[:at], *(words[at - size : at] * rng.randrange(10, 60))])


def _replacement(rng: random.Random, source: str, clean: str, around: _Around) -> str:
    if not clean.isascii() and rng.random() < 0.5:
        return clean.encode().decode("cp1252", errors="replace")
    places = [at for at, char in enumerate(clean) if ord(char) > 127] or [
        at for at, char in enumerate(clean) if char.isalpha()
    ]
    spoilt = list(clean)
    for at in rng.sample(places, min(len(places), rng.randrange(1, 4))):
        spoilt[at] = rng.choice(["\ufffd", "\ufffd\ufffd", "\x00", "\x1b"])
    return "".join(spoilt)


def _wrong_script(rng: random.Random, source: str, clean: str, around: _Around) -> str:
    return clean.translate(rng.choice([_CYRILLIC, _GREEK]))


KINDS: dict[str, _Spoil] = {
    "empty": _empty,
    "copied": _copied,
    "wrong_language": _wrong_language,
    "untranslated": _untranslated,
    "wrong_script": _wrong_script,
    "doubled": _doubled,
    "runaway": _runaway,
    "half_word": _half_word,
    "half_character": _half_character,
    "replacement": _replacement,
    "refusal": _refusal,
    "preamble": _preamble,
    "note": _note,
    "alternatives": _alternatives,
    "quotes": _quotes,
    "delimiters": _delimiters,
    "entities": _entities,
    "lost_url": _lost_url,
    "lost_placeholder": _lost_placeholder,
    "numbers": _numbers,
}
"""The kinds of faults, and how each is made: from the source and its clean translation to a spoilt one, or to source,
spoilt and clean where something is put into both; None where a pair does not allow it."""
