# %% [markdown]
# # Homework 3: a convolutional network, inside and out
# First the inside: a convolution and its gradients from shifted pictures and matrix products, without a single call of
# `conv2d`. Then the outside: a residual network of at most 8,000 weights that reads printed digits, 93 of 100 or more,
# trained by you within ten seconds.
#
# **You will be able to**
# - write a convolution forward and backward, and say which pixels a value has seen;
# - build a residual block, and explain why a hundred of them can be stacked;
# - train a network to a target within a budget of weights and of seconds.
#
# **Time**: about three hours of yours, twenty seconds of one processor core. No GPU.
#
# | Question | 1 Forward | 2 Backward | 3 Residual block | 4 To the target | 5 In words | All |
# |---|---|---|---|---|---|---|
# | Points | 2 | 3 | 2 | 3 | 2 | **12** |

# %% [markdown]
# ## The rules, short
# **Write** where a cell says `raise NotImplementedError(...)`, and in the answer cell of question 5. Ten lines are enough
# for each. Add cells wherever you like; leave the test cells as they are.
#
# **Use** in questions 1 and 2 arithmetic, slices, `F.pad`, `@` or `torch.einsum`: **not** `conv2d`, `unfold` or autograd,
# which the tests use to check you. In questions 3 and 4 use all that torch has.
#
# **Graded** are the tests that you see and others that you don't: other numbers, other sizes, the cases that break
# careless code. Each question is tested by itself, so a slip in question 1 costs nothing in question 4.
#
# **Hand in**: restart the kernel, run all cells, save, and upload the notebook as `First_Last_hw3_cnn.ipynb`.

# %%
import importlib.util, subprocess, sys
if importlib.util.find_spec("dlcourse") is None:  # on Colab or Kaggle: one install; nothing that is loaded is replaced
    subprocess.check_call([sys.executable, "-m", "pip", "install", "-q", "git+https://github.com/dlcourse/dlcourse"])
from dlcourse import checks, data, models, plotting, runtime
runtime.start("hw3_cnn")

# %%
NAME = ""  # your first and last name, such as "Ada Lovelace"
ASSIGNMENT = "hw3_cnn"

# %%
import time
import torch
import torch.nn.functional as F
from torch import nn

# %% [markdown]
# ## 1. Forward (2 points)
# In the lab you laid the kernel on every place in turn: two loops over thousands of places. Turn it round. A kernel has
# only a few *weights*, so loop over those. The weight in row $i$, column $j$ of the kernel meets, over the whole slide, one
# picture: the image without its first $i$ rows and $j$ columns, cut to the size of the output. Call it the window
# $x^{(ij)}$. Multiply it by the weight, add it to the result, done:
#
# $$y_{bf} = \beta_f + \sum_{i,j} \sum_c w_{fcij}\; x^{(ij)}_{bc}$$
#
# with $b$ the image of the batch, $c$ its channel, $f$ the filter, and $\beta_f$ the filter's bias. The image has a
# frame of `padding` zeros on each side first. The sum over $c$ is a matrix product: `torch.einsum("fc,bchw->bfhw", ...)`
# writes it as you read it.

# %% solution="conv_forward"
def conv_forward(x, weight, bias, padding=0):
    """x (B, C, H, W), weight (F, C, A, D), bias (F,); returns (B, F, H + 2 padding - A + 1, W + 2 padding - D + 1)."""
    ### BEGIN SOLUTION
    x = F.pad(x, [padding] * 4)
    rows, columns = weight.shape[2:]
    high, wide = x.shape[2] - rows + 1, x.shape[3] - columns + 1
    y = bias[:, None, None].expand(len(x), -1, high, wide)
    for i in range(rows):
        for j in range(columns):
            y = y + torch.einsum("fc,bchw->bfhw", weight[:, :, i, j], x[:, :, i : i + high, j : j + wide])
    return y
    ### END SOLUTION

# %% [markdown]
# Try it. A network is a chain of these. Nine products in place of 676 windows: how much slower than torch is it?

# %%
glyphs = data.load("glyphs", difficulty=0.4, fonts="seen", train=4000, test=1000)
train_x, train_y = glyphs.train.inputs / 255, glyphs.train.labels  # (4000, 1, 28, 28), 0 black to 1 white
test_x, test_y = glyphs.test.inputs / 255, glyphs.test.labels
print(glyphs)
weight, bias = torch.randn(8, 1, 3, 3, generator=torch.Generator().manual_seed(0)) / 3, torch.zeros(8)
for name, function in (("yours", conv_forward), ("torch", F.conv2d)):
    began = time.perf_counter()
    y = function(train_x[:256], weight, bias)
    print(f"{name}: {tuple(y.shape)} in {1000 * (time.perf_counter() - began):5.1f} ms")

# %% test="conv_forward_test" points=2
found = conv_forward(torch.ones(1, 2, 3, 3), torch.ones(1, 2, 2, 2), torch.tensor([-1.0]))
assert checks.close(found, torch.full((1, 1, 2, 2), 7.0), "2 channels of 2 x 2 ones are 8, and the bias takes 1, once")
x = torch.tensor([[[[1.0, 2, 3], [4, 5, 6], [7, 8, 9]]]])
found = conv_forward(x, torch.tensor([[[[0.0, 0, 1], [0, 0, 0], [0, 0, 0]]]]), torch.zeros(1), 1)
hint = "only the weight in row 0, column 2 is 1: each place sees its neighbour above and to the right, or a zero of the frame"
assert checks.close(found, torch.tensor([[[[0.0, 0, 0], [2, 3, 0], [5, 6, 0]]]]), hint)
### BEGIN HIDDEN TESTS
_draw = torch.Generator().manual_seed(1)
for _b, _c, _f, _size, _kernel, _padding in ((3, 2, 4, (6, 7), (3, 3), 0), (2, 3, 3, (5, 8), (2, 3), 1), (1, 1, 2, (4, 4), (4, 4), 2), (4, 4, 1, (3, 5), (1, 1), 0)):
    _x, _weight = torch.randn(_b, _c, *_size, generator=_draw), torch.randn(_f, _c, *_kernel, generator=_draw)
    _bias = torch.randn(_f, generator=_draw)
    _given = [_x.clone(), _weight.clone(), _bias.clone()]
    _wanted = F.conv2d(_x, _weight, _bias, padding=_padding)
    _hint = f"{_b} images of {_c} channels, {_f} filters of {_kernel}, padding {_padding}, beside torch"
    checks.close(conv_forward(*_given, _padding), _wanted, _hint, 1e-5, 1e-5)
    assert all(torch.equal(a, b) for a, b in zip(_given, (_x, _weight, _bias))), "it changes a tensor that it is given"
### END HIDDEN TESTS

# %% [markdown]
# ## 2. Backward (3 points)
# Now walk back. You get $g$, the gradient of the loss in every value of $y$, and want those in weights, bias and
# image. Read each off the formula above by asking: *where was it used, and with what was it multiplied?*
#
# - A **bias** $\beta_f$ went into every place of map $f$, of every image, multiplied by 1.
# - A **weight** $w_{fcij}$ met the whole window $x^{(ij)}_{bc}$ on its way into map $f$: multiply window and gradient,
#   value by value, and add up over places and images.
# - A **pixel** lies in several windows, once for each weight. So start with zeros of the *framed* image's size; for each
#   weight add $\sum_f w_{fcij}\,g_{bf}$ to the part where its window lay. In the end, cut off the frame.
#
# $$\frac{\partial L}{\partial \beta_f} = \sum_{b,h,w} g_{bfhw} \qquad
# \frac{\partial L}{\partial w_{fcij}} = \sum_{b,h,w} g_{bfhw}\, x^{(ij)}_{bchw} \qquad
# \frac{\partial L}{\partial x^{(ij)}_{bc}} \mathrel{+}= \sum_f w_{fcij}\, g_{bf}$$

# %% solution="conv_backward"
def conv_backward(g, x, weight, padding=0):
    """g like the output of conv_forward, x (B, C, H, W), weight (F, C, A, D); returns gradients of x, weight, bias."""
    ### BEGIN SOLUTION
    x = F.pad(x, [padding] * 4)
    high, wide = g.shape[2:]
    of_x, of_weight = torch.zeros_like(x), torch.zeros_like(weight)
    for i in range(weight.shape[2]):
        for j in range(weight.shape[3]):
            window = x[:, :, i : i + high, j : j + wide]
            of_weight[:, :, i, j] = torch.einsum("bfhw,bchw->fc", g, window)
            of_x[:, :, i : i + high, j : j + wide] += torch.einsum("bfhw,fc->bchw", g, weight[:, :, i, j])
    inner = of_x[:, :, padding : x.shape[2] - padding, padding : x.shape[3] - padding]
    return inner, of_weight, g.sum((0, 2, 3))
    ### END SOLUTION

# %% [markdown]
# Try it: **which pixels has one value seen?** Put the gradient 1 on one value and walk back through one, two, three and
# four layers of 3 x 3 kernels. The pixels with a gradient are its *receptive field*. How wide is it after four layers?

# %%
spot, kernel, fields = torch.zeros(1, 1, 15, 15), torch.full((1, 1, 3, 3), 1 / 9), []
spot[0, 0, 7, 7] = 1.0
for _ in range(4):
    spot = conv_backward(spot, torch.zeros(1, 1, 15, 15), kernel, padding=1)[0]
    fields.append(spot[0, 0] / spot.max())
widths = [int((field[7] > 0).sum()) for field in fields]
titles = [f"{i} back: {width} wide" for i, width in enumerate(widths, 1)]
plotting.show_images(fields, titles, columns=4)

# %% test="conv_backward_visible" points=1
x = torch.tensor([[[[1.0, 2, 3], [4, 5, 6]]]])
found = conv_backward(torch.tensor([[[[1.0, 10]]]]), x, torch.tensor([[[[1.0, 0], [0, 2]]]]))
assert len(found) == 3, f"three gradients should come, of x, weight and bias; yours are {len(found)}"
assert checks.close(found[2], torch.tensor([11.0]), "bias: 1 and 10, the sum over the two places")
hint = "weight: the first meets the pixels 1 and 2, so 1 * 1 + 10 * 2 is 21, the next 2 and 3"
assert checks.close(found[1], torch.tensor([[[[21.0, 32], [54, 65]]]]), hint)
hint = "x: the weight 1 gives 1 and 10 back to the pixels that it met, the weight 2 twice as much, one down and one to the right"
assert checks.close(found[0], torch.tensor([[[[1.0, 10, 0], [0, 2, 20]]]]), hint)

# %% test="conv_backward_weights" points=1
# Tested when your work is graded: the gradients of weights and bias, several sizes, beside autograd.
### BEGIN HIDDEN TESTS
_draw = torch.Generator().manual_seed(2)
for _b, _c, _f, _size, _kernel, _padding in ((3, 2, 4, (6, 7), (3, 3), 0), (2, 3, 3, (5, 8), (2, 3), 1), (1, 2, 2, (4, 4), (3, 3), 2)):
    _x = torch.randn(_b, _c, *_size, generator=_draw, dtype=torch.float64)
    _weight = torch.randn(_f, _c, *_kernel, generator=_draw, dtype=torch.float64).requires_grad_()
    _bias = torch.zeros(_f, dtype=torch.float64).requires_grad_()
    _y = F.conv2d(_x, _weight, _bias, padding=_padding)
    _g = torch.randn(_y.shape, generator=_draw, dtype=torch.float64)
    _wanted = torch.autograd.grad(_y, (_weight, _bias), _g)
    _found = conv_backward(_g.clone(), _x.clone(), _weight.detach().clone(), _padding)
    _hint = f"{_b} images of {_c} channels, {_f} filters of {_kernel}, padding {_padding}, beside autograd"
    checks.close(_found[1], _wanted[0], f"the gradient of the weights: {_hint}")
    assert checks.close(_found[2], _wanted[1], f"the gradient of the bias: {_hint}")
### END HIDDEN TESTS

# %% test="conv_backward_image" points=1
# Tested when your work is graded: the gradient of the image, several sizes, beside autograd.
### BEGIN HIDDEN TESTS
_draw = torch.Generator().manual_seed(3)
for _b, _c, _f, _size, _kernel, _padding in ((3, 2, 4, (6, 7), (3, 3), 0), (2, 3, 3, (5, 8), (2, 3), 1), (1, 2, 2, (4, 4), (3, 3), 2)):
    _x = torch.randn(_b, _c, *_size, generator=_draw, dtype=torch.float64).requires_grad_()
    _weight = torch.randn(_f, _c, *_kernel, generator=_draw, dtype=torch.float64)
    _y = F.conv2d(_x, _weight, padding=_padding)
    _g = torch.randn(_y.shape, generator=_draw, dtype=torch.float64)
    _given = [_g.clone(), _x.detach().clone(), _weight.clone()]
    _found = conv_backward(*_given, _padding)
    _hint = f"{_b} images of {_c} channels, {_f} filters of {_kernel}, padding {_padding}, beside autograd"
    checks.close(_found[0], torch.autograd.grad(_y, _x, _g)[0], f"the gradient of the image: {_hint}")
    _same = all(torch.equal(a, b) for a, b in zip(_given, (_g, _x.detach(), _weight)))
    assert _same, "it changes a tensor that it is given"
### END HIDDEN TESTS

# %% [markdown]
# ## 3. A residual block (2 points)
# He et al. (2016) could train 152 layers because of one plus sign. The block computes what is to be *added* to its input:
#
# $$y = \text{ReLU}\big(f(x) + \text{around}(x)\big) \qquad
# f = \text{norm}_2 \circ \text{second} \circ \text{ReLU} \circ \text{norm}_1 \circ \text{first}$$
#
# Read $f$ from right to left. The architecture is given; you write two pieces of it.
#
# - `around`: where input and output have the same shape, the input itself (`nn.Identity()`). Where the channels change or
#   the stride is not 1, a 1 x 1 convolution with that stride and without bias, then batch norm.
# - `forward`: the formula.

# %% solution="residual_block"
class ResidualBlock(nn.Module):
    """images (B, C, H, W); returns (B, out, H / stride, W / stride), rounded up."""

    def __init__(self, channels, out, stride=1):
        super().__init__()
        self.first = nn.Conv2d(channels, out, 3, stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(out)
        self.second = nn.Conv2d(out, out, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(out)
        nn.init.zeros_(self.norm2.weight)  # f is 0 at first: the block begins as its way around
        ### BEGIN SOLUTION
        self.around = nn.Identity()
        if stride != 1 or channels != out:
            self.around = nn.Sequential(nn.Conv2d(channels, out, 1, stride, bias=False), nn.BatchNorm2d(out))
        ### END SOLUTION

    def forward(self, images):
        ### BEGIN SOLUTION
        x = F.relu(self.norm1(self.first(images)))
        x = self.norm2(self.second(x))
        return F.relu(x + self.around(images))
        ### END SOLUTION

# %% [markdown]
# Try it. Thirty blocks in a row, untrained. Send a gradient in at the end and measure how long it has become when it
# reaches each block, with the way around and without. Which stack could you train?

# %%
def gradient_norms(with_way_around):
    torch.manual_seed(0)
    blocks, length = [ResidualBlock(8, 8) for _ in range(30)], []
    x = torch.randn(16, 8, 14, 14).requires_grad_()
    steps = [x]
    for block in blocks:
        nn.init.ones_(block.norm2.weight)  # a block that does something
        inside = block.norm2(block.second(F.relu(block.norm1(block.first(steps[-1])))))
        steps.append(block(steps[-1]) if with_way_around else F.relu(inside))
    for gradient in torch.autograd.grad((steps[-1] * torch.randn(steps[-1].shape)).sum(), steps):
        length.append(float(gradient.norm()))
    return [value / length[-1] for value in length]

curves = {"with the way around": gradient_norms(True), "without": gradient_norms(False)}
plotting.show_curves(curves, xlabel="block, counted from the image", ylabel="gradient, in units of that at the end", log=True)

# %% test="block_visible" points=1
torch.manual_seed(1)
for channels, out, stride, count in ((8, 8, 1, 1184), (8, 16, 2, 3680), (4, 6, 1, 600)):
    block, x = ResidualBlock(channels, out, stride), torch.randn(2, channels, 7, 10)
    what = f"ResidualBlock({channels}, {out}, {stride})"
    awaited = (2, out, -(-7 // stride), -(-10 // stride))
    checks.shape(block(x), awaited, f"{what} on images of 7 x 10")
    total = sum(p.numel() for p in block.parameters())
    assert total == count, f"{what} should have {count:,} parameters; yours has {total:,}: what is in `around`?"
block, x = ResidualBlock(3, 3), torch.randn(2, 3, 5, 5)
hint = "norm2's weights start at 0, so f is 0 and the block gives ReLU of its input"
assert checks.close(block(x), x.clamp(min=0), hint, 1e-4, 1e-5)

# %% test="block_hidden" points=1
# Tested when your work is graded: random weights in training and in use, with and without stride; the gradient's way around.
### BEGIN HIDDEN TESTS
_draw = torch.Generator().manual_seed(4)
for _channels, _out, _stride in ((5, 5, 1), (4, 6, 1), (3, 3, 2), (4, 8, 2)):
    _block = ResidualBlock(_channels, _out, _stride)
    for _p in _block.parameters():
        _p.data.copy_(torch.randn(_p.shape, generator=_draw) / max(1, _p[0].numel()) ** 0.5)
    for _mode in (True, False):
        _block.train(_mode)
        _x = torch.randn(6, _channels, 8, 6, generator=_draw)
        _found = _block(_x).detach()
        _around = _block.around(_x).detach()
        _f = _block.norm2(_block.second(F.relu(_block.norm1(_block.first(_x))))).detach()
        _hint = f"ResidualBlock({_channels}, {_out}, {_stride}), {'training' if _mode else 'in use'}: norm, ReLU, plus, ReLU in order?"
        checks.close(_found, F.relu(_f + _around), _hint, 1e-3, 1e-4)
        if _channels == _out and _stride == 1:
            checks.close(_around, _x, "where the shape stays, the way around is the input itself")
        else:
            assert float(_around.min()) < 0, "the way around where the shape changes: convolution, norm, no ReLU"
_block, _x = ResidualBlock(2, 2), torch.randn(3, 2, 4, 4, generator=_draw).requires_grad_()
(_block(_x) * 3).sum().backward()
_hint = "f is 0 at first: the gradient comes back along the way around as it is"
assert checks.close(_x.grad, 3.0 * (_x.detach() > 0), _hint, 1e-3, 1e-4)
### END HIDDEN TESTS

# %% [markdown]
# ## 4. To the target (3 points)
# The architecture is given once more: a stem that halves the image, a block that halves it again, one that keeps it, the
# mean of each map, and a fully connected layer that turns the means into scores. (The blocks are the package's, equal to
# yours, so that question 3 costs you nothing here. `Net(block=ResidualBlock)` takes yours.)

# %%
class Net(nn.Module):
    """images (B, 1, 28, 28), 0 to 1; returns scores (B, 10)."""

    def __init__(self, widths=(8, 12, 16), block=models.ResidualBlock):
        super().__init__()
        stem, middle, last = widths
        self.stem = nn.Sequential(nn.Conv2d(1, stem, 3, padding=1, bias=False), nn.MaxPool2d(2), nn.BatchNorm2d(stem), nn.ReLU())
        self.blocks = nn.Sequential(block(stem, middle, 2), block(middle, last, 1))
        self.scores = nn.Linear(last, 10)

    def forward(self, images):
        return self.scores(self.blocks(self.stem(images)).mean((2, 3)))

print(f"{sum(p.numel() for p in Net().parameters()):,} parameters; an MLP of 8,000 could have 10 hidden units")
plotting.show_images(train_x[:18], [glyphs.classes[y] for y in train_y[:18]], columns=9)

# %% [markdown]
# Write `train`: make a network, train it on the images and labels that you are handed, and return it. Batch size, optimiser,
# rate, schedule and number of epochs are yours; so are the widths. The budget, on 1,500 images:
#
# - at most **8,000 parameters**,
# - at most **10 seconds** of one processor core (aim at 3),
# - at least **93 %** of new digits right.
#
# The test trains your network anew, with another seed, on images that it draws: nothing but the two arguments will help
# you. Then it trains once more, on labels that are all wrong. Who still gets the digits right has looked them up.

# %% solution="train"
def train(images, labels):
    """images (N, 1, 28, 28), float, 0 to 1; labels (N,), int64; returns the trained network."""
    ### BEGIN SOLUTION
    net, batch_size, epochs = Net(), 32, 5
    optimizer = torch.optim.Adam(net.parameters(), lr=0.02)
    steps = epochs * -(-len(images) // batch_size)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.02, total_steps=steps + 1)
    for _ in range(epochs):
        for batch in torch.randperm(len(images)).split(batch_size):
            loss = F.cross_entropy(net(images[batch]), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return net.eval()
    ### END SOLUTION

# %% [markdown]
# Try it. Below the result stand **the nine worst**: the test digits to whose true class your network gives the least
# probability. Be fair, and read them yourself first.

# %%
torch.manual_seed(0)
began = time.process_time()
net = train(train_x[:1500], train_y[:1500])
seconds = time.process_time() - began
with torch.no_grad():
    scores = net.eval()(test_x)
share = float((scores.argmax(1) == test_y).float().mean())
print(f"{sum(p.numel() for p in net.parameters()):,} parameters, {seconds:.1f} seconds, {share:.1%} of 1,000 new digits right")
truth = scores.softmax(1)[torch.arange(len(test_y)), test_y]
worst = truth.argsort()[:9]
titles = [f"{int(test_y[i])}, says {int(scores[i].argmax())}" for i in worst]
plotting.show_images(test_x[worst], titles, columns=9)

# %% test="train_visible" points=1
torch.manual_seed(2)
images, labels = torch.rand(40, 1, 28, 28), torch.arange(40) % 10
kept = images.clone(), labels.clone()
with checks.seconds(10, "40 images should be a matter of a moment"):
    found = train(images, labels)
checks.parameters(found, 8000, "Smaller widths?")
checks.shape(found.eval()(images[:7]), (7, 10), "7 images: ten scores for each")
assert torch.equal(images, kept[0]) and torch.equal(labels, kept[1]), "your function changes what it is given"

# %% test="train_hidden" points=2
# Tested when your work is graded: 1,500 of the training images, drawn anew, another seed; 93 % of the test images; then wrong labels.
### BEGIN HIDDEN TESTS
_few = data.few(data.Split(train_x, train_y, "train"), 150, seed=7)
with checks.seconds(20, "two trainings on 1,500 images: fewer epochs, larger batches, a smaller network?"):
    checks.trained(train, _few, data.Split(test_x, test_y, "test"), 0.93, seed=7)
assert checks.parameters(train(train_x[:40], train_y[:40]), 8000, "Smaller widths?")
### END HIDDEN TESTS

# %% [markdown]
# ## 5. In words (2 points)
# Look again at the two curves of question 3. **Explain in at most 80 words** why the gradient comes through thirty blocks so
# differently with the way around and without. Argue with the derivative of $f(x) + x$ (leave ReLU and $\text{norm}$ out of
# it), and say what happens when you multiply thirty of them.
#
# *Double-click the cell below, write over it, and run it.*

# %% [markdown] answer="why_around" points=2
# The derivative of one block is f'(x) without the way around, f'(x) + 1 with it. Going back, thirty of them are multiplied.
# Without, the product of thirty factors above (or below) 1 in size grows (or shrinks) exponentially, mixed by thirty random
# matrices. With it, multiply out: one term is the product of thirty ones, the gradient as it was; the others are added to it.
#
# **Rubric**
# - *2 points*: derivative f' + 1 against f', and the product of thirty: exponential without, a term of 1 that passes all with.
# - *1 point*: the "1" or "shortcut" is named, but not what thirty factors do; or the product is named without the 1.
# - *0 points*: no derivative in the argument, such as "the block remembers the image".

# %% [markdown]
# ## Before you hand in
# Restart the kernel and run all cells: what only works because of a line that you have deleted fails now, and not when
# it is graded. Is your name in the second code cell? Then save, name the file `First_Last_hw3_cnn.ipynb`, upload it.
#
# ## Going further (no points)
# - **Stride.** Add it to `conv_forward` and `conv_backward`. Which slices change?
# - **Fewer.** How few parameters reach 93 %? Try narrower widths, then blocks with `separable=True`.
# - **Without the plus.** Take the way around out of `Net`, stack eight blocks, and compare the curves over five seeds.
# - **Read**: He et al. 2016, *Deep residual learning for image recognition* (arXiv 1512.03385), sections 1 to 3.
