"""The embedded text sets: nothing of the test was seen in training, and every label can be told from its text."""

import datetime
import re
import sys
import unicodedata

import numpy as np
import pytest

from dlcourse import data
from dlcourse.sets import dates, docs, phrases, places


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DLCOURSE_DATA", str(tmp_path_factory.mktemp("data")))
        yield


@pytest.fixture(scope="module")
def loaded(cache):
    return {name: data.load(name) for name in ("places", "dates", "phrases", "docs")}


def told(name, **options):
    """What a note says: the hash at its end."""
    return data.load(name, **options).note.split()[-1]


# ---- what all have in common


def test_a_note_says_which_version_how_many_and_a_hash(loaded):
    for found in loaded.values():
        assert re.fullmatch(r"(Babel|Python) [\d.]+\S*: .*\d.*, sha256 [0-9a-f]{12}", found.note), found.note
        assert found.source
        assert found.licence in ("Unicode-3.0", "PSF-2.0")


def test_inputs_are_strings_and_the_roles_are_set(loaded):
    for found in loaded.values():
        for split, role in ((found.train, "train"), (found.test, "test")):
            assert split.role == role
            assert len(split.inputs) == len(split.labels) > 0
            assert all(type(text) is str and text.strip() for text in split.inputs)


def test_no_text_stands_on_both_sides(loaded):
    for name, found in loaded.items():
        train, test = ({text.casefold() for text in split.inputs} for split in (found.train, found.test))
        assert not train & test, name


@pytest.mark.parametrize("name", ["places", "dates", "phrases", "docs"])
def test_loading_twice_gives_the_same_and_is_silent(name, loaded, capfd):
    again = data.load(name)
    assert again.note == loaded[name].note
    assert again.train.inputs == loaded[name].train.inputs
    assert capfd.readouterr() == ("", "")


# ---- places


def test_places_are_thousands_of_names_in_18_languages(loaded):
    found = loaded["places"]
    assert len(found.classes) == 18
    assert found.classes[:3] == ("Czech", "Danish", "Dutch")
    assert len(found.train) > 10_000
    names = dict(zip(found.train.inputs + found.test.inputs, [*found.train.labels, *found.test.labels], strict=True))
    assert found.classes[names["Deutschland"]] == "German"


def test_a_name_of_two_languages_is_left_out(loaded):
    names = {text.casefold() for split in (loaded["places"].train, loaded["places"].test) for text in split.inputs}
    assert not names & {"senegal", "aruba", "peru"}
    assert "sénégal" in names  # only French


def test_each_language_has_a_fifth_of_its_names_in_the_test(loaded):
    train, test = (split.labels.bincount(minlength=18) for split in (loaded["places"].train, loaded["places"].test))
    assert ((test / (train + test) - 0.2).abs() < 0.005).all()


def test_the_turkish_i_with_a_dot_is_one_letter_and_compared_as_two():
    turkish = places._names(places._locales(["tr", "en"])[1])
    dotted = {key: name for key, name in turkish.items() if name.startswith("İ")}
    assert "İrlanda" in dotted.values()
    assert all(len(key) > len(name) for key, name in dotted.items())  # so: cut after lowering, never before


def test_names_are_composed_letters_without_brackets(loaded):
    for split in (loaded["places"].train, loaded["places"].test):
        assert all(unicodedata.is_normalized("NFC", text) and "(" not in text for text in split.inputs)


def test_languages_can_be_chosen_in_any_order():
    found = data.load("places", languages=("sv", "pl"))
    assert found.classes == ("Polish", "Swedish")
    assert found.train.labels.unique().tolist() == [0, 1]
    assert told("places", languages=["pl", "sv"]) == found.note.split()[-1]


@pytest.mark.parametrize("languages", ["de", ("de",), ("de", "de"), ("de", "xx"), ()])
def test_languages_that_make_no_question_are_refused(languages):
    with pytest.raises(ValueError, match=r"load: languages=.*: pass two or more codes, such as"):
        data.load("places", languages=languages)


# ---- dates


def test_there_are_40000_dates_and_2000_days_never_met(loaded):
    found = loaded["dates"]
    assert (len(set(found.train.inputs)), len(found.test)) == (40_000, 2_000)
    assert not set(found.train.labels) & set(found.test.labels)
    assert len(set(found.test.labels)) == 2_000


def test_labels_are_iso_dates(loaded):
    for text in loaded["dates"].test.labels:
        assert datetime.date.fromisoformat(text).isoformat() == text


def test_each_date_knows_its_language(loaded):
    train = loaded["dates"].train
    assert set(train.more["languages"]) == set(dates.LANGUAGES)
    by_text = dict(zip(train.inputs, train.more["languages"], strict=True))
    assert {language for text, language in by_text.items() if "lördag" in text} == {"sv"}


def test_no_text_can_mean_two_days():
    """Every day of a year, as each language writes it in each of its formats."""
    meanings = {}
    for language in dates.LANGUAGES:
        for pattern in dates._patterns(language):
            for n in range(0, 365, 2 if "MMM" in pattern else 1):
                day = datetime.date(1997, 1, 1) + datetime.timedelta(n)
                if dates._clear(text := dates._write(day, pattern, language)):
                    for form in (text, text.lower(), text.replace(",", "")):
                        meanings.setdefault(form, set()).add(day)
    assert len(meanings) > 20_000
    assert not [form for form, days in meanings.items() if len(days) > 1]


@pytest.mark.parametrize(
    ("text", "clear"),
    [
        ("04/07/1997", False),
        ("7/4/1997", False),
        ("Fri, 7/4/1997", False),
        ("25/07/1997", True),
        ("7/25/1997", True),
        ("07/7/1997", True),
        ("04.07.1997", True),
        ("1997-07-04", True),
    ],
)
def test_a_slash_needs_a_number_that_is_no_month(text, clear):
    assert dates._clear(text) is clear


@pytest.mark.parametrize(
    ("day", "ending"),
    [(1, "1st"), (2, "2nd"), (3, "3rd"), (4, "4th"), (11, "11th"), (13, "13th"), (22, "22nd"), (31, "31st")],
)
def test_english_ordinals(day, ending):
    assert dates._write(datetime.date(1997, 3, day), "MMMM d'#', y", "en") == f"March {ending}, 1997"


def test_the_year_has_four_digits(loaded):
    assert all(re.search(r"\d{4}", text) for text in loaded["dates"].test.inputs)


def test_dates_of_one_language_in_any_number():
    found = data.load("dates", size=500, languages=["fi"])
    assert (len(found.train), len(found.test)) == (500, 2_000)
    assert set(found.train.more["languages"]) == {"fi"}


def test_wrong_options_of_dates_are_refused():
    with pytest.raises(ValueError, match="load: size=0: pass 1 to 60,000 dates"):
        data.load("dates", size=0)
    with pytest.raises(ValueError, match=r"load: languages=.*'ja'.*: pass one or more of cs, da, de"):
        data.load("dates", languages=["ja"])
    with pytest.raises(ValueError, match="load: languages='fr'"):
        data.load("dates", languages="fr")


# ---- phrases


def test_an_english_phrase_has_one_translation(loaded):
    found = loaded["phrases"]
    english = found.train.inputs + found.test.inputs
    assert len(set(english)) == len(english) > 14_000


def test_phrases_say_the_same_in_french(loaded):
    split = loaded["phrases"].train
    french = dict(zip(split.inputs, split.labels, strict=True))
    assert french["Germany"] == "Allemagne"
    months = "janvier février mars avril mai juin juillet août septembre octobre novembre décembre".split()
    for english, other in french.items():
        if found := re.fullmatch(r"(\w+) (\d+), (\d{4})", english):
            assert other.split()[0] == found[2]
            assert other.split()[-1] == found[3]
            assert any(month.startswith(other.split()[1].rstrip(".")) for month in months)


def test_every_kind_is_tested_but_no_name_alone(loaded):
    assert set(loaded["phrases"].train.more["kinds"]) == {*phrases._DRAWS, "name"}
    assert set(loaded["phrases"].test.more["kinds"]) == set(phrases._DRAWS)


def test_every_word_of_the_test_was_met_in_training(loaded):
    train, test = (
        {word for text in (*split.inputs, *split.labels) for word in phrases._words([text])}
        for split in (loaded["phrases"].train, loaded["phrases"].test)
    )
    assert test <= train


def test_blanks_are_ordinary(loaded):
    split = loaded["phrases"].train
    assert all(text == " ".join(text.split()) for text in split.inputs + split.labels)
    assert "1 234" in phrases._plain("1\u202f234")


# ---- docs


def test_docs_are_hundreds_of_thousands_of_characters_with_titles(loaded):
    found = loaded["docs"]
    assert sum(map(len, found.train.inputs)) > 200_000
    assert "compound" in found.train.labels
    assert list(found.train.labels + found.test.labels) == sorted(found.train.labels + found.test.labels)


def test_the_test_is_a_part_of_the_whole_that_is_worth_its_name(loaded):
    train, test = (sum(map(len, split.inputs)) for split in (loaded["docs"].train, loaded["docs"].test))
    assert 0.02 < test / (train + test) <= 0.15


def test_no_longer_paragraph_of_the_test_stands_in_the_training_text(loaded):
    train, test = (
        {" ".join(part.split()) for text in split.inputs for part in text.split("\n\n")}
        for split in (loaded["docs"].train, loaded["docs"].test)
    )
    shared = [part for part in test & train if len(part) > 80]
    assert sum(map(len, shared)) < 0.02 * sum(map(len, test))


def test_a_topic_inside_a_longer_one_is_left_out(loaded):
    titles = loaded["docs"].train.labels + loaded["docs"].test.labels
    assert not {"if", "for", "while"} & set(titles)  # all in "compound"


def test_docstrings_are_read_and_not_imported(capfd):
    before = {"antigravity", "this", "turtle"} & set(sys.modules)
    found = data.load("docs", docstrings=True)
    assert {"antigravity", "this", "turtle"} & set(sys.modules) == before
    assert "json.dumps" in found.train.labels
    assert "asyncio" in found.train.labels  # a package's __init__
    assert sum(map(len, found.train.inputs)) > 500_000
    assert len(set(found.train.inputs) | set(found.test.inputs)) == len(found.train) + len(found.test)
    assert capfd.readouterr() == ("", "")


def test_docstrings_of_a_module_have_dotted_names():
    source = b'"""M."""\nclass A:\n    """C."""\n    def f(self):\n        """F."""\n    def g(self): pass\n'
    assert sorted(docs._of_module("m", source)) == [("m", "M."), ("m.A", "C."), ("m.A.f", "F.")]


def test_a_file_that_is_no_python_is_passed_over(tmp_path):
    (tmp_path / "bad.py").write_text("def")
    (tmp_path / "nul.py").write_bytes(b"\0")
    (tmp_path / "good.py").write_text('"""Good."""\nx = "\\d"')
    kept = docs._collect(tmp_path)
    assert isinstance(kept["titles"], np.ndarray)
    assert docs.store.unpack(kept["titles"]) == ("good",)
