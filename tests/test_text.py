"""Text as tokens: same text, same vocabulary; nothing lost on the way back; what is next to predict is what comes next."""

from dataclasses import dataclass, field, replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from dlcourse import data, models, text
from dlcourse.text import END, PAD, START, UNKNOWN, Vocabulary
from tests import shape_tables

TEXTS = ("abba", "cab", "b", "die Kuh")


def train(inputs=TEXTS, labels=None, role="train"):
    return data.Split(inputs, torch.arange(len(inputs)) if labels is None else labels, role=role)


@pytest.fixture
def letters():
    return Vocabulary.of(train())


# ---- the vocabulary


def test_frequent_tokens_come_first_and_equals_as_they_sort():
    assert Vocabulary.of(["cbb", "dab"]).tokens[4:] == ("b", "a", "c", "d")


def test_the_same_texts_in_another_order_give_the_same_vocabulary():
    assert Vocabulary.of(TEXTS).tokens == Vocabulary.of(TEXTS[::-1]).tokens


def test_the_filling_is_the_one_that_the_models_leave_out():
    assert (PAD, models.PAD) == (0, 0)
    assert sorted((PAD, UNKNOWN, START, END)) == [0, 1, 2, 3]


def test_a_vocabulary_says_what_it_is(letters):
    assert repr(letters) == "Vocabulary of 14 characters"
    assert len(letters) == len(letters.tokens) == 4 + len(set("".join(TEXTS)))


@given(st.text(alphabet="abcdeßİ \n", max_size=30))
@settings(max_examples=50, deadline=None)
def test_what_was_encoded_is_decoded_again(written):
    assert (known := Vocabulary.of(["abcdeßİ \n"])).decode(known.encode(written)) == written


def test_a_character_never_met_is_unknown(letters):
    assert letters.encode("az")[1] == UNKNOWN
    assert letters.decode(letters.encode("az")) == "a\N{REPLACEMENT CHARACTER}"


def test_a_seldom_token_is_left_out():
    seldom = Vocabulary.of(["aab"], least=2)
    assert seldom.tokens[4:] == ("a",)
    assert seldom.encode("ab") == [4, UNKNOWN]


def test_words_are_letters_in_a_row_digits_and_signs_stand_alone():
    words = Vocabulary.of(["L’été, 122 km.", "2 x_y"], unit="word")
    assert words.tokens[4] == "2"
    assert sorted(words.tokens[5:]) == sorted(["L", "’", "été", ",", "1", "km", ".", "x_y"])
    assert words.decode(words.encode("21 km")) == "2 1 km"
    assert repr(words) == "Vocabulary of 13 words"


def test_a_number_never_met_has_no_unknown_word():
    assert UNKNOWN not in Vocabulary.of(["0123456789"], unit="word").encode("2026 31")


def test_decoding_stops_at_the_end_and_skips_start_and_filling(letters):
    a, b = letters.encode("ab")
    assert letters.decode([START, a, PAD, b, END, a, a]) == "ab"
    assert letters.decode(torch.tensor([a, b, PAD, PAD])) == "ab"
    assert letters.decode([]) == ""


def test_a_word_that_looks_like_a_special_token_is_an_ordinary_one():
    words = Vocabulary.of(["�"])
    assert words.encode("�") == [4]


def test_a_vocabulary_of_the_test_is_refused():
    for role in ("test", "valid", ""):
        with pytest.raises(
            ValueError, match=f"Vocabulary.of: the role of this split is '{role}': pass the training split"
        ):
            Vocabulary.of(train(role=role))


def test_a_split_of_any_class_has_the_same_lock():
    @dataclass
    class Mine:
        inputs: tuple
        role: str

    with pytest.raises(ValueError, match="'test': pass the training split"):
        Vocabulary.of(Mine(TEXTS, "test"))
    assert Vocabulary.of(Mine(TEXTS, "train")).tokens == Vocabulary.of(TEXTS).tokens


def test_an_unknown_unit_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="no unit 'syllable': choose one of character, word"):
        Vocabulary.of(TEXTS, unit="syllable")


@pytest.mark.parametrize("nothing", [(), torch.zeros(3, 2), (1, 2), train((), ())])
def test_what_is_no_text_is_refused(nothing):
    with pytest.raises(ValueError, match=r"Vocabulary\.of: these are not texts: pass one string or more"):
        Vocabulary.of(nothing)


def test_a_string_alone_is_one_text():
    assert Vocabulary.of("abb").tokens == Vocabulary.of(["abb"]).tokens


# ---- tokens


def test_tokens_are_filled_up_with_0_at_the_end_and_know_their_lengths(letters):
    split = text.tokens(train(), letters)
    assert split.inputs.shape == (4, 7)
    assert split.inputs.dtype == split.lengths.dtype == torch.int64
    assert split.lengths.tolist() == [4, 3, 1, 7]
    assert [letters.decode(row) for row in split.inputs] == list(TEXTS)
    assert ((split.inputs != PAD).sum(1) == split.lengths).all()
    assert split.labels.tolist() == [0, 1, 2, 3]
    assert split.role == "train"


def test_the_test_is_encoded_like_any_split(letters):
    split = text.tokens(train(("abz",), role="test"), letters)
    assert split.role == "test"
    assert split.inputs[0, 2] == UNKNOWN


def test_a_batch_is_only_as_wide_as_its_longest(letters):
    assert text.tokens(train(), letters).take(torch.tensor([1, 2])).inputs.shape == (2, 3)


def test_long_texts_are_cut_where_one_asks(letters):
    split = text.tokens(train(), letters, longest=3)
    assert split.lengths.tolist() == [3, 3, 1, 3]
    assert letters.decode(split.inputs[0]) == "abb"


def test_an_empty_text_is_named(letters):
    with pytest.raises(ValueError, match="tokens: text 1 is '', which holds no character: leave it out of the split"):
        text.tokens(train(("a", "")), letters)


def test_a_text_without_a_word_is_named():
    words = Vocabulary.of(TEXTS, unit="word")
    with pytest.raises(ValueError, match="text 0 is '  ', which holds no word"):
        text.tokens(train(("  ",)), words)


def test_a_table_too_large_is_refused_before_it_is_made(letters):
    many = train(("a" * 100_000, *["b"] * 3_000))
    with pytest.raises(ValueError, match=r"3,001 texts, the longest of 100,000 tokens, would fill 2 GB: cut them"):
        text.tokens(many, letters)
    assert text.tokens(many, letters, longest=5).inputs.shape == (3_001, 5)


def test_a_vocabulary_may_be_large():
    many = [chr(0x4E00 + n % 200) + chr(0x4E00 + n // 200) for n in range(20_000)]
    words = Vocabulary.of([" ".join(many)], unit="word")
    assert len(words) == 20_004
    assert words.decode(words.encode(many[777])) == many[777]


# ---- pairs


@pytest.fixture
def translated():
    split = train(("eins", "zwei", "vier"), ("one", "two", "four"))
    return split, Vocabulary.of(split), Vocabulary.of(split.labels)


def test_a_pair_begins_with_start_and_its_label_ends_with_end(translated):
    split, source, target = translated
    made = text.pairs(split, source, target)
    asked, begun = made.inputs
    assert (asked.shape, begun.shape, made.labels.shape) == ((3, 4), (3, 5), (3, 5))
    assert (begun[:, 0] == START).all()
    assert [target.decode(row) for row in begun] == [target.decode(row) for row in made.labels] == list(split.labels)
    assert made.labels[0].tolist() == [*target.encode("one"), END, PAD]
    assert made.lengths.tolist() == [[4, 4], [4, 4], [4, 5]]


def test_each_label_is_the_next_token_of_its_input(translated):
    made = text.pairs(*translated)
    begun = made.inputs[1]
    inside = begun[:, 1:] != PAD
    assert torch.equal(begun[:, 1:][inside], made.labels[:, :-1][inside])


def test_a_batch_of_pairs_is_cut_in_source_target_and_labels(translated):
    made = text.pairs(*translated).take(torch.tensor([0, 1]))
    assert [x.shape for x in (*made.inputs, made.labels)] == [(2, 4), (2, 4), (2, 4)]
    assert (made.labels == END).sum(1).tolist() == [1, 1]


def test_pairs_fit_the_model_that_translates(translated):
    split, source, target = translated
    made = text.pairs(split, source, target)
    model = models.Seq2Seq(len(source), len(target), width=8)
    assert model(*made.inputs).shape == (*made.labels.shape, len(target))


def test_a_translator_learns_three_words_by_heart(translated):
    split, source, target = translated
    made = text.pairs(split, source, target)
    torch.manual_seed(0)
    model = models.Seq2Seq(len(source), len(target), width=32)
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    for _ in range(60):
        scores = model(*made.inputs).flatten(0, 1)
        loss = torch.nn.functional.cross_entropy(scores, made.labels.flatten(), ignore_index=PAD)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    found, _ = model.translate(made.inputs[0], start=START, end=END, steps=9)
    assert text.exact(found, made.labels).all()
    assert [target.decode(row) for row in found] == list(split.labels)


def test_pairs_need_texts_on_both_sides(letters):
    with pytest.raises(ValueError, match="pairs: these are not texts"):
        text.pairs(train(), letters, letters)
    with pytest.raises(ValueError, match="pairs: text 1 is ''"):
        text.pairs(train(("a", "b"), ("a", "")), letters, letters)


# ---- windows


def test_a_window_predicts_the_token_after_each(letters):
    split = text.windows(train(("abba", "cab")), letters, 3)
    stream = [*letters.encode("abba"), END, *letters.encode("cab"), END]
    assert split.inputs.tolist() == [stream[0:3], stream[3:6]]
    assert split.labels.tolist() == [stream[1:4], stream[4:7]]
    assert split.inputs.dtype == torch.int64


def test_documents_are_joined_by_end(letters):
    split = text.windows(train(("ab", "ab")), letters, 5)
    assert split.inputs[0, 2] == END
    assert letters.decode(split.inputs[0]) == "ab"


def test_windows_without_a_step_predict_every_token_once(letters):
    split = text.windows(train(("abcab" * 10,)), letters, 5)
    assert letters.decode(split.labels.flatten()) == ("abcab" * 10)[1:]


def test_windows_with_a_step_overlap_and_share_their_memory(letters):
    split = text.windows(train(("abba" * 25,)), letters, 8, step=1)
    assert len(split) == 101 - 8
    assert torch.equal(split.inputs[1:, 0], split.labels[:-1, 0])
    assert split.inputs.untyped_storage().nbytes() < 8 * 110


def test_a_batch_of_windows_is_a_copy(letters):
    split = text.windows(train(("abba" * 25,)), letters, 8, step=1)
    batch = split.take(torch.tensor([3, 3, 50]))
    batch.inputs.zero_()
    assert split.inputs.all()


def test_windows_keep_the_role_and_drop_what_belonged_to_documents(letters):
    whole = replace(train(role="test"), more={"language": ("de",) * 4})
    split = text.windows(whole, letters, 3)
    assert (split.role, split.more, split.lengths) == ("test", {}, None)


@pytest.mark.parametrize(("length", "step"), [(0, None), (19, None), (3, 0)])
def test_windows_that_do_not_fit_are_refused(letters, length, step):
    with pytest.raises(ValueError, match="on 19 tokens: pass a length from 1 to 18 and a step of 1 or more"):
        text.windows(train(), letters, length, step)


# ---- baseline and score


def test_bigram_rows_are_probabilities():
    inputs = torch.randint(6, (20, 5), generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(text.bigram(inputs, inputs, 9).exp().sum(1), torch.ones(9))


def test_bigram_finds_the_chain_that_wrote_the_tokens():
    generator = torch.Generator().manual_seed(0)
    chain = torch.tensor([[0.1, 0.9, 0.0], [0.5, 0.0, 0.5], [0.8, 0.1, 0.1]])
    walk = [0]
    for _ in range(10_000):
        walk.append(int(torch.multinomial(chain[walk[-1]], 1, generator=generator)))
    walk = torch.tensor([walk])
    torch.testing.assert_close(text.bigram(walk[:, :-1], walk[:, 1:], 3).exp(), chain, atol=0.03, rtol=0)


def test_a_pair_never_met_is_unlikely_but_possible_and_a_row_never_met_is_the_unigram():
    inputs, labels = torch.tensor([[1, 1, 1, 1]]), torch.tensor([[1, 2, 2, 2]])
    chain = text.bigram(inputs, labels, 4).exp()
    assert 0 < chain[1, 3] < 0.05
    torch.testing.assert_close(chain[3], torch.tensor([1, 2, 4, 1]) / 8)


def test_bigram_refuses_tokens_beyond_the_vocabulary_and_other_shapes():
    with pytest.raises(ValueError, match=r"bigram: inputs \(1, 2\), labels \(1, 2\), vocabulary 2: pass two tensors"):
        text.bigram(torch.tensor([[0, 1]]), torch.tensor([[1, 2]]), 2)
    with pytest.raises(ValueError, match=r"bigram: inputs \(1, 2\), labels \(2,\)"):
        text.bigram(torch.tensor([[0, 1]]), torch.tensor([1, 2]), 3)


def test_bigram_refuses_a_table_too_large():
    with pytest.raises(ValueError, match="a table of 50,000 x 50,000 would fill 20 GB: keep fewer tokens"):
        text.bigram(torch.tensor([[0, 1]]), torch.tensor([[1, 2]]), 50_000)


def test_exact_counts_up_to_the_end_only():
    wanted = torch.tensor([[5, 6, END, 0], [5, 6, 7, END]])
    assert text.exact(wanted, wanted).tolist() == [True, True]
    assert text.exact(torch.tensor([[5, 6, END, 9, 9], [5, 6, 7, END, 0]]), wanted).tolist() == [True, True]
    assert text.exact(torch.tensor([[5, 6, 7, END], [5, 6, 8, END]]), wanted).tolist() == [False, False]


def test_exact_wants_an_end():
    wanted = torch.tensor([[5, END, 0]])
    assert not text.exact(torch.tensor([[5]]), wanted).any()
    assert not text.exact(torch.tensor([[5, 0, 0]]), wanted).any()
    assert text.exact(torch.tensor([[5, END]]), wanted).all()


def test_exact_refuses_another_number_of_sequences():
    with pytest.raises(ValueError, match=r"exact: found \(2, 3\), wanted \(1, 3\): pass \(B, T\) and \(B, S\)"):
        text.exact(torch.ones(2, 3), torch.ones(1, 3))


# ---- shapes


@pytest.mark.parametrize(("n", "t", "s"), [(2, 5, 7), (4, 2, 9)])
def test_the_shape_tables_of_splits_hold(letters, n, t, s):
    split = train(("ab", "a" * s, *["b"] * (n - 2)), ("b" * (t - 1), *["a"] * (n - 1)))
    found, sizes = text.tokens(split, letters), dict(N=n, T=s)
    shape_tables.holds(text.tokens, {}, dict(inputs=found.inputs, lengths=found.lengths), sizes)
    found, sizes = text.pairs(split, letters, letters), dict(N=n, T=t, S=s)
    source, target = found.inputs
    outputs = dict(source=source, target=target, labels=found.labels, lengths=found.lengths)
    shape_tables.holds(text.pairs, {}, outputs, sizes)
    found = text.windows(train(("a" * (n * t),)), letters, t)
    shape_tables.holds(text.windows, {}, dict(inputs=found.inputs, labels=found.labels), dict(N=n, T=t))


@pytest.mark.parametrize(("n", "t", "k", "s"), [(2, 5, 7, 3), (4, 1, 9, 6)])
def test_the_shape_tables_hold(n, t, k, s):
    tokens = torch.randint(k, (n, t))
    shape_tables.holds(
        text.bigram,
        {"inputs": tokens, "labels": tokens},
        {"returns": text.bigram(tokens, tokens, k)},
        dict(N=n, T=t, K=k),
    )
    found, wanted = torch.randint(4, k, (n, t)), torch.randint(4, k, (n, s))
    shape_tables.holds(
        text.exact, {"found": found, "wanted": wanted}, {"returns": text.exact(found, wanted)}, dict(B=n, T=t, S=s)
    )


def test_every_name_for_the_labs_is_documented():
    names = shape_tables.public(text)
    assert names == {"Vocabulary", "tokens", "pairs", "windows", "bigram", "exact"}
    assert all(getattr(text, name).__doc__ for name in names)


def test_a_split_of_ones_own_works_as_well(letters):
    @dataclass
    class Mine:
        inputs: tuple | Tensor
        labels: tuple | Tensor
        lengths: Tensor | None = None
        more: dict = field(default_factory=dict)

    assert text.tokens(Mine(TEXTS, TEXTS), letters).inputs.shape == (4, 7)
    assert text.pairs(Mine(TEXTS, TEXTS), letters, letters).labels.shape == (4, 8)
    assert text.windows(Mine(TEXTS, TEXTS), letters, 4).inputs.shape == (4, 4)
