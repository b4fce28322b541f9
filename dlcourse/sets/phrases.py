"""Phrases in English and in French: dates, lists, measures and sums of money, to learn to translate.

Made from Unicode's CLDR, the tables with which programs speak to people in their language; Babel brings them along.
"""

import hashlib
import re
import unicodedata

import numpy as np

from dlcourse.sets import store

# draws of each kind; a phrase that comes twice counts once
_DRAWS = {"date": 4_200, "list": 4_200, "measure": 4_200, "money": 3_200}
_DAYS = np.arange("1950-01-01", "2050-01-01", dtype="datetime64[D]").tolist()


def make(name: str) -> dict:
    import babel

    key = {"babel": babel.__version__, "code": 1}
    kept = store.cached(name, key, _all)
    cells = {part: store.unpack(kept[part]) for part in ("train", "test")}
    digest = hashlib.sha256(kept["train"].tobytes() + kept["test"].tobytes()).hexdigest()[:12]
    count = sum(map(len, cells.values())) // 3
    return {
        part: {"inputs": some[0::3], "labels": some[1::3], "more": {"kinds": some[2::3]}}
        for part, some in cells.items()
    } | {
        "classes": (),
        "source": "made from Unicode CLDR, as it comes with Babel",
        "licence": "Unicode-3.0",
        "note": f"Babel {babel.__version__}: {count:,} pairs, sha256 {digest}",
    }


def _all() -> dict[str, np.ndarray]:
    """Each English phrase once. Every tenth is for the test, unless it has a word that is nowhere else."""
    random = np.random.RandomState(0)
    names, currencies = _named("territories", "languages"), _named("currencies")
    found = {english: (french, "name") for _, english, french in names}
    for kind, draws in _DRAWS.items():
        for _ in range(draws):
            english, french = (_plain(text) for text in _pair(kind, random, names, currencies))
            found.setdefault(english, (french, kind))
    rows = [(english, *rest) for english, rest in found.items()]
    rows = [rows[i] for i in random.permutation(len(rows))]
    drawn = set([row for row in rows if row[2] != "name"][::10])
    met = {word for row in rows if row not in drawn for word in _words(row)}
    test = {row for row in drawn if _words(row) <= met}
    parts = {"train": [row for row in rows if row not in test], "test": [row for row in rows if row in test]}
    return {part: store.pack(cell for row in some for cell in row) for part, some in parts.items()}


def _named(*tables: str) -> list[tuple[str, str, str]]:
    """(code, English, French), each English name once; names with remarks in brackets are left out."""
    from babel import Locale

    both = {}
    for table in tables:
        here, there = (getattr(Locale(code), table) for code in ("en", "fr"))
        for code in sorted(here.keys() & there.keys() - {"XA", "XB", "ZZ", "XXX", "XTS", "zxx", "mul"}):  # not real
            if "(" not in here[code] + there[code]:
                both.setdefault(_plain(here[code]), (code, _plain(here[code]), _plain(there[code])))
    return sorted(both.values())


def _pair(kind: str, random, names: list, currencies: list) -> list[str]:
    """One phrase, drawn, in both languages."""
    from babel import dates, lists, numbers, units

    if kind == "list":
        some = [names[i] for i in random.permutation(len(names))[: random.randint(2, 4)]]
        return [lists.format_list([name[k] for name in some], locale=code) for k, code in ((1, "en"), (2, "fr"))]
    if kind == "date":
        day, style = _DAYS[random.randint(len(_DAYS))], ("full", "long", "medium")[random.randint(3)]
        return [dates.format_date(day, style, locale=code) for code in ("en", "fr")]
    value = (random.randint(1, 13), random.randint(1, 10_000), random.randint(1, 1_000) / 10)[random.randint(3)]
    if kind == "money":
        currency = currencies[random.randint(len(currencies))][0]
        return [numbers.format_currency(value, currency, format_type="name", locale=code) for code in ("en", "fr")]
    unit = _UNITS[random.randint(len(_UNITS))]
    return [units.format_unit(value, unit, locale=code) for code in ("en", "fr")]


def _words(row: tuple[str, ...]) -> set[str]:
    """Those of both languages, but not the numbers."""
    return set(re.findall(r"[^\W\d]+", " ".join(row)))


def _plain(text: str) -> str:
    """Ordinary blanks: French sets narrow ones that do not break into its numbers."""
    return " ".join(unicodedata.normalize("NFC", text).split())


_UNITS = """
    angle-degree area-hectare area-square-kilometer area-square-meter area-square-mile digital-gigabyte digital-megabyte
    duration-century duration-day duration-hour duration-minute duration-month duration-second duration-week
    duration-year electric-ampere electric-volt energy-kilocalorie energy-kilowatt-hour frequency-megahertz
    length-centimeter length-foot length-inch length-kilometer length-light-year length-meter length-mile
    length-millimeter length-yard mass-gram mass-kilogram mass-ounce mass-pound mass-tonne power-kilowatt power-watt
    pressure-hectopascal speed-kilometer-per-hour speed-knot speed-meter-per-second speed-mile-per-hour
    temperature-celsius temperature-fahrenheit volume-cubic-meter volume-cup volume-gallon volume-liter
    volume-milliliter volume-tablespoon volume-teaspoon
""".split()
