# %% [markdown]
# # Feed it well: data before models
#
# The same network, the same rate, the same number of steps: 74 of 100 right, or about 30. The only difference is
# **how the examples come to the table**. (Most of the work on a car that drives itself is just this: night, rain, a child
# behind a bus, and often enough.) In this lab you are the cook.
#
# When you are done, you can
# 1. write a `Dataset` for anything (pictures, tables, words) and let a `DataLoader` serve it;
# 2. split, standardise and balance data without lying to yourself;
# 3. choose transforms that keep the meaning of a picture, and draw them once for each picture.
#
# About 75 minutes for you, 15 seconds for the processor, no GPU. 7 points: six exercises and one question
# in words.

# %%
import importlib.util, subprocess, sys
if importlib.util.find_spec("dlcourse") is None:  # on Colab or Kaggle: one install; nothing that is loaded is replaced
    subprocess.check_call([sys.executable, "-m", "pip", "install", "-q", "git+https://github.com/dlcourse/dlcourse"])
from dlcourse import checks, data, models, pictures, plotting, runtime, training, transforms
runtime.start("lab04_data")

# %%
NAME = ""  # your first and last name, such as "Ada Lovelace"
ASSIGNMENT = "lab04_data"

# %% [markdown]
# ## See it first
# House-number plates, one digit each, in many typefaces. They lie as files lie in folders: all the 0s first,
# then all the 1s, and so on. The test plates are in typefaces that no training plate has.

# %%
import csv, tempfile, time
from pathlib import Path
import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F
from PIL import Image
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader, Dataset, WeightedRandomSampler
from torchvision.transforms import v2
from torchvision.utils import make_grid

# %%
full = data.load("glyphs", train=4000, test=1000, difficulty=0.2)
# full = data.load("fashion_mnist")  # clothes in place of digits, downloaded once: the lab runs on as it is
COUNTS = [400, 264, 174, 115, 76, 50, 33, 22, 14, 10]  # of each class
_chosen = [(full.train.labels == k).nonzero().flatten()[:n] for k, n in enumerate(COUNTS)]
plates, test = full.train.take(torch.cat(_chosen)), full.test

def train(batches, epochs=10, lr=0.02, seed=0, loss=F.cross_entropy, watch=None):
    """Train a new network on what `batches` serves, epoch after epoch; returns it and what `watch` saw of it."""
    torch.manual_seed(seed)
    model, seen = models.MLP(784, 64, 10), []
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)  # momentum: next lab
    for _ in range(epochs):
        for images, labels in batches:
            loss(model(training.as_float(images)), labels).backward()  # as_float: bytes become 0 to 1
            optimizer.step()
            optimizer.zero_grad()
        seen.append(watch(model) if watch else None)
    return model, seen

@torch.no_grad()
def recall(model, images=test.inputs, labels=test.labels):
    """For each class the share of its images that are named rightly, (10,)."""
    right = model(training.as_float(images)).argmax(1) == labels
    return torch.stack([right[labels == k].float().mean() for k in range(10)])

# %%
def accuracy(model):
    return recall(model).mean().item()  # the test set has as many of each class

_, axis = plt.subplots()
ends = {True: [], False: []}
for color, shuffle, name in ((plotting.BLUE, True, "shuffled"), (plotting.ORANGE, False, "as it lies in the folder")):
    for seed in range(5):
        _, seen = train(data.loader(plates, 50, seed=seed, shuffle=shuffle), seed=seed, watch=accuracy)
        axis.plot(range(1, 11), seen, "-" if shuffle else "--", color=color, linewidth=1.3, label=name if seed == 0 else "")
        ends[shuffle].append(seen[-1])
axis.axhline(0.1, color="black", linestyle=":", linewidth=1.2, label="guessing")
axis.set(xlabel="epoch", ylabel="accuracy (share of test plates)", ylim=(0, 1))
axis.legend(loc="upper left", ncols=3)
plotting.show(f"Test accuracy over ten epochs, five seeds each: shuffled ends at {sum(ends[True]) / 5:.2f}, in order {sum(ends[False]) / 5:.2f}")
print(f"mean at the end: {sum(ends[True]) / 5:.2f} shuffled, {sum(ends[False]) / 5:.2f} in order")

# %% [markdown]
# In order, eight batches hold nothing but 0s, and each step says "more 0!". Then come nothing but 1s: "no, 1!" It
# runs after whatever came last, and no batch ever shows it a 3 beside a 5. **Mini-batches work because
# each is a small fair sample of all the data**, and that is not a property of the network. It is your job.
#
# ## Look at your data!
# Before any model: sizes, types, ranges, a handful of examples, and how many there are of each class.

# %%
def draw_grid(axis, images, columns, title=""):
    axis.imshow(make_grid(images, nrow=columns, padding=2, pad_value=255).permute(1, 2, 0))
    axis.set_title(title)
    axis.axis("off")

print("inputs", tuple(plates.inputs.shape), plates.inputs.dtype, "from", plates.inputs.min().item(), "to", plates.inputs.max().item())
print("labels", tuple(plates.labels.shape), plates.labels.dtype, "the first:", plates.labels[:5].tolist())
_, (left, right) = plt.subplots(1, 2, figsize=(9.6, 3.4))
draw_grid(left, plates.inputs[torch.arange(0, 1158, 29)], 8)
right.bar(range(10), plates.labels.bincount())
right.set(xticks=range(10), xlabel="class", ylabel="training plates")
plotting.show("Left: forty plates, most of them 0, 1 and 2. Right: bars that fall from 400 zeros to 10 nines.")

# %% [markdown]
# A *long tail*: forty times as many 0s as 9s. Most real data looks like that. Keep it in mind.
#
# ## 1. A dataset (1 point)
# PyTorch asks three things of a `Dataset`: `__init__` keeps what is needed, `__len__` says how many examples
# there are, `__getitem__(i)` hands out example `i`. Behind it may be tensors, files or a data base: nobody
# else needs to know.
#
# Write one for images in memory. Where there is a `transform`, it is applied to the image **when it is asked
# for**: then a random transform draws anew each epoch. (Labels can have one, too, which torchvision calls `target_transform`:
# a name becomes a number, a number a one-hot row. Where the label is a place, a box or a mask, it must move with its picture.)

# %% solution="plates"
class Plates(Dataset):
    """images (N, C, H, W), labels (N,); item i is the pair (image, label)."""

    def __init__(self, images, labels, transform=None):
        ### BEGIN SOLUTION
        self.images, self.labels, self.transform = images, labels, transform
        ### END SOLUTION

    def __len__(self):
        ### BEGIN SOLUTION
        return len(self.labels)
        ### END SOLUTION

    def __getitem__(self, i):
        ### BEGIN SOLUTION
        image = self.images[i]
        return image if self.transform is None else self.transform(image), self.labels[i]
        ### END SOLUTION

# %%
jitter = v2.Compose([v2.RandomRotation(15), v2.RandomErasing(p=0.5, value=128)])
shelf = Plates(plates.inputs, plates.labels, jitter)
print(f"{len(shelf)} plates; number 700 is a {shelf[700][1]}. Asked for six times:")
plotting.show_images([shelf[700][0] for _ in range(6)])

# %% test="check_plates" points=1
_images, _labels = torch.arange(28.0).view(7, 1, 2, 2), torch.tensor([3, 1, 4, 1, 5, 9, 2])
_shelf, _calls = Plates(_images, _labels), []
checks.close(len(_shelf), 7, "Seven examples, whatever the size of each.")
_item = _shelf[4]
assert len(_item) == 2, f"an item is a pair (image, label); yours has {len(_item)} part(s)"
checks.close(_item[0], _images[4], "Item 4 holds image 4.")
checks.close(_item[1], 5, "Item 4 holds label 4, which is a 5.")
def _stamp(image):
    _calls.append(len(_calls) + 1)
    return image + 100 * len(_calls)
_shelf = Plates(_images, _labels, _stamp)
assert not _calls, "the transform ran in __init__: then it draws once for ever. Apply it in __getitem__"
checks.close(_shelf[0][0], _images[0] + 100, "The transform goes over the image.")
checks.close(_shelf[0][0], _images[0] + 200, "Asked again, the same image is transformed anew, from the original.")
checks.close(_shelf[6][1], 2, "The transform is for the image: the label stays.")
assert checks.passed("plates")

# %% [markdown]
# <details><summary>Hint 1</summary><code>__init__</code> only stores: <code>self.images = images</code>, and
# so on. The work waits until somebody asks.</details>
# <details><summary>Hint 2</summary>In <code>__getitem__</code>: take image <code>i</code>; if
# <code>self.transform is not None</code>, call it.</details>
# <details><summary>The idea of the solution</summary>Three stored names; the length of the labels; the pair
# of (transformed) image and label.</details>
#
# ## Served in batches: the DataLoader
# It draws an order, anew each epoch (`shuffle=True`), asks the dataset for the items of a batch, and
# stacks them (*collates*). `num_workers=2` would start two more processes that prepare the next batches while
# the network is busy with this one: right for slow items such as JPEG files. Here it is 0. On macOS and Windows
# workers begin as a fresh Python (*spawn*), which cannot find a class that lives in a notebook; and what
# lies in memory is fetched faster than it is sent.

# %%
loader = DataLoader(Plates(plates.inputs, plates.labels), batch_size=50, shuffle=True, num_workers=0)
torch.manual_seed(0)
for epoch in (1, 2):
    images, labels = next(iter(loader))
    print(f"epoch {epoch}: first batch {tuple(images.shape)}, labels {labels[:16].tolist()} ...")
print(f"{len(loader)} batches an epoch, the last of {len(plates) % 50}; drop_last=True would leave it out")

def milliseconds(batches):
    times = []
    for _ in range(5):
        began = time.perf_counter()
        parts = [images for images, _ in batches]
        times.append(1000 * (time.perf_counter() - began))
    return min(times), torch.cat(parts)

yours, a = milliseconds(DataLoader(Plates(plates.inputs, plates.labels), batch_size=50))
ours, b = milliseconds(data.loader(plates, 50, shuffle=False))
print(f"an epoch item by item {yours:.1f} ms, whole batches at once (data.loader) {ours:.1f} ms")
print("largest difference between the two:", (a.int() - b.int()).abs().max().item())

# %% [markdown]
# ## One table, three kinds of data
# The museum of plates sends a folder: pictures, and a CSV with numbers, categories and notes.
# (This cell plays the museum.)

# %%
folder, draw = Path(tempfile.mkdtemp()), torch.Generator().manual_seed(6)
PRICES = {"brass": 40, "enamel": 65, "plastic": 12}
NOTES = ("fine", "rust on the left", "screw missing", "paint comes off at the corner")
with open(folder / "plates.csv", "w", newline="") as file:
    table = csv.writer(file)
    table.writerow(["file", "digit", "material", "price", "note"])
    for i in range(90):
        k, m, n = (int(torch.randint(high, (1,), generator=draw)) for high in (len(plates), 3, 4))
        Image.fromarray(plates.inputs[k, 0].numpy()).save(folder / f"{i:03}.png")
        material, price = list(PRICES)[m], list(PRICES.values())[m] + 4 * torch.randn(1, generator=draw).item()
        table.writerow([f"{i:03}.png", int(plates.labels[k]), material, f"{price:.2f}", NOTES[n]])
print("".join(open(folder / "plates.csv").readlines()[:5]))

# %% [markdown]
# ## 2. Categories (1 point)
# A network takes numbers. Brass = 0, enamel = 1, plastic = 2 would claim that enamel lies half-way between the
# others. **One-hot** claims nothing: a column for each category, 1 where it applies, 0 elsewhere.
#
# The columns are fixed once, from the training data: `known`. What comes later and is not known (a plate of
# gold!) gets 0 in all columns; it must not crash, and must not move the columns.

# %% solution="one_hot"
def one_hot(words, known):
    """words: N strings; known: K different strings, a column each in this order; returns (N, K), float."""
    ### BEGIN SOLUTION
    return torch.tensor([[float(word == column) for column in known] for word in words])
    ### END SOLUTION

# %%
rows = list(csv.DictReader(open(folder / "plates.csv")))
price = torch.tensor([[float(row["price"])] for row in rows])
code = torch.tensor([[float(list(PRICES).index(row["material"]))] for row in rows])
ways = {"0, 1, 2": torch.cat([code, torch.ones_like(code)], 1), "one-hot": one_hot([row["material"] for row in rows], list(PRICES))}
for name, columns in ways.items():
    error = columns @ torch.linalg.lstsq(columns, price).solution - price
    print(f"price from material as {name:<8} best line is off by {error.square().mean().sqrt():5.2f} (typical, in euros)")

# %% test="check_one_hot" points=1
_known = ["tin", "brass", "gold", "clay"]
_found = one_hot(["gold", "tin", "gold"], _known)
_wanted = torch.tensor([[0.0, 0, 1, 0], [1, 0, 0, 0], [0, 0, 1, 0]])
checks.close(_found, _wanted, "Four known materials give four columns, in the order of `known`, in every batch.")
_hint = "Silver is not known: a row of zeros, no error, no column of its own."
checks.close(one_hot(["silver", "clay"], _known), torch.tensor([[0.0, 0, 0, 0], [0, 0, 0, 1]]), _hint)
checks.close(one_hot(["b", "b", "a"], ["b", "a"]), torch.tensor([[1.0, 0], [1, 0], [0, 1]]), "`known` is not sorted here.")
assert checks.passed("one_hot")

# %% [markdown]
# <details><summary>Hint 1</summary>A row for each word; in it a number for each column of
# <code>known</code>.</details>
# <details><summary>Hint 2</summary>The number is <code>float(word == column)</code>: 1.0 or 0.0. An unknown
# word equals no column.</details>
# <details><summary>The idea of the solution</summary>A list of lists with two loops, words outside, columns
# inside, and <code>torch.tensor</code> around it.</details>
#
# Now all of it in one dataset. Pictures are opened when asked for; words become whole numbers, 0 being kept for
# filling up: notes have different lengths, and a batch is a box. So this loader brings its own `collate_fn`.

# %%
class Catalogue(Dataset):
    """The museum's folder: item i is picture (1, 28, 28), table (4,), note (T,), digit."""
    def __init__(self, folder):
        self.folder, self.rows = folder, list(csv.DictReader(open(folder / "plates.csv")))
        self.materials = sorted({row["material"] for row in self.rows})
        words = sorted({word for row in self.rows for word in row["note"].split()})
        self.number = {word: i for i, word in enumerate(words, start=1)}
    def __len__(self):
        return len(self.rows)
    def __getitem__(self, i):
        row = self.rows[i]
        picture = v2.functional.pil_to_tensor(Image.open(self.folder / row["file"]))
        table = torch.cat([one_hot([row["material"]], self.materials)[0], torch.tensor([float(row["price"]) / 100])])
        return picture, table, torch.tensor([self.number[word] for word in row["note"].split()]), int(row["digit"])

def collate(items):
    images, tables, notes, digits = zip(*items)
    return torch.stack(images), torch.stack(tables), pad_sequence(notes, batch_first=True), torch.tensor(digits)

images, table, notes, digits = next(iter(DataLoader(Catalogue(folder), batch_size=4, collate_fn=collate)))
print("pictures", tuple(images.shape), " digits", digits.tolist())
print("table: brass, enamel, plastic, price in hundreds\n", table)
print("notes as numbers, filled up with 0\n", notes)

# %% [markdown]
# ## 3. A fair split (1 point)
# To choose between models you need examples that none of them has seen: hold out a tenth. There are ten 9s.
# Draw the tenth blindly, and in one of three draws it holds not a single 9 (right picture below).
#
# A **stratified** split cuts each class by itself: of class $k$ with $n_k$ examples, `round(share * n_k)`
# go to the second part, drawn at random. No example may be in both: that would be a **leak**.

# %% solution="stratified"
def stratified(labels, share, seed):
    """labels (N,), share 0 to 1; returns two tensors of indices: the rest, and the part that is held out."""
    ### BEGIN SOLUTION
    generator, rest, part = torch.Generator().manual_seed(seed), [], []
    for k in labels.unique():
        members = (labels == k).nonzero().flatten()
        members = members[torch.randperm(len(members), generator=generator)]
        count = round(share * len(members))
        part.append(members[:count])
        rest.append(members[count:])
    return torch.cat(rest), torch.cat(part)
    ### END SOLUTION

# %%
draw = torch.Generator().manual_seed(0)
nines = [int((plates.labels[torch.randperm(len(plates), generator=draw)[:116]] == 9).sum()) for _ in range(1000)]
rest, part = stratified(plates.labels, 0.1, seed=0)
_, (left, right) = plt.subplots(1, 2, figsize=(9.6, 3.4))
for shift, index, name in ((-0.2, rest, "rest"), (0.2, part, "held out")):
    left.bar(torch.arange(10) + shift, plates.labels[index].bincount(minlength=10) / len(index), 0.4, label=name)
left.set(xlabel="class", ylabel="share of the part", xticks=range(10), title="stratified: the same shares")
left.legend()
right.bar(range(6), [nines.count(n) for n in range(6)], color=plotting.GREY)
right.set(xlabel="nines in a blind tenth", ylabel="times of 1,000", title=f"blind: no 9 at all in {nines.count(0)} of 1,000")
plotting.show(f"Left: class shares in both parts agree. Right: {nines.count(0)} of 1,000 blind tenths hold no 9")

# %% test="check_stratified" points=1
_labels = torch.tensor([2] * 40 + [0] * 10 + [1] * 30 + [0] * 10)[torch.arange(90) * 7 % 90]
_rest, _part = stratified(_labels, 0.2, seed=1)
_hint = "A fifth of 20, 30 and 40 is 4, 6 and 8."
checks.close(_labels[_part].bincount(minlength=3), torch.tensor([4, 6, 8]), _hint)
_all = torch.cat([_rest, _part]).sort().values
checks.close(_all, torch.arange(90), "Each of the 90 indices once, on one side: else something leaks or is lost.")
_again, _other = stratified(_labels, 0.2, seed=1)[1], stratified(_labels, 0.2, seed=2)[1]
checks.close(_again.sort().values, _part.sort().values, "The same seed: the same split.")
assert _other.sort().values.tolist() != _part.sort().values.tolist(), "seed 2 holds out the very same examples: is each class shuffled?"
_labels = torch.tensor([0] * 26 + [1] * 54)
_found = _labels[stratified(_labels, 0.5, seed=3)[1]].bincount(minlength=2)
checks.close(_found, torch.tensor([13, 27]), "Half of 26 and of 54: 13 and 27.")
assert checks.passed("stratified")

# %% [markdown]
# <details><summary>Hint 1</summary>A loop over <code>labels.unique()</code>. The members of class k:
# <code>(labels == k).nonzero().flatten()</code>.</details>
# <details><summary>Hint 2</summary>Shuffle the members with <code>torch.randperm(len(members),
# generator=...)</code>, cut at <code>round(share * len(members))</code>.</details>
# <details><summary>The idea of the solution</summary>For each class: members, shuffled, cut in two; each half
# goes on a list; <code>torch.cat</code> both lists at the end.</details>
#
# ## Leaks
# Now something impossible. Take 100 plates, forget the digits, and **toss a coin for each label**. There is
# nothing to learn. Then make ten copies of each, shifted by up to a pixel, with a little noise: 1,000
# examples. Split those at random, train on 800, test on 200. The accuracy?

# %%
guess = None
checks.predict("coins", guess, "Labels by coin toss, copies made before the split: the accuracy on the held-out 200?")

# %%
def coin_toss(seed, split_first):
    draw = torch.Generator().manual_seed(seed)
    images = plates.inputs[torch.randperm(len(plates), generator=draw)[:100]]
    original, coin = torch.arange(100).repeat(10), torch.randint(2, (100,), generator=draw)
    copies = transforms.noise(transforms.crop(images[original], draw, 1), draw, 0.02)
    who = original if split_first else torch.arange(1000)  # what is drawn: whole families, or single copies
    held = torch.isin(who, torch.randperm(len(who.unique()), generator=draw)[: len(who.unique()) // 5])
    known = data.Split(copies[~held], coin[original[~held]])
    model, _ = train(data.loader(known, 50, seed=seed), epochs=40, seed=seed)
    with torch.no_grad():
        return (model(training.as_float(copies[held])).argmax(1) == coin[original[held]]).float().mean().item()

leaky, honest = ([coin_toss(seed, first) for seed in range(5)] for first in (False, True))
checks.outcome("coins", sum(leaky) / 5)
_, axis = plt.subplots(figsize=(6.4, 2.4))
axis.plot(leaky, [1] * 5, "o", honest, [0] * 5, "s", markersize=9, alpha=0.7, linestyle="none")
axis.axvline(0.5, color="black", linestyle="--", linewidth=1.2)
axis.set(yticks=[0, 1], yticklabels=["split, then copy", "copy, then split"], ylim=(-0.5, 1.5), xlim=(0.3, 1), xlabel="accuracy on held-out examples (dashed: a coin)")
plotting.show(f"Five seeds each: copying first gives {min(leaky):.2f} to {max(leaky):.2f}, splitting first {min(honest):.2f} to {max(honest):.2f}")

# %% [markdown]
# It foretells coin tosses, because the twin of each test example sat in training. Real twins: frames of one
# film, photographs of one animal, scans of one patient, a file saved twice. **Split first, by whatever the
# twins share; then touch the data.** And search for twins:

# %%
def shared(first, second):
    """How many images of `second` are, byte for byte, among `first`."""
    known = {bytes(image.numpy()) for image in first}
    return sum(bytes(image.numpy()) in known for image in second)

train_part, valid_part = data.split(plates, 0.1, seed=0)  # the library's stratified split
LEAKS = shared(train_part.inputs, valid_part.inputs) + shared(plates.inputs, test.inputs)
print("between training, validation and test:", LEAKS, "shared images")
print("with one slip of the hand:            ", shared(plates.inputs, torch.cat([test.inputs, plates.inputs[:3]])))

# %% [markdown]
# ## 4. One scale for all (1 point)
# **Standardise**: subtract the mean $\mu$, divide by the standard deviation $\sigma$, so that inputs are about
# 0 and about 1 in size, as the starting weights expect.
#
# $$x' = \frac{x - \mu}{\sigma}$$
#
# For images there is one $\mu$ and one $\sigma$ for each channel, over all images and places. They come **from
# the training set only**, and the same two numbers serve every other set. The mean of the test set is a fact about
# the test set: knowing it is a (small) leak, and for the one plate that comes tomorrow there is no mean.

# %% solution="standardise"
def standardise(train, other):
    """train, other (N, C, H, W), bytes; returns both as floats, standardised by the numbers of `train`."""
    ### BEGIN SOLUTION
    train, other = train.float(), other.float()
    mean, std = train.mean((0, 2, 3), keepdim=True), train.std((0, 2, 3), keepdim=True)
    return (train - mean) / std, (other - mean) / std
    ### END SOLUTION

# %%
inputs, test_inputs = standardise(plates.inputs, test.inputs)
theirs = transforms.Normalise.of(plates)
print(f"against the library's Normalise: largest difference {(theirs(test.inputs) - test_inputs).abs().max():.1e}")
torch.manual_seed(0)
means = [inputs[index].mean().item() for _ in range(3) for index in torch.randperm(len(inputs)).split(193)]
WORST = max(abs(mean) for mean in means)
print(f"batch means {min(means):+.3f} to {max(means):+.3f} (target: 0 within 0.05); the test set keeps its own mean, {test_inputs.mean():+.3f}")

# %% test="check_standardise" points=1
_draw = torch.Generator().manual_seed(0)
_train = (torch.rand(60, 3, 8, 8, generator=_draw) * torch.tensor([50.0, 100, 200]).view(1, 3, 1, 1) + 20).byte()
_other = (torch.rand(30, 3, 8, 8, generator=_draw) * 100 + 120).byte()
_a, _b = standardise(_train, _other)
for _c in range(3):
    checks.close(_a[:, _c].mean(), 0.0, f"The mean of channel {_c} of the training set becomes 0, over all images.", atol=1e-3)
    checks.close(_a[:, _c].std(), 1.0, f"The spread of channel {_c} becomes 1: each channel has numbers of its own.", atol=1e-3)
_x = _train[:, 1].float()
_hint = "The other set: (x - mean of train) / std of train, channel by channel. It need not come out at 0 and 1."
checks.close(_b[:, 1], (_other[:, 1].float() - _x.mean()) / _x.std(), _hint, rtol=1e-3, atol=1e-3)
checks.close(standardise(_train, _other[:1])[1], _b[:1], "One image alone gets the same numbers as in a crowd.", rtol=1e-3, atol=1e-3)
assert checks.passed("standardise")

# %% [markdown]
# <details><summary>Hint 1</summary>Bytes first become floats: <code>train.float()</code>.</details>
# <details><summary>Hint 2</summary><code>.mean((0, 2, 3), keepdim=True)</code> leaves (1, C, 1, 1), which
# fits every image. The same with <code>.std</code>.</details>
# <details><summary>The idea of the solution</summary>Mean and standard deviation of <code>train</code> over
# the axes 0, 2 and 3; then the formula twice.</details>
#
# ## Train and watch
# Three scales, one rate. The dashed line is what you lose if you know nothing but how frequent each digit is.

# %%
mean, std = plates.inputs.float().mean(), plates.inputs.float().std()
scales = {"bytes, 0 to 255": (0, 1), "0 to 1": (0, 255), "standardised": (mean, std)}
curves = {}
for name, (shift, scale) in scales.items():
    scaled = data.Split((plates.inputs - shift) / scale, plates.labels)
    watch = lambda model, on=scaled: training.evaluate(model, on).loss
    curves[name] = train(data.loader(scaled, 50), watch=watch)[1]
frequent = plates.labels.bincount() / len(plates)
entropy = -(frequent * frequent.log()).sum().item()
plotting.show_curves(curves, xlabel="epoch", ylabel="training loss (nats)", baseline=("frequencies", entropy), log=True)

# %% [markdown]
# With bytes, the first gradient is some 400 times longer than at 0 to 1. One step, and nearly all hidden units land where
# ReLU is 0, for every image: dead. What is left knows the frequencies. No error message, of course.
#
# ## 5. The long tail (1 point)
# With forty 0s for each 9, a network can forget the 9s and lose less than one answer in a hundred. One cure: **draw the
# examples with weights** so that every class is served equally often. An example's weight is 1 over the number of examples
# of its class. Apply it to training only: validation and test stay as the world is. (Our test plates hold as many of
# each class. So read the recall class by class: it does not depend on the shares.)

# %% solution="balance"
def balance(labels):
    """labels (N,), whole numbers; returns N weights: every class that occurs has the same sum."""
    ### BEGIN SOLUTION
    return 1 / labels.bincount()[labels].double()
    ### END SOLUTION

# %%
sampler = WeightedRandomSampler(balance(plates.labels), len(plates), generator=torch.Generator().manual_seed(0))
pairs = torch.utils.data.TensorDataset(plates.inputs, plates.labels)
fair = DataLoader(pairs, batch_size=50, sampler=sampler)  # a sampler in place of shuffle
drawn = torch.cat([labels for _, labels in fair]).bincount(minlength=10)
found = {}
for name, batches in (("as they come", DataLoader(pairs, batch_size=50, shuffle=True)), ("weighted", fair)):
    found[name] = torch.stack([recall(train(batches, epochs=3, seed=seed)[0]) for seed in range(5)])
    print(f"{name:<13} recall of 0, 1, 2: {found[name][:, :3].mean():.2f}   of 7, 8, 9: {found[name][:, 7:].mean():.2f}")
_, (left, right) = plt.subplots(1, 2, figsize=(9.6, 3.4))
for shift, counts, name in ((-0.2, plates.labels.bincount(), "as they come"), (0.2, drawn, "weighted")):
    left.bar(torch.arange(10) + shift, counts, 0.4, label=name)
    right.errorbar(torch.arange(10) + shift / 2, found[name].mean(0), found[name].std(0), fmt="o" if shift < 0 else "s", capsize=3)
left.set(xlabel="class", ylabel="examples in an epoch", xticks=range(10))
right.set(xlabel="class", ylabel="recall (share found)", xticks=range(10), ylim=(0, 1.05))
left.legend()
plotting.show("Left: examples served, a falling stair and level bars. Right: recall of each class over five seeds, gains for rare ones.")

# %% test="check_balance" points=1
_labels = torch.tensor([0, 2, 0, 0, 5, 2, 0])
_found = torch.as_tensor(balance(_labels))
checks.shape(_found, (7,), "One weight for each example, not for each class.")
assert bool((_found > 0).all()) and bool(torch.isfinite(_found).all()), "classes 1, 3 and 4 do not occur: is there a 1 / 0?"
_sums = torch.stack([_found[_labels == k].sum() for k in (0, 2, 5)])
checks.close(_sums / _sums[0], [1.0, 1.0, 1.0], "Four 0s together weigh as much as two 2s, and as the one 5.", rtol=1e-4)
checks.close(_found[[0, 1]] / _found[4], [0.25, 0.5], "The only 5 weighs four times as much as one 0 of four.", rtol=1e-4)
assert checks.passed("balance")

# %% [markdown]
# <details><summary>Hint 1</summary><code>labels.bincount()</code> counts each class; class k stands at place
# k.</details>
# <details><summary>Hint 2</summary>Indexing with the labels, <code>counts[labels]</code>, gives every example the
# count of its class.</details>
# <details><summary>The idea of the solution</summary>1 over <code>counts[labels]</code>. Divide after
# indexing, and classes that do not occur never matter.</details>
#
# ## The gallery: 26 transforms
# More data for nothing: change a picture in a way that does not change *what it is*. **Activity** (in pairs,
# ten minutes): run the gallery with several seeds and photographs. Then agree on three transforms for
# each: a cat, a digit, a tomato that is ripe or not, an X-ray of a chest.

# %%
gallery = {
    "CenterCrop": v2.CenterCrop(80), "RandomCrop": v2.RandomCrop(80), "ResizedCrop": v2.RandomResizedCrop(128),
    "Resize": v2.Resize(24), "Pad": v2.Pad(24), "HorizontalFlip": v2.RandomHorizontalFlip(1),
    "VerticalFlip": v2.RandomVerticalFlip(1), "Rotation": v2.RandomRotation(45), "Affine": v2.RandomAffine(20, (0.2, 0.2), (0.6, 1.2), 20),
    "Perspective": v2.RandomPerspective(0.6, 1), "Elastic": v2.ElasticTransform(120.0), "ZoomOut": v2.RandomZoomOut(p=1),
    "ColorJitter": v2.ColorJitter(0.6, 0.6, 0.6, 0.3), "Grayscale": v2.Grayscale(3), "ChannelPermute": v2.RandomChannelPermutation(),
    "Photometric": v2.RandomPhotometricDistort(p=1), "Invert": v2.RandomInvert(1), "Solarize": v2.RandomSolarize(128, 1),
    "Posterize": v2.RandomPosterize(2, 1), "Equalize": v2.RandomEqualize(1), "AutoContrast": v2.RandomAutocontrast(1),
    "Sharpness": v2.RandomAdjustSharpness(8, 1), "GaussianBlur": v2.GaussianBlur(9, 4.0), "JPEG": v2.JPEG(5),
    "Erasing": v2.RandomErasing(1), "RandAugment": v2.RandAugment(3, 12),
}  # fmt: skip
photographs = data.load("photographs", size=128)
PHOTO, SEED = "chelsea", 0  # your turn: any of photographs.classes, any number
torch.manual_seed(SEED)
photo = photographs.train.inputs[photographs.classes.index(PHOTO)]
figure, axes = plt.subplots(3, 9, figsize=(9.6, 4.1))
for axis, (name, change) in zip(axes.flat, {"original": lambda x: x, **gallery}.items()):
    axis.imshow(change(photo).permute(1, 2, 0))
    axis.set_title(name, fontsize=7.5)
    axis.axis("off")
plotting.show(f"The photograph {PHOTO} and 26 versions of it: {', '.join(gallery)}")

# %%
# Compose your own, and see what a network would see of four photographs, three times each.
mine = v2.Compose([v2.RandomResizedCrop(96, scale=(0.5, 1)), v2.RandomHorizontalFlip(), v2.ColorJitter(0.3, 0.3, 0.3)])
four = photographs.train.inputs[[photographs.classes.index(name) for name in ("chelsea", "coffee", "rocket", "hopper")]]
torch.manual_seed(0)
plotting.show_images([mine(image) for image in four for _ in range(3)], columns=6)

# %% [markdown]
# <details><summary>What others chose</summary>Cat: crop, mirror, colour. Digit: small shifts, small turns, blur; no
# mirror. Tomato: any move, but no colour: the colour is the answer. X-ray: brightness, small turns; no mirror, the
# heart is on the left.</details>
#
# ### Turn the knob
# How far may you turn a plate and keep its label? From which angle on would *you* be wrong?

# %%
sixes_and_nines = torch.cat([plates.inputs[plates.labels == k][:6] for k in (6, 9)])
def turned(degrees):
    torch.manual_seed(2)
    turn = v2.RandomRotation((degrees, degrees))
    _, axis = plt.subplots(figsize=(6.4, 2.4))
    draw_grid(axis, torch.stack([turn(image) for image in sixes_and_nines]), 6, f"6s above, 9s below, turned by {degrees:.0f} degrees")
    plotting.show(f"Six 6s and six 9s, turned by {degrees:.0f} degrees")

plotting.slider(turned, degrees=(0, 180, 90))

# %% [markdown]
# ## 6. One draw for each image (1 point)
# The trap of the day. Hand `v2` a whole batch (B, C, H, W), and it draws **once**: every image of the batch gets the same
# angle, the same brightness. Training then sees few variations, and no error tells you. A `Dataset` transforms item by item and
# is safe. On whole batches you must draw B numbers yourself and let them spread over each image.
#
# Write a change of brightness for a batch: image $b$ becomes $f_b\, x_b$, its own $f_b$ drawn evenly between
# `low` and `high`. What shape must the draws have so that (B, C, H, W) times them is right?

# %% solution="brighten"
def brighten(images, low, high):
    """images (B, C, H, W), float, left as they are; returns them, each times a factor of its own."""
    ### BEGIN SOLUTION
    factors = low + (high - low) * torch.rand(len(images), 1, 1, 1)
    return images * factors
    ### END SOLUTION

# %%
torch.manual_seed(3)
eight = plates.inputs[plates.labels == 4][:8] / 255
turn = v2.RandomRotation(60)
ways = {"v2 on the batch: one angle": turn(eight), "v2 on each image": torch.stack([turn(image) for image in eight]), "brighten, yours": brighten(eight, 0.2, 1)}
_, axes = plt.subplots(3, 1, figsize=(6.4, 3.6))
for axis, (name, batch) in zip(axes, ways.items()):
    draw_grid(axis, F.pad(batch, (1, 1, 1, 1), value=0.5), 8)
    axis.set_title(name, fontsize=10, loc="left")
plotting.show("Three rows of eight 4s: all turned alike; each turned its own way; each of its own brightness")

# %% test="check_brighten" points=1
_images = torch.rand(200, 2, 3, 4) + 0.5
_kept = _images.clone()
_ratio = brighten(_images, 0.5, 2.0) / _kept
checks.shape(_ratio, (200, 2, 3, 4), "The batch keeps its shape: (B, C, H, W) times (B, 1, 1, 1).")
checks.close(_images, _kept, "The images that you were handed have changed: *= works in place.")
_spread = (_ratio.amax((1, 2, 3)) - _ratio.amin((1, 2, 3))).max().item()
assert _spread < 1e-4, f"within one image all pixels of all channels share one factor; yours differ by {_spread:.2f}"
_factor = _ratio[:, 0, 0, 0]
assert len(_factor.unique()) > 100, "all images got the same factor: one draw for the batch. Draw B numbers"
assert 0.5 <= _factor.min() + 1e-5 and _factor.max() <= 2.00001, f"factors from 0.5 to 2; yours go from {_factor.min():.2f} to {_factor.max():.2f}"
assert _factor.min() < 0.65 and _factor.max() > 1.85, f"200 draws between 0.5 and 2 should reach both ends; yours go from {_factor.min():.2f} to {_factor.max():.2f}"
assert checks.passed("brighten")

# %% [markdown]
# <details><summary>Hint 1</summary><code>torch.rand</code> draws between 0 and 1. Stretch that by
# <code>high - low</code> and add <code>low</code>.</details>
# <details><summary>Hint 2</summary>The shape (B, 1, 1, 1) has one number for each image; the 1s spread over channels and
# places.</details>
# <details><summary>The idea of the solution</summary><code>torch.rand(len(images), 1, 1, 1)</code>, stretched, times
# the images.</details>
#
# ## Measure, and look at the errors
# No transforms on validation and test: they stand for the world as it comes. Watch what happens to a score
# when the dice have a say. Then look at the nine worst errors: are they the network's, or the data's? Above each stands
# what the network says, what it is, and how sure the network is of what it says; the largest loss comes first.

# %%
model, _ = train(data.loader(plates, 50), epochs=15)
turn = v2.RandomRotation(30)
torch.manual_seed(0)
scores = [recall(model, torch.stack([turn(image) for image in test.inputs[:500]]), test.labels[:500]).mean().item() for _ in range(8)]
plain = recall(model, test.inputs[:500], test.labels[:500]).mean().item()
print(f"test plates as they are: {plain:.3f}. Turned at random, eight times: {' '.join(f'{s:.3f}' for s in scores)}")
with torch.no_grad():
    pictures.show_errors(test.inputs, test.labels, model(training.as_float(test.inputs)), full.classes, count=9)

# %% [markdown]
# ## One-hot labels: BCE or cross-entropy?
# Some tutorials train classes with `BCEWithLogitsLoss` on one-hot targets: $K$ yes-or-no questions, "is it a 0?", "is it a
# 1?", each answered by a sigmoid of its own. It works. But the answers need not add up to 1, and the mean runs over
# $B \cdot K$ numbers in place of $B$, so that each step is about $K$ times shorter. One of K: cross-entropy. Any number of
# K ("a cat *and* a dog"): BCE, where that freedom is the point.

# %%
def yes_or_no(scores, labels):
    return F.binary_cross_entropy_with_logits(scores, F.one_hot(labels, 10).float())

def summed(scores, labels):
    return 10 * yes_or_no(scores, labels)  # a sum over the K questions, as cross-entropy has it

for name, loss in (("cross-entropy", F.cross_entropy), ("BCE, its mean", yes_or_no), ("BCE, 10 times", summed)):
    models_ = [train(data.loader(plates, 50, seed=seed), loss=loss, seed=seed)[0] for seed in range(3)]
    with torch.no_grad():
        scores = models_[0](training.as_float(test.inputs))
    total = (scores.softmax(1) if loss is F.cross_entropy else scores.sigmoid()).sum(1)
    reached = " ".join(f"{accuracy(m):.2f}" for m in models_)
    print(f"{name}: accuracy {reached} (three seeds); probabilities of a plate add up to {total.min():.2f} to {total.max():.2f}")

# %% [markdown]
# ## 7. In words (1 point)
# A friend has 500 photographs of 50 dogs, ten each. She makes ten augmented copies of each photograph, standardises all
# of them, splits at random and reports 98 % on the held-out ones. Name what is wrong, in order of how much
# it matters, and say in which order you would do it. Three or four sentences.
#
# *Double-click the cell below, write over it, and run it.*

# %% [markdown] answer="why_leak" points=1
# Copies of one photograph, and photographs of one dog, are on both sides: the network recognises the twin and
# 98 % says nothing about new dogs. The held-out part is augmented, so it is not the world as it comes. The
# mean and standard deviation were measured on the held-out part as well, a small leak. Right: split by dog;
# measure mean and deviation on the training part; augment the training part only, anew each epoch.

# %% [markdown]
# ## Break it
# A colleague shuffles by hand, to save the DataLoader. No error, and look at the loss. *Look at your data!*
# Draw a few images with their labels, then find the line.

# %%
torch.manual_seed(0)
shuffled = data.Split(plates.inputs[torch.randperm(len(plates))], plates.labels[torch.randperm(len(plates))])
_, broken = train(data.loader(shuffled, 50), watch=lambda model: training.evaluate(model, shuffled).loss)
print("loss after each epoch:", " ".join(f"{loss:.2f}" for loss in broken), f"  (frequencies alone: {entropy:.2f})")

# %% [markdown]
# <details><summary>The bug</summary>Two calls of <code>randperm</code>, two orders: the labels belong to other
# images. The loss creeps just below what knowing the frequencies gives, by learning single images by heart. Remember that
# number: it is the mark of labels that have nothing to do with their inputs. Draw the order once, use it twice.</details>
#
# ## Going further (optional)
# - Take away the comment sign at `fashion_mnist` above and run everything again. Which transforms keep a shoe a shoe?
# - Put `Plates` into a file `plates.py`, import it, and try `num_workers=2`. Is it faster? Why not?
# - Combine `balance` with `Plates(..., jitter)`: the ten 9s come about twelve times as often, but never twice alike.
#
# To read: the PyTorch tutorial "Datasets and DataLoaders"; the torchvision page "Getting started with transforms v2";
# Kapoor and Narayanan, "Leakage and the reproducibility crisis in machine-learning-based science" (2023).

# %% [markdown]
# ## Receipt
# Run the cell, save, and hand in the file as `First_Last_lab04_data.ipynb`.
#
# What cost you most time, and what would you cut? One line of yours, in a new Markdown cell, is read and counts for nothing.

# %%
checks.receipt("plates", "one_hot", "stratified", "standardise", "balance", "brighten")
