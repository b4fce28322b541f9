"""Names of countries, languages, scripts and currencies in 18 languages: which language is it?

From Unicode's CLDR, the tables with which programs speak to people in their language; Babel brings them along.
"""

import hashlib
import re
import unicodedata

import numpy as np
import torch

from dlcourse.sets import store

LANGUAGES = tuple("cs da de en es et fi fr hu id it lt nl pl pt sv tr vi".split())  # all in Latin letters
_TABLES = ("territories", "languages", "scripts", "currencies")


def make(name: str, languages=LANGUAGES) -> dict:
    """languages  codes such as "de"; a name that two of them share is left out: nobody could say which it is."""
    import babel

    spoken = _locales(languages)
    texts, labels = _unique([_names(locale) for locale in spoken])
    order = np.random.RandomState(0).permutation(len(texts))
    by_class = order[np.argsort(labels[order], kind="stable")]
    is_test = np.zeros(len(texts), dtype=bool)
    is_test[by_class[::5]] = True
    digest = hashlib.sha256(store.pack(texts)).hexdigest()[:12]
    parts = {"train": order[~is_test[order]], "test": order[is_test[order]]}
    return {
        part: {"inputs": tuple(texts[i] for i in index), "labels": torch.from_numpy(labels[index])}
        for part, index in parts.items()
    } | {
        "classes": tuple(locale.english_name for locale in spoken),
        "source": "Unicode CLDR, as it comes with Babel",
        "licence": "Unicode-3.0",
        "note": f"Babel {babel.__version__}: {len(texts):,} names, sha256 {digest}",
    }


def _locales(languages) -> list:
    import babel

    known = {code for code in babel.localedata.locale_identifiers() if "_" not in code}
    if isinstance(languages, str) or len(set(languages)) < 2 or not set(languages) <= known:
        raise ValueError(f"load: languages={languages!r}: pass two or more codes, such as {LANGUAGES}")
    return sorted((babel.Locale(code) for code in set(languages)), key=lambda locale: locale.english_name)


def _names(locale) -> dict[str, str]:
    """Every name, by how it is compared; what stands in brackets, mostly years, is taken away."""
    texts = (text for table in _TABLES for text in getattr(locale, table).values())
    plain = (unicodedata.normalize("NFC", re.sub(r"\s*\([^()]*\)", "", text)).strip() for text in texts)
    # compared by casefold: "İ".lower() is two characters, an i and a dot, and "ß" has no upper case
    return {text.casefold(): text for text in sorted(plain) if len(text) > 1}


def _unique(by_language: list[dict[str, str]]) -> tuple[list[str], np.ndarray]:
    """The names that one language alone has, sorted, and which language that is."""
    owner: dict[str, int] = {}
    for k, found in enumerate(by_language):
        for key in found:
            owner[key] = -1 if key in owner else k
    kept = sorted(key for key, k in owner.items() if k >= 0)
    return [by_language[owner[key]][key] for key in kept], np.array([owner[key] for key in kept], dtype=np.int64)
