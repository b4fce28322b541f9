# %% [markdown]
# # Make it fast
#
# A colleague hands you a training script. It works, and an epoch takes seconds where it could take hundredths. You will not
# guess what to change: you will **measure**, change the largest part, and measure again, until nothing is left that is worth
# it. In the end you know which of the famous tricks would have helped, and why a GPU alone would not have.
#
# When you are done, you can
# 1. say where the seconds of an epoch go, down to the function, and draw the time bar before and after;
# 2. cache, fetch whole batches, choose workers and threads, freeze, and compute once what does not change;
# 3. predict what a faster part does for the whole, and when a GPU pays.
#
# About 70 minutes for you, 25 seconds for the processor; a GPU is used where there is one, and not needed. 7 points: six
# exercises and one question in words.

# %%
import importlib.util, subprocess, sys
if importlib.util.find_spec("dlcourse") is None:  # on Colab or Kaggle: one install; nothing that is loaded is replaced
    subprocess.check_call([sys.executable, "-m", "pip", "install", "-q", "git+https://github.com/dlcourse/dlcourse"])
from dlcourse import checks, data, plotting, pretrained, runtime
runtime.start("lab10_speed")

# %%
NAME = ""  # your first and last name, such as "Ada Lovelace"
ASSIGNMENT = "lab10_speed"

# %%
import cProfile, os, pstats, tempfile, time
import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F
from torch.utils.data import DataLoader

# %% [markdown]
# ## See it first
# The data, as data are in life: 400 JPEG files, larger than the network wants them. They hold handwritten digits on coloured
# ground; the network is the course's own, trained on printed characters, with a new last layer. (Your own folder of pictures,
# such as the photographs of lab 9, takes the place of the list `paths` below.)

# %%
device = runtime.device()
digits = data.load("colour_digits")
train, test = digits.train.take(torch.arange(400)), digits.test.take(torch.arange(300))
folder = tempfile.TemporaryDirectory()
paths, labels = data.write_pictures(train, folder.name, side=448), train.labels
size = sum(path.stat().st_size for path in paths) / 1e6
print(f"{len(paths)} files of 448 x 448 pixels, {size:.1f} MB on disk; training on {device}")
plotting.show_images(torch.stack([data.read_picture(path, 224) for path in paths[:8]]),
                     [str(int(y)) for y in labels[:8]], alt="Eight handwritten digits in colour on coloured ground")

# %%
def new_model(freeze):
    torch.manual_seed(0)
    model = pretrained.backbone("glyphs", classes=10, freeze=freeze).to(device)
    return model, torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=0.003)

def slow_epoch(count=400):
    """One epoch as your colleague wrote it: the last loss, and how many were right."""
    model, optimizer = new_model(freeze=False)
    right, last = 0, 0.0
    for batch in torch.randperm(count, generator=torch.Generator().manual_seed(1)).split(32):
        images = torch.stack([data.read_picture(paths[i], 32) for i in batch])
        x, y = (images / 255).to(device), labels[batch].to(device)
        scores = model(x)
        loss = F.cross_entropy(scores, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        right, last = right + sum(int(s.argmax() == t) for s, t in zip(scores, y)), loss.item()
    return last, right

slow_epoch(64)  # the first call of anything is slower: not measured
began = time.perf_counter()
last, right = slow_epoch()
whole = time.perf_counter() - began
print(f"An epoch takes {whole:.2f} s; fifty epochs, five seeds, four rates: {whole * 1000 / 60:.0f} minutes.")

# %% [markdown]
# What would you change? Everybody has an opinion: "Python is slow", "buy a GPU", "more workers", "half precision". Guessing is
# how people make the fast part faster.
#
# **Predict.** What share of this epoch is spent on reading and decoding JPEG files, before the network sees anything?

# %%
guess = None
checks.predict("reading", guess, "Share of the epoch that goes into reading files, 0 to 1?")

# %% [markdown]
# ## 1. A stopwatch (1 point)
# `lap(name)` adds the seconds since the last lap (or the start) to what stands under that name. One trap: a GPU works **on its
# own**. `model(x)` only hands it the work and returns; the clock would show the time of handing over, and the next line that needs
# a result would seem slow. So *before* each look at the clock, at the start and in every lap, call `wait()`, which comes back
# when the device is done.

# %% solution="stopwatch"
class Stopwatch:
    """clock() gives seconds; wait() comes back when the device is done. `seconds` holds name: seconds in all."""

    def __init__(self, clock, wait):
        ### BEGIN SOLUTION
        self.clock, self.wait, self.seconds = clock, wait, {}
        self.wait()
        self.last = self.clock()
        ### END SOLUTION

    def lap(self, name):
        ### BEGIN SOLUTION
        self.wait()
        now = self.clock()
        self.seconds[name] = self.seconds.get(name, 0.0) + now - self.last
        self.last = now
        ### END SOLUTION

# %% [markdown]
# Try it on the same epoch, taken apart. `fetch` is handed in, so that you can replace it later.

# %%
def new_watch():
    return Stopwatch(time.perf_counter, torch.cuda.synchronize if device.type == "cuda" else lambda: None)

def timed_epoch(model, optimizer, fetch, seed=1):
    """An epoch over 400 examples; fetch: indices (B,) -> images (B, 3, 32, 32), 0 to 1. Returns name: seconds."""
    watch = new_watch()
    for batch in torch.randperm(400, generator=torch.Generator().manual_seed(seed)).split(32):
        x, y = fetch(batch).to(device), labels[batch].to(device)
        watch.lap("fetch")
        loss = F.cross_entropy(model(x), y)
        watch.lap("forward")
        optimizer.zero_grad()
        loss.backward()
        watch.lap("backward")
        optimizer.step()
        watch.lap("step")
    return watch.seconds

def from_files(batch):
    return torch.stack([data.read_picture(paths[i], 32) for i in batch.tolist()]) / 255

# %%
versions = {}  # name: where the seconds of an epoch go

def show_bars(versions, alt):
    """A bar for each version: where the seconds of an epoch go."""
    _, axis = plt.subplots(figsize=(8.4, 0.9 + 0.5 * len(versions)))
    for y, parts in enumerate(versions.values()):
        left = 0.0
        for k, (part, seconds) in enumerate(parts.items()):
            axis.barh(y, seconds, left=left, color=f"C{k}", label=part if y == 0 else None)
            left += seconds
        axis.text(left, y, f" {1000 * left:.0f} ms", va="center", fontsize=9)
    axis.set(yticks=range(len(versions)), yticklabels=list(versions), xlabel="seconds of one epoch")
    axis.set_xlim(0, 1.15 * max(sum(parts.values()) for parts in versions.values()))
    axis.invert_yaxis()
    axis.legend(ncols=4, fontsize=9, loc="lower right", bbox_to_anchor=(1, 1))
    plotting.show(alt)

versions["as it was"] = timed_epoch(*new_model(freeze=False), from_files)
checks.outcome("reading", versions["as it was"]["fetch"] / sum(versions["as it was"].values()))
show_bars(versions, "One bar: fetch, forward, backward and step of an epoch; fetch is a large part, step hardly to be seen")

# %% test="check_stopwatch" points=1
_times, _said = iter([10.0, 12.0, 15.0, 15.5, 21.5]), []
def _clock():
    _said.append("clock")
    return next(_times)

_watch = Stopwatch(_clock, lambda: _said.append("wait"))
for _name in ("fetch", "forward", "fetch", "step"):
    _watch.lap(_name)
_found = {name: float(seconds) for name, seconds in dict(_watch.seconds).items()}
_hint = "the clock said 10, 12, 15, 15.5, 21.5: fetch 2 and 0.5, forward 3, step 6. Is the start of the next lap the end of this one?"
assert _found == {"fetch": 2.5, "forward": 3.0, "step": 6.0}, f"{_hint} Yours: {_found}"
assert _said == ["wait", "clock"] * 5, "wait, then look at the clock, once for the start and once for each of four laps"
assert checks.passed("stopwatch")

# %% [markdown]
# <details><summary>Hint 1</summary>Two things have to be remembered: the dict and the time of the last lap.</details>
# <details><summary>Hint 2</summary><code>self.seconds.get(name, 0.0)</code> is what stands there, or 0.</details>
# <details><summary>The idea of the solution</summary>In <code>lap</code>: wait, look at the clock <i>once</i>, add the difference,
# and keep that one time as the next start. Looking twice loses what lies between.</details>
#
# ### A profile: which function?
# The stopwatch says *which part*. A **profiler** notes the time of every function called. Run it where the seconds are, on the
# fetching. (`cProfile` comes with Python. For single lines there is `line_profiler`, for torch's own operations `torch.profiler`; from
# outside look with `top`, and with `nvidia-smi` at a GPU: if that says 20 %, it waits for somebody.)

# %%
profile = cProfile.Profile()
profile.runcall(from_files, torch.arange(100))
rows = []
for (_, _, name), (_, calls, own, _, _) in pstats.Stats(profile).stats.items():
    inside = name.split("'")  # <method 'decode' of 'ImagingDecoder' objects> is written in C
    rows.append((1000 * own, f"{inside[1] + ' (in C)' if len(inside) > 1 else name.strip('<>')}, {calls:,} calls"))
rows = sorted(rows)[-7:]
_, axis = plt.subplots(figsize=(8.4, 3.0))
axis.barh(range(7), [own for own, _ in rows], tick_label=[name for _, name in rows])
axis.set(xlabel="own milliseconds, for 100 pictures")
plotting.show("A bar for each of seven functions: two that are written in C, scaling and decoding, take nearly all")

# %% [markdown]
# So it is not "Python". Nearly all of it is honest work in C: decoding 200,000 pixels, scaling them to 1,000, for a network
# that sees the same 1,000 **in every epoch**.
#
# ## 2. Decode once (1 point)
# What comes out is the same each time, so remember it. Write `remember(read)`: it takes a function and returns one that
# gives the same, but calls `read(i)` only the first time that `i` is asked for.

# %% solution="remember"
def remember(read):
    """read(i) -> anything; returns a function get(i) -> the same, which reads each i once."""
    ### BEGIN SOLUTION
    kept = {}

    def get(i):
        if i not in kept:
            kept[i] = read(i)
        return kept[i]

    return get
    ### END SOLUTION

# %% [markdown]
# Try it, and **count** instead of timing: seconds depend on the machine and its neighbours, the number of decoded files does not.

# %%
decoded = []
def read(i):
    decoded.append(i)
    return data.read_picture(paths[i], 32)

get = remember(read)
for epoch in (1, 2, 3):
    before, began = len(decoded), time.perf_counter()
    for batch in torch.randperm(400).split(32):
        torch.stack([get(i) for i in batch.tolist()]) / 255
    print(f"epoch {epoch}: {len(decoded) - before:3} files decoded, {1000 * (time.perf_counter() - began):4.0f} ms")

# %% test="check_remember" points=1
_calls = []
def _read(i):
    _calls.append(i)
    return torch.full((2,), float(i))

_get = remember(_read)
assert _calls == [], f"nothing has been asked for yet; yours has read {_calls} already: wait until it is needed"
_found = [float(_get(i)[0]) for i in (3, 0, 3, 3, 0, 7)]
assert _found == [3, 0, 3, 3, 0, 7], f"get(3), get(0), get(3), get(3), get(0), get(7): read gives 3, 0, ...; yours {_found}"
assert _calls == [3, 0, 7], f"three things were asked for, some of them again, so read is called for 3, 0 and 7; yours for {_calls}"
_none = []
_other = remember(lambda i: _none.append(i))
assert [_other(3), _other(3), _other(2)] == [None] * 3 and _none == [3, 2], "a second cache knows nothing of the first, and None can be kept, too"
assert checks.passed("remember")

# %% [markdown]
# <details><summary>Hint 1</summary>A dict from <code>i</code> to what was read. It must live as long as the function that you return, so
# make it inside <code>remember</code>, outside <code>get</code>.</details>
# <details><summary>Hint 2</summary><code>if i not in kept:</code> read and store. Return <code>kept[i]</code>.</details>
# <details><summary>The idea of the solution</summary>A function in a function, which sees the dict of the outer one. Python has it ready
# made: <code>functools.cache(read)</code>.</details>
#
# ## 3. Whole batches, as bytes (1 point)
# Now the pictures lie in memory. How, matters twice. **One tensor** of all images, from which a batch is one call; and **bytes**,
# not floats: a pixel of a photograph has 256 values, one byte. As float32 it takes four. Turn into numbers between 0 and 1 only
# what goes into the network now. Write `take`.

# %% solution="take"
def take(images, index):
    """images (N, 3, H, W), uint8; index (B,), int64; returns those B images as float32, 0 to 1. `images` stays as it is."""
    ### BEGIN SOLUTION
    return images.index_select(0, index).float() / 255
    ### END SOLUTION

# %%
pictures = torch.stack([data.read_picture(path, 32) for path in paths])  # (400, 3, 32, 32), uint8
floats = pictures / 255
ways = {
    "file by file": lambda batch: from_files(batch),
    "one by one from memory": lambda batch: torch.stack([pictures[i] / 255 for i in batch]),
    "all floats, then a batch": lambda batch: (pictures / 255)[batch],
    "a batch, then floats": lambda batch: take(pictures, batch),
}
found = {}
for name, fetch in ways.items():
    runs = []
    for _ in range(1 if name == "file by file" else 3):
        began = time.perf_counter()
        for batch in torch.randperm(400).split(32):
            fetch(batch)
        runs.append(time.perf_counter() - began)
    found[name] = 1000 * min(runs)  # the least of three: what else the machine did only adds
_, axis = plt.subplots(figsize=(8.4, 2.4))
axis.barh(list(found), list(found.values()))
for y, value in enumerate(found.values()):
    axis.text(value, y, f" {value:.1f} ms", va="center", fontsize=9)
axis.set(xscale="log", xlabel="milliseconds to fetch an epoch", xlim=(None, 4 * max(found.values())))
axis.invert_yaxis()
plotting.show("Milliseconds on a logarithmic axis: from files most, one by one from memory less, a whole batch of bytes least")
print(f"bytes {pictures.nbytes / 1e6:.1f} MB, floats {floats.nbytes / 1e6:.1f} MB; ImageNet at 224 x 224: 193 GB, 771 GB")

# %% test="check_take" points=1
_images = torch.tensor([[0, 51], [102, 153], [204, 255]], dtype=torch.uint8).view(3, 1, 1, 2).expand(3, 3, 1, 2).contiguous()
_kept = _images.clone()
_found = take(_images, torch.tensor([2, 0, 2, 1]))
assert _found.dtype == torch.float32, f"float32 is what the network takes; yours is {_found.dtype}"
_hint = "51 is a fifth of 255: rows 2, 0, 2, 1 are 0.8 and 1, 0 and 0.2, 0.8 and 1, 0.4 and 0.6"
_wanted = torch.tensor([[0.8, 1.0], [0.0, 0.2], [0.8, 1.0], [0.4, 0.6]]).view(4, 1, 1, 2).expand(4, 3, 1, 2)
checks.close(_found, _wanted, _hint)
assert torch.equal(_images, _kept) and _images.dtype == torch.uint8, "the images are changed: all later batches would be wrong"
checks.shape(take(_images, torch.zeros(0, dtype=torch.int64)), (0, 3, 1, 2), "an empty batch has no images")
assert checks.passed("take")

# %% [markdown]
# <details><summary>Hint 1</summary><code>images[index]</code> takes rows; <code>images.index_select(0, index)</code> the same, faster.</details>
# <details><summary>Hint 2</summary>Divide what you took, not <code>images</code>. A byte divided by 255 becomes a float by itself.</details>
# <details><summary>The idea of the solution</summary>One line: select, <code>.float()</code>, <code>/ 255</code>.</details>

# %%
versions["cached"] = timed_epoch(*new_model(freeze=False), lambda batch: take(pictures, batch))
show_bars(versions, "Two bars: with the cache the fetch has vanished, forward and backward are as they were")

# %% [markdown]
# ## 4. When it does not fit: workers (1 point)
# 193 GB fit into no cache of yours. Then let others read while the network computes: `DataLoader(..., num_workers=2)` starts two
# processes that fetch ahead. They cost: each has to start, keeps memory, and sends every batch over. More than cores are of no
# use. So measure a few numbers and take **the fewest workers that are within 10 % of the fastest**.

# %% solution="fewest_workers"
def fewest_workers(seconds):
    """seconds: {number of workers: seconds of an epoch}; returns the smallest number within 10 % of the fastest."""
    ### BEGIN SOLUTION
    fastest = min(seconds.values())
    return min(workers for workers, needed in seconds.items() if needed <= 1.1 * fastest)
    ### END SOLUTION

# %% [markdown]
# Try it. On the left, workers that only decode; the last bar, *memory*, takes the same number of pictures, decoded already,
# from memory with your `take`. On the right, *threads*: torch
# splits the images of a batch among cores, which is **data parallelism**. Where others need the cores, as on a shared machine, two
# threads can be slower than one. (The grader gives everybody one core and leaves this out.)

# %%
cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
reading, threads_found, before = {}, {}, torch.get_num_threads()
if runtime.in_grader() or sys.platform == "win32":
    print("Skipped here: one core, no processes of one's own.")
else:
    files = data.Pictures(paths[:200], labels[:200], 32)
    for workers in sorted({0, 1, min(2, cores), min(4, cores)}):
        began = time.perf_counter()
        seen = sum(len(images) for images, _ in DataLoader(files, batch_size=32, num_workers=workers))
        reading[workers] = time.perf_counter() - began
    model, _ = new_model(freeze=True)
    for threads in sorted({1, min(2, cores), min(4, cores)}):
        torch.set_num_threads(threads)
        began = time.perf_counter()
        with torch.no_grad():
            model.cpu().features(pictures)
        threads_found[threads] = time.perf_counter() - began
    torch.set_num_threads(before)
    print(f"{seen} pictures, {cores} cores; fewest workers within 10 %: {fewest_workers(reading)}")

# %%
if reading:
    _, (left, right_) = plt.subplots(1, 2, figsize=(8.4, 2.8))
    left.bar([str(k) for k in reading], list(reading.values()))
    left.bar("memory", found.get("a batch, then floats", 0) / 2000, color=plotting.ORANGE)
    left.set(xlabel="workers", ylabel="seconds to fetch 200")
    right_.bar([str(k) for k in threads_found], list(threads_found.values()))
    right_.set(xlabel="threads", ylabel="seconds, 400 images forward")
    plotting.show("Left: seconds against workers, and from memory hardly anything. Right: seconds against threads, never halved in full")

# %% test="check_fewest_workers" points=1
_found = fewest_workers({0: 10.0, 1: 6.0, 2: 3.2, 4: 3.0, 8: 3.1})
assert _found == 2, f"3.2 s with 2 workers is within 10 % of 3.0 s: 2, not {_found}"
assert fewest_workers({8: 5.0, 2: 5.4, 4: 4.8}) == 4, "5.4 is more than 10 % above 4.8; 5.0 is not, but 8 is more than 4"
assert fewest_workers({0: 0.5, 4: 0.9}) == 0, "workers that make it slower: none"
assert fewest_workers({3: 2.0}) == 3, "only one was measured: that one"
assert checks.passed("fewest_workers")

# %% [markdown]
# <details><summary>Hint 1</summary>First the fastest time of all, then who is near enough.</details>
# <details><summary>Hint 2</summary>Near enough: at most 1.1 times the fastest. Among those, <code>min</code> of the <i>keys</i>.</details>
# <details><summary>The idea of the solution</summary><code>min(k for k, s in seconds.items() if s &lt;= 1.1 * fastest)</code></details>
#
# ## 5. What does not change, compute once (1 point)
# The time bar is all forward and backward now. In lab 9 you **froze** the body: its weights stay, only the last layer learns. Then
# the way back through the body falls away. And go one thought further: frozen weights, the same images, hence **the same
# features in every epoch**. Compute them once, in batches, and without the notes that autograd takes (`torch.no_grad()`).

# %% solution="features_once"
def features_once(features, images, batch_size):
    """features: images (B, ...) -> (B, D); images (N, ...); returns (N, D) without gradient, from batches in order."""
    ### BEGIN SOLUTION
    with torch.no_grad():
        return torch.cat([features(part) for part in images.split(batch_size)])
    ### END SOLUTION

# %%
model, optimizer = new_model(freeze=True)
versions["frozen"] = timed_epoch(model, optimizer, lambda batch: take(pictures, batch))
began = time.perf_counter()
known = features_once(lambda part: model.features(part.to(device)), pictures, 200)  # (400, 64)
once = time.perf_counter() - began
versions["features once"] = timed_epoch(model.head, torch.optim.Adam(model.head.parameters(), lr=0.003), lambda batch: known[batch])
show_bars(versions, "Four bars, each shorter: as it was, cached, frozen, features once, which can hardly be seen")
sums = [sum(parts.values()) for parts in versions.values()]
print(f"An epoch: {sums[0]:.2f} s as it was, {1000 * sums[-1]:.0f} ms now: {sums[0] / sums[-1]:.0f} times faster.")
print(f"Once, before the first: {once:.2f} s for the features. They take {known.nbytes / 1e6:.2f} MB.")

# %% test="check_features_once" points=1
_weight, _sizes = torch.arange(6.0).view(2, 3).requires_grad_(), []
def _features(part):
    _sizes.append(len(part))
    return part @ _weight

_images = torch.arange(20.0).view(10, 2)
_found = features_once(_features, _images, 4)
assert _sizes == [4, 4, 2], f"10 images in batches of 4 are 4, 4 and 2, each computed once; yours {_sizes}"
checks.close(_found, (_images @ _weight).detach(), "the features of all 10 images, in their order")
assert not _found.requires_grad, "it still carries a gradient, and with it everything that led there: torch.no_grad()"
assert features_once(_features, _images[:3], 100).shape == (3, 3), "fewer images than a batch: one short batch"
assert checks.passed("features_once")

# %% [markdown]
# <details><summary>Hint 1</summary><code>images.split(4)</code> gives the batches, <code>torch.cat</code> puts results together.</details>
# <details><summary>Hint 2</summary>All of it inside <code>with torch.no_grad():</code>.</details>
# <details><summary>The idea of the solution</summary>Two lines: the <code>with</code>, and <code>return torch.cat([... for part in ...])</code>.</details>
#
# A cache changes nothing of what is learned. **Freezing does**: it is another model. So look at the accuracy, too:

# %%
head, optimizer = model.head, torch.optim.Adam(model.head.parameters(), lr=0.01)
began = time.perf_counter()
for epoch in range(60):
    timed_epoch(head, optimizer, lambda batch: known[batch], seed=epoch)
fast = time.perf_counter() - began
tuned, optimizer = new_model(freeze=False)
began = time.perf_counter()
for epoch in range(3):
    timed_epoch(tuned.train(), optimizer, lambda batch: take(pictures, batch), seed=epoch)
slow = time.perf_counter() - began
shares = {}
for name, net in (("frozen", model), ("all of it", tuned)):
    with torch.no_grad():
        shares[name] = float((net.eval()(test.inputs.to(device)).argmax(1).cpu() == test.labels).float().mean())
print(f"frozen, 60 epochs of the last layer: {fast + once:.1f} s, {shares['frozen']:.2f} of the test digits right")
print(f"all of it, 3 epochs:                 {slow:.1f} s, {shares['all of it']:.2f} right; guessing 0.10")

# %% [markdown]
# ## 6. What is it worth? (1 point)
# Somebody offers you a GPU with "fifty times the speed". It makes forward and backward faster, not the files. If the parts of
# an epoch take $t_i$ seconds and part $i$ becomes $f_i$ times faster, then the whole becomes
#
# $$\frac{\sum_i t_i}{\sum_i t_i / f_i}$$
#
# times faster (Amdahl 1967). Write it; a part without a factor stays as it is.

# %% solution="whole_speedup"
def whole_speedup(seconds, factors):
    """seconds: {part: seconds}; factors: {part: how many times faster}; returns how many times faster the whole is."""
    ### BEGIN SOLUTION
    after = sum(needed / factors.get(part, 1.0) for part, needed in seconds.items())
    return sum(seconds.values()) / after
    ### END SOLUTION

# %% [markdown]
# Try it on your own measurements: forward, backward and step become faster by a factor; the fetch stays.

# %%
print(f"Of 10 s one becomes a hundred times faster: the whole {whole_speedup({'a': 9.0, 'b': 1.0}, {'b': 100}):.2f} times.")
factors = [2**k for k in range(10)]
_, axis = plt.subplots(figsize=(6.4, 3.6))
for (name, parts), mark in zip(versions.items(), "os"):  # as it was, cached
    curve = [whole_speedup(parts, dict.fromkeys(("forward", "backward", "step"), f)) for f in factors]
    axis.plot(factors, curve, mark + "-", label=f"{name}: at most {sum(parts.values()) / parts['fetch']:.1f}")
    print(f"{name}: a device fifty times as fast makes it {whole_speedup(parts, dict.fromkeys(('forward', 'backward', 'step'), 50)):.1f} times as fast")
axis.plot(factors, factors, "--", color="black", linewidth=1.2, label="all of it faster")
axis.set(xscale="log", yscale="log", xlabel="how many times faster the device computes", ylabel="how many times faster the epoch")
axis.legend(fontsize=9)
plotting.show("The epoch from files hardly gets faster with a faster device; the cached one follows it for long")

# %% test="check_whole_speedup" points=1
_found = whole_speedup({"fetch": 6.0, "forward": 1.0, "backward": 3.0}, {"forward": 50, "backward": 50})
checks.close(_found, 10 / 6.08, "10 s become 6 + 1/50 + 3/50 = 6.08 s: 1.645 times")
checks.close(whole_speedup({"a": 2.0, "b": 2.0}, {}), 1.0, "nothing faster: 1")
checks.close(whole_speedup({"a": 2.0, "b": 3.0}, {"a": 4, "b": 4}), 4.0, "everything 4 times faster: 4")
checks.close(whole_speedup({"a": 4.0, "b": 1.0}, {"b": 0.5}), 5 / 6, "b takes twice as long: the whole 5/6 as fast")
assert checks.passed("whole_speedup")

# %% [markdown]
# <details><summary>Hint 1</summary>Seconds before: the sum of the values. Seconds after: each divided by its factor.</details>
# <details><summary>Hint 2</summary><code>factors.get(part, 1.0)</code> is 1 for a part that is not named.</details>
# <details><summary>The idea of the solution</summary>Before divided by after. (Not the mean of the factors, which would be far too rosy.)</details>
#
# ## What a GPU changes, and when it does not
# A processor has a few strong cores, a GPU thousands of weak ones that all do the same step. So it wins where one step is
# **large**. Two things it does not make faster: handing over a step takes some 10 microseconds, however small it is; and data
# have to travel to it first. Here is the time of one matrix product against its size, on everything that you have.

# %%
def product_seconds(n, where, dtype=torch.float32):
    """Seconds of one product of (n, n) by (n, n), the least of several runs."""
    a, least = torch.ones(n, n, device=where, dtype=dtype), 1e9
    for _ in range(5):
        watch = Stopwatch(time.perf_counter, torch.cuda.synchronize if where.type == "cuda" else lambda: None)
        for _ in range(4):
            a @ a
        watch.lap("product")
        least = min(least, watch.seconds["product"] / 4)
    return least

sizes, places = [8, 16, 32, 64, 128, 256, 512, 1024], [torch.device("cpu")]
places += [device] if device.type != "cpu" else []

# %%
products = {where.type: [product_seconds(n, where) for n in sizes] for where in places}
_, axis = plt.subplots(figsize=(6.8, 3.8))
for (name, seconds), mark in zip(products.items(), "os"):
    axis.plot(sizes, seconds, mark + "-", label=f"{name}, measured here")
rate = max(2 * n**3 / seconds for n, seconds in zip(sizes, products["cpu"]))  # operations a second, at best
axis.plot(sizes, [2 * n**3 / rate for n in sizes], ":", color=plotting.GREY, label=f"cpu without overhead: {rate / 1e9:.0f} billion a second")
if len(places) == 1:
    axis.axhline(1e-5, color="black", linestyle="--", linewidth=1.2, label="handing a step to a GPU, typically")
axis.set(xscale="log", yscale="log", xlabel="side of the matrices", ylabel="seconds of one product")
axis.set_xticks(sizes, [str(n) for n in sizes])
axis.set_xticks([], minor=True)
axis.legend(fontsize=9)
plotting.show("Seconds of a matrix product against its side: flat while overhead rules, then with the third power of the side")
above = next((n for n, seconds in zip(sizes, products["cpu"]) if seconds > 1e-5), sizes[-1])
print(f"On this processor a product takes longer than 10 microseconds from a side of {above} on: below, no GPU can win.")

# %% [markdown]
# Where the processor's line lies below the dashed one (10 microseconds; with a GPU here, below the GPU's own line, measured in
# place of the dashed one), a GPU cannot win, however fast it computes. Our last version, a layer of
# 64 by 10 on batches of 32, lies there: on a GPU it would be *slower*. Larger batches, larger models: that is what it is for.
# Three more knobs (*channels last*, *bfloat16* and, on a GPU, `torch.compile`), measured forward and backward through the
# whole network, on 200 images:

# %%
def train_step_ms(channels_last=False, dtype=None, compiled=False):
    """Milliseconds of forward and backward through the whole network, the least of three after one to warm up."""
    model, _ = new_model(freeze=False)
    x, y = take(pictures, torch.arange(200)).to(device), labels[:200].to(device)
    if channels_last:
        model, x = model.to(memory_format=torch.channels_last), x.to(memory_format=torch.channels_last)
    forward, least = torch.compile(model) if compiled else model, 1e9
    for _ in range(4):
        watch = new_watch()
        with torch.autocast(device.type, dtype or torch.bfloat16, enabled=dtype is not None):
            loss = F.cross_entropy(forward(x), y)
        loss.backward()
        watch.lap("step")
        least = min(least, 1000 * watch.seconds["step"])
    return least

knobs = {"float32": train_step_ms(), "channels last": train_step_ms(channels_last=True)}
if torch.cuda.is_available() or runtime.precision(device) == torch.bfloat16 or not runtime.in_grader():
    knobs["bfloat16"] = train_step_ms(dtype=torch.bfloat16)
if device.type == "cuda":
    knobs["bfloat16, channels last, compiled"] = train_step_ms(True, torch.bfloat16, True)
else:
    print("Not measured here: torch.compile takes a minute first, and pays in long runs on a GPU.")
for name, ms in knobs.items():
    print(f"{name:34}{ms:8.1f} ms  {knobs['float32'] / ms:4.1f} times")

# %% [markdown]
# *Channels last* stores the colours of a pixel side by side. *bfloat16* is half as wide as float32, so twice as much fits through
# every pipe; on a processor without units for it, it is emulated, and **slower**. The same line of code, faster here, slower
# there: one more reason to measure. (On a large GPU all four may take the same few milliseconds: our network is so small that
# handing over its steps is all there is to see.)
#
# The way to the GPU has knobs of its own. From **pinned** memory, which the system may not move, a copy is faster and can go on
# beside the computing (`pin_memory=True` in a DataLoader, `.to(device, non_blocking=True)`).

# %%
if device.type == "cuda":
    block = torch.zeros(64, 3, 224, 224)
    for name, source in (("ordinary", block), ("pinned", block.pin_memory())):
        watch = new_watch()
        for _ in range(20):
            source.to(device, non_blocking=True)
        watch.lap("copy")
        print(f"{name:9} memory: {20 * block.nbytes / watch.seconds['copy'] / 1e9:5.1f} GB a second")
    print(f"in use on the GPU {torch.cuda.memory_allocated() / 1e6:.0f} MB, held back by torch {torch.cuda.memory_reserved() / 1e6:.0f} MB")
    torch.cuda.empty_cache()  # gives back what is held; your tensors stay, and nothing gets faster by it
else:
    print("Skipped: no CUDA device here. On Colab: Runtime, Change runtime type, T4 GPU, and run all.")

# %% [markdown]
# ## 7. In words (1 point)
# An epoch of yours takes 10 s: 6 s fetching, 1 s forward, 3 s backward. You move to a GPU that computes fifty times faster, and
# `nvidia-smi` shows it busy for 1 % of the time. **In two or three sentences:** how long is an epoch now, why, and what do you
# change first?
#
# *Double-click the cell below, write over it, and run it.*

# %% [markdown] answer="why_idle" points=1
# About 6.1 s: 6 s of fetching stay, 4 s of computing become 0.08 s, so that the GPU waits for images nearly all the time. First
# the fetch: decode once and keep bytes in memory (or on the GPU), or, where they do not fit, workers that read ahead beside the
# computing. Only then anything about the network.

# %% [markdown]
# ## Break it
# Your colleague has understood caching, and goes on: augmentation, too, is slow, so why not remember it? Each image is shifted at
# random, and the loader is as fast as light. But the test accuracy falls back to that without augmentation. What happened? Look at
# one image in four epochs.

# %%
draw = torch.Generator().manual_seed(3)

def read_and_shift(i):
    down, across = torch.randint(-8, 9, (2,), generator=draw).tolist()
    return data.read_picture(paths[i], 32).roll((down, across), (1, 2))

quick = remember(read_and_shift)
epochs = [quick(1) for epoch in range(4)]
plotting.show_images(torch.stack(epochs), [f"epoch {k}" for k in (1, 2, 3, 4)], columns=4,
                     alt="The same digit in four epochs, shifted each time by the very same pixels")

# %% [markdown]
# <details><summary>The bug</summary>The shift is drawn once and remembered with the image: every epoch sees the very same picture, and
# augmentation is gone, without an error. Cache what is the same each time (decode, scale), and do what is random after it:
# <code>get = remember(read)</code> once, then <code>shift(get(i))</code> each time. The same happens to whoever computes
# "features once" of augmented images, and with
# workers whose random numbers all start from one seed.</details>
#
# ## Going further (optional)
# - **In class**: rooms of two or three, each takes one knob (cache, workers, threads, freezing, precision) to `slow_epoch` and comes
#   back after ten minutes with a time bar. Put them side by side.
# - **Your own line.** Put a stopwatch into the training of lab 8 or lab 9. What is its largest part? What does Amdahl promise?
# - **On a GPU**: run this notebook unchanged. Which bars shrink, which do not? Put `pictures` on the GPU once: what is left of fetch?
# - **A real set**: `paths` of the photographs of lab 9, at 224 x 224 pixels and with `pretrained.backbone("resnet18", ...)`.
#
# To read: PyTorch's *Performance tuning guide*; Horace He, *Making deep learning go brrrr from first principles*; Amdahl 1967.

# %% [markdown]
# ## Receipt
# Run the cell, save, and hand in the file as `First_Last_lab10_speed.ipynb`.
#
# What cost you most time, and what would you cut? One line of yours, in a new Markdown cell, is read and counts for nothing.

# %%
checks.receipt("stopwatch", "remember", "take", "fewest_workers", "features_once", "whole_speedup")
