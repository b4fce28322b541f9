"""The models that more than one lab uses, each about a page: read `forward` first, it is the idea.

Text models take tokens, whole numbers below the size of the vocabulary; 0 fills up the short sequences at their end.
"""

import math
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

PAD = 0  # the token that fills up
RECURRENT = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}


class MLP(nn.Module):
    """Weighted sums with a ReLU between them: MLP(784, 128, 10) is two layers.

    inputs   (B, D), or images (B, C, H, W) of D numbers each, which are laid out flat
    returns  (B, K), scores: softmax makes them probabilities

    sizes    D, the widths between, K
    dropout  share of the widths between that is silenced while training
    Start: He et al. 2015, arXiv 1502.01852, equation 10: variance 2 / fan-in, and 1 / fan-in before the scores.
    """

    def __init__(self, *sizes: int, dropout: float = 0.0):
        super().__init__()
        if len(sizes) < 2:
            raise ValueError(f"MLP: sizes are {sizes}: pass at least two, such as MLP(784, 10)")
        layers = []
        for i, (before, after) in enumerate(pairwise(sizes)):
            layers += [nn.ReLU(), nn.Dropout(dropout)] if i else []
            layers.append(nn.Linear(before, after))
        self.features, self.layers = sizes[0], nn.Sequential(*layers)
        _he(self, last=self.layers[-1])

    def forward(self, inputs: Tensor) -> Tensor:
        flat = inputs.flatten(1)
        if flat.shape[1] != self.features:
            raise ValueError(
                f"MLP: inputs {tuple(inputs.shape)} are {flat.shape[1]} numbers each, {self.features} were announced: "
                f"build MLP({flat.shape[1]}, ...)"
            )
        return self.layers(flat)


class SmallCNN(nn.Module):
    """Three convolutions, each with twice the channels of the one before, at half the height and width.

    images   (B, C, H, W), H and W at least 4
    returns  (B, K), scores

    The mean over all places at the end makes it fit images of any size.
    Start: He et al. 2015, as in MLP. Batch norm: Ioffe and Szegedy 2015, arXiv 1502.03167.
    """

    def __init__(self, channels: int, classes: int, width: int = 16):
        super().__init__()
        widths = (channels, width, 2 * width, 4 * width)
        self.channels = channels
        self.blocks = nn.ModuleList(
            nn.Sequential(_conv3(before, after), nn.BatchNorm2d(after), nn.ReLU()) for before, after in pairwise(widths)
        )
        self.scores = nn.Linear(4 * width, classes)
        _he(self, last=self.scores)

    def forward(self, images: Tensor) -> Tensor:
        _check_images("SmallCNN", images, self.channels)
        x = self.blocks[0](images)
        x = self.blocks[1](F.max_pool2d(x, 2))
        x = self.blocks[2](F.max_pool2d(x, 2))
        return self.scores(x.mean((2, 3)))


class ResidualBlock(nn.Module):
    """Two convolutions and a way around them: the block learns what to add.

    images   (B, C, H, W)
    returns  (B, D, H, W), D channels; with stride=2 half of H and W, rounded up

    separable  True: 3 x 3 for each channel alone, then 1 x 1 across them, about 9 times fewer weights (Chollet 2017,
               arXiv 1610.02357)
    padded     True: where the size changes the way around has no weights, it pads the new channels with 0 (option A of
               the source, section 4.2); False: a 1 x 1 convolution (option B)
    Source: He et al. 2016, arXiv 1512.03385, figure 2. Start: the last batch norm is 0, so the block begins as the
    way around (Goyal et al. 2017, arXiv 1706.02677).
    """

    def __init__(self, channels: int, out: int, stride: int = 1, separable: bool = False, padded: bool = False):
        super().__init__()
        if padded and out < channels:
            raise ValueError(f"ResidualBlock: padded=True cannot make {out} channels of {channels}: pass padded=False")
        conv = _separable if separable else _conv3
        self.channels = channels
        self.first, self.norm1 = conv(channels, out, stride), nn.BatchNorm2d(out)
        self.second, self.norm2 = conv(out, out), nn.BatchNorm2d(out)
        self.around = nn.Identity()
        if stride != 1 or channels != out:
            self.around = (
                _Padded(out - channels, stride)
                if padded
                else nn.Sequential(nn.Conv2d(channels, out, 1, stride, bias=False), nn.BatchNorm2d(out))
            )
        _he(self)
        nn.init.zeros_(self.norm2.weight)

    def forward(self, images: Tensor) -> Tensor:
        _check_images("ResidualBlock", images, self.channels)
        x = F.relu(self.norm1(self.first(images)))
        x = self.norm2(self.second(x))
        return F.relu(x + self.around(images))


class ResNet(nn.Module):
    """Three stages of residual blocks, each with twice the channels at half the height and width.

    images   (B, C, H, W), H and W at least 4
    returns  (B, K), scores

    blocks   in each stage: 3 make the ResNet-20 of the paper, 9 its ResNet-56
    Source: He et al. 2016, arXiv 1512.03385, section 4.2: with padded=True exactly (see ResidualBlock), else with
    1 x 1 convolutions around where the size changes.
    """

    def __init__(
        self,
        channels: int,
        classes: int,
        width: int = 16,
        blocks: int = 3,
        separable: bool = False,
        padded: bool = False,
    ):
        super().__init__()
        self.channels = channels
        self.stem = nn.Sequential(_conv3(channels, width), nn.BatchNorm2d(width), nn.ReLU())
        self.scores = nn.Linear(4 * width, classes)
        _he(self, last=self.scores)  # the blocks start themselves
        stages, before = [], width
        for after in (width, 2 * width, 4 * width):
            for i in range(blocks):
                stride = 2 if i == 0 and after != width else 1
                stages.append(ResidualBlock(before, after, stride, separable, padded))
                before = after
        self.stages = nn.Sequential(*stages)

    def forward(self, images: Tensor) -> Tensor:
        _check_images("ResNet", images, self.channels)
        return self.scores(self.stages(self.stem(images)).mean((2, 3)))


class _Padded(nn.Module):
    def __init__(self, new: int, stride: int):
        super().__init__()
        self.new, self.stride = new, stride

    def forward(self, images: Tensor) -> Tensor:
        front = self.new // 2  # half of the zeros before the channels, half behind
        return F.pad(images[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, front, self.new - front))


class RecurrentClassifier(nn.Module):
    """Read a sequence token by token, then decide by what is remembered after its last one.

    tokens   (B, T), int64, filled up with 0 at the end: the filling changes nothing
    returns  (B, K), scores

    kind     "rnn" (Elman 1990), "gru" (Cho et al. 2014, arXiv 1406.1078) or "lstm" (Hochreiter and Schmidhuber 1997)
    Start: see RecurrentLM.
    """

    def __init__(self, vocabulary: int, classes: int, width: int = 128, kind: str = "gru", dropout: float = 0.0):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width, padding_idx=PAD)
        self.memory = _recurrent("RecurrentClassifier", kind, width)
        self.dropout = nn.Dropout(dropout)
        self.scores = nn.Linear(width, classes)

    def forward(self, tokens: Tensor) -> Tensor:
        _check_tokens("RecurrentClassifier", tokens, self.embedding.num_embeddings)
        states, _ = self.memory(self.dropout(self.embedding(tokens)))  # (B, T, D)
        last = (tokens != PAD).sum(1).clamp(min=1) - 1
        return self.scores(self.dropout(states[torch.arange(len(tokens), device=tokens.device), last]))


class RecurrentLM(nn.Module):
    """A language model: after each token, scores for the next.

    tokens   (B, T), int64
    returns  (B, T, K), scores for the K tokens of the vocabulary; those at step t know tokens 0 to t

    kind     "rnn", "gru" or "lstm"; layers of them, one on top of the other
    Start: recurrent weights orthogonal (Saxe et al. 2014, arXiv 1312.6120), the LSTM's forget bias 1 (Jozefowicz et al.
    2015), all others as torch has them: uniform in +-1 / sqrt(D).
    """

    def __init__(self, vocabulary: int, width: int = 128, kind: str = "lstm", layers: int = 1, dropout: float = 0.0):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.memory = _recurrent("RecurrentLM", kind, width, layers, dropout)
        self.dropout = nn.Dropout(dropout)
        self.scores = nn.Linear(width, vocabulary)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.go_on(tokens)[0]

    def go_on(self, tokens: Tensor, state=None):
        """Scores (B, T, K), and what to pass as `state` with the tokens that follow (detach it to cut the gradient)."""
        _check_tokens("RecurrentLM", tokens, self.embedding.num_embeddings)
        states, state = self.memory(self.dropout(self.embedding(tokens)), state)
        return self.scores(self.dropout(states)), state


class AdditiveAttention(nn.Module):
    """Mix the keys, each query by its own weights; a small network scores how well a key answers a query.

    query    (B, T, D)
    keys     (B, S, D), also what is mixed
    mask     (B, S), bool: True where there is a key, False where there is filling
    returns  (B, T, D), the mixes
    weights  (B, T, S), each row sums to 1

    Source: Bahdanau et al. 2015, arXiv 1409.0473, section 3.1. Start: torch's.
    """

    def __init__(self, width: int):
        super().__init__()
        self.of_query, self.of_key = nn.Linear(width, width), nn.Linear(width, width, bias=False)
        self.score = nn.Linear(width, 1, bias=False)

    def forward(self, query: Tensor, keys: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        if mask.shape != keys.shape[:2]:
            raise ValueError(
                f"AdditiveAttention: mask is {tuple(mask.shape)}, keys are {tuple(keys.shape)}: "
                f"pass a mask of {tuple(keys.shape[:2])}"
            )
        pairs = torch.tanh(self.of_query(query).unsqueeze(2) + self.of_key(keys).unsqueeze(1))  # (B, T, S, D)
        scores = self.score(pairs).squeeze(3)
        scores = scores.masked_fill(~mask.unsqueeze(1), torch.finfo(scores.dtype).min)
        weights = scores.softmax(2)
        return weights @ keys, weights


class Seq2Seq(nn.Module):
    """Read one sequence, write another: a GRU that reads both ways, a GRU that writes, additive attention between.

    source   (B, S), int64, filled up with 0 at the end
    target   (B, T), int64, begins with a start token
    returns  (B, T, K), scores for the K tokens of the target's vocabulary; those at step t know target 0 to t

    The writer runs over the whole target in one call and attends after it, as in Luong et al. 2015, arXiv 1508.04025:
    faster than step by step. Start: as in RecurrentLM.
    """

    def __init__(self, source_vocabulary: int, target_vocabulary: int, width: int = 128):
        super().__init__()
        if width % 2:
            raise ValueError(f"Seq2Seq: width is {width}: pass an even one, half of it reads backwards")
        self.source_embedding = nn.Embedding(source_vocabulary, width, padding_idx=PAD)
        self.target_embedding = nn.Embedding(target_vocabulary, width, padding_idx=PAD)
        self.reader = _orthogonal(nn.GRU(width, width // 2, batch_first=True, bidirectional=True))
        self.writer = _orthogonal(nn.GRU(width, width, batch_first=True))
        self.attention = AdditiveAttention(width)
        self.join = nn.Linear(2 * width, width)
        self.scores = nn.Linear(width, target_vocabulary)

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        return self.write(target, *self.read(source))[0]

    def read(self, source: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Keys (B, S, D), their mask (B, S), and the state (1, B, D) that the writer begins with."""
        _check_tokens("Seq2Seq", source, self.source_embedding.num_embeddings)
        mask = source != PAD
        packed = nn.utils.rnn.pack_padded_sequence(  # so that the way back begins at the last token, not at the filling
            self.source_embedding(source), mask.sum(1).clamp(min=1).cpu(), batch_first=True, enforce_sorted=False
        )
        states, (there, back) = self.reader(packed)
        keys, _ = nn.utils.rnn.pad_packed_sequence(states, batch_first=True, total_length=source.shape[1])
        return keys, mask, torch.cat([there, back], 1).unsqueeze(0)

    def write(self, target: Tensor, keys: Tensor, mask: Tensor, state: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Scores (B, T, K), attention weights (B, T, S), and the state (1, B, D) to go on from."""
        _check_tokens("Seq2Seq", target, self.target_embedding.num_embeddings)
        states, state = self.writer(self.target_embedding(target), state)
        mix, weights = self.attention(states, keys, mask)
        return self.scores(torch.tanh(self.join(torch.cat([states, mix], 2)))), weights, state

    @torch.no_grad()
    def translate(self, source: Tensor, *, start: int, end: int, steps: int) -> tuple[Tensor, Tensor]:
        """The likeliest token at each step: (B, T) with 0 after `end`, and the attention (B, T, S); T is `steps`."""
        keys, mask, state = self.read(source)
        token, done = source.new_full((len(source), 1), start), source.new_zeros((len(source), 1), dtype=torch.bool)
        tokens, maps = [], []
        for _ in range(steps):
            scores, weights, state = self.write(token, keys, mask, state)
            token = scores.argmax(2).masked_fill(done, PAD)
            done = done | (token == end)
            tokens.append(token)
            maps.append(weights)
        return torch.cat(tokens, 1), torch.cat(maps, 1)


class SelfAttention(nn.Module):
    """Each step asks all steps, in several heads at once, and takes a mix of what they offer.

    steps    (B, T, D)
    mask     (B, T), bool: True where there is a step, False where there is filling; None: everywhere
    returns  (B, T, D)

    causal   True: a step asks itself and the steps before it
    Source: Vaswani et al. 2017, arXiv 1706.03762, section 3.2.2. Start: see GPT.
    """

    def __init__(self, width: int, heads: int, causal: bool = True):
        super().__init__()
        if width % heads:
            raise ValueError(f"SelfAttention: {heads} heads cannot share width {width}: pass a multiple of {heads}")
        self.heads, self.causal = heads, causal
        self.ask, self.give = nn.Linear(width, 3 * width), nn.Linear(width, width)
        _normal(self)

    def forward(self, steps: Tensor, mask: Tensor | None = None) -> Tensor:
        if steps.dim() != 3 or 3 * steps.shape[2] != self.ask.out_features:
            raise ValueError(
                f"SelfAttention: steps are {tuple(steps.shape)}: pass (B, T, {self.ask.out_features // 3})"
            )
        b, t, d = steps.shape
        query, key, value = self.ask(steps).view(b, t, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        if mask is None:
            mixed = F.scaled_dot_product_attention(query, key, value, is_causal=self.causal)
        else:
            mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=self._may_look(mask, b, t))
        return self.give(mixed.transpose(1, 2).reshape(b, t, d))

    def _may_look(self, mask: Tensor, b: int, t: int) -> Tensor:
        if mask.shape != (b, t):
            raise ValueError(f"SelfAttention: mask is {tuple(mask.shape)}, steps are ({b}, {t}, D): pass ({b}, {t})")
        look = mask.view(b, 1, 1, t).expand(b, 1, t, t)
        return look.tril() if self.causal else look


class TransformerBlock(nn.Module):
    """Steps look at each other, then each thinks for itself; both only add to what is there.

    steps    (B, T, D)
    mask     (B, T), bool: as in SelfAttention; None: everywhere
    returns  (B, T, D)

    Source: Vaswani et al. 2017, with the norm first as in Radford et al. 2019 (GPT-2). Start: see GPT.
    """

    def __init__(self, width: int, heads: int, causal: bool = True, dropout: float = 0.0):
        super().__init__()
        self.norm1, self.attention = nn.LayerNorm(width), SelfAttention(width, heads, causal)
        self.norm2 = nn.LayerNorm(width)
        self.think = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
        self.dropout = nn.Dropout(dropout)
        _normal(self)

    def forward(self, steps: Tensor, mask: Tensor | None = None) -> Tensor:
        steps = steps + self.dropout(self.attention(self.norm1(steps), mask))
        return steps + self.dropout(self.think(self.norm2(steps)))


class GPT(nn.Module):
    """A language model of transformer blocks: after each token, scores for the next.

    tokens   (B, T), int64, T at most `context`
    returns  (B, T, K), scores for the K tokens of the vocabulary; those at step t know tokens 0 to t

    Source and start: Radford et al. 2019 (GPT-2), sections 2.2 and 2.3: normal with standard deviation 0.02, and
    1 / sqrt(2 layers) of that where a block adds its part; the scores share the embedding's weights.
    """

    def __init__(
        self, vocabulary: int, context: int, width: int = 96, heads: int = 4, layers: int = 3, dropout: float = 0.0
    ):
        super().__init__()
        self.context = context
        self.embedding, self.place = nn.Embedding(vocabulary, width), nn.Embedding(context, width)
        self.blocks = nn.ModuleList(TransformerBlock(width, heads, dropout=dropout) for _ in range(layers))
        self.dropout, self.norm = nn.Dropout(dropout), nn.LayerNorm(width)
        _normal(self)
        for block in self.blocks:
            for adds in (block.attention.give, block.think[-1]):
                nn.init.normal_(adds.weight, std=0.02 / math.sqrt(2 * layers))

    def forward(self, tokens: Tensor) -> Tensor:
        _check_tokens("GPT", tokens, self.embedding.num_embeddings)
        if tokens.shape[1] > self.context:
            raise ValueError(f"GPT: {tokens.shape[1]} tokens came, its context is {self.context}: cut them")
        steps = self.embedding(tokens) + self.place.weight[: tokens.shape[1]]
        steps = self.dropout(steps)
        for block in self.blocks:
            steps = block(steps)
        return self.norm(steps) @ self.embedding.weight.T

    def go_on(self, tokens: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Scores (B, T, K) for the last tokens that the context holds, and those tokens, to pass as `state`."""
        seen = (tokens if state is None else torch.cat([state, tokens], 1))[:, -self.context :]
        return self(seen), seen


@torch.no_grad()
def sample(
    model, start: Tensor, steps: int, *, temperature: float = 1.0, top: int | None = None, generator=None
) -> Tensor:
    """Let a RecurrentLM or a GPT write on, one token after the other.

    start    (B, T), int64, T at least 1
    returns  (B, T + S), int64: start and S new tokens, S is `steps`

    temperature  below 1 bolder, above 1 wilder; 0 takes the likeliest token
    top          draw among this many likeliest tokens only; None: among all
    generator    where the draws come from; None: torch's own
    """
    if start.dim() != 2 or not start.shape[1]:
        raise ValueError(f"sample: start is {tuple(start.shape)}: pass (B, T), with one token or more to go on from")
    if temperature < 0:
        raise ValueError(f"sample: temperature is {temperature}: pass 0 or more")
    was_training, written, state = model.training, [start], None
    model.eval()
    for _ in range(steps):
        scores, state = model.go_on(written[-1], state)
        scores = scores[:, -1]
        if top is not None and top < scores.shape[1]:
            scores = scores.masked_fill(scores < scores.topk(top).values[:, -1:], -math.inf)
        if temperature == 0:
            written.append(scores.argmax(1, keepdim=True))
        else:
            written.append(torch.multinomial((scores / temperature).softmax(1), 1, generator=generator))
    model.train(was_training)
    return torch.cat(written, 1)


def _conv3(before: int, after: int, stride: int = 1) -> nn.Module:
    return nn.Conv2d(before, after, 3, stride, padding=1, bias=False)  # the batch norm that follows has a bias


def _separable(before: int, after: int, stride: int = 1) -> nn.Module:
    each = nn.Conv2d(before, before, 3, stride, padding=1, groups=before, bias=False)
    return nn.Sequential(each, nn.Conv2d(before, after, 1, bias=False))


def _recurrent(who: str, kind: str, width: int, layers: int = 1, dropout: float = 0.0) -> nn.RNNBase:
    if kind not in RECURRENT:
        raise ValueError(f"{who}: there is no kind {kind!r}: choose one of {', '.join(RECURRENT)}")
    between = dropout if layers > 1 else 0.0
    return _orthogonal(RECURRENT[kind](width, width, num_layers=layers, dropout=between, batch_first=True))


def _orthogonal(memory: nn.RNNBase) -> nn.RNNBase:
    size = memory.hidden_size
    for name, parameter in memory.named_parameters():
        if name.startswith("weight_hh"):  # one square for each gate
            for gate in parameter.detach().split(size):
                nn.init.orthogonal_(gate)
        elif name.startswith("bias_ih") and isinstance(memory, nn.LSTM):
            nn.init.ones_(parameter.detach()[size : 2 * size])  # torch's order: input, forget, cell, output
    return memory


def _he(model: nn.Module, last: nn.Linear | None = None) -> None:
    for layer in model.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="linear" if layer is last else "relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def _normal(model: nn.Module) -> None:
    for layer in model.modules():
        if isinstance(layer, nn.Linear | nn.Embedding):
            nn.init.normal_(layer.weight, std=0.02)
        if isinstance(layer, nn.Linear):
            nn.init.zeros_(layer.bias)


def _check_images(who: str, images: Tensor, channels: int) -> None:
    if images.dim() != 4 or images.shape[1] != channels:
        raise ValueError(f"{who}: images are {tuple(images.shape)}: pass (B, {channels}, H, W)")
    if not images.is_floating_point():
        raise ValueError(f"{who}: images are {images.dtype}: pass floats, such as images.float() / 255")


def _check_tokens(who: str, tokens: Tensor, vocabulary: int) -> None:
    if tokens.dim() != 2 or not tokens.shape[1] or tokens.dtype != torch.int64:
        raise ValueError(f"{who}: tokens are {tuple(tokens.shape)} {tokens.dtype}: pass (B, T), int64, T at least 1")
    if tokens.device.type == "cpu" and tokens.numel() and not 0 <= tokens.min() <= tokens.max() < vocabulary:
        raise ValueError(  # on a GPU the look would make it wait
            f"{who}: tokens run from {tokens.min()} to {tokens.max()}, the vocabulary has {vocabulary}: "
            f"pass 0 to {vocabulary - 1}"
        )
