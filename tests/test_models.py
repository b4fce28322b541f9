import math

import pytest
import torch
import torch.nn.functional as F

from dlcourse import models
from dlcourse.models import (
    GPT,
    MLP,
    AdditiveAttention,
    RecurrentClassifier,
    RecurrentLM,
    ResidualBlock,
    ResNet,
    SelfAttention,
    Seq2Seq,
    SmallCNN,
    TransformerBlock,
)
from tests import shape_tables

KINDS = ["rnn", "gru", "lstm"]


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def tokens(b, t, vocabulary, low=1):
    return torch.randint(low, vocabulary, (b, t))


def padded(b, t, vocabulary):
    """Sequences of t, t - 1, t - 2 ... tokens, filled up with 0, and their mask."""
    filled = tokens(b, t, vocabulary)
    mask = torch.arange(t) < (t - torch.arange(b) % t).view(b, 1)
    return filled * mask, mask


# ---- shapes: each table is run on two sizes


def mlp(s):
    inputs = torch.randn(s["B"], s["D"])
    return {"inputs": inputs}, {"returns": MLP(s["D"], 6, s["K"])(inputs)}


def small_cnn(s):
    images = torch.rand(s["B"], s["C"], s["H"], s["W"])
    return {"images": images}, {"returns": SmallCNN(s["C"], s["K"], width=4)(images)}


def residual_block(s):
    images = torch.rand(s["B"], s["C"], s["H"], s["W"])
    return {"images": images}, {"returns": ResidualBlock(s["C"], s["D"])(images)}


def resnet(s):
    images = torch.rand(s["B"], s["C"], s["H"], s["W"])
    return {"images": images}, {"returns": ResNet(s["C"], s["K"], width=4, blocks=1, separable=s["B"] == 2)(images)}


def recurrent_classifier(s):
    text = tokens(s["B"], s["T"], 9)
    return {"tokens": text}, {"returns": RecurrentClassifier(9, s["K"], width=8)(text)}


def recurrent_lm(s):
    text = tokens(s["B"], s["T"], s["K"], low=0)
    return {"tokens": text}, {"returns": RecurrentLM(s["K"], width=8)(text)}


def additive_attention(s):
    query, keys = torch.randn(s["B"], s["T"], s["D"]), torch.randn(s["B"], s["S"], s["D"])
    mask = torch.ones(s["B"], s["S"], dtype=torch.bool)
    mix, weights = AdditiveAttention(s["D"])(query, keys, mask)
    return {"query": query, "keys": keys, "mask": mask}, {"returns": mix, "weights": weights}


def seq2seq(s):
    source, target = tokens(s["B"], s["S"], 9), tokens(s["B"], s["T"], s["K"])
    return {"source": source, "target": target}, {"returns": Seq2Seq(9, s["K"], width=8)(source, target)}


def self_attention(s, layer=SelfAttention):
    steps, mask = torch.randn(s["B"], s["T"], s["D"]), torch.ones(s["B"], s["T"], dtype=torch.bool)
    return {"steps": steps, "mask": mask}, {"returns": layer(s["D"], heads=2)(steps, mask)}


def transformer_block(s):
    return self_attention(s, TransformerBlock)


def gpt(s):
    text = tokens(s["B"], s["T"], s["K"], low=0)
    return {"tokens": text}, {"returns": GPT(s["K"], context=9, width=8, heads=2, layers=1)(text)}


def sample(s):
    start = tokens(s["B"], s["T"], 9)
    return {"start": start}, {"returns": models.sample(RecurrentLM(9, width=8), start, s["S"])}


TABLES = {
    "MLP": mlp,
    "SmallCNN": small_cnn,
    "ResidualBlock": residual_block,
    "ResNet": resnet,
    "RecurrentClassifier": recurrent_classifier,
    "RecurrentLM": recurrent_lm,
    "AdditiveAttention": additive_attention,
    "Seq2Seq": seq2seq,
    "SelfAttention": self_attention,
    "TransformerBlock": transformer_block,
    "GPT": gpt,
    "sample": sample,
}
SIZES = [
    {"B": 2, "C": 1, "H": 8, "W": 8, "K": 10, "T": 5, "S": 7, "D": 8},
    {"B": 3, "C": 3, "H": 13, "W": 10, "K": 4, "T": 9, "S": 2, "D": 12},
]


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("name", TABLES)
def test_a_model_keeps_its_shape_table(name, sizes):
    inputs, outputs = TABLES[name](sizes)
    shape_tables.holds(getattr(models, name), inputs, outputs, sizes)


def test_every_public_name_has_its_table_checked():
    assert shape_tables.public(models) == set(TABLES)


@pytest.mark.parametrize("name", sorted(set(TABLES) - {"sample"}))
def test_every_parameter_is_reached_by_the_gradient(name):
    created = []
    original = torch.nn.Module.__init__

    def remember(self, *args, **kwargs):
        original(self, *args, **kwargs)
        created.append(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.nn.Module, "__init__", remember)
        _, outputs = TABLES[name](SIZES[0])
    model = next(module for module in created if type(module).__name__ == name)
    sum(output.pow(2).sum() for output in outputs.values()).backward()
    assert [n for n, p in model.named_parameters() if p.grad is None] == []


# ---- images


def test_the_mlp_lays_images_out_flat_and_starts_as_he_says():
    model = MLP(784, 4000, 10)
    assert model(torch.rand(2, 1, 28, 28)).shape == (2, 10)
    assert float(model.layers[0].weight.detach().std()) == pytest.approx(math.sqrt(2 / 784), rel=0.02)
    assert float(model.layers[-1].weight.detach().std()) == pytest.approx(math.sqrt(1 / 4000), rel=0.02)
    assert model.layers[0].bias.abs().max() == 0


def test_signals_keep_their_size_through_a_deep_mlp():
    model = MLP(200, *[200] * 10, 5)
    spread = model(torch.randn(500, 200)).std()
    assert 0.3 < spread < 3


def test_a_residual_block_begins_as_the_way_around():
    images = torch.rand(2, 4, 6, 6)
    assert torch.equal(ResidualBlock(4, 4)(images), images)  # which are not negative: the ReLU leaves them
    assert ResidualBlock(4, 6, stride=2)(torch.rand(2, 4, 7, 5)).shape == (2, 6, 4, 3)


def test_separable_convolutions_and_padded_ways_around_have_fewer_parameters():
    plain, separable, padded = (
        sum(p.numel() for p in ResNet(3, 10, **option).parameters())
        for option in ({}, {"separable": True}, {"padded": True})
    )
    assert padded == 269_722  # the paper's ResNet-20
    assert plain == padded + 2_752  # two 1 x 1 convolutions with batch norm around
    assert separable < plain / 6


@pytest.mark.parametrize(("channels", "out", "stride"), [(4, 4, 1), (4, 7, 2), (4, 8, 1)])
def test_a_padded_way_around_is_every_second_pixel_among_channels_of_zeros(channels, out, stride):
    images = torch.rand(2, channels, 7, 6)
    block, front = ResidualBlock(channels, out, stride, padded=True), (out - channels) // 2
    after = block(images)
    assert torch.equal(after[:, front : front + channels], images[:, :, ::stride, ::stride])
    assert after.count_nonzero() == images[:, :, ::stride, ::stride].count_nonzero()
    assert list(block.around.parameters()) == []
    assert after.shape == ResidualBlock(channels, out, stride)(images).shape


def test_a_separable_convolution_is_a_full_one_of_rank_one():
    each, across = models._separable(3, 5)
    images = torch.rand(2, 3, 6, 6)
    full = across.weight * each.weight.view(1, 3, 3, 3)  # (5, 3, 1, 1) by (1, 3, 3, 3)
    assert torch.allclose(across(each(images)), F.conv2d(images, full, padding=1), atol=1e-6)


def test_the_paper_s_depth_counts():
    weighted = [m for m in ResNet(3, 10, blocks=3).modules() if isinstance(m, torch.nn.Conv2d | torch.nn.Linear)]
    assert len([m for m in weighted if getattr(m, "kernel_size", 0) != (1, 1)]) == 20


# ---- sequences


@pytest.mark.parametrize("kind", KINDS)
def test_filling_changes_nothing_in_a_recurrent_classifier(kind):
    model = RecurrentClassifier(9, 3, width=8, kind=kind).eval()
    text, mask = padded(4, 6, 9)
    together = model(F.pad(text, (0, 5)))
    for i, length in enumerate(mask.sum(1)):
        assert torch.allclose(model(text[i : i + 1, :length]), together[i : i + 1], atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_a_recurrent_language_model_knows_the_past_only_and_goes_on_where_it_stopped(kind):
    model = RecurrentLM(9, width=8, kind=kind, layers=2)
    text = tokens(2, 8, 9)
    whole = model(text)
    changed = text.clone()
    changed[:, 5:] = 1 + changed[:, 5:] % 8
    assert torch.equal(model(changed)[:, :5], whole[:, :5])
    assert not torch.allclose(model(changed)[:, 5:], whole[:, 5:])
    first, state = model.go_on(text[:, :3])
    second, _ = model.go_on(text[:, 3:], state)
    assert torch.allclose(torch.cat([first, second], 1), whole, atol=1e-6)


def test_recurrent_weights_start_orthogonal_and_the_forget_gate_open():
    memory = RecurrentLM(9, width=8, kind="lstm", layers=2).memory
    for gate in memory.weight_hh_l1.detach().split(8):
        assert torch.allclose(gate @ gate.T, torch.eye(8), atol=1e-5)
    assert memory.bias_ih_l0[8:16].tolist() == [1] * 8
    assert memory.bias_ih_l0[:8].abs().max() < 1


def test_additive_attention_is_the_paper_s_formula_and_never_looks_at_filling():
    layer = AdditiveAttention(6)
    query, keys = torch.randn(2, 3, 6), torch.randn(2, 4, 6)
    mask = torch.tensor([[True, True, True, True], [True, True, False, False]])
    mix, weights = layer(query, keys, mask)
    one = torch.stack([layer.score(torch.tanh(layer.of_query(query[1, 2]) + layer.of_key(key))) for key in keys[1, :2]])
    assert torch.allclose(weights[1, 2, :2], one.flatten().softmax(0), atol=1e-6)
    assert weights[1, :, 2:].abs().max() == 0
    assert torch.allclose(mix[1, 2], weights[1, 2] @ keys[1], atol=1e-6)
    _, empty = layer(query, keys, torch.zeros_like(mask))
    assert empty.isfinite().all()  # an empty source is no nan


def test_filling_of_the_source_changes_nothing_in_seq2seq_and_the_target_knows_its_past_only():
    model = Seq2Seq(9, 7, width=8)
    source, mask = padded(4, 6, 9)
    target = tokens(4, 5, 7)
    together = model(F.pad(source, (0, 3)), target)
    for i, length in enumerate(mask.sum(1)):
        assert torch.allclose(model(source[i : i + 1, :length], target[i : i + 1]), together[i : i + 1], atol=1e-6)
    changed = target.clone()
    changed[:, 3:] = 1 + changed[:, 3:] % 6
    assert torch.equal(model(F.pad(source, (0, 3)), changed)[:, :3], together[:, :3])


def test_translating_is_the_likeliest_token_step_by_step_and_stops_at_the_end():
    model = Seq2Seq(9, 7, width=8)
    source, _ = padded(3, 6, 9)
    found, maps = model.translate(source, start=1, end=99, steps=4)
    assert maps.shape == (3, 4, 6)
    assert torch.allclose(maps.sum(2), torch.ones(3, 4), atol=1e-6)
    fed = torch.cat([torch.ones(3, 1, dtype=torch.int64), found[:, :-1]], 1)
    assert torch.equal(model(source, fed).argmax(2), found)
    with torch.no_grad():
        model.scores.bias[3] = 99  # it will always say 3
    assert model.translate(source, start=1, end=5, steps=3)[0].tolist() == [[3, 3, 3]] * 3
    assert model.translate(source, start=1, end=3, steps=3)[0].tolist() == [[3, 0, 0]] * 3


# ---- transformers


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("with_mask", [True, False])
def test_self_attention_is_torch_s_scaled_dot_product_attention_and_the_formula(causal, with_mask):
    b, t, d, heads = 2, 5, 12, 3
    layer = SelfAttention(d, heads, causal)
    torch.nn.init.normal_(layer.ask.weight)  # larger than at the start, so that the weights differ
    steps, mask = torch.randn(b, t, d), padded(b, t, 9)[1] if with_mask else torch.ones(b, t, dtype=torch.bool)
    query, key, value = (part.view(b, t, heads, d // heads).transpose(1, 2) for part in layer.ask(steps).chunk(3, 2))
    look = mask[:, None, None, :] & (torch.ones(t, t, dtype=torch.bool).tril() if causal else torch.tensor(True))
    theirs = F.scaled_dot_product_attention(query, key, value, attn_mask=look)
    scores = (query @ key.transpose(2, 3) / math.sqrt(d // heads)).masked_fill(~look, -math.inf)
    assert torch.allclose(theirs, scores.softmax(3) @ value, atol=1e-5)
    found = layer(steps, mask if with_mask else None)
    assert torch.allclose(found, layer.give(theirs.transpose(1, 2).flatten(2)), atol=1e-5)


@pytest.mark.parametrize("layer", [SelfAttention, TransformerBlock])
def test_the_causal_mask_leaks_nothing_also_beside_a_padding_mask(layer):
    model = layer(8, heads=2)
    for mask in (None, torch.ones(1, 6, dtype=torch.bool)):
        steps = torch.randn(1, 6, 8, requires_grad=True)
        model(steps, mask)[0, 3].sum().backward()
        assert steps.grad[0, 4:].abs().max() == 0
        assert steps.grad[0, :4].abs().amax(1).min() > 0


def test_steps_behind_a_padding_mask_change_nothing():
    block = TransformerBlock(8, heads=2, causal=False)
    steps, mask = torch.randn(2, 6, 8), torch.arange(6).expand(2, 6) < 4
    assert torch.allclose(block(steps, mask)[:, :4], block(steps[:, :4]), atol=1e-6)


def test_gpt_leaks_nothing_and_starts_near_the_uniform_guess():
    model = GPT(50, context=12, width=32, heads=4, layers=3)
    text = tokens(2, 12, 50)
    changed = text.clone()
    changed[:, 7:] = 1 + changed[:, 7:] % 49
    assert torch.allclose(model(changed)[:, :7], model(text)[:, :7], atol=1e-6)
    loss = F.cross_entropy(model(text[:, :-1]).flatten(0, 1), text[:, 1:].flatten())
    assert loss.item() == pytest.approx(math.log(50), abs=0.1)
    assert float(model.embedding.weight.detach().std()) == pytest.approx(0.02, rel=0.05)
    assert float(model.blocks[0].attention.give.weight.detach().std()) == pytest.approx(0.02 / math.sqrt(6), rel=0.1)


@pytest.mark.parametrize("model", [lambda: GPT(9, context=4, width=8, heads=2), lambda: RecurrentLM(9, width=8)])
def test_sampling_repeats_with_its_seed_and_leaves_the_model_as_it_was(model):
    model, start = model(), tokens(3, 2, 9)

    def write(seed, **options):
        return models.sample(model, start, 8, generator=torch.Generator().manual_seed(seed), **options)

    assert torch.equal(write(1), write(1))
    assert not torch.equal(write(1), write(2))
    assert torch.equal(write(1)[:, :2], start)
    assert model.training
    assert torch.equal(write(1, temperature=0), write(2, top=1))  # the likeliest each time
    seen = start
    for _ in range(3):
        seen = torch.cat([seen, model(seen[:, -4:] if isinstance(model, GPT) else seen)[:, -1:].argmax(2)], 1)
    assert torch.equal(write(1, temperature=0)[:, :5], seen)


def test_temperature_and_top_shape_the_draws():
    model = RecurrentLM(5, width=8)
    with torch.no_grad():
        model.scores.weight.zero_()
        model.scores.bias.copy_(torch.tensor([0.0, 1.0, 2.0, 3.0, 4.0]))
    start, draws = torch.zeros(4000, 1, dtype=torch.int64), {}
    for name, options in {"plain": {}, "cold": {"temperature": 0.5}, "top": {"top": 2}}.items():
        draws[name] = models.sample(model, start, 1, **options)[:, 1].bincount(minlength=5) / 4000
    logits = torch.arange(5.0)
    assert torch.allclose(draws["plain"], logits.softmax(0), atol=0.03)
    assert torch.allclose(draws["cold"], (2 * logits).softmax(0), atol=0.03)
    assert torch.allclose(draws["top"], F.pad(logits[3:].softmax(0), (3, 0)), atol=0.03)


# ---- learning


def overfits(model, inputs, wanted, steps, lr=1e-2):
    """Train on one batch until its last loss; the scores' classes are their last dimension."""
    parameters = list(model.parameters())
    moments = [(torch.zeros_like(p), torch.zeros_like(p)) for p in parameters]
    for step in range(1, steps + 1):  # Adam by hand: torch's takes two seconds to import
        loss = F.cross_entropy(model(*inputs).flatten(0, -2), wanted.flatten())
        with torch.no_grad():
            for p, g, (m, v) in zip(parameters, torch.autograd.grad(loss, parameters), moments, strict=True):
                m.lerp_(g, 0.1)
                v.lerp_(g * g, 0.05)
                p -= lr * (m / (1 - 0.9**step)) / ((v / (1 - 0.95**step)).sqrt() + 1e-8)
    return float(loss.detach())


@pytest.mark.parametrize(
    ("model", "steps"),
    [
        (lambda: MLP(64, 32, 4), 30),
        (lambda: SmallCNN(1, 4, width=8), 30),
        (lambda: ResNet(1, 4, width=4, blocks=1), 40),
        (lambda: ResNet(1, 4, width=4, blocks=1, separable=True), 60),
    ],
    ids=["MLP", "SmallCNN", "ResNet", "separable"],
)
def test_an_image_model_learns_a_tiny_batch_by_heart(model, steps):
    assert overfits(model(), [torch.rand(8, 1, 8, 8)], torch.arange(8) % 4, steps) < 0.1


@pytest.mark.parametrize("kind", KINDS)
def test_a_recurrent_model_learns_a_tiny_batch_by_heart(kind):
    text, _ = padded(6, 5, 9)
    assert overfits(RecurrentClassifier(9, 3, width=16, kind=kind), [text], torch.arange(6) % 3, 40) < 0.1
    text = torch.cat([torch.arange(1, 5).view(4, 1), tokens(4, 7, 9)], 1)  # each begins differently: all can be known
    assert overfits(RecurrentLM(9, width=24, kind=kind), [text[:, :-1]], text[:, 1:], 100) < 0.1


def test_seq2seq_learns_to_turn_sequences_round():
    source = tokens(8, 5, 9)
    target = torch.cat([torch.full((8, 1), 9), source.flip(1)], 1)
    model = Seq2Seq(10, 10, width=24)
    assert overfits(model, [source, target[:, :-1]], target[:, 1:], 80) < 0.1
    found, _ = model.translate(source, start=9, end=0, steps=5)
    assert torch.equal(found, source.flip(1))


def test_gpt_learns_a_tiny_text_by_heart_and_writes_it():
    text = torch.cat([torch.arange(1, 5).view(4, 1), tokens(4, 9, 9)], 1)
    model = GPT(9, context=9, width=24, heads=2, layers=2)
    assert overfits(model, [text[:, :-1]], text[:, 1:], 100) < 0.1
    assert torch.equal(models.sample(model, text[:, :1], 9, temperature=0), text)


# ---- errors


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: MLP(5), r"MLP: sizes are \(5,\): pass at least two"),
        (lambda: MLP(5, 2)(torch.rand(3, 1, 2, 2)), r"MLP: inputs \(3, 1, 2, 2\) are 4 numbers each, 5 were announced"),
        (lambda: SmallCNN(3, 2)(torch.rand(4, 1, 8, 8)), r"SmallCNN: images are \(4, 1, 8, 8\): pass \(B, 3, H, W\)"),
        (lambda: ResNet(1, 2)(torch.rand(1, 8, 8)), r"ResNet: images are \(1, 8, 8\): pass \(B, 1, H, W\)"),
        (lambda: ResidualBlock(8, 4, padded=True), "ResidualBlock: padded=True cannot make 4 channels of 8"),
        (lambda: ResidualBlock(2, 2)(torch.rand(1, 3, 8, 8)), r"ResidualBlock: images are .* pass \(B, 2, H, W\)"),
        (
            lambda: SmallCNN(1, 2)(torch.zeros(4, 1, 8, 8, dtype=torch.uint8)),
            "SmallCNN: images are torch.uint8: pass floats, such as images.float",
        ),
        (lambda: RecurrentLM(9, kind="gur"), "RecurrentLM: there is no kind 'gur': choose one of rnn, gru, lstm"),
        (
            lambda: RecurrentClassifier(9, 2)(torch.tensor([[3, 9]])),
            "RecurrentClassifier: tokens run from 3 to 9, the vocabulary has 9: pass 0 to 8",
        ),
        (lambda: RecurrentLM(9)(torch.tensor([1, 2])), r"RecurrentLM: tokens are \(2,\) torch.int64: pass \(B, T\)"),
        (lambda: GPT(9, 4)(torch.rand(2, 3)), r"GPT: tokens are \(2, 3\) torch.float32: pass \(B, T\), int64"),
        (lambda: GPT(9, 4)(torch.ones(2, 5, dtype=torch.int64)), "GPT: 5 tokens came, its context is 4: cut them"),
        (lambda: Seq2Seq(9, 9, width=7), "Seq2Seq: width is 7: pass an even one"),
        (
            lambda: AdditiveAttention(4)(torch.rand(2, 3, 4), torch.rand(2, 5, 4), torch.ones(2, 3).bool()),
            r"AdditiveAttention: mask is \(2, 3\), keys are \(2, 5, 4\): pass a mask of \(2, 5\)",
        ),
        (lambda: SelfAttention(10, 4), "SelfAttention: 4 heads cannot share width 10: pass a multiple of 4"),
        (lambda: SelfAttention(8, 2)(torch.rand(2, 3, 7)), r"SelfAttention: steps are \(2, 3, 7\): pass \(B, T, 8\)"),
        (
            lambda: TransformerBlock(8, 2)(torch.rand(2, 3, 8), torch.ones(3, 3).bool()),
            r"SelfAttention: mask is \(3, 3\), steps are \(2, 3, D\): pass \(2, 3\)",
        ),
        (lambda: models.sample(GPT(9, 4), torch.ones(2, 0).long(), 3), r"sample: start is \(2, 0\): pass \(B, T\)"),
        (lambda: models.sample(GPT(9, 4), torch.ones(2, 1).long(), 3, temperature=-1), "sample: temperature is -1"),
    ],
)
def test_what_does_not_fit_is_refused_in_words(call, message):
    with pytest.raises(ValueError, match=message):
        call()
