# %% [markdown]
# # Architectures: from LeNet to your own
#
# You can convolve. Now: **what do you stack, how wide, how deep, and what does it cost?** Thirty years of
# answers fit into a handful of blocks: two you will write, the others you will read. At the end you design a network with fewer parameters than
# LeNet-5 that makes about half of its errors (ours: a quarter).
#
# When you are done, you can
# 1. compute size, parameters and field of view of any stack, on paper;
# 2. write a separable convolution and a residual block, and say what each buys;
# 3. design a network for a budget, and defend it.
#
# About 75 minutes for you, 25 seconds for the processor, no GPU. 7 points: six exercises and one question
# in words.

# %%
import importlib.util, subprocess, sys
if importlib.util.find_spec("dlcourse") is None:  # on Colab or Kaggle: one install; nothing that is loaded is replaced
    subprocess.check_call([sys.executable, "-m", "pip", "install", "-q", "git+https://github.com/dlcourse/dlcourse"])
from dlcourse import checks, data, models, pictures, plotting, runtime, training
runtime.start("lab08_cnn")

# %%
NAME = ""  # your first and last name, such as "Ada Lovelace"
ASSIGNMENT = "lab08_cnn"

# %% [markdown]
# ## See it first
# *ImageNet*: 1.2 million photographs, 1,000 classes, five guesses allowed. The share of test photographs for
# which all five were wrong, the winner of each year (2014 also the runner-up):

# %%
import time
import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F
import torchvision
from torch import nn

WINNERS = [  # year, who, top-5 error (%), network?
    (2010, "NEC", 28.2, False), (2011, "XRCE", 25.8, False),  # Russakovsky et al. 2015, arXiv 1409.0575
    (2012, "AlexNet", 15.3, True),  # Krizhevsky et al. 2012, abstract (an ensemble; 16.4 without extra data)
    (2013, "Clarifai", 11.7, True),  # Russakovsky et al.; it builds on ZFNet (Zeiler and Fergus, arXiv 1311.2901)
    (2013.82, "VGG", 7.3, True), (2014.18, "GoogLeNet", 6.7, True),  # Russakovsky et al.
    (2015, "ResNet", 3.57, True),  # He et al. 2016, arXiv 1512.03385, abstract
    (2016, "Trimps-Soushen", 2.99, True),  # image-net.org/challenges/LSVRC/2016/results
    (2017, "SENet", 2.25, True),  # Hu et al. 2018, arXiv 1709.01507, abstract
]  # fmt: skip
_, axis = plt.subplots(figsize=(9.6, 3.6))
for year, who, error, network in WINNERS:
    axis.bar(year, error, 0.32 if 2013 < year < 2015 else 0.6, color=plotting.BLUE if network else plotting.GREY)
    axis.annotate(f"{who}\n{error}", (year, max(error + 0.4, 5.5) + 2 * (who == "VGG")), ha="center", fontsize=8.5)
axis.axhline(5.1, color="black", linestyle="--", linewidth=1.2, label="a trained person, 5.1")  # Russakovsky et al.
axis.legend(loc="upper right")
axis.set(xlabel="year", ylabel="top-5 error (%)", ylim=(0, 33), xticks=range(2010, 2018))
plotting.show("Bars fall from 28.2 % in 2010 to 2.25 % in 2017; blue, from AlexNet in 2012 on, are convolutional networks")

# %% [markdown]
# Grey: features by hand. Blue: convolutional networks, which have won ever since. The same bodies now recognise faces,
# restore old photographs, paint in another's style and fill in the frames of slow motion. Their parts came one by one, and
# each was an answer to a *cost*. So first learn to count.
#
# ## 1. How large is the output? (1 point)
# A window of `kernel` pixels slides over `size` pixels, padded by `padding` on **both** ends, `stride` pixels a step. How
# many stops?
#
# $$\left\lfloor \frac{\text{size} + 2\,\text{padding} - \text{kernel}}{\text{stride}} \right\rfloor + 1$$
#
# A step that would hang over the edge is not taken: round down ($\lfloor\ \rfloor$). Pooling counts the same way.

# %% solution="output_size"
def output_size(size, kernel, stride=1, padding=0):
    """All in pixels, along one axis; returns a whole number."""
    ### BEGIN SOLUTION
    return (size + 2 * padding - kernel) // stride + 1
    ### END SOLUTION

# %% [markdown]
# **Turn the knobs.** Where does a window of 5 pixels stop on a row of 28?

# %%
def stops(stride, padding):
    count = output_size(28, 5, stride, padding)
    _, axis = plt.subplots(figsize=(6.4, 2.6))
    axis.axvspan(-0.5, 27.5, color=plotting.SKY, alpha=0.3)
    for i in range(count):
        left = i * stride - padding
        axis.plot([left - 0.4, left + 4.4], [i, i], "-", color=plotting.BLUE, linewidth=2)
    axis.set(xlabel="pixel (shaded: the image, beside it the padding)", ylabel="stop", xlim=(-5, 32), ylim=(count, -1))
    axis.yaxis.get_major_locator().set_params(integer=True)
    axis.set_title(f"stride {stride}, padding {padding}: 28 become {count}")
    plotting.show(f"{count} windows of 5 pixels over 28 pixels, stride {stride}, padding {padding}")

plotting.slider(stops, stride=(1, 5, 2), padding=(0, 4, 2))

# %% test="check_output_size" points=1
checks.close(output_size(28, 5), 24, "28 - 5 is 23 steps, and the place where you start counts as well.")
checks.close(output_size(28, 5, padding=2), 28, "Padding 2 at both ends keeps 28: 28 + 4 - 5 + 1.")
checks.close(output_size(227, 11, stride=4), 55, "AlexNet's first layer: 216 / 4 + 1.")
checks.close(output_size(6, 3, stride=2), 2, "Windows at 0 and 2 fit, at 4 not any more: round down.")
checks.close(output_size(224, 7, stride=2, padding=3), 112, "ResNet's first layer: 223 / 2 is 111, rounded down, and 1.")
for _n, _k, _s, _p in ((9, 2, 2, 0), (10, 3, 3, 1), (5, 5, 1, 0), (13, 4, 5, 2)):
    _wanted = F.conv1d(torch.zeros(1, 1, _n), torch.zeros(1, 1, _k), stride=_s, padding=_p).shape[-1]
    checks.close(output_size(_n, _k, _s, _p), _wanted, f"PyTorch makes {_wanted} of size {_n}, kernel {_k}, stride {_s}, padding {_p}.")
assert isinstance(output_size(7, 3, 2), int), "a size is a whole number: divide with //"
assert checks.passed("output_size")

# %% [markdown]
# <details><summary>Hint 1</summary>Room for the window's left end: size + 2 padding - kernel. Without stride that is
# the number of steps.</details>
# <details><summary>Hint 2</summary><code>//</code> divides and rounds down. The + 1 comes after it.</details>
# <details><summary>The idea of the solution</summary><code>(size + 2 * padding - kernel) // stride + 1</code>.</details>
#
# ## 2. How many parameters? (1 point)
# A convolution has one filter for each channel that goes out. Each filter sees `kernel` by `kernel` pixels of **every**
# channel that comes in, and has one bias. With `groups`, the channels are cut into so many groups, in and out
# alike, and a filter sees only the channels of its own group.

# %% solution="parameters"
def parameters(channels, out, kernel, groups=1, bias=True):
    """Of a convolution from `channels` to `out` channels with a square kernel; returns a whole number."""
    ### BEGIN SOLUTION
    return out * (channels // groups * kernel * kernel + bias)
    ### END SOLUTION

# %% test="check_parameters" points=1
checks.close(parameters(1, 6, 5), 156, "LeNet-5's first layer: 6 filters of 25 weights and 6 biases.")
checks.close(parameters(3, 64, 3), 1792, "64 filters, each 3 by 3 pixels of 3 channels, and 64 biases.")
checks.close(parameters(3, 64, 3, bias=False), 1728, "Without biases 64 fewer.")
checks.close(parameters(64, 64, 3, groups=64), 640, "64 groups: a filter sees one channel, 9 weights and a bias.")
for _c, _d, _k, _g, _b in ((8, 12, 5, 4, True), (6, 9, 1, 3, False), (5, 7, 2, 1, True)):
    _wanted = sum(p.numel() for p in nn.Conv2d(_c, _d, _k, groups=_g, bias=_b).parameters())
    checks.close(parameters(_c, _d, _k, _g, _b), _wanted, f"nn.Conv2d({_c}, {_d}, {_k}, groups={_g}, bias={_b}) has {_wanted}.")
assert checks.passed("parameters")

# %% [markdown]
# <details><summary>Hint 1</summary>Count one filter first: how many channels does it see, how many pixels of
# each?</details>
# <details><summary>Hint 2</summary><code>channels // groups * kernel * kernel</code> weights, and 1 bias or none. There
# are <code>out</code> such filters.</details>
# <details><summary>The idea of the solution</summary>Out times (weights of one filter + bias). In Python
# <code>True</code> counts as 1.</details>
#
# **Predict.** AlexNet: five convolutions, then three fully connected layers of 4,096, 4,096 and 1,000 units on
# 256 maps of 6 by 6. Of its parameters, how many percent are in the three fully connected layers?

# %%
guess = None
checks.predict("dense", guess, "Percent of AlexNet's parameters in the fully connected layers?")

# %%
def sheet(size, channels, layers, dense, say=True):
    """Print a line for each layer; returns the parameters in convolutions, and those in dense layers."""
    total, row = [0, 0], "{:<8}{:>14}{:>13,}{:>16,}".format
    if say:
        print(f"{'layer':<8}{'out':>14}{'parameters':>13}{'multiplications':>16}")
    for i, (out, kernel, stride, padding, groups, pool) in enumerate(layers, start=1):
        size, count = output_size(size, kernel, stride, padding), parameters(channels, out, kernel, groups)
        if say:
            print(row(f"conv {i}", f"{out} x {size} x {size}", count, size * size * parameters(channels, out, kernel, groups, False)))
        size = size if pool is None else output_size(size, *pool)
        channels, total[0] = out, total[0] + count
    units = channels * size * size
    for out in dense:
        if say:
            print(row("dense", out, units * out + out, units * out))
        total[1], units = total[1] + units * out + out, out
    return total

# %%
THREE, TWO = (3, 2, 0), (2, 2, 0)  # pooling: kernel, stride, padding
LENET = (28, 1, [(6, 5, 1, 2, 1, TWO), (16, 5, 1, 0, 1, TWO)], (120, 84, 10))  # out, kernel, stride, padding, groups, pooling
ALEXNET = (227, 3, [(96, 11, 4, 0, 1, THREE), (256, 5, 1, 2, 2, THREE), (384, 3, 1, 1, 1, None), (384, 3, 1, 1, 2, None), (256, 3, 1, 1, 2, THREE)], (4096, 4096, 1000))  # 2 groups: it ran on two cards
ZFNET = (224, 3, [(96, 7, 2, 1, 1, (3, 2, 1)), (256, 5, 2, 0, 1, (3, 2, 1)), (384, 3, 1, 1, 1, None), (384, 3, 1, 1, 1, None), (256, 3, 1, 1, 1, THREE)], (4096, 4096, 1000))
convolutions, dense = sheet(*ALEXNET)
SHARE = 100 * dense / (dense + convolutions)
print(f"AlexNet {dense + convolutions:,}, LeNet-5 {sum(sheet(*LENET, say=False)):,}, ZFNet {sum(sheet(*ZFNET, say=False)):,} parameters")
checks.outcome("dense", SHARE)

# %% [markdown]
# Nearly all *parameters* are dense, most of the *work* is convolution: two costs, two cures. LeNet-5 (1998) is the plan that all
# follow: convolve, pool, twice; then dense. ZFNet (2013) looked into AlexNet and took 7 by 7 at stride 2 in place of 11 by 11
# at stride 4: as many parameters, but 1.2 billion multiplications in place of 0.7. The family since: what each added, and what torchvision's own table says about the weights that it offers. (Its AlexNet is the later one, for one card.)

# %%
FAMILY = {  # name: year, its idea
    "alexnet": (2012, "larger, ReLU, dropout, two graphics cards"),
    "vgg16": (2014, "nothing but 3 x 3; twice the channels where the size is halved"),
    "googlenet": (2014, "Inception: 1 x 1, 3 x 3 and 5 x 5 side by side; global pooling"),
    "resnet50": (2015, "add the input to the output: depth that trains"),
    "squeezenet1_0": (2016, "squeeze to few channels by 1 x 1, then expand"),
    "densenet121": (2016, "hand every map on to all later layers of the block"),
    "mobilenet_v2": (2018, "depthwise-separable convolutions, for phones"),
}
_, axis = plt.subplots(figsize=(7.4, 4))
for name, (year, idea) in FAMILY.items():
    meta = torchvision.models.get_model_weights(name).IMAGENET1K_V1.meta
    millions, error = meta["num_params"] / 1e6, 100 - meta["_metrics"]["ImageNet-1K"]["acc@5"]
    print(f"{year} {name:<14}{millions:6.1f} M parameters {meta['_ops']:5.1f} G multiplications   {idea}")
    axis.scatter(millions, error, s=60 * meta["_ops"] + 20, color=plotting.BLUE, alpha=0.6)
    axis.annotate(name, (millions, error), xytext=(0, 16 if name == "vgg16" else 8), textcoords="offset points", ha="center", fontsize=9)
axis.set(xscale="log", xlabel="parameters (millions); area of a dot: work for one image", ylabel="top-5 error, one network (%)", xlim=(0.8, 250), ylim=(5, 24))
plotting._plain_ticks(axis.xaxis, axis.get_xlim())
plotting.show("ImageNet error over parameters: AlexNet and VGG far right, SqueezeNet as good as AlexNet with 50 times fewer, ResNet lowest")

# %% [markdown]
# SqueezeNet does what AlexNet does with a fiftieth of the parameters. How? Block by block.
#
# ## 3. Small filters see far (1 point)
# VGG's idea: stack 3 by 3. The **receptive field** is how many pixels of the image one number of the last layer depends
# on, along one axis. Walk through the layers with two numbers: the field $r = 1$, and the jump $j = 1$, by how many pixels of
# the image two neighbours lie apart. A layer with kernel $k$ and stride $s$ does first
# $r \leftarrow r + (k - 1)\,j$, then $j \leftarrow s\,j$.

# %% solution="receptive_field"
def receptive_field(layers):
    """layers: a list of pairs (kernel, stride), the first one sees the image; returns pixels, a whole number."""
    ### BEGIN SOLUTION
    field, jump = 1, 1
    for kernel, stride in layers:
        field += (kernel - 1) * jump
        jump *= stride
    return field
    ### END SOLUTION

# %%
for name, kernels in (("one 5 x 5", [5]), ("two 3 x 3", [3, 3]), ("one 7 x 7", [7]), ("three 3 x 3", [3, 3, 3])):
    field = receptive_field([(k, 1) for k in kernels])
    print(f"{name:<12} sees {field} x {field}, {sum(64 * 64 * k * k for k in kernels):>7,} weights at 64 channels, {len(kernels)} ReLU")

# %% test="check_receptive_field" points=1
checks.close(receptive_field([(3, 1)]), 3, "One layer sees its own kernel.")
checks.close(receptive_field([(3, 1), (3, 1)]), 5, "Two 3 by 3 see 5: the second adds one pixel on either side.")
checks.close(receptive_field([(5, 1), (1, 1)]), 5, "A 1 by 1 adds nothing.")
checks.close(receptive_field([(3, 2), (3, 1)]), 7, "Behind stride 2 neighbours lie 2 pixels apart: 3 + 2 * 2.")
checks.close(receptive_field([(7, 2), (3, 2), (3, 1)]), 19, "ResNet's start: 7, then 7 + 2 * 2, then 11 + 2 * 4.")
checks.close(receptive_field([(2, 2)] * 4), 16, "Four poolings of 2 by 2 see 16 pixels.")
assert checks.passed("receptive_field")

# %% [markdown]
# <details><summary>Hint 1</summary>Begin with <code>field, jump = 1, 1</code> and loop over the pairs.</details>
# <details><summary>Hint 2</summary>A layer's own stride counts only for the layers behind it: change the jump
# last.</details>
# <details><summary>The idea of the solution</summary>In the loop <code>field += (kernel - 1) * jump</code>, then
# <code>jump *= stride</code>.</details>
#
# ### Global pooling
# The cure for dense layers. In place of flattening 64 maps of 7 by 7 into 3,136 numbers, take **one number a
# map**: its mean (or maximum). 49 times fewer weights follow, a shift matters less, and any image size fits.

# %%
def conv_bn(channels, out, kernel=3, stride=1, groups=1):
    """Convolution that keeps the size, batch norm, ReLU: what nearly all networks since 2015 are made of."""
    return [nn.Conv2d(channels, out, kernel, stride, kernel // 2, groups=groups, bias=False), nn.BatchNorm2d(out), nn.ReLU()]

def global_head(channels, classes=10):
    return [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes)]

def count(model):
    return sum(p.numel() for p in model.parameters())

pooled = nn.Sequential(*conv_bn(1, 64, stride=4), *global_head(64))
print(f"flatten and score: {count(nn.Linear(64 * 49, 10)):,} parameters; pool and score: {count(nn.Linear(64, 10)):,}")
print("scores for images of 28, 32 and 51 pixels:", *(tuple(pooled(torch.zeros(2, 1, n, n)).shape) for n in (28, 32, 51)))

# %% [markdown]
# ## 4. Separable convolution (1 point)
# A 3 by 3 filter does two jobs at once: look around, and mix channels. Part them: a **depthwise** convolution (3 by 3, one
# filter for each channel, `groups=channels`), then a **pointwise** one (1 by 1, all channels, from `channels` to `out`). Both without
# bias, and the height and width stay.

# %% solution="separable"
def separable(channels, out):
    """Returns a module: images (B, channels, H, W) become (B, out, H, W)."""
    ### BEGIN SOLUTION
    depthwise = nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False)
    return nn.Sequential(depthwise, nn.Conv2d(channels, out, 1, bias=False))
    ### END SOLUTION

# %%
for channels, out in ((3, 64), (64, 64), (64, 128), (256, 256)):
    full, parted = parameters(channels, out, 3, bias=False), count(separable(channels, out))
    print(f"{channels:>3} -> {out:>3}: full {full:>7,}, separable {parted:>6,}: {full / parted:.1f} times fewer")

# %% test="check_separable" points=1
_block = separable(5, 8)
checks.parameters(_block, 85, "5 filters of 9 weights and 8 of 5: 45 + 40. Is groups set, is bias off, which one comes first?")
assert sum(p.numel() for p in _block.parameters()) == 85, "45 weights look around and 40 mix: 85 in all; is one of the two missing?"
_x = torch.randn(2, 5, 6, 7, generator=torch.Generator().manual_seed(0))
checks.shape(_block(_x), (2, 8, 6, 7), "Height and width stay: a 3 by 3 kernel needs padding 1.")
_impulse = torch.zeros(1, 5, 7, 7)
_impulse[0, 2, 3, 3] = 1
_seen = (_block(_impulse)[0].detach().abs() > 1e-12).float()
checks.close(_seen.amax(0).sum(), 9, "One bright pixel spreads over 3 by 3 pixels.")
checks.close(_seen.amax((1, 2)).sum(), 8, "And into all 8 channels that go out.")
assert checks.passed("separable")

# %% [markdown]
# <details><summary>Hint 1</summary>Two <code>nn.Conv2d</code> in an <code>nn.Sequential</code>.</details>
# <details><summary>Hint 2</summary>First channels to channels: kernel 3, <code>padding=1</code>,
# <code>groups=channels</code>. Then channels to out: kernel 1.</details>
# <details><summary>The idea of the solution</summary>Depthwise, then pointwise, both with
# <code>bias=False</code>.</details>
#
# ## 5. A way around (1 point)
# Stack thirty layers, and the gradient that reaches the first is a product of thirty factors: it dies (or, with batch norm,
# grows). ResNet's block only learns what to **add** to its input $x$:
#
# $$y = \text{ReLU}\big(F(x) + x\big)$$
#
# $F$ is convolution, batch norm, ReLU, convolution, batch norm. The second term has derivative 1: a way around for the gradient.
# Where $F$ changes the shape, `around` is a 1 by 1 convolution that brings $x$ to it. The parts are there. Write `forward`.

# %% solution="residual"
class Residual(nn.Module):
    """Images (B, channels, H, W) become (B, out, H, W); with stride=2 at half the height and width."""

    def __init__(self, channels, out, stride=1):
        super().__init__()
        self.first, self.norm1 = nn.Conv2d(channels, out, 3, stride, 1, bias=False), nn.BatchNorm2d(out)
        self.second, self.norm2 = nn.Conv2d(out, out, 3, 1, 1, bias=False), nn.BatchNorm2d(out)
        same = stride == 1 and channels == out
        self.around = nn.Identity() if same else nn.Conv2d(channels, out, 1, stride, bias=False)

    def forward(self, x):
        ### BEGIN SOLUTION
        added = self.norm2(self.second(F.relu(self.norm1(self.first(x)))))
        return F.relu(added + self.around(x))
        ### END SOLUTION

# %%
def first_gradient(body, depth, seed):
    """The length of the gradient at the first layer of a new network with this body."""
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Conv2d(1, 8, 3, 2, 1), *body(depth), *global_head(8))
    F.cross_entropy(model(torch.rand(32, 1, 28, 28)), torch.arange(32) % 10).backward()
    return model[0].weight.grad.norm().item()

depths = (2, 4, 8, 16, 32)
bodies = {
    "plain": lambda depth: [layer for _ in range(depth) for layer in (nn.Conv2d(8, 8, 3, padding=1), nn.ReLU())],
    "plain, batch norm": lambda depth: [layer for _ in range(depth) for layer in conv_bn(8, 8)],
    "residual, yours": lambda depth: [Residual(8, 8) for _ in range(depth // 2)],
}
_, axis = plt.subplots()
for (name, body), marker in zip(bodies.items(), "osD"):
    norms = torch.tensor([[first_gradient(body, depth, seed) for seed in range(3)] for depth in depths])
    axis.plot(depths, norms.log10().mean(1), marker=marker, label=f"{name}: {norms[-1].log10().mean():+.1f} at 32")
axis.set(xscale="log", xticks=depths, xlabel="convolutions between first and last", ylabel="gradient at the first (power of 10)")
axis.set_xticks(depths, depths, minor=False)
axis.minorticks_off()
axis.legend()
plotting.show("Gradient length over depth: plain falls to a 10^-16th, batch norm rises a hundredfold, residual grows twentyfold at most")

# %% test="check_residual" points=1
_draw = torch.Generator().manual_seed(0)
_x = torch.randn(6, 4, 5, 5, generator=_draw)
_block = Residual(4, 4)
nn.init.zeros_(_block.norm2.weight)
checks.close(_block(_x), F.relu(_x), "Where F is 0, the block gives ReLU(x): the way around is x itself.")
checks.shape(Residual(4, 6, stride=2)(_x), (6, 6, 3, 3), "From 4 channels of 5 by 5 to 6 of 3 by 3: x goes through self.around.")
_block = Residual(4, 6)
_f = lambda x, m: F.batch_norm(x, None, None, m.weight, m.bias, training=True)
_wanted = F.conv2d(_x, _block.first.weight, padding=1)
_wanted = F.conv2d(F.relu(_f(_wanted, _block.norm1)), _block.second.weight, padding=1)
_wanted = F.relu(_f(_wanted, _block.norm2) + F.conv2d(_x, _block.around.weight))
_hint = "first, norm1, ReLU, second, norm2, then + around(x), and a ReLU over the sum: is one missing, or out of order?"
checks.close(_block(_x), _wanted, _hint, rtol=1e-3, atol=1e-4)
assert checks.passed("residual")

# %% [markdown]
# <details><summary>Hint 1</summary>Walk through F from the inside: <code>self.first(x)</code>, then
# <code>self.norm1</code>, then ReLU ...</details>
# <details><summary>Hint 2</summary>No ReLU between <code>norm2</code> and the sum: what is added may be
# negative.</details>
# <details><summary>The idea of the solution</summary>One line for F, one for <code>F.relu(added +
# self.around(x))</code>.</details>
#
# ## Blocks side by side
# Three more, in a few lines each. *Inception* looks with several kernels at once; *Dense* hands everything on;
# *Fire* (SqueezeNet) squeezes to few channels first.

# %%
class Side(nn.Module):
    """Several ways side by side, each a list of layers; their maps are put on one pile."""
    def __init__(self, *ways):
        super().__init__()
        self.ways = nn.ModuleList(nn.Sequential(*way) for way in ways)
    def forward(self, x):
        return torch.cat([way(x) for way in self.ways], 1)

def inception(channels, out):
    q = out // 4
    small, large = conv_bn(channels, q, 1) + conv_bn(q, q, 3), conv_bn(channels, q, 1) + conv_bn(q, q, 5)
    return Side(conv_bn(channels, q, 1), small, large, [nn.MaxPool2d(3, 1, 1)] + conv_bn(channels, q, 1))

def dense_block(channels, growth, layers=2):
    around = [Side([nn.Identity()], conv_bn(channels + i * growth, growth)) for i in range(layers)]
    return nn.Sequential(*around)

def fire(channels, out):
    few = out // 8
    return nn.Sequential(*conv_bn(channels, few, 1), Side(conv_bn(few, out // 2, 1), conv_bn(few, out // 2, 3)))

# %%
blocks = {
    "one 5 x 5": lambda: nn.Sequential(*conv_bn(64, 64, 5)), "VGG: two 3 x 3": lambda: nn.Sequential(*conv_bn(64, 64), *conv_bn(64, 64)),
    "residual": lambda: Residual(64, 64), "Dense, + 2 x 32": lambda: dense_block(64, 32), "Inception": lambda: inception(64, 64),
    "Fire": lambda: fire(64, 64), "separable": lambda: nn.Sequential(separable(64, 64), nn.BatchNorm2d(64), nn.ReLU()),
}  # fmt: skip
images, rows = torch.randn(16, 64, 14, 14), []
for name, make in blocks.items():
    block, took = make().eval(), []
    with torch.no_grad():
        for _ in range(10):
            began = time.process_time()
            out = block(images)
            took.append(1000 * (time.process_time() - began))
    rows.append((name, count(block), min(took)))
    print(f"{name:<16} 64 -> {out.shape[1]:<4}{count(block):>8,} parameters  {min(took):6.2f} ms")
_, axes = plt.subplots(1, 2, figsize=(9.6, 3.2), sharey=True)
for axis, i, label in zip(axes, (1, 2), ("parameters (thousands)", "processor time for 16 images of 14 x 14 (ms)")):
    axis.barh([row[0] for row in rows], [row[i] / (1000 if i == 1 else 1) for row in rows], color=[plotting.BLUE, plotting.ORANGE][i - 1])
    axis.set(xlabel=label)
axes[0].invert_yaxis()
plotting.show("Bars for seven blocks: parameters fall from 102 thousand to 5 thousand or less; beside them the time of each")

# %% [markdown]
# On our processor Inception has an eighth of the parameters of the 5 by 5 and takes twice as long: pooling and many small
# steps move numbers through memory and multiply little. Count, **then measure on the hardware that you have**.
#
# ## Train and watch
# Printed digits, tested in typefaces that were never trained on. `SET = "fashion_mnist"` switches to the field's real set (31 MB
# once): clothes, harder, and nothing else changes.

# %%
SET = "glyphs"  # or "fashion_mnist"
whole = data.load(SET)
train, test = data.few(whole.train, 150), data.few(whole.test, 100)
pictures.show_set(whole)

def learn(make, seed=0, epochs=4, quiet=True):
    """Train a new network on 1,500 images; returns it and its accuracy on 1,000 others."""
    torch.manual_seed(seed)
    model = make()
    training.fit(model, train, epochs=epochs, batch_size=50, lr=0.01, optimizer="adamw", schedule="one_cycle", seed=seed, quiet=quiet)
    return model, training.evaluate(model, test).accuracy

# %%
def lenet():
    body = [nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*body, nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10))

def vgg(w=8):
    second = [*conv_bn(w, 2 * w), *conv_bn(2 * w, 2 * w), nn.MaxPool2d(2)]
    return nn.Sequential(*conv_bn(1, w), nn.MaxPool2d(2), *second, *conv_bn(2 * w, 4 * w), *conv_bn(4 * w, 4 * w), *global_head(4 * w))

def resnet(w=8):
    return nn.Sequential(*conv_bn(1, w), nn.MaxPool2d(2), Residual(w, 2 * w), Residual(2 * w, 4 * w, stride=2), *global_head(4 * w))

def separated(w=12):
    pairs = [(w, 2 * w), (2 * w, 2 * w), (2 * w, 4 * w), (4 * w, 4 * w)]
    body = [layer for pair in pairs for layer in (separable(*pair), nn.BatchNorm2d(pair[1]), nn.ReLU())]
    return nn.Sequential(*conv_bn(1, w), nn.MaxPool2d(2), *body[:6], nn.MaxPool2d(2), *body[6:], *global_head(4 * w))

# %%
SCORES, BASE = {}, learn(lambda: models.MLP(784, 64, 10))[1]
_, axis = plt.subplots()
for (name, make), marker in zip({"LeNet-5": lenet, "mini VGG": vgg, "mini ResNet": resnet, "separable": separated}.items(), "osDv"):
    net, first = learn(make, seed=0)
    SCORES[name], size = [first, learn(make, seed=1)[1]], count(net)
    axis.plot([size] * 2, SCORES[name], marker, linestyle="none", markersize=9, alpha=0.8, label=f"{name}, {size:,}")
    print(f"{name:<12}{size:>7,} parameters, accuracy {SCORES[name][0]:.3f} and {SCORES[name][1]:.3f} (two seeds)")
axis.axhline(BASE, color="black", linestyle="--", linewidth=1.2, label=f"MLP, {count(models.MLP(784, 64, 10)):,}")
axis.set(xscale="log", xlabel="parameters", ylabel="accuracy (share of test images)", xlim=(3000, 120_000), ylim=(min(BASE - 0.05, 0.65), 1))
plotting._plain_ticks(axis.xaxis, axis.get_xlim())
axis.legend(loc="center left", fontsize=9)
plotting.show("Accuracy over parameters, means: " + ", ".join(f"{name} {sum(two) / 2:.3f}" for name, two in SCORES.items()) + f", MLP {BASE:.3f}")

# %% [markdown]
# LeNet-5 keeps 59 thousand of its 62 thousand parameters in dense layers, which learn every place anew. The small filters share
# theirs. At six layers a way around is no help yet: it is for twenty and more. Two seeds say
# little. Over ten pairs, measured with `python benchmarks/seeds.py lab08_cnn`, the mean of a pair is 0.85 to 0.90 for LeNet-5, 0.96 to
# 0.97 for mini VGG, 0.92 to 0.95 for mini ResNet, 0.87 to 0.93 for the separable one: the order of the first three holds.
#
# ## 6. Your network (1 point)
# Now you design. **At most 60,000 parameters, and at least 0.93 on unseen typefaces** after the four epochs of `learn`. A
# network takes (B, 1, 28, 28) and gives scores (B, 10). There is no single answer. What people do:
#
# 1. *Start from one that works* on a like problem, and change one thing at a time.
# 2. Stem first: few channels at full size. Halve the size, double the channels, until the maps are 4 to 8 pixels wide.
# 3. Does the last layer's receptive field cover the object?
# 4. Number and size of kernels matter most; then depth; stride, padding and pooling follow from the sizes.
# 5. Problem, data and hardware set the budget. Spend it where the test says so.
#
# **Activity** (rooms of two or three, fifteen minutes): each draws a network on paper, with its count of parameters. Exchange
# them, bet which is better, then train both. Parameters and accuracy go on the board.

# %% solution="my_net"
def my_net():
    """Returns a new network of your design: images (B, 1, 28, 28) become scores (B, 10)."""
    ### BEGIN SOLUTION
    body = [*conv_bn(1, 12), nn.MaxPool2d(2), *conv_bn(12, 24), *conv_bn(24, 24), nn.MaxPool2d(2)]
    return nn.Sequential(*body, *conv_bn(24, 48), *conv_bn(48, 48), *global_head(48))
    ### END SOLUTION

# %%
net, REACHED = learn(my_net, seed=0)
verdict = "target reached" if REACHED >= 0.93 and count(net) <= 60_000 else "not there yet"
print(f"{count(net):,} parameters of 60,000, accuracy {REACHED:.3f} (target 0.93; LeNet-5 {max(SCORES['LeNet-5']):.3f}): {verdict}")

# %% test="check_my_net" points=1
_net = my_net()
checks.parameters(_net, 60_000, "A dense layer behind flatten is dear: pool globally, or take fewer channels.")
_digits = data.load("digits").train
_x, _y = F.interpolate(_digits.inputs[:40] / 255, size=(28, 28)), _digits.labels[:40]
checks.shape(_net(_x), (40, 10), "Forty images give forty rows of ten scores.")
assert bool((_net(_x) < 0).any()), "scores go in front of the loss: no ReLU, no softmax at the end"
_optimizer = torch.optim.Adam(_net.parameters(), lr=0.01)
for _ in range(40):
    F.cross_entropy(_net(_x), _y).backward()
    _optimizer.step()
    _optimizer.zero_grad()
_right = int((_net(_x).argmax(1) == _y).sum())
assert _right >= 30, f"after 40 steps on the same 40 digits a network knows them by heart; yours knows {_right}: does every layer learn?"
assert checks.passed("my_net")

# %% [markdown]
# <details><summary>Hint 1</summary><code>vgg(8)</code> above is almost there and has 18 thousand parameters. What does
# <code>count</code> say of a wider one?</details>
# <details><summary>Hint 2</summary>Parameters grow with the square of the width: half as wide again is more than twice as
# many.</details>
# <details><summary>The idea of the solution</summary><code>vgg(12)</code>, written out. Or mix: residual blocks where it
# is deep, separable ones where it is wide.</details>
#
# ## Look inside, and at the errors
# What the first convolution of your network and a later one make of one image, before the ReLU. First edges: one filter
# answers to strokes from below, another from the left. Further in, a map answers to a part, at its place. (Question 6 still open? Then it is a network from the comparison.)

# %%
image = training.as_float(test.inputs[(test.labels == 4).nonzero()[0, 0]])
convolving = [layer for layer in net.modules() if isinstance(layer, nn.Conv2d)]
pictures.show_features(net, convolving[0], image, count=10)
pictures.show_features(net, convolving[min(3, len(convolving) - 1)], image, count=20)

# %%
net.eval()
with torch.no_grad():
    scores = net(training.as_float(test.inputs))
pictures.show_errors(test.inputs, test.labels, scores, whole.classes, count=9)

# %% [markdown]
# ## 7. In words (1 point)
# A doorbell must tell a parcel, a person and a cat apart: 64 by 64 pixels, 200 kB of memory for the weights (4 bytes
# each), an old processor, 3,000 photographs. Which architecture do you start from, what do you change first, and how do
# you find out whether it is better? Four sentences or so.
#
# *Double-click the cell below, write over it, and run it.*

# %% [markdown] answer="why_design" points=1
# 200 kB are 50,000 weights, and the processor is slow: start from a small network of separable blocks (or a narrow mini VGG) with
# global pooling, one stage more than for 28 pixels so that the receptive field covers the parcel. With 3,000
# photographs rather start from pretrained weights or augment. Then change one thing at a time, width before depth.
# Compare on a validation set over several seeds, and measure the time on the doorbell, not the multiplications.

# %% [markdown]
# ## Break it
# A colleague's separable block trains well, every shape is right, and the phone runs out of memory. No curve will show it.
# *Count.*

# %%
def broken_separable(channels, out):
    depthwise = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
    pointwise = nn.Conv2d(channels, out, 1, bias=False)
    return nn.Sequential(depthwise, nn.BatchNorm2d(channels), nn.ReLU(), pointwise, nn.BatchNorm2d(out), nn.ReLU())

for channels, out in ((16, 32), (64, 128), (256, 256)):
    says, should = count(broken_separable(channels, out)), 9 * channels + channels * out + 2 * channels + 2 * out
    print(f"{channels:>3} -> {out:>3}: {says:>8,} parameters, awaited {should:>7,}: {says / should:.1f} times too many")

# %% [markdown]
# <details><summary>The bug</summary><code>groups=channels</code> is missing: a full 3 by 3 convolution with a 1 by 1 behind it.
# Every shape is right, and it learns, which is why nobody looked. Print the parameter count of every model that you
# build, next to the number that you worked out.</details>
#
# ## Going further (optional)
# - `SET = "fashion_mnist"`: which of the four wins now? Which nine are worst?
# - Put 10 `Residual(24, 24)` into your network, then 20 plain `conv_bn(24, 24)`. Which one still learns?
# - Replace the mean at the end by the maximum (`nn.AdaptiveMaxPool2d`). For which pictures should that help?
#
# To read: LeCun et al. 1998, sections I to III, "Gradient-based learning applied to document recognition"; He et al. 2016, arXiv
# 1512.03385; *Dive into Deep Learning*, chapter 8 (d2l.ai); for their history and the brain's part in it,
# Goodfellow, Bengio and Courville, *Deep Learning*, sections 9.10 and 9.11.

# %% [markdown]
# ## Receipt
# Run the cell, save, and hand in the file as `First_Last_lab08_cnn.ipynb`.
#
# What cost you most time, and what would you cut? One line of yours, in a new Markdown cell, is read and counts for nothing.

# %%
checks.receipt("output_size", "parameters", "receptive_field", "separable", "residual", "my_net")
