# %% [markdown]
# # Transfer learning
#
# Fifty handwritten digits in colour, five of each: that is all you get. A network that starts from nothing reads new ones
# like a die with ten faces. One that has read *print* before needs a tenth of a second and a layer of 650 numbers, and
# gets five of six right. You will find out what it brings along, and how to spoil it.
#
# When you are done, you can
# 1. put a head of your own on a trained body, freeze the body, thaw it, and train each part at its own rate;
# 2. keep the input contract of a pretrained network, and notice when somebody has broken it;
# 3. choose between frozen features, fine-tuning and a start from scratch by measuring all three over several seeds.
#
# About 75 minutes for you, 40 seconds for the processor, no GPU. 7 points: six exercises and one question in words.

# %%
import importlib.util, subprocess, sys
if importlib.util.find_spec("dlcourse") is None:  # on Colab or Kaggle: one install; nothing that is loaded is replaced
    subprocess.check_call([sys.executable, "-m", "pip", "install", "-q", "git+https://github.com/dlcourse/dlcourse"])
from dlcourse import checks, data, pictures, plotting, pretrained, runtime, training
runtime.start("lab09_transfer")

# %%
NAME = ""  # your first and last name, such as "Ada Lovelace"
ASSIGNMENT = "lab09_transfer"

# %%
import time
import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F
import torchvision
from torch import nn

# %% [markdown]
# ## See it first
# Two sets. **Print** is what the body was trained on: 36 characters in many fonts, colours and noise. The **digits** are
# yours: written by hand, which the body has never seen. The effect takes five lines.

# %%
print_set = data.load("glyphs", classes=36, colour=True, train=360, test=720)
digits = data.load("colour_digits")
few = data.few(digits.train, 5, seed=0)  # 5 of each class

torch.manual_seed(0)
model = pretrained.backbone("glyphs", classes=10).eval()  # a trained body, and a new head for 10 classes
seen = data.Split(model.features(few.inputs).detach(), few.labels, "train")
training.fit(model.head, seen, epochs=150, batch_size=50, lr=0.03, optimizer="adam", quiet=True)
said = model(digits.test.inputs).argmax(1)
print(f"{(said == digits.test.labels).float().mean():.0%} of 360 new digits right, after 50 examples")

# %%
def mosaic(axis, images, columns, title):
    """images (N, 3, 32, 32), bytes, as one picture of N / columns rows."""
    tiles = F.pad(images, (1, 1, 1, 1), value=255)
    axis.imshow(tiles.view(-1, columns, 3, 34, 34).permute(0, 3, 1, 4, 2).reshape(-1, columns * 34, 3))
    axis.set_title(title, fontsize=11)
    axis.axis("off")

_kinds = torch.stack([(print_set.train.labels == k).nonzero()[0, 0] for k in range(36)])
_sorted = few.labels.argsort(stable=True).view(10, 5).T.flatten()  # a column for each class
_, axes = plt.subplots(1, 3, figsize=(9.6, 2.3), width_ratios=(1, 2, 2))
mosaic(axes[0], print_set.train.inputs[_kinds], 6, "it read 54,000 such")
mosaic(axes[1], few.inputs[_sorted], 10, "then came these 50, with labels")
mosaic(axes[2], digits.test.inputs[:50], 10, "now it reads new ones (frame: wrong)")
for i in (said[:50] != digits.test.labels[:50]).nonzero().flatten().tolist():
    x, y = i % 10 * 34, i // 10 * 34
    axes[2].add_patch(plt.Rectangle((x, y), 33, 33, fill=False, edgecolor=plotting.ORANGE, linewidth=2.5))
    box = {"fc": plotting.ORANGE, "ec": "none", "pad": 1}
    axes[2].text(x + 2, y + 11, int(said[i]), color="white", fontsize=8, weight="bold", bbox=box)
plotting.show("36 printed characters; 50 handwritten digits; 50 new ones, a few framed, with what the network says")

# %% [markdown]
# **Predict.** The same network without its past: the body starts at random, too, and all 78,042 numbers learn from the
# same 50 digits. What share of *new* digits will it get right? (Guessing gets 0.1.)

# %%
guess = None
checks.predict("scratch", guess, "From scratch, 50 examples: share of new digits right, 0 to 1?")

# %% [markdown]
# ## The contract
# A trained network expects pixels exactly as it got them in training: so many, on that scale, red first. torchvision
# writes this **input contract** down beside each set of weights. (`weights=` names the set. Older tutorials say
# `pretrained=True`, which does not tell you *which*.) To read it you need no download:

# %%
print(len(torchvision.models.list_models(module=torchvision.models)), "classifiers come with weights. One of them:")
weights = torchvision.models.ResNet18_Weights.IMAGENET1K_V1
contract = weights.transforms()
print(f"ResNet-18, {weights.meta['num_params']:,} parameters, 1,000 kinds of things\n{contract}")

# %% [markdown]
# In words: scale the **shorter side** to `resize_size`, cut out the **middle** `crop_size` x `crop_size`, bring the pixels
# to 0 ... 1, then normalise each channel $c$ by mean $\mu_c$ and standard deviation $\sigma_c$ of *its* training images:
#
# $$x'_c = \frac{x_c / 255 - \mu_c}{\sigma_c}$$
#
# Almost all ImageNet weights want this mean and deviation, and at least 224 x 224 pixels: smaller images mostly run, and
# are recognised worse. This does the scaling:

# %%
def scale(images, shorter):
    """images (B, C, H, W), float: the shorter side becomes `shorter` pixels, the other one in proportion."""
    return torchvision.transforms.functional.resize(images, [shorter])

# %% [markdown]
# ## 1. Keep it (1 point)
# Write the rest, for bytes. Grey images get three equal channels. To meet images (B, 3, H, W), mean and deviation need the
# shape (3, 1, 1).

# %% solution="keep_contract"
def keep_contract(images, resize, crop, mean, std):
    """images (B, C, H, W), bytes, C 1 or 3; mean and std: three numbers each; returns (B, 3, crop, crop), float."""
    ### BEGIN SOLUTION
    x = scale(images.expand(-1, 3, -1, -1) / 255, resize)
    top, left = (x.shape[2] - crop) // 2, (x.shape[3] - crop) // 2
    x = x[:, :, top : top + crop, left : left + crop]
    return (x - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(std).view(3, 1, 1)
    ### END SOLUTION

# %% [markdown]
# Try it on a cat: what is cut away, and where do the numbers go?

# %%
cat = data.load("photographs", size=300, names=("chelsea",)).train.inputs[:, :, 30:270]  # (1, 3, 240, 300)
ready = keep_contract(cat, 256, 224, contract.mean, contract.std)
_, axes = plt.subplots(1, 4, figsize=(9.6, 2.5), width_ratios=(1.25, 1, 1.2, 1.2))
axes[0].imshow(cat[0].permute(1, 2, 0))
side = 224 * 240 / 256
corner = (300 - side) / 2, (240 - side) / 2
axes[0].add_patch(plt.Rectangle(corner, side, side, fill=False, edgecolor="white", linewidth=2))
axes[0].set_title("300 x 240, bytes", fontsize=10)
axes[1].imshow(((ready[0] - ready.min()) / (ready.max() - ready.min())).permute(1, 2, 0))
axes[1].set_title("224 x 224, normalised", fontsize=10)
for axis, values, title in ((axes[2], cat[0].float(), "before"), (axes[3], ready[0], "after")):
    for channel, colour, line in zip(values, (plotting.ORANGE, plotting.GREEN, plotting.BLUE), ("-", "--", "-.")):
        counts, edges = channel.flatten().histogram(40)
        axis.plot(edges[1:], counts, line, color=colour)
    axis.set(title=title, yticks=[], xlabel="value: red −, green --, blue -.")
    axis.title.set_fontsize(10)
    axis.xaxis.label.set_fontsize(9)
for axis in axes[:2]:
    axis.axis("off")
plotting.show("A cat, the square that is cut out of it, and the values of red, green and blue: from 0 to 255, then about 0")

# %% test="check_contract" points=1
_mean, _std = (0.5, 0.4, 0.2), (0.25, 0.5, 0.1)
_white = torch.full((2, 1, 6, 6), 255, dtype=torch.uint8)
_wanted = torch.tensor([2.0, 1.2, 8.0]).view(1, 3, 1, 1).expand(2, 3, 4, 4)
_hint = "White is 1 after / 255, so (1 - mean) / std in each of three channels: 2, 1.2 and 8. Grey: three equal channels."
checks.close(keep_contract(_white, 6, 4, _mean, _std), _wanted, _hint)
_ramp = torch.arange(192, dtype=torch.uint8).view(1, 3, 8, 8)
_hint = "An image of 8 x 8, resize 8, crop 4: rows and columns 2 to 5 are the middle."
checks.close(keep_contract(_ramp, 8, 4, (0, 0, 0), (1, 1, 1)), _ramp[:, :, 2:6, 2:6] / 255, _hint)
for _side in ((45, 30), (30, 45)):
    _photo = torch.randint(256, (2, 3, *_side), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)
    _theirs = torchvision.models.ResNet18_Weights.DEFAULT.transforms(crop_size=12, resize_size=16)
    _hint = f"{_side[0]} x {_side[1]} pixels, beside torchvision: the shorter side to 16 first, then the middle 12 x 12."
    checks.close(keep_contract(_photo, 16, 12, _theirs.mean, _theirs.std), _theirs(_photo / 255), _hint, 1e-3, 1e-3)
assert checks.passed("keep_contract")

# %% [markdown]
# <details><summary>Hint 1</summary><code>images.expand(-1, 3, -1, -1)</code> repeats one channel three times and leaves
# three as they are.</details>
# <details><summary>Hint 2</summary>Of 8 rows the middle 4 begin at row (8 - 4) // 2. Rows and columns may differ in
# number: two such sums.</details>
# <details><summary>The idea of the solution</summary>Expand and / 255, <code>scale</code>, one slice, then subtract
# <code>torch.tensor(mean).view(3, 1, 1)</code> and divide.</details>
#
# ### Break the contract
# The reader from above, and the same test digits delivered in eight ways. Nothing raises an error: shapes fit, numbers
# come out. The upper row shows what the network **believes** to see.

# %%
plain = digits.test.inputs / 255
agreed = model.normalise(plain)
imagenet = (plain - torch.tensor(contract.mean).view(3, 1, 1)) / torch.tensor(contract.std).view(3, 1, 1)
deliveries = {"as agreed": agreed, "ImageNet's\nmean": imagenet, "blue for\nred": agreed.flip(1), "not nor-\nmalised": plain,
              "normalised\ntwice": model.normalise(agreed), "0 to 255": model.normalise(255 * plain),
              "half the\nsize": F.avg_pool2d(agreed, 2), "on its\nside": agreed.transpose(2, 3)}
with torch.no_grad():
    right = {name: model.head(model.body(x)).argmax(1) == digits.test.labels for name, x in deliveries.items()}
kept = {name: float(yes.float().mean()) for name, yes in right.items()}
figure, axes = plt.subplots(2, 8, figsize=(9.6, 3.4), height_ratios=(1, 1.6))
for axis, x in zip(axes[0], deliveries.values()):
    axis.imshow(model.normalise.inverse(x[4:5])[0].permute(1, 2, 0))
    axis.set(xticks=[], yticks=[])
    axis.spines[:].set_visible(True)
for axis in axes[1]:
    axis.remove()
wide = figure.add_subplot(axes[1, 0].get_gridspec()[1, :])
wide.bar(range(8), kept.values(), color=[plotting.BLUE] + [plotting.ORANGE] * 7, width=0.6)
wide.axhline(0.1, color="black", linestyle="--", linewidth=1.2)
for place, share in enumerate(kept.values()):
    wide.text(place, max(share, 0.1) + 0.03, f"{share:.2f}", ha="center", fontsize=9)
wide.set(ylabel="accuracy", ylim=(0, 1), xlim=(-0.5, 7.5), xticks=range(8))
wide.set_xticklabels(kept, fontsize=9)
plotting.show("What the network believes to see, and its accuracy: " + ", ".join(f"{k}: {v:.2f}" for k, v in kept.items()))

# %% [markdown]
# Some faults cost nothing here (a glyph in blue is as good as one in red; a bee is not), some everything, and none says
# so. That is why you look at a few images **as the network gets them**, each time. (The course's own `backbone` normalises
# for you and refuses what does not fit.)
#
# ## Body and head
# Cut the network in two. The **body** turns an image into 64 numbers, its **features**. The **head**, one linear layer,
# turns features into scores. Here they are as a module, with the body that has read print, and a tiny one for the tests.

# %%
class Reader(nn.Module):
    """images (B, 3, H, W), float 0 to 1; the body makes features (B, D) of them, the head scores (B, K)."""

    def __init__(self, body, head):
        super().__init__()
        self.body, self.head = body, head

    def forward(self, images):
        return self.head(self.body(images))

def print_reader(weights="default"):
    """With the head for 36 characters that it was trained with. weights=None: the same network at a random start."""
    made = pretrained.backbone("glyphs", None, freeze=False, weights=weights)
    return Reader(nn.Sequential(made.normalise, made.body), made.head).to(memory_format=torch.channels_last)

def tiny(features=5, classes=6):
    """A small reader at a random start, for images of 3 x 8 x 8."""
    body = [nn.Conv2d(3, features, 3), nn.BatchNorm2d(features), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return Reader(nn.Sequential(*body), nn.Linear(features, classes))

# %% [markdown]
# The old head scores 36 characters. Before you throw it away, ask it, with no label of yours at all:

# %%
reader = print_reader().eval()
with torch.no_grad():
    old_scores = reader(plain)
zero_labels = float((old_scores[:, :10].argmax(1) == digits.test.labels).float().mean())  # the best of 0 to 9
kinds = [print_set.classes[k] for k in old_scores[:18].argmax(1)]
plotting.show_images(digits.test.inputs[:18], [f"it says {kind}" for kind in kinds], columns=9)
print(f"Allowed to say 0 to 9 only, the old head gets {zero_labels:.0%} right")

# %% [markdown]
# Ten of its classes happen to be yours. Keep that number: **it** is what your labels have to beat, not guessing. (With
# ants and bees there will be no such luck.)
#
# ## 2. A new head (1 point)
# Return a `Reader` with the same body and a new head: a linear layer that takes as many features as the old one took, and
# makes as many scores as *you* have classes. It starts at random, as `nn.Linear` does. (In a torchvision ResNet the head
# is called `fc`, and people write `model.fc = nn.Linear(model.fc.in_features, 10)`.)

# %% solution="replace_head"
def replace_head(model, classes):
    """model: a Reader; returns one with its body, and a new head for `classes` classes."""
    ### BEGIN SOLUTION
    return Reader(model.body, nn.Linear(model.head.in_features, classes))
    ### END SOLUTION

# %% test="check_replace_head" points=1
for _features, _classes in ((5, 3), (9, 10)):
    torch.manual_seed(1)
    _old = tiny(_features)
    _weights = _old.body[0].weight.detach().clone()
    _new = replace_head(_old, _classes)
    assert _new is not None, "return the new Reader"
    _hint = f"{_features} features go in, {_classes} scores come out: 4 images give 4 rows of {_classes}."
    checks.shape(_new(torch.rand(4, 3, 8, 8)), (4, _classes), _hint)
    checks.shape(_new.head.weight, (_classes, _features), "The head is one linear layer; how many features did the old one take?")
    checks.close(_new.body[0].weight, _weights, "The body stays as it was trained.")
assert checks.passed("replace_head")

# %% [markdown]
# <details><summary>Hint 1</summary><code>model.head</code> is an <code>nn.Linear</code>: it knows its
# <code>in_features</code>.</details>
# <details><summary>Hint 2</summary>A <code>Reader</code> is made of two things: <code>Reader(body, head)</code>.</details>
# <details><summary>The idea of the solution</summary>Return <code>Reader(model.body, nn.Linear(..., classes))</code>.</details>
#
# ## 3. Freeze (1 point)
# A **fixed feature extractor**: only the head learns. That takes *two* switches.
#
# - **No gradient**: `requires_grad = False` for the body's parameters. Autograd builds its graph as the numbers flow, and
#   notes only what leads from a parameter that asks: in a frozen body it notes nothing, and has nowhere to walk back.
# - **No drift**: batch norm has numbers that no gradient moves, the running mean and variance. In training mode every
#   batch changes them. `.eval()` stops that.
#
# The head shall be able to learn, whatever it was before.

# %% solution="freeze"
def freeze(model):
    """Change `model` (.body, .head) so that only its head learns, and nothing in its body moves; returns the model."""
    ### BEGIN SOLUTION
    model.train()
    model.body.requires_grad_(False).eval()
    model.head.requires_grad_(True)
    return model
    ### END SOLUTION

# %%
for name in ("all of it learns", "frozen body"):
    model, seconds = replace_head(print_reader(), 10), []
    model = freeze(model) if name == "frozen body" else model
    for _ in range(4):
        began = time.perf_counter()
        F.cross_entropy(model(few.inputs / 255), few.labels).backward()
        seconds.append(time.perf_counter() - began)
    learn = sum(p.numel() for p in model.parameters() if p.requires_grad)
    print(f"{name:<17}{learn:>7,} parameters learn, {1000 * min(seconds):4.0f} ms for a step of 50 images")

# %% test="check_freeze" points=1
torch.manual_seed(2)
_model = tiny()
_model.head.requires_grad_(False)
_model = freeze(_model)
assert _model is not None, "return the model"
_mean = _model.body[1].running_mean.clone()
F.cross_entropy(_model(torch.rand(8, 3, 8, 8)), torch.arange(8) % 6).backward()
_asks = [name for name, p in _model.named_parameters() if p.requires_grad]
assert _asks == ["head.weight", "head.bias"], f"the parameters that ask for a gradient should be those of the head; yours: {_asks}"
assert _model.head.weight.grad is not None, "the head gets no gradient: is there a no_grad or a detach too many?"
checks.close(_model.body[1].running_mean, _mean, "One batch went through, and batch norm's running mean has moved: the second switch.")
assert _model.head.training, "the head is what trains: its mode should be train (dropout in it would count on that)"
assert checks.passed("freeze")

# %% [markdown]
# <details><summary>Hint 1</summary><code>module.requires_grad_(False)</code> sets all parameters of a module at
# once.</details>
# <details><summary>Hint 2</summary><code>model.eval()</code> would also reach the head. Call it on the part that is to
# stand still.</details>
# <details><summary>The idea of the solution</summary><code>model.train()</code>, then for the body
# <code>requires_grad_(False)</code> and <code>eval()</code>, for the head <code>requires_grad_(True)</code>.</details>
#
# ## 4. Once is enough (1 point)
# A frozen body gives the same features for an image in step 1 and in step 1,000. So compute them **once**, and train the
# head on a table of N rows and 64 columns: in batches, since the maps in between would fill the memory; in evaluation
# mode; without a graph.

# %% solution="body_features"
def body_features(model, images, batch_size):
    """images (N, 3, H, W); returns the body's features (N, D), in the images' order, with no graph attached."""
    ### BEGIN SOLUTION
    model.eval()
    with torch.no_grad():
        return torch.cat([model.body(batch) for batch in images.split(batch_size)])
    ### END SOLUTION

# %% test="check_body_features" points=1
torch.manual_seed(3)
_model, _images = tiny(), torch.rand(7, 3, 8, 8)
_model(torch.rand(32, 3, 8, 8))  # batch norm has seen something
_model.train()
_mean = _model.body[1].running_mean.clone()
_found = body_features(_model, _images, 3)
checks.shape(_found, (7, 5), "7 images, in batches of 3, 3 and 1: all seven rows?")
assert not _found.requires_grad, "a graph hangs on your features: it would keep every map in memory"
checks.close(_model.body[1].running_mean, _mean, "Looking at images has changed batch norm's running mean: evaluation mode first.")
_model.eval()
_wanted = _model.body(_images).detach()
checks.close(_found, _wanted, "The features of each image alone, whatever else is in its batch.", 1e-4, 1e-5)
checks.close(body_features(_model, _images, 7), _wanted, "All in one batch: the same.", 1e-4, 1e-5)
assert checks.passed("body_features")

# %% [markdown]
# <details><summary>Hint 1</summary><code>images.split(batch_size)</code> gives the batches, the last one
# shorter.</details>
# <details><summary>Hint 2</summary>Features, not scores: <code>model.body(batch)</code>.</details>
# <details><summary>The idea of the solution</summary><code>model.eval()</code>, <code>with torch.no_grad():</code>,
# <code>torch.cat</code> of a list over the batches.</details>
#
# ## Ten draws, ten times the same race
# A few labels are a matter of luck. So draw 50 of them ten times over, and let both run each time: a head on frozen
# features, and the same network from scratch.

# %%
train_x, train_y, test_x, test_y = digits.train.inputs / 255, digits.train.labels, plain, digits.test.labels
places = data.Split(torch.arange(len(train_y)), train_y, "train")
kept_features = {}

def features(part):
    """The frozen body's features of the "train" or "test" digits: computed once, then looked up."""
    if part not in kept_features:
        kept_features[part] = body_features(reader, train_x if part == "train" else test_x, 256)
    return kept_features[part]

def draw(each, seed):
    """Where the examples lie, `each` of every class (10 * each,)."""
    return data.few(places, each, seed=seed).inputs

@torch.no_grad()
def accuracy(model, inputs, labels):
    return float((model(inputs).argmax(1) == labels).float().mean())

# %%
def train_head(features, labels, classes, seed):
    """A linear layer on finished features: 150 steps of Adam over all of them at once."""
    torch.manual_seed(seed)
    head = nn.Linear(features.shape[1], classes)
    optimizer = torch.optim.Adam(head.parameters(), lr=0.03)
    for _ in range(150):
        F.cross_entropy(head(features), labels).backward()
        optimizer.step()
        optimizer.zero_grad()
    return head

def frozen(each, seed):
    chosen = draw(each, seed)
    return train_head(features("train")[chosen], train_y[chosen], 10, seed)

def scratch(each, seed, steps=20):
    """The whole network from a random start."""
    torch.manual_seed(seed)
    net, chosen = replace_head(print_reader(weights=None), 10), draw(each, seed)
    size = min(len(chosen), 25)
    training.fit(
        net, data.Split(train_x[chosen], train_y[chosen], "train"), epochs=steps * size // len(chosen), batch_size=size,
        lr=0.01, optimizer="adam", schedule="one_cycle", seed=seed, precision="float32", quiet=True)
    return net.eval()

# %%
race = {"from scratch": [], "frozen body": []}
for seed in range(10):
    race["from scratch"].append(accuracy(scratch(5, seed), test_x, test_y))
    race["frozen body"].append(accuracy(frozen(5, seed), features("test"), test_y))
gains = [b - a for a, b in zip(*race.values())]
checks.outcome("scratch", sum(race["from scratch"]) / 10)
print(f"The frozen body is ahead by {min(gains):.2f} to {max(gains):.2f}")
_, axis = plt.subplots(figsize=(7.4, 3.9))
for one, other in zip(*race.values()):
    axis.plot((0, 1), (one, other), "-", color=plotting.GREY, linewidth=0.8, alpha=0.7)
for place, (found, colour) in enumerate(zip(race.values(), (plotting.ORANGE, plotting.BLUE))):
    axis.plot(place + torch.linspace(-0.05, 0.05, 10), found, "o", color=colour, markersize=7, alpha=0.8)
axis.axhline(0.1, color="black", linestyle="--", linewidth=1.2, label="guessing")
axis.axhline(zero_labels, color="black", linestyle=":", linewidth=1.6, label="the body's old head, no labels")
axis.set(xticks=(0, 1), xticklabels=race, xlim=(-0.35, 1.35), ylim=(0, 1), ylabel="accuracy on 360 new digits")
axis.legend(loc="upper left", fontsize=9)
plotting.show(f"Ten lines from about 0.1 up to {min(race['frozen body']):.2f} or more; the least gain is {min(gains):.2f}")

# %% [markdown]
# From scratch it learns nothing about digits: the *colours* of fifty images are enough to tell them apart. (With 150
# steps in place of 20 it knows all fifty by heart, and 0.10 of new ones. On all 1,437 labels, with 320 steps of 64, it
# came to 0.38.) What is shape and what is colour takes thousands of examples to find out. The body had 54,000.
#
# ## 5. Who is next to whom? (1 point)
# What do the 64 numbers know? Ask for neighbours. How alike two rows $q$ and $c$ are, tells the cosine of the angle between
# them:
#
# $$\text{alike}(q, c) = \frac{q \cdot c}{\lVert q \rVert\,\lVert c \rVert}$$

# %% solution="nearest"
def nearest(queries, candidates, k):
    """queries (Q, D), candidates (C, D); returns where each query's k most alike candidates are, best first (Q, k)."""
    ### BEGIN SOLUTION
    alike = F.normalize(queries, dim=1) @ F.normalize(candidates, dim=1).T
    return alike.topk(k).indices
    ### END SOLUTION

# %% [markdown]
# Try it across two worlds: six handwritten digits, and for each the five most alike **printed** characters, in fonts that
# the body has never seen.

# %%
queries = torch.tensor([int((test_y == k).nonzero()[3]) for k in (2, 3, 4, 5, 7, 9)])
print_features = body_features(reader, print_set.test.inputs / 255, 256)
by_pixels = nearest(test_x[queries].flatten(1) - 0.5, print_set.test.inputs.flatten(1) / 255 - 0.5, 5)
by_features = nearest(features("test")[queries], print_features, 5)
rows = digits.test.inputs[queries]
_, axes = plt.subplots(1, 3, figsize=(9.6, 5.2), width_ratios=(1, 5, 5))
mosaic(axes[0], rows, 1, "written")
mosaic(axes[1], print_set.test.inputs[by_pixels.flatten()], 5, "nearest print, by pixels")
mosaic(axes[2], print_set.test.inputs[by_features.flatten()], 5, "nearest print, by 64 features")
seen = ["".join(print_set.classes[k] for k in print_set.test.labels[row]) for row in by_features]
plotting.show(f"Written digits 2 3 4 5 7 9. Neighbours by pixels share colours, by features shapes: {', '.join(seen)}")

# %% test="check_nearest" points=1
_q, _c = torch.tensor([[1.0, 0.0], [0.0, 2.0]]), torch.tensor([[5.0, 5.0], [9.0, 1.0], [0.1, 0.0], [-3.0, -1.0]])
_hint = "Angles, not distances: (0.1, 0) points exactly where (1, 0) points, however short it is; then (9, 1), then (5, 5)."
checks.close(nearest(_q, _c, 3), torch.tensor([[2, 1, 0], [0, 1, 2]]), _hint)
_draw = torch.Generator().manual_seed(4)
_q, _c = torch.randn(4, 7, generator=_draw), torch.randn(20, 7, generator=_draw) * torch.rand(20, 1, generator=_draw)
_angles = torch.stack([F.cosine_similarity(one[None], _c) for one in _q])
checks.close(nearest(_q, _c, 5), _angles.argsort(dim=1, descending=True)[:, :5], "Random rows of all lengths: divided by both norms?")
assert checks.passed("nearest")

# %% [markdown]
# <details><summary>Hint 1</summary><code>F.normalize(x, dim=1)</code> divides each row by its norm.</details>
# <details><summary>Hint 2</summary>Of rows of length 1 the dot product is the cosine, and a matrix product computes all
# of them. <code>topk</code> sorts.</details>
# <details><summary>The idea of the solution</summary>Normalise both, <code>@</code> with a transpose,
# <code>.topk(k).indices</code>.</details>
#
# Pixels find the same **colours**, features the same **strokes**. Training on print has thrown away what fills most of
# the picture and kept what tells characters apart. (Its 2 with a foot is an L, its crossed 7 a T: that is left for your
# labels to teach.) Three maps of the 360 test digits say the same, each by the two directions in which its numbers vary
# most (PCA):

# %%
random_body = print_reader(weights=None)
maps = {"pixels": test_x.flatten(1), "random body": body_features(random_body, test_x, 256)}
maps["body that has read print"] = features("test")
figure, axes = plt.subplots(1, 3, figsize=(9.6, 3.6))
for axis, (name, x) in zip(axes, maps.items()):
    _, _, directions = torch.linalg.svd(x - x.mean(0), full_matrices=False)
    place = (x - x.mean(0)) @ directions[:2].T
    for k in range(10):
        axis.plot(*place[test_y == k].T, linestyle="", marker=f"${k}$", markersize=5.5, color=pictures.COLOURS[k % 8])
    axis.set(title=name, xlabel="first direction", xticks=[], yticks=[])
    axis.grid(False)
axes[0].set_ylabel("second direction")
plotting.show("Three maps of 360 digits: mixed by pixels and by a random body, in clusters by the trained body")

# %% [markdown]
# ## 6. Thaw (1 point)
# The features are made for print. May the body adapt? **Fine-tuning** lets all of it learn, with care:
#
# - **Head first.** A random head sends random gradients into a good body. So train the head alone for a while, then
#   **thaw** the body.
# - **Two rates.** The new head has far to go; the body should not unlearn what it knows, so its rate is smaller.
# - **Batch norm keeps its statistics.** You will see why.
#
# One step for each batch of the list, with Adam. The model comes frozen. In front of step number `thaw_at` (the first is 0),
# let the body's parameters ask for a gradient. ("Unfreeze after epoch 2" of many scripts is two epochs' number of steps.)

# %% solution="fine_tune"
def fine_tune(model, batches, thaw_at, head_rate, body_rate):
    """batches: a list of (images, labels); changes `model` (.body, .head), and returns it."""
    ### BEGIN SOLUTION
    groups = [{"params": model.head.parameters(), "lr": head_rate}, {"params": model.body.parameters(), "lr": body_rate}]
    optimizer = torch.optim.Adam(groups)
    for step, (images, labels) in enumerate(batches):
        if step == thaw_at:
            model.body.requires_grad_(True)
        loss = F.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model
    ### END SOLUTION

# %% test="check_fine_tune" points=1
def _frozen_tiny():
    torch.manual_seed(5)
    model = tiny()
    model.body.requires_grad_(False).eval()
    return model

_draw = torch.Generator().manual_seed(6)
_batches = [(torch.rand(6, 3, 8, 8, generator=_draw), torch.arange(6)) for _ in range(4)]
_start = _frozen_tiny()
_found = fine_tune(_frozen_tiny(), _batches, 9, 0.1, 0.01)
checks.close(_found.body[0].weight, _start.body[0].weight, "Thawed at step 9, and there are 4: the body should be as it was.")
_head = nn.Linear(5, 6)
_head.load_state_dict({"weight": _start.head.weight.detach().clone(), "bias": _start.head.bias.detach().clone()})
_adam = torch.optim.Adam(_head.parameters(), lr=0.1)
for _images, _labels in _batches:
    _adam.zero_grad()
    F.cross_entropy(_head(_start.body(_images).detach()), _labels).backward()
    _adam.step()
checks.close(_found.head.weight, _head.weight, "Four steps of Adam, rate 0.1, on the head alone: are old gradients set to zero?", 1e-3, 1e-4)
_found = fine_tune(_frozen_tiny(), _batches, 3, 0.1, 0.01)
_moved = (_found.body[0].weight - _start.body[0].weight).abs().detach()
_hint = "Thawed at step 3 of 0 to 3: one step for the body, and Adam's first step is as long as the rate, here 0.01."
checks.close(_moved.median(), 0.01, _hint, 1e-2, 1e-4)
checks.close(_found.body[1].running_mean, _start.body[1].running_mean, "Batch norm's statistics should stay: no model.train() in here.")
assert checks.passed("fine_tune")

# %% [markdown]
# <details><summary>Hint 1</summary>An optimiser takes groups: <code>torch.optim.Adam([{"params": ..., "lr": ...}, {...}])</code>. A
# parameter without a gradient is passed over.</details>
# <details><summary>Hint 2</summary>In the loop, <code>if step == thaw_at:</code>
# <code>model.body.requires_grad_(True)</code>. Then the four lines that you know.</details>
# <details><summary>The idea of the solution</summary>Both groups from the beginning, and thaw in front of the forward
# pass.</details>
#
# ### How small is small? Turn the knob
# The head is trained first, on frozen features, which costs nothing. Then 16 steps for all of it, and 8 at a tenth of
# both rates. Measured are two things: does it read **your digits**, and does it, with its *old* head, still read **print**?

# %%
def batches_of(each, seed, steps, size=25):
    chosen, draws = draw(each, seed), torch.Generator().manual_seed(seed)
    for _ in range(steps):
        some = chosen[torch.randint(len(chosen), (min(size, len(chosen)),), generator=draws)]
        yield train_x[some], train_y[some]

def tuned(each, seed, body_rate, steps=16):
    """A trained head; body and head together; then both more slowly."""
    model = print_reader()
    model.head = frozen(each, seed)
    batches = list(batches_of(each, seed, steps + steps // 2))
    model = fine_tune(freeze(model), batches[:steps], 0, 1e-3, body_rate)
    return fine_tune(freeze(model), batches[steps:], 0, 1e-4, body_rate / 10)

def still_print(model):
    features = body_features(model, print_set.test.inputs[:360] / 255, 180)
    return accuracy(reader.head, features, print_set.test.labels[:360])

# %%
knob = {"frozen": (accuracy(frozen(5, 0), features("test"), test_y), still_print(reader))}
for rate in (0.001, 0.003, 0.01):
    model = tuned(5, 0, rate)
    knob[f"{rate:g}"] = (accuracy(model, test_x, test_y), still_print(model))
_, axis = plt.subplots(figsize=(7.4, 3.9))
axis.plot([here for here, _ in knob.values()], "o-", color=plotting.BLUE, label="your digits")
axis.plot([there for _, there in knob.values()], "s--", color=plotting.ORANGE, label="print, with the old head")
axis.axhline(0.1, color="black", linestyle="--", linewidth=1.2, label="guessing a digit")
axis.set(xticks=range(4), xticklabels=knob, xlabel="learning rate of the body", ylabel="accuracy", ylim=(0, 1.02))
axis.legend(fontsize=9, loc="center left")
said = ", ".join(f"{rate}: {a:.2f} and {b:.2f}" for rate, (a, b) in knob.items())
plotting.show(f"Accuracy on digits and on print over the body's rate. {said}")

# %% [markdown]
# A small rate changes little and forgets little. A large one **unlearns**: 24 steps wipe out what 54,000 examples had
# taught, and fifty cannot bring it back.
#
# ## How many labels have you got?
# Accuracy against images per class, for all three. Frozen is cheap, so it gets ten draws; the others a few.

# %%
EACH = (1, 5, 50)
curves = {"frozen body": {n: [accuracy(frozen(n, s), features("test"), test_y) for s in range(10)] for n in (1, 2, 5, 10, 20, 50)}}
curves["fine-tuned"] = {n: [accuracy(tuned(n, s, 0.002), test_x, test_y) for s in range(3)] for n in EACH}

# %%
curves["from scratch"] = {n: [accuracy(scratch(n, s), test_x, test_y) for s in range(2)] for n in (1, 50)}
curves["from scratch"][5] = race["from scratch"]
for name, found in curves.items():
    cells = [f"{n:>2} a class: {sum(found[n]) / len(found[n]):.2f} ({min(found[n]):.2f} to {max(found[n]):.2f})" for n in EACH]
    print(f"{name:<13}" + "   ".join(cells))
_, axis = plt.subplots(figsize=(7.4, 4.2))
looks = ((plotting.BLUE, "o-"), (plotting.GREEN, "^-."), (plotting.ORANGE, "s--"))
for (name, found), (colour, mark) in zip(curves.items(), looks):
    counts = sorted(found)
    means = [sum(found[n]) / len(found[n]) for n in counts]
    axis.fill_between(counts, [min(found[n]) for n in counts], [max(found[n]) for n in counts], color=colour, alpha=0.2)
    axis.plot(counts, means, mark, color=colour, label=name)
axis.axhline(0.1, color="black", linestyle="--", linewidth=1.2, label="guessing")
axis.axhline(zero_labels, color="black", linestyle=":", linewidth=1.6, label="old head, no labels")
axis.set(xscale="log", ylim=(0, 1), xlabel="labelled images of each class", ylabel="accuracy on 360 new digits")
axis.set_xticks((1, 2, 5, 10, 20, 50), (1, 2, 5, 10, 20, 50))
axis.minorticks_off()
axis.legend(fontsize=9, loc="center right")
ends = "; ".join(f"{name} from {sum(f[1]) / len(f[1]):.2f} to {sum(f[50]) / len(f[50]):.2f}" for name, f in curves.items())
plotting.show(f"Accuracy over 1 to 50 images a class: {ends}")

# %% [markdown]
# Read it honestly. From **one** label a class all fall short of the old head on average, fine-tuning more than frozen. At five, frozen and
# fine-tuned are level: their difference is smaller than the spread of either. At fifty, fine-tuning is
# ahead, by a point or two.
#
# ## Look at the errors
# The nine test digits of which the frozen reader with 50 labels is most wrongly convinced:

# %%
probabilities = frozen(5, 0)(features("test")).detach().softmax(1)
worst = probabilities[torch.arange(360), test_y].argsort()[:9]
titles = [f"{test_y[i]}, says {probabilities[i].argmax()}" for i in worst.tolist()]
plotting.show_images(digits.test.inputs[worst], titles, columns=9)

# %% [markdown]
# ## 7. In words (1 point)
# A friend has 20 photographs of each of 4 rare animals, and a body trained on ImageNet. Frozen or fine-tuned: which
# would you try first, and what must hold before you keep the other? Argue from your curves and your knob, in two or three
# sentences.
#
# *Double-click the cell below, write over it, and run it.*

# %% [markdown] answer="which_first" points=1
# Frozen first: 80 labels train a linear head in a second, and in my curve frozen was ahead or level up to some ten labels a
# class. Fine-tuning bends millions of weights to 80 images, and the knob shows that a rate too large destroys what the body
# knows. I would thaw after the head is trained, at a small rate, with batch norm's statistics kept, and keep the result
# only if it is better on held-out photographs over several seeds.

# %% [markdown]
# ## Break it
# A trained head on a frozen body, and 30 more steps for the head alone, in a loop as everybody writes it. No weight of
# the body moves. Yet the reader gets clearly worse. Which line is it?

# %%
model = print_reader()
model.head = frozen(5, 0)
before = model.body[1].stem[0].weight.clone()
for p in model.body.parameters():
    p.requires_grad = False
optimizer, drift = torch.optim.Adam(model.head.parameters(), lr=0.001), [knob["frozen"][0]]
for step, (images, labels) in enumerate(batches_of(5, 0, 30)):
    model.train()
    F.cross_entropy(model(images), labels).backward()
    optimizer.step()
    optimizer.zero_grad()
    if step % 6 == 5:
        drift.append(accuracy(model.eval(), test_x, test_y))
print(f"largest change of a weight in the first layer: {(model.body[1].stem[0].weight - before).abs().max():g}")
_, axis = plt.subplots(figsize=(6.4, 3.2))
axis.plot(range(0, 31, 6), drift, "o-", color=plotting.ORANGE)
axis.set(xlabel="step", ylabel="accuracy on new digits", ylim=(0, 1))
plotting.show("Accuracy over 30 steps: " + ", ".join(f"{share:.2f}" for share in drift))

# %% [markdown]
# <details><summary>The bug</summary><code>model.train()</code> wakes the body's batch norm. Each batch of 25 shifts its
# running mean and variance, away from what the weights behind it were trained with. <code>requires_grad = False</code> does not
# help: no gradient moves them. A common fault in published code; the cure is the second switch of question 3,
# <em>after</em> each <code>model.train()</code>. (<code>pretrained.backbone</code> remembers that it is frozen.)</details>
#
# ## Somebody else's weights
# Before you build on them, write down: their **exact name** (ResNet-50 has IMAGENET1K_V1 and V2, four points apart);
# the **versions** of torch and torchvision (a new filter for resizing gives other pixels); what they were **trained on** (are
# your test images among it?); the **licence**. On a GPU, expect the last digits to change from run to run.
#
# ## Going further (optional)
# **Ants and bees**, 244 photographs: `hymenoptera_data.zip` beside PyTorch's transfer learning tutorial. Unpack it and
# fill in the folder; the ImageNet weights come by themselves.

# %%
PHOTOS = ""                            # such as "hymenoptera_data", with the folders train/ants, train/bees, val/ants, val/bees
BODY, WEIGHTS = "resnet18", "default"  # 45 MB, downloaded once; or a file that you have

def photographs(path, body, weights):
    """Frozen ImageNet features of your photographs, computed once; then heads from few labels, five draws each."""
    photos = data.load("folder", path=path, size=256)
    model = pretrained.backbone(body, len(photos.classes), weights=weights).eval()
    with torch.no_grad():
        train, test = (torch.cat([model.features(model.prepare(some)) for some in part.inputs.split(32)])
                       for part in (photos.train, photos.test))
    places, shares = data.Split(torch.arange(len(train)), photos.train.labels, "train"), {}
    for each in (1, 5, 20, 50):
        draws = [data.few(places, each, seed=seed) for seed in range(5)]
        heads = [train_head(train[d.inputs], d.labels, len(photos.classes), seed) for seed, d in enumerate(draws)]
        shares[each] = found = [accuracy(head, test, photos.test.labels) for head in heads]
        print(f"{each:>2} a class: {sum(found) / 5:.2f} ({min(found):.2f} to {max(found):.2f}) of {len(test)} new ones right")
    return shares

if PHOTOS:
    photographs(PHOTOS, BODY, WEIGHTS)
else:
    print("No folder named: nothing done.")

# %% [markdown]
# - **Four animals, 200 pictures of each**, from your own phone: one folder a class, `BODY = "resnet50"`.
# - **Thaw the last block only** (`model.body[1].stages[2]`): a quarter of the time. Is it as good?
# - **Less than one label**: the mean of each class's features, and `nearest` to tell which mean is closest. At five labels
#   a class it beats the trained head. Try it.
#
# To read: Yosinski et al. 2014, *How transferable are features in deep neural networks?* (arXiv 1411.1792); Kumar et al. 2022,
# *Fine-tuning can distort pretrained features* (arXiv 2202.10054), why the head goes first; the transfer learning tutorial at
# pytorch.org.

# %% [markdown]
# ## Receipt
# Run the cell, save, and hand in the file as `First_Last_lab09_transfer.ipynb`.
#
# What cost you most time, and what would you cut? One line of yours, in a new Markdown cell, is read and counts for nothing.

# %%
checks.receipt("keep_contract", "replace_head", "freeze", "body_features", "nearest", "fine_tune")
