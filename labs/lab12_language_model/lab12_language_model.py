# %% [markdown]
# # A character language model
#
# What comes next? A machine that answers this for every letter can write, compress, correct and search. First you count
# pairs of letters, as Markov did by hand in 1913. Then an LSTM reads Python's manual for ten seconds and writes manuals of its
# own. You set its temperature, search its likeliest sentence, and look into its memory: one unit counts the letters of each
# word, another lights up between quotation marks.
#
# When you are done, you can
# 1. build a language model by counting and by training, and compare any two in bits per character;
# 2. write text with it, bold or wild, and search for the likeliest text with a beam;
# 3. find out what single units of a recurrent network have learned to remember.
#
# About 75 minutes for you, 30 seconds for the processor, no GPU. 7 points: six exercises and one question in words. What an
# LSTM is you know from lab 11.

# %%
import importlib.util, subprocess, sys
if importlib.util.find_spec("dlcourse") is None:  # on Colab or Kaggle: one install; nothing that is loaded is replaced
    subprocess.check_call([sys.executable, "-m", "pip", "install", "-q", "git+https://github.com/dlcourse/dlcourse"])
from dlcourse import checks, data, models, plotting, runtime, text
runtime.start("lab12_language_model")

# %%
NAME = ""  # your first and last name, such as "Ada Lovelace"
ASSIGNMENT = "lab12_language_model"

# %%
import bz2
import math
import random
import zlib
from collections import Counter, defaultdict
import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F

# %% [markdown]
# ## See it first
# In 1948 Claude Shannon wrote text by opening a book at random: find a place where the last few letters stand, copy what
# comes next, and again. Five lines do it with the Python manual (in the field: `data.load("shakespeare")`):

# %%
docs = data.load("docs")
manual, unseen = "\n".join(docs.train.inputs), "\n".join(docs.test.inputs)
print(docs, f"{len(manual):,} letters to learn from, {len(unseen):,} to test on", sep="\n")

def shannon(order, start="The ", length=150):
    follows, written = defaultdict(list), start
    for i in range(order, len(manual)):
        follows[manual[i - order : i]].append(manual[i])
    for _ in range(length):
        written += random.choice(follows[written[len(written) - order :]])
    return written.replace("\n", " ")

random.seed(1)
for order in (0, 1, 2, 4):
    print(f"\n{order} letters known: {shannon(order)}")

# %% [markdown]
# From noise to near-English by counting alone. Why not 20 letters, then? Because a machine that looks up the last 20 can
# only *recite*. Watch what more letters do for text that it has never seen. The measure, **bits per character**, you will build
# in exercise 2; at 8 bits a letter nothing is known, at 0 everything.

# %%
TABLES = []  # for each order: how often a past came, how often with this next letter, with how many different ones
for n in range(7):
    pairs = Counter(manual[i - n : i + 1] for i in range(n, len(manual)))
    pasts, kinds = Counter(), Counter()
    for pair, count in pairs.items():
        pasts[pair[:-1]] += count
        kinds[pair[:-1]] += 1
    TABLES.append((pasts, pairs, kinds))

def ngram_bits(order, of):
    """A chain of that order, mixed with all shorter ones (Witten and Bell 1991): no letter is impossible."""
    total = 0.0
    for i in range(100, 12_000):
        chance = 1 / 128
        for n, (pasts, pairs, kinds) in enumerate(TABLES[: order + 1]):
            past = of[i - n : i]
            if pasts[past]:
                chance = (pairs[past + of[i]] + kinds[past] * chance) / (pasts[past] + kinds[past])
        total -= math.log2(chance)
    return total / 11_900

# %%
orders = range(7)
known, new = [ngram_bits(n, manual) for n in orders], [ngram_bits(n, unseen) for n in orders]
_, axis = plt.subplots()
axis.plot(orders, known, "o-", label="text it was counted from")
axis.plot(orders, new, "s--", label="new text")
axis.set(xlabel="letters that the chain looks back", ylabel="bits per character", ylim=(0, 5.5))
axis.legend()
plotting.show("Two curves fall together until three letters; then known text goes towards 0.5 bits and new text stays above 2")
print(f"on new text the best chain looks back {min(orders, key=lambda n: new[n])} letters: {min(new):.2f} bits")

# %% [markdown]
# Over-fitting again, with counts in place of weights. An LSTM has no table; it must *summarise* the past.
#
# **Predict.** An LSTM will read the manual for some ten seconds. How many bits per character will it need on new text?
# (Letter frequencies alone need 4.7, the best chain above 2.5.)

# %%
guess = None
checks.predict("lstm", guess, "The LSTM on new text: bits per character?")

# %% [markdown]
# ## The chain rule
# A **language model** gives every text $x_1 \dots x_T$ a probability. Any text's probability is a product of next-letter
# probabilities:
#
# $$p(x_1 \dots x_T) = \prod_t p(x_t \mid x_1 \dots x_{t-1})$$
#
# So a machine that answers "what comes next?" is all one needs. Letters become numbers first:

# %%
letters = text.Vocabulary.of(docs.train, least=20)  # what is rarer becomes one token, "unknown"
stream, new_stream = (torch.tensor(letters.encode(part)) for part in (manual, unseen))
K, scores = len(letters), {}
common = stream.bincount(minlength=K) / len(stream)  # how often each comes
print(letters, "- the text begins:", stream[:12].tolist(), "=", repr(letters.decode(stream[:12])))

# %% [markdown]
# ## 1. A Markov chain (1 point)
# The **Markov assumption**: only the last letter matters. Then a table is the whole model: row $a$, column $b$, how likely
# is $b$ after $a$? Count the pairs $n_{ab}$. A pair never seen must not be impossible, or one new pair makes a whole text
# impossible: add a little $\alpha$ to every count (*smoothing*).
#
# $$p(b \mid a) = \frac{n_{ab} + \alpha}{\sum_{b'} (n_{ab'} + \alpha)}$$

# %% solution="bigram"
def bigram(tokens, size, alpha=0.1):
    """tokens (N,), int64, below size; returns the table (size, size): each row adds up to 1."""
    ### BEGIN SOLUTION
    pairs = tokens[:-1] * size + tokens[1:]
    counts = pairs.bincount(minlength=size * size).view(size, size) + alpha
    return counts / counts.sum(1, keepdim=True)
    ### END SOLUTION

# %%
table = bigram(stream, K)
often = [letters.encode(c)[0] for c in " etaoinsrhldcufmpgy.,()\":_q\n"]
names = [letters.decode([n]).replace(" ", "␣").replace("\n", "⏎") for n in often]
figure, axis = plt.subplots(figsize=(7.2, 6.2))
shown = axis.imshow(table[often][:, often] ** 0.5, cmap="viridis")
axis.set(xticks=range(len(often)), xticklabels=names, yticks=range(len(often)), yticklabels=names, xlabel="next letter", ylabel="letter before")
axis.grid(False)
figure.colorbar(shown, ax=axis, label="root of the probability")
plotting.show("A table of letters by letters; bright: u after q, blank after comma, h after t, line break after line break")

# %% test="check_bigram" points=1
_hint = "0 1 0 1 1: after 0 comes 1 twice; after 1 come 0 and 1, once each. With alpha 1: row 0 is 1/4, 3/4."
checks.close(bigram(torch.tensor([0, 1, 0, 1, 1]), 2, 1.0), torch.tensor([[0.25, 0.75], [0.5, 0.5]]), _hint)
_hint = "A letter that never comes, with alpha 0.5: its row is uniform, 1 over the size. Rows are the letter *before*."
checks.close(bigram(torch.tensor([0, 2, 2, 0, 2]), 4, 0.5)[[1, 3]], torch.full((2, 4), 0.25), _hint)
_tokens = torch.randint(5, (400,), generator=torch.Generator().manual_seed(1))
_counts = torch.zeros(5, 5)
for _a, _b in zip(_tokens[:-1].tolist(), _tokens[1:].tolist()):
    _counts[_a, _b] += 1
checks.close(bigram(_tokens, 5, 0.1), (_counts + 0.1) / (_counts + 0.1).sum(1, keepdim=True), "400 random tokens of 5 kinds, alpha 0.1.", 1e-5, 1e-5)
checks.close(bigram(_tokens, 5).sum(1), torch.ones(5), "Each row adds up to 1.")
assert checks.passed("bigram")

# %% [markdown]
# <details><summary>Hint 1</summary>A loop over <code>zip(tokens[:-1].tolist(), tokens[1:].tolist())</code> that adds 1 to
# <code>counts[a, b]</code> is fine (a few seconds for the manual).</details>
# <details><summary>Hint 2</summary>Faster: one number for each pair, <code>before * size + after</code>, then
# <code>.bincount(minlength=size * size).view(size, size)</code>.</details>
# <details><summary>The idea of the solution</summary>Counts plus alpha, divided by <code>.sum(1, keepdim=True)</code>.</details>
#
# A chain forgets. Multiply by the table again and again, and the letter you came from no longer matters: what is left
# is the chain's **stationary distribution**, how often each letter comes in any long text.

# %%
def spread(letter, steps):
    """Where the chain is that many letters after this one: probabilities (K,)."""
    return F.one_hot(torch.tensor(letters.encode(letter)[0]), K).float() @ torch.linalg.matrix_power(bigram(stream, K), steps)

_, axes = plt.subplots(1, 4, figsize=(9.6, 2.9), sharey=True)
for axis, steps in zip(axes, (1, 2, 4, 16)):
    for letter, shift, colour in (("q", -0.2, plotting.ORANGE), ("(", 0.2, plotting.BLUE)):
        axis.bar(torch.arange(14) + shift, spread(letter, steps)[often[:14]], 0.4, color=colour, label=f"from {letter}")
    axis.plot(range(14), common[often[:14]], "k_", markersize=11, label="in the text")
    axis.set(title=f"{steps} letter{'s' * (steps > 1)} on", xticks=range(14), xticklabels=names[:14], ylim=(0, 0.35))
axes[0].set(ylabel="probability")
axes[-1].legend(fontsize=9)
plotting.show("After 1 letter q and ( lead to different letters; after 16 both bars stand at the letter frequencies of the text")

# %% [markdown]
# ## 2. Bits and perplexity (1 point)
# How good is a model? Ask it for the probability of each letter that really came. The mean of $-\log_2 p$ is its **bits
# per character**: what a perfect compressor with this model would need. The **perplexity**, 2 to that power, reads: as
# unsure as if it had to choose among so many letters. PyTorch's losses are in *nats*; one nat is $1/\ln 2 = 1.44$ bits.

# %% solution="bits"
def bits(log_probs, targets):
    """log_probs (N, K), natural logarithms; targets (N,), int64; returns bits per character and perplexity, two numbers."""
    ### BEGIN SOLUTION
    nats = -log_probs[torch.arange(len(targets)), targets].mean()
    return nats / math.log(2), nats.exp()
    ### END SOLUTION

# %%
def n_bits(size):
    return 8 * size / len(unseen)

table = bigram(stream, K)
scores |= {
    f"uniform, {K} tokens": math.log2(K),
    "letter frequencies": bits(((common + 1e-6) / (common + 1e-6).sum()).log().expand(len(new_stream) - 1, K), new_stream[1:])[0].item(),
    "bigram, yours": bits(table.log()[new_stream[:-1]], new_stream[1:])[0].item(),
    "zlib": n_bits(len(zlib.compress((manual[-30_000:] + unseen).encode(), 9)) - len(zlib.compress(manual[-30_000:].encode(), 9))),
    "bz2": n_bits(len(bz2.compress((manual + unseen).encode())) - len(bz2.compress(manual.encode()))),
    f"chain of {min(orders, key=lambda n: new[n])} letters": min(new),
}
for name, score in scores.items():
    print(f"{name:<22}{score:5.2f} bits per character, perplexity {2**score:5.1f}")

# %% test="check_bits" points=1
_found = bits(torch.tensor([[0.5, 0.25, 0.25], [0.5, 0.25, 0.25]]).log(), torch.tensor([0, 1]))
_hint = "Probabilities 1/2 and 1/4 are 1 bit and 2 bits: 1.5 a letter. (1.04: nats. -1.5: the sign. 1.415: the log of the mean.)"
checks.close(_found[0], 1.5, _hint)
checks.close(_found[1], 2**1.5, "Perplexity is 2 to the power of 1.5: 2.83. (3: the mean of 2 and 4. 4.48: e to the bits.)")
_logs = torch.randn(50, 6, generator=torch.Generator().manual_seed(2)).log_softmax(1)
_targets = torch.randint(6, (50,), generator=torch.Generator().manual_seed(3))
_nats = F.nll_loss(_logs, _targets).item()
checks.close(bits(_logs, _targets)[0], _nats / math.log(2), "50 letters: the log-probability of each row's own target, then the mean.")
checks.close(bits(_logs, _targets)[1], math.exp(_nats), "50 letters, perplexity.", 1e-4)
assert checks.passed("bits")

# %% [markdown]
# <details><summary>Hint 1</summary><code>log_probs[torch.arange(len(targets)), targets]</code> picks one number of each
# row.</details>
# <details><summary>Hint 2</summary>Nats to bits: divide by <code>math.log(2)</code>. The mean comes first, the power
# last.</details>
# <details><summary>The idea of the solution</summary>nats = minus the mean of what was picked; return
# <code>nats / math.log(2)</code> and <code>nats.exp()</code>.</details>
#
# ## Train and watch
# Now the LSTM: 128 numbers of memory, 500 steps, each of 32 pieces of text of 64 letters. After every letter it guesses the
# next, so one piece is 64 questions. The dashed line is a bigram on new text (the package's, smoothed a
# little differently from yours).

# %%
device, losses, STEPS = runtime.device(), [], 500
torch.manual_seed(0)
lstm = models.RecurrentLM(K, 128).to(device)
optimizer = torch.optim.Adam(lstm.parameters(), lr=0.01)
rates = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.01, total_steps=STEPS + 1, pct_start=0.1)

def train(steps):
    for _ in range(steps):
        start = torch.randint(len(stream) - 64, (32, 1))
        piece = stream[start + torch.arange(65)].to(device)
        loss = F.cross_entropy(lstm(piece[:, :-1]).flatten(0, 1), piece[:, 1:].flatten())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(lstm.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        rates.step()
        losses.append(loss.item() / math.log(2))
        if len(losses) % 50 == 0:
            print(f"step {len(losses):>3}: {sum(losses[-20:]) / 20:.2f} bits per character on the manual", flush=True)

train(STEPS // 2)

# %%
train(STEPS // 2)

# %%
def read(tokens):
    """Log-probabilities (N, K) of the letter after each of the tokens (N,), N a multiple of 16: read as 16 long rows."""
    with torch.no_grad():
        return lstm(tokens.view(16, -1).to(device)).log_softmax(2).flatten(0, 1).cpu()

whole = len(new_stream[1:]) // 16 * 16
surprise = -read(new_stream[:whole])[torch.arange(whole), new_stream[1 : whole + 1]] / math.log(2)  # bits of each letter
scores["LSTM"] = float(surprise.mean())
pairs_counted = text.bigram(stream[None, :-1], stream[None, 1:], K)
chain = float(-pairs_counted[new_stream[:-1], new_stream[1:]].mean() / math.log(2))
plotting.show_curves({"LSTM, on the manual": losses}, xlabel="step", ylabel="bits per character", baseline=("bigram, new text", chain),
                     log_x=True)
print(f"on new text: LSTM {scores['LSTM']:.2f}, bigram {chain:.2f} bits per character")
checks.outcome("lstm", scores["LSTM"])

# %%
bars = sorted(scores.items(), key=lambda one: -one[1])
_, axis = plt.subplots(figsize=(8.2, 3.6))
colours = {"LSTM": plotting.ORANGE, "zlib": plotting.GREY, "bz2": plotting.GREY}
drawn = axis.barh([name for name, _ in bars], [score for _, score in bars], color=[colours.get(name, plotting.BLUE) for name, _ in bars])
axis.bar_label(drawn, fmt=" %.2f")
axis.set(xlabel="bits per character on new text (fewer are better)", xlim=(0, 7.4))
plotting.show("Bars of bits per character: " + ", ".join(f"{name} {score:.2f}" for name, score in bars))

# %% [markdown]
# Orange is yours: in 160,000 numbers it holds more of the manual than tables with ten times as many counts. Grey are
# compressors. `bz2` keeps the whole manual at hand and finds what comes twice (a tenth of the new text stands word for word
# in the old); ten seconds of training do not beat that, some minutes do.
#
# ## 3. Temperature (1 point)
# The LSTM gives *scores*; the softmax makes them probabilities. Divide the scores by a **temperature** $\tau$ first:
#
# $$p_k = \frac{e^{s_k / \tau}}{\sum_j e^{s_j / \tau}}$$
#
# $\tau = 1$ is the model as it is. Colder, and the likely gets likelier; at $\tau \to 0$ only the best is left: write
# that case by itself. Hotter, and everything gets a chance.

# %% solution="temperature"
def temperature(scores, tau):
    """scores (..., K), tau 0 or more; returns probabilities (..., K); at tau 0 the (first) best has 1, all others 0."""
    ### BEGIN SOLUTION
    if tau == 0:
        return F.one_hot(scores.argmax(-1), scores.shape[-1]).to(scores.dtype)
    return (scores / tau).softmax(-1)
    ### END SOLUTION

# %%
so_far = "This method is called to get the s"
with torch.no_grad():
    last = lstm(torch.tensor([letters.encode(so_far)], device=device))[0, -1].cpu()
best = last.topk(12).indices
_, axis = plt.subplots(figsize=(7.4, 3.4))
for tau, shift, colour in ((0.3, -0.27, plotting.BLUE), (0.7, 0.0, plotting.ORANGE), (1.2, 0.27, plotting.GREEN)):
    axis.bar(torch.arange(12) + shift, temperature(last, tau)[best], 0.27, color=colour, label=f"temperature {tau}")
axis.set(xticks=range(12), xticklabels=[letters.decode([n]).replace(" ", "␣") for n in best], xlabel="next letter", ylabel="probability",
         title=f"after “{so_far}”")
axis.legend()
plotting.show("Twelve letters; the colder, the higher the bars of the likeliest and the lower all others")

# %% test="check_temperature" points=1
_scores = torch.tensor([0.0, math.log(2.0)])
checks.close(temperature(_scores, 1), torch.tensor([1 / 3, 2 / 3]), "Scores 0 and log 2 at temperature 1: 1/3 and 2/3.")
checks.close(temperature(_scores, 0.5), torch.tensor([0.2, 0.8]), "At 0.5 the scores double: 1 to 4. (0.41, 0.59: multiplied.)")
_hint = "At 0 the first of the best has all: [0, 1, 0, 0]. Never divide by 0."
checks.close(temperature(torch.tensor([1.0, 5, 5, 2]), 0).float(), torch.tensor([0.0, 1, 0, 0]), _hint)
_many = torch.randn(3, 4, 7, generator=torch.Generator().manual_seed(4)) * 300
checks.close(temperature(_many, 0.7), (_many / 0.7).softmax(-1), "Any axes in front; scores in the hundreds: a softmax that does not overflow.")
checks.close(temperature(_many, 0).float().sum(-1), torch.ones(3, 4), "At 0, any axes in front: each row adds up to 1.")
assert checks.passed("temperature")

# %% [markdown]
# <details><summary>Hint</summary><code>(scores / tau).softmax(-1)</code>; for 0, <code>F.one_hot(scores.argmax(-1),
# scores.shape[-1])</code>, as floats.</details>
#
# ## 4. Write (1 point)
# To write: read the beginning, letter by letter, to warm up the memory. Then draw a letter from the probabilities after
# the last one, read *that*, and so on. `step(token, state)` reads one letter and returns the scores for the next and the
# new memory (`None` before the first); `draw(scores)` picks a letter. Every letter is read once.

# %% solution="write"
def write(step, draw, start, count):
    """start: a list of one token or more; returns the list of start and `count` new tokens."""
    ### BEGIN SOLUTION
    written, state = list(start), None
    for token in written[:-1]:
        _, state = step(token, state)
    for _ in range(count):
        scores, state = step(written[-1], state)
        written.append(draw(scores))
    return written
    ### END SOLUTION

# %%
def step(token, state):
    with torch.no_grad():
        scores, state = lstm.go_on(torch.tensor([[token]], device=device), state)
    return scores[0, 0].cpu(), state

for tau in (0.3, 0.7, 1.2):
    torch.manual_seed(7)
    written = write(step, lambda scores, tau=tau: torch.multinomial(temperature(scores, tau), 1).item(), letters.encode("The "), 260)
    print(f"--- temperature {tau}\n{letters.decode(written)}\n")

# %% test="check_write" points=1
def _step(token, state):
    """A machine whose memory is the sum of what it has read; it scores that sum, modulo 10, best."""
    total = token + (0 if state is None else state)
    return F.one_hot(torch.tensor(total % 10), 10).float(), total

def _best(scores):
    return int(scores.argmax())

_hint = "Read 1: the sum 1 is written. Read it: 2 is written, then 4, 8, then 6 (16)."
checks.close(write(_step, _best, [1], 5), [1, 1, 2, 4, 8, 6], _hint)
_hint = "The whole start is read before anything is written: 3, 4 and 2 make 9, then 18, 36, 72. (Memory lost, or a letter read twice?)"
checks.close(write(_step, _best, [3, 4, 2], 4), [3, 4, 2, 9, 8, 6, 2], _hint)
checks.close(write(_step, lambda scores: 7, [5], 3), [5, 7, 7, 7], "What `draw` returns is written, and read next.")
_start = [2, 2]
write(_step, _best, _start, 2)
checks.close(_start, [2, 2], "The list `start` of who calls you has grown: work on a copy.")
assert checks.passed("write")

# %% [markdown]
# <details><summary>Hint 1</summary>Two loops. The first reads all of start *but its last*, and keeps only the
# memory.</details>
# <details><summary>Hint 2</summary>In the second: <code>scores, state = step(written[-1], state)</code>, then append
# <code>draw(scores)</code>.</details>
# <details><summary>The idea of the solution</summary>A copy of start, <code>state = None</code>, and the two
# loops.</details>
#
# ## Turn the knob
# Cold text is right and repeats itself, hot text is new and wrong. Count: what share of the written words stands in the
# manual, and how many *different* ones are there?

# %%
known_words = set(manual.split())
taus, real, different = (0.1, 0.3, 0.5, 0.7, 1.0, 1.2, 1.5), [], []
torch.manual_seed(8)
for tau in taus:
    rows = models.sample(lstm, torch.tensor([letters.encode("\n\nThe ")] * 32, device=device), 120, temperature=tau)
    words = [word for row in rows for word in letters.decode(row.cpu()).split()[1:-1]]
    real.append(sum(word in known_words for word in words) / len(words))
    different.append(len(set(words)) / len(words))
_, axis = plt.subplots()
axis.plot(taus, real, "o-", label="stands in the manual")
axis.plot(taus, different, "s--", label="different from all others")
axis.set(xlabel="temperature", ylabel="share of the written words", ylim=(0, 1.02))
axis.legend()
plotting.show("The share of real words falls with temperature from near 1, the share of different words rises from near 0; they cross")

# %% [markdown]
# ## 5. Beam search (1 point)
# What is the **likeliest** text of 30 letters? Taking the best letter each time (*greedy*) is not the answer: a poor first
# letter may lead to a splendid rest. To try all texts is hopeless. **Beam search** keeps the `width` best beginnings:
#
# 1. extend each by every letter of the alphabet: `width` times K candidates,
# 2. add the letter's log-probability to that of its beginning (probabilities multiply, logs add),
# 3. keep the `width` best of all, and go on.
#
# `next_log_probs` takes beginnings (W, T) and returns log-probabilities (W, K). At first there is only one beginning.

# %% solution="beam"
def beam(next_log_probs, start, steps, width):
    """start (T,), int64; returns the best text found, (T + steps,), int64, and the log-probability of its new letters."""
    ### BEGIN SOLUTION
    beams, totals = start[None], torch.zeros(1)
    for _ in range(steps):
        candidates = totals[:, None] + next_log_probs(beams)
        size = candidates.shape[1]
        totals, place = candidates.flatten().topk(min(width, candidates.numel()))
        beams = torch.cat([beams[place // size], (place % size)[:, None]], 1)
    return beams[0], totals[0]
    ### END SOLUTION

# %%
def next_log_probs(beginnings):
    with torch.no_grad():
        return lstm(beginnings.to(device))[:, -1].log_softmax(1).cpu()

for width in (1, 2, 8, 32):
    found, total = beam(next_log_probs, torch.tensor(letters.encode("The ")), 40, width)
    print(f"width {width:>2}: 2 to the power of {total / math.log(2):6.2f}  {letters.decode(found)!r}")
found, _ = beam(next_log_probs, torch.tensor(letters.encode("The ")), 140, 1)
print("greedy, further on:", letters.decode(found).replace("\n", " "))

# %% test="check_beam" points=1
_garden = torch.tensor([[0.0, 0.6, 0.4, 0.0], [0.4, 0.3, 0.3, 0.0], [0.0, 0.0, 0.05, 0.95], [0.25, 0.25, 0.25, 0.25]]).clamp(min=1e-9).log()
def _chain(beginnings):
    return _garden[beginnings[:, -1]]

_found, _total = beam(_chain, torch.tensor([0]), 2, 1)
checks.close(_found, torch.tensor([0, 1, 0]), "Width 1 is greedy: 1 (0.6) beats 2 (0.4), then 0 (0.4).")
checks.close(_total, math.log(0.24), "0.6 times 0.4: the sum of two logs.")
_found, _total = beam(_chain, torch.tensor([0]), 2, 2)
checks.close(_found, torch.tensor([0, 2, 3]), "Width 2 sees that 2 (0.4), then 3 (0.95), is better: 0.38.")
checks.close(_total, math.log(0.38), "0.4 times 0.95.")
_logs = torch.randn(5, 5, 5, generator=torch.Generator().manual_seed(5)).mul(2).log_softmax(2)
def _pairs(beginnings):
    return _logs[beginnings[:, -2], beginnings[:, -1]]

_all = torch.cartesian_prod(*[torch.arange(5)] * 3)
_texts = torch.cat([torch.tensor([[4, 1]]).expand(125, 2), _all], 1)
_sums = sum(_logs[_texts[:, i], _texts[:, i + 1], _texts[:, i + 2]] for i in range(3))
_found, _total = beam(_pairs, torch.tensor([4, 1]), 3, 200)
checks.close(_total, _sums.max(), "So wide that nothing is dropped: the best of all 125 texts, start of two letters.")
checks.close(_found, _texts[_sums.argmax()], "So wide that nothing is dropped: is each candidate put behind its own beginning?")
assert checks.passed("beam")

# %% [markdown]
# <details><summary>Hint 1</summary><code>totals[:, None] + next_log_probs(beams)</code> is (W, K): all candidates.
# <code>.flatten().topk(...)</code> finds the best of all.</details>
# <details><summary>Hint 2</summary>Place <code>p</code> of the flattened table is row <code>p // K</code> (which beginning) and
# column <code>p % K</code> (which letter). <code>topk</code> must not ask for more than there are:
# <code>min(width, candidates.numel())</code>.</details>
# <details><summary>The idea of the solution</summary>beams = <code>start[None]</code>, totals = <code>torch.zeros(1)</code>; in
# the loop: candidates, topk, <code>torch.cat([beams[row], column[:, None]], 1)</code>.</details>
#
# Wider mostly finds likelier (not always: a wider beam may drop the very beginning that a narrower one kept). And what does it
# find? Dull text, circles, or mere blanks, which are nearly certain inside a table. Use a beam where *one* answer is right (to translate, to
# recognise speech), and draw where you want to be surprised: dialogue, recipes, names.
#
# ## 6. What does a unit watch? (1 point)
# 128 numbers of memory. Does one of them *mean* something? Take a property of each place in the text, such as "inside
# brackets: 1, else 0" or "letters since the line began", and ask which unit goes along with it: the **correlation** of unit
# $h$ with the property $f$ over all places $t$,
#
# $$r_h = \frac{\sum_t (x_{th} - \bar x_h)(f_t - \bar f)}{\sqrt{\sum_t (x_{th} - \bar x_h)^2}\sqrt{\sum_t (f_t - \bar f)^2}}$$
#
# 1 or -1: the unit is the property, up to scale. 0: it knows nothing of it (in a straight line).

# %% solution="correlation"
def correlation(states, flag):
    """states (N, H), flag (N,), numbers; returns (H,), from -1 to 1."""
    ### BEGIN SOLUTION
    x, f = states - states.mean(0), flag.float() - flag.float().mean()
    return (x * f[:, None]).sum(0) / (x.norm(dim=0) * f.norm())
    ### END SOLUTION

# %% test="check_correlation" points=1
_flag = torch.tensor([0.0, 0, 1, 1])
_states = torch.stack([2 * _flag + 5, -_flag, torch.tensor([0.0, 1, 0, 1]), torch.tensor([1.0, 2, 3, 4])], 1)
_hint = "The flag itself, its negative, something unrelated, and a ramp: 1, -1, 0, 0.894. (Did you subtract both means?)"
checks.close(correlation(_states, _flag), torch.tensor([1.0, -1, 0, 0.8944272]), _hint, 1e-4, 1e-5)
_states = torch.randn(60, 7, generator=torch.Generator().manual_seed(6)) * torch.arange(1.0, 8)
_flag = _states[:, 3] + 3 * torch.randn(60, generator=torch.Generator().manual_seed(7)) + 10
_hint = "60 places, 7 units of different spread. (A mean over all units? the spread left in?)"
checks.close(correlation(_states, _flag), torch.corrcoef(torch.cat([_states, _flag[:, None]], 1).T)[:7, 7], _hint, 1e-4, 1e-5)
checks.close(correlation(_states, (_flag > 10).long()).shape, (7,), "A flag of whole numbers is fine, too: .float()")
assert checks.passed("correlation")

# %% [markdown]
# <details><summary>Hint</summary>Subtract <code>states.mean(0)</code> and the flag's mean. Above the line: products, summed over
# axis 0. Below: <code>x.norm(dim=0)</code> times <code>f.norm()</code>.</details>

# %%
shown, cells, state = unseen[:20_000], [], None
rows = torch.tensor(letters.encode(shown), device=device).view(32, -1)
with torch.no_grad():
    for column in lstm.embedding(rows).split(1, 1):  # letter by letter, 32 pieces at once
        _, state = lstm.memory(column, state)
        cells.append(state[1][0])
memory = torch.stack(cells, 1).flatten(0, 1).cpu()  # (20,000, 128): the cell of every unit after every letter

def running(count):
    """count(letter, number so far) -> number, along the text."""
    values = [0.0]
    for letter in shown:
        values.append(count(letter, values[-1]))
    return torch.tensor(values[1:])

PROPERTIES = {
    "letters since the word began": running(lambda c, n: n + 1 if c.isalpha() else 0.0),
    "since the last full stop (log)": running(lambda c, n: 0.0 if c == "." else n + 1).log1p(),
    "since the line began": running(lambda c, n: 0.0 if c == "\n" else n + 1),
    "in the blanks that begin a line": running(lambda c, n: float(c == "\n" or (c == " " and n > 0))),
    "inside quotation marks": running(lambda c, n: 1 - n if c == '"' else n),
    "inside brackets": running(lambda c, n: 1.0 if c == "(" else 0.0 if c in ")\n" else n),
    "just chance": torch.rand(len(shown), generator=torch.Generator().manual_seed(9)),
}

# %%
FOUND = {}
for name, flag in PROPERTIES.items():
    r = correlation(memory, flag).nan_to_num()  # of what never changes: 0
    unit = int(r.abs().argmax())
    FOUND[name] = (unit, float(r[unit]))
    print(f"{name:<32} unit {unit:>3}: r = {r[unit]:+.2f} {'#' * round(40 * abs(float(r[unit])))}")

# %%
def paint(axis, letters_shown, values, title):
    """Text as a table of letters, each on a ground of its value: red high, blue low."""
    lines = "".join(letters_shown).split("\n")
    wide, most, place = max(map(len, lines)), float(values.abs().max()), 0
    ground = torch.full((len(lines), wide), float("nan"))
    for y, one in enumerate(lines):
        for x, letter in enumerate(one):
            ground[y, x] = values[place + x]
            axis.text(x, y, letter, ha="center", va="center", fontsize=7.5, family="monospace")
        place += len(one) + 1
    axis.imshow(ground, cmap="RdBu_r", vmin=-most, vmax=most, aspect="auto", alpha=0.8)
    axis.set(xticks=[], yticks=[])
    axis.set_title(title, fontsize=10, loc="left")
    axis.grid(False)

# %%
begin = shown.index("\n", 4_000) + 1
end = shown.index("\n", begin + 460)
chosen = list(PROPERTIES)[:5:2] + ["in the blanks that begin a line"]
_, axes = plt.subplots(len(chosen), 1, figsize=(9.6, 2.2 * len(chosen)))
for axis, name in zip(axes, chosen):
    r = correlation(memory, PROPERTIES[name]).nan_to_num()
    unit = int(r.abs().argmax())
    value = (memory[:, unit] - memory[:, unit].mean()) * r[unit].sign()
    paint(axis, shown[begin:end], value[begin:end].clamp(-2 * value.std(), 2 * value.std()), f"unit {unit}: {name} (r = {abs(r[unit]):.2f})")
plotting.show("The same lines several times, each letter on the colour of one unit's value; the units: " + ", ".join(chosen))

# %% [markdown]
# Nobody asked for these. To foretell the next letter well, it *pays* to know how long the word is already, so gradient descent
# made a counter. It pays to know that a quotation is open, and one unit turns red there. Bright in its own property, such a
# unit is busy with others, too; larger networks trained for days have cleaner ones (Karpathy 2015). Most never get a name.
#
# ## Look at the errors
# What still surprises it? Each letter on the bits that it cost: pale was foreseen, red was not.

# %%
_, axis = plt.subplots(figsize=(9.6, 2.6))
paint(axis, shown[begin + 1 : end], surprise[begin : end - 1].clamp(max=8), "bits that each letter cost")
plotting.show("The same lines; first letters of words stand on red ground, their ends on white")
place_in_word = PROPERTIES["letters since the word began"][1 : whole + 1]
for n in range(1, 8):
    cost = surprise[: len(place_in_word)][place_in_word == n].mean()
    print(f"letter {n} of a word: {cost:4.2f} bits {'#' * round(8 * float(cost))}")

# %% [markdown]
# ## 7. In words (1 point)
# Beam search finds a text that the model itself calls likelier than anything you get by drawing. Yet drawn text reads more
# like the manual. How can both be true, and which would you use to caption a photograph, which to write a poem?
#
# *Double-click the cell below, write over it, and run it.*

# %% [markdown] answer="beam_or_draw" points=1
# The likeliest single text is not a typical one: real text is full of letters that were not the likeliest (some 2 bits of
# surprise each), and a text without any surprise is short of information: stock phrases that run in circles. Drawing at
# temperature 1 has the surprise of real text. A caption has nearly one right answer: beam. A poem should surprise: draw, a little
# below temperature 1.

# %% [markdown]
# ## Break it
# A colleague's program writes like this. The network is yours, just trained, and the temperature is 0.7:

# %%
def colleagues_step(token, state):
    with torch.no_grad():
        scores, state = lstm.go_on(torch.tensor([[token]], device=device))
    return scores[0, 0].cpu(), state

torch.manual_seed(7)
written = write(colleagues_step, lambda scores: torch.multinomial((scores / 0.7).softmax(0), 1).item(), letters.encode("The "), 200)
print(letters.decode(written).replace("\n", " "))
with torch.no_grad():
    alone = lstm(new_stream[:-1, None].to(device))[:, 0].log_softmax(1).cpu()
FORGETFUL = float(-alone[torch.arange(len(alone)), new_stream[1:]].mean() / math.log(2))
print(f"\nmeasured letter by letter in this way: {FORGETFUL:.2f} bits per character; the bigram has {chain:.2f}")

# %% [markdown]
# <details><summary>The bug</summary><code>go_on(...)</code> is not handed the <code>state</code>: each letter is read by a
# network that has just woken up. What is left of an LSTM without memory is a Markov chain, and the bits say so. It raises
# no error, and the text looks like that of a badly trained network.</details>
#
# ## Going further (optional)
# - Put `data.load("shakespeare")` in place of `data.load("docs")` at the top and run all: does a unit watch who speaks? (Once
#   1 MB is downloaded. For recipes or your own diary: `data.load("shakespeare", path="recipes.txt")`.)
# - On a GPU: width 512, 5,000 steps, `dropout=0.2`. On the plays that should reach about 2.1 bits.
# - Give `write` a `draw` that draws among the 5 likeliest only (*top-k*). Which temperature does it replace?
#
# To read: Shannon 1948, *A mathematical theory of communication*, section 3; Karpathy 2015, "The unreasonable effectiveness of
# recurrent neural networks" (karpathy.github.io), with its units; Holtzman et al. 2020, *The curious case of neural text
# degeneration* (arXiv 1904.09751).

# %% [markdown]
# ## Receipt
# Run the cell, save, and hand in the file as `First_Last_lab12_language_model.ipynb`.
#
# What cost you most time, and what would you cut? One line of yours, in a new Markdown cell, is read and counts for nothing.

# %%
checks.receipt("bigram", "bits", "temperature", "write", "beam", "correlation")
