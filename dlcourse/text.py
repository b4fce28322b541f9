"""Text as tokens for the models: a vocabulary, sequences filled up with 0, pairs to translate, windows to go on from.

    places = data.load("places")
    letters = text.Vocabulary.of(places.train)
    train, test = (text.tokens(split, letters) for split in (places.train, places.test))

A split is what data.load gives; each function returns another one, with whole numbers in the place of the strings.
"""

import re
from collections import Counter
from dataclasses import replace

import torch
from torch import Tensor

PAD, UNKNOWN, START, END = 0, 1, 2, 3  # the same in every vocabulary; PAD fills up, as in models
_SPECIAL = ("<pad>", "\N{REPLACEMENT CHARACTER}", "<start>", "<end>")
_MOST = 2 * 10**9  # bytes of one tensor of tokens


class Vocabulary:
    """The tokens that a model knows, and their numbers.

    tokens   every token as a string, its number is its place; the first four are PAD, UNKNOWN, START and END
    unit     "character", or "word": letters in a row, one digit, or one other sign; a number is
             many tokens, so that those never met can be read and written
    """

    def __init__(self, tokens, unit: str = "character"):
        if unit not in _UNITS:
            raise ValueError(f"Vocabulary: there is no unit {unit!r}: choose one of {', '.join(_UNITS)}")
        self.tokens, self.unit, self._cut = (*_SPECIAL, *tokens), unit, _UNITS[unit]
        self._number = {token: i for i, token in enumerate(self.tokens) if i >= len(_SPECIAL)}

    @classmethod
    def of(cls, texts, unit: str = "character", least: int = 1) -> "Vocabulary":
        """The tokens of a training split's inputs: the frequent ones first, then as they sort.

        texts  a split with the role "train": the test must not be known, not even its letters; or strings
        least  leave out what comes more seldom, so that the model meets UNKNOWN and learns to live with it
        """
        role = getattr(texts, "role", "train")
        if role != "train":
            raise ValueError(f"Vocabulary.of: the role of this split is {role!r}: pass the training split")
        cut = cls((), unit)._cut
        count = Counter(t for text in _strings("Vocabulary.of", getattr(texts, "inputs", texts)) for t in cut(text))
        return cls(sorted((t for t, n in count.items() if n >= least), key=lambda t: (-count[t], t)), unit)

    def __len__(self) -> int:
        return len(self.tokens)

    def __repr__(self) -> str:
        return f"Vocabulary of {len(self):,} {self.unit}s"

    def encode(self, text: str) -> list[int]:
        """The number of each character or word; UNKNOWN for what the vocabulary lacks."""
        return [self._number.get(token, UNKNOWN) for token in self._cut(text)]

    def decode(self, tokens) -> str:
        """The text of numbers, a list or a tensor (T,), up to END; words with a blank between."""
        numbers = torch.as_tensor(tokens, dtype=torch.int64).flatten().tolist()
        numbers = numbers[: numbers.index(END)] if END in numbers else numbers
        between = " " if self.unit == "word" else ""
        return between.join(self.tokens[n] for n in numbers if n not in (PAD, START))


def tokens(split, vocabulary: Vocabulary, longest: int | None = None):
    """A split of N texts as tokens; data.batches then brings like lengths together, Split.take cuts the filling off.

    The split returned has
    inputs   (N, T), int64, filled up with 0 at the end
    lengths  (N,), int64, tokens before the filling
    and the labels that it had.

    longest  cut every text after so many tokens
    Raises ValueError for a text without a token: no model can read it.
    """
    rows = _encoded("tokens", split.inputs, vocabulary, longest)
    return replace(split, inputs=_filled(rows), lengths=torch.tensor([len(row) for row in rows]))


def pairs(split, source_vocabulary: Vocabulary, target_vocabulary: Vocabulary):
    """A split of N texts and their N translations, its labels, as models.Seq2Seq(source, target) is trained on it.

    The split returned has as inputs a tuple of two, source and target, and
    source   (N, S), int64
    target   (N, T), int64, START and the translation: what is written already
    labels   (N, T), int64, the translation and END: what to write next
    lengths  (N, 2), int64, of source and target

    All are filled up with 0, which F.cross_entropy leaves out by ignore_index=0.
    Raises ValueError for a text without a token.
    """
    asked = _encoded("pairs", split.inputs, source_vocabulary)
    wanted = _encoded("pairs", split.labels, target_vocabulary)
    return replace(
        split,
        inputs=(_filled(asked), _filled([[START, *row] for row in wanted])),
        labels=_filled([[*row, END] for row in wanted]),
        lengths=torch.tensor([(len(a), len(w) + 1) for a, w in zip(asked, wanted, strict=True)]),
    )


def windows(split, vocabulary: Vocabulary, length: int, step: int | None = None):
    """A split of documents cut in pieces for a language model, N windows of T tokens; T is `length`.

    The split returned has
    inputs   (N, T), int64
    labels   (N, T), int64, the token after each

    step     from one window to the next; None: T, so that every token is predicted once

    The documents are joined by END: a model learns to write it, and to begin anew after it. What is left over and fills
    no window is dropped. Windows are views of one long tensor: small steps take no memory.
    """
    step = length if step is None else step
    stream = torch.tensor([n for text in _strings("windows", split.inputs) for n in (*vocabulary.encode(text), END)])
    if not 0 < length < len(stream) or step < 1:
        raise ValueError(
            f"windows: length {length}, step {step} on {len(stream):,} tokens: "
            f"pass a length from 1 to {len(stream) - 1} and a step of 1 or more"
        )
    inputs, labels = (part.unfold(0, length, step) for part in (stream[:-1], stream[1:]))
    return replace(split, inputs=inputs, labels=labels, lengths=None, more={})


def bigram(inputs: Tensor, labels: Tensor, vocabulary: int) -> Tensor:
    """The Markov chain that a language model has to beat: how likely each token is after each, counted.

    inputs   (N, T), int64
    labels   (N, T), int64, the token after each
    returns  (K, K), log-probabilities in nats: a row for the token before, a column for the next; K is `vocabulary`

    A pair never met shares one count with all others of its row, in proportion to how frequent the tokens are: then no
    token is impossible. `-bigram(...)[test.inputs, test.labels].mean()` is the loss of the chain on a test.
    """
    if inputs.shape != labels.shape or not inputs.numel() or max(inputs.max(), labels.max()) >= vocabulary:
        raise ValueError(
            f"bigram: inputs {tuple(inputs.shape)}, labels {tuple(labels.shape)}, vocabulary {vocabulary}: "
            "pass two tensors of one shape, of tokens below the size of the vocabulary"
        )
    if 8 * vocabulary**2 > _MOST:
        raise ValueError(
            f"bigram: a table of {vocabulary:,} x {vocabulary:,} would fill {8 * vocabulary**2 / 1e9:.0f} GB: "
            "keep fewer tokens with Vocabulary.of(..., least=...)"
        )
    met = (inputs * vocabulary + labels).flatten().bincount(minlength=vocabulary**2).view(vocabulary, -1).double()
    share = (met.sum(0) + 1) / (met.sum() + vocabulary)
    return ((met + share) / (met.sum(1, keepdim=True) + 1)).log().float()


def exact(found: Tensor, wanted: Tensor) -> Tensor:
    """Which of the written sequences are right to the last token.

    found    (B, T), int64, as models.Seq2Seq.translate writes; what comes after END does not count
    wanted   (B, S), int64, with END, filled up with 0: the labels of `pairs`
    returns  (B,), bool: exact(...).float().mean() is the rate
    """
    if found.dim() != 2 or wanted.dim() != 2 or len(found) != len(wanted):
        raise ValueError(f"exact: found {tuple(found.shape)}, wanted {tuple(wanted.shape)}: pass (B, T) and (B, S)")
    width = max(found.shape[1], wanted.shape[1])
    found, wanted = (torch.nn.functional.pad(x, (0, width - x.shape[1]), value=PAD) for x in (found, wanted))
    after = (found == END).cumsum(1) - (found == END).long() > 0
    return (found.masked_fill(after, PAD) == wanted).all(1)


_UNITS = {"character": list, "word": re.compile(r"\d|[^\W\d]+|[^\w\s]").findall}


def _strings(who: str, texts) -> tuple[str, ...]:
    if isinstance(texts, str):
        texts = (texts,)
    texts = () if isinstance(texts, Tensor) else tuple(texts)
    if not texts or not all(isinstance(text, str) for text in texts):
        raise ValueError(f"{who}: these are not texts: pass one string or more, or a split whose inputs are strings")
    return texts


def _encoded(who: str, texts, vocabulary: Vocabulary, longest: int | None = None) -> list[list[int]]:
    rows = [vocabulary.encode(text)[:longest] for text in _strings(who, texts)]
    if not all(rows):
        i = next(i for i, row in enumerate(rows) if not row)
        raise ValueError(
            f"{who}: text {i} is {texts[i]!r}, which holds no {vocabulary.unit}: leave it out of the split"
        )
    size = 8 * len(rows) * max(map(len, rows))
    if size > _MOST:
        raise ValueError(
            f"{who}: {len(rows):,} texts, the longest of {max(map(len, rows)):,} tokens, would fill "
            f"{size / 1e9:.0f} GB: cut them with tokens(..., longest=...), or pass fewer"
        )
    return rows


def _filled(rows: list[list[int]]) -> Tensor:
    """(N, T), each row filled up with PAD."""
    table = torch.zeros(len(rows), max(map(len, rows)), dtype=torch.int64)
    lengths = torch.tensor([len(row) for row in rows])
    table[torch.arange(table.shape[1]) < lengths.unsqueeze(1)] = torch.tensor([n for row in rows for n in row])
    return table
