"""Dates as people write them in 18 languages, and as ISO 8601 has them: "venerdì 7 marzo 1997" is 1997-03-07.

The formats and the names of months and days come from Unicode's CLDR, which Babel brings along.
"""

import datetime
import hashlib
import re
import unicodedata

import numpy as np

from dlcourse.sets import store

LANGUAGES = tuple("cs da de en es et fi fr hu id it lt nl pl pt sv tr vi".split())
TEST = 2_000
_DAYS = np.arange("1950-01-01", "2050-01-01", dtype="datetime64[D]").tolist()
# "#" becomes st, nd, rd or th
_ENGLISH = ["d MMMM y", "EEEE d MMMM y", "d-MMM-y", "d'#' MMMM y", "'the' d'#' 'of' MMMM, y", "MMMM d'#', y"]


def make(name: str, size: int = 40_000, languages=LANGUAGES) -> dict:
    """size       training examples, 1 to 60,000
    languages  codes of some of the 18
    """
    import babel

    if not 1 <= size <= 60_000:
        raise ValueError(f"load: size={size}: pass 1 to 60,000 dates")
    if isinstance(languages, str) or not languages or not set(languages) <= set(LANGUAGES):
        raise ValueError(f"load: languages={languages!r}: pass one or more of {', '.join(LANGUAGES)}")
    languages = sorted(set(languages))
    key = {"babel": babel.__version__, "size": size, "languages": languages, "code": 1}
    kept = store.cached(name, key, lambda: _all(size, languages))
    return {part: _columns(store.unpack(kept[part])) for part in ("train", "test")} | {
        "classes": (),
        "source": "made from Unicode CLDR, as it comes with Babel",
        "licence": "Unicode-3.0",
        "note": f"Babel {babel.__version__}: {size:,} + {TEST:,} dates of 1950 to 2049, sha256 {_digest(kept)}",
    }


def _columns(cells: tuple[str, ...]) -> dict:
    return {"inputs": cells[0::3], "labels": cells[1::3], "more": {"languages": cells[2::3]}}


def _digest(kept: dict[str, np.ndarray]) -> str:
    return hashlib.sha256(kept["train"].tobytes() + kept["test"].tobytes()).hexdigest()[:12]


def _all(size: int, languages: list[str]) -> dict[str, np.ndarray]:
    """The days of the test are drawn first: none of them is in the training part, however it may be written."""
    random = np.random.RandomState(0)
    days = [_DAYS[i] for i in random.permutation(len(_DAYS))]
    patterns = {language: _patterns(language) for language in languages}
    test = _written(days[:TEST], TEST, patterns, random)
    return {"train": store.pack(_written(days[TEST:], size, patterns, random)), "test": store.pack(test)}


def _patterns(language: str) -> list[str]:
    """What CLDR has for this language, the year always in four digits: who reads 04.07.12 cannot know the century."""
    import babel

    locale = babel.Locale(language)
    skeletons = [locale.datetime_skeletons[key] for key in ("yMMMd", "yMMMEd", "yMd", "yMEd")]
    found = [*locale.date_formats.values(), *skeletons]
    patterns = {re.sub("y+", "y", pattern.pattern) for pattern in found}
    return sorted(patterns) + (_ENGLISH if language == "en" else [])


def _written(days: list, count: int, patterns: dict, random) -> list[str]:
    """`count` different texts, day after day, each followed by its ISO form and its language."""
    languages, found = sorted(patterns), {}
    while len(found) < count:
        day = days[len(found) % len(days)]
        language = languages[random.randint(len(languages))]
        text = _write(day, patterns[language][random.randint(len(patterns[language]))], language)
        text = (text, text, text.lower(), text.replace(",", ""))[random.randint(4)]
        if _clear(text):
            found.setdefault(text, (day.isoformat(), language))
    return [cell for text, rest in found.items() for cell in (text, *rest)]


def _write(day: datetime.date, pattern: str, language: str) -> str:
    from babel.dates import format_date

    ending = "th" if 10 < day.day < 14 else {1: "st", 2: "nd", 3: "rd"}.get(day.day % 10, "th")
    text = format_date(day, pattern, language).replace("#", ending)
    return " ".join(unicodedata.normalize("NFC", text).split())  # some blanks are narrow or do not break


def _clear(text: str) -> bool:
    """False for 04/07/1997, in July or in April: English writes the month first, others the day."""
    slashes = re.search(r"(\d+)/(\d+)/\d{4}", text)
    return slashes is None or slashes[1].zfill(2) == slashes[2].zfill(2) or max(int(n) for n in slashes.groups()) > 12
