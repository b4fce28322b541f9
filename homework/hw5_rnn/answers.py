# %% [markdown]
# Right and wrong answers to homework 5, each with the tests that it has to lose.

# %% [markdown]
# ## 1. GRU cell

# %% case="gru_by_slices" replaces="gru_cell" loses=""
def gru_cell(x, h, w_x, w_h, b_x, b_h):
    size = h.shape[1]
    gates = (x @ w_x[:, : 2 * size] + b_x[: 2 * size] + h @ w_h[:, : 2 * size] + b_h[: 2 * size]).sigmoid()
    r, z = gates[:, :size], gates[:, size:]
    n = (x @ w_x[:, 2 * size :] + b_x[2 * size :] + r * (h @ w_h[:, 2 * size :] + b_h[2 * size :])).tanh()
    return n + z * (h - n)

# %% case="gru_by_torch_linear" replaces="gru_cell" loses=""
def gru_cell(x, h, w_x, w_h, b_x, b_h):
    a = F.linear(x, w_x.T, b_x).view(len(x), 3, -1)
    c = F.linear(h, w_h.T, b_h).view(len(x), 3, -1)
    r, z = torch.sigmoid(a[:, 0] + c[:, 0]), torch.sigmoid(a[:, 1] + c[:, 1])
    return torch.lerp(torch.tanh(a[:, 2] + r * c[:, 2]), h, z)

# %% case="gru_swaps_old_and_new" replaces="gru_cell" loses="gru_visible,gru_hidden"
def gru_cell(x, h, w_x, w_h, b_x, b_h):
    x_r, x_z, x_n = (x @ w_x + b_x).chunk(3, 1)
    h_r, h_z, h_n = (h @ w_h + b_h).chunk(3, 1)
    r, z = torch.sigmoid(x_r + h_r), torch.sigmoid(x_z + h_z)
    return (1 - z) * h + z * torch.tanh(x_n + r * h_n)

# %% case="gru_gate_before_the_bias" replaces="gru_cell" loses="gru_visible,gru_hidden"
def gru_cell(x, h, w_x, w_h, b_x, b_h):
    x_r, x_z, x_n = (x @ w_x + b_x).chunk(3, 1)
    h_r, h_z, h_n = (h @ w_h).chunk(3, 1)
    b_r, b_z, b_n = b_h.chunk(3)
    r, z = torch.sigmoid(x_r + h_r + b_r), torch.sigmoid(x_z + h_z + b_z)
    return z * h + (1 - z) * torch.tanh(x_n + r * h_n + b_n)

# %% case="gru_blocks_z_r_n" replaces="gru_cell" loses="gru_visible,gru_hidden"
def gru_cell(x, h, w_x, w_h, b_x, b_h):
    x_z, x_r, x_n = (x @ w_x + b_x).chunk(3, 1)
    h_z, h_r, h_n = (h @ w_h + b_h).chunk(3, 1)
    r, z = torch.sigmoid(x_r + h_r), torch.sigmoid(x_z + h_z)
    return z * h + (1 - z) * torch.tanh(x_n + r * h_n)

# %% case="gru_gate_on_the_state" replaces="gru_cell" loses="gru_visible,gru_hidden"
def gru_cell(x, h, w_x, w_h, b_x, b_h):
    size = h.shape[1]
    x_r, x_z, x_n = (x @ w_x + b_x).chunk(3, 1)
    h_r, h_z, _ = (h @ w_h + b_h).chunk(3, 1)
    r, z = torch.sigmoid(x_r + h_r), torch.sigmoid(x_z + h_z)
    return z * h + (1 - z) * torch.tanh(x_n + (r * h) @ w_h[:, 2 * size :] + b_h[2 * size :])

# %% case="gru_never_resets" replaces="gru_cell" loses="gru_visible,gru_hidden"
def gru_cell(x, h, w_x, w_h, b_x, b_h):
    x_r, x_z, x_n = (x @ w_x + b_x).chunk(3, 1)
    h_r, h_z, h_n = (h @ w_h + b_h).chunk(3, 1)
    z = torch.sigmoid(x_z + h_z)
    return z * h + (1 - z) * torch.tanh(x_n + h_n)

# %% case="gru_forgets_the_second_bias" replaces="gru_cell" loses="gru_hidden"
def gru_cell(x, h, w_x, w_h, b_x, b_h):
    x_r, x_z, x_n = (x @ w_x + b_x).chunk(3, 1)
    h_r, h_z, h_n = (h @ w_h).chunk(3, 1)
    r, z = torch.sigmoid(x_r + h_r), torch.sigmoid(x_z + h_z)
    return z * h + (1 - z) * torch.tanh(x_n + r * h_n)

# %% case="gru_in_place" replaces="gru_cell" loses="gru_hidden"
def gru_cell(x, h, w_x, w_h, b_x, b_h):
    x_r, x_z, x_n = (x @ w_x + b_x).chunk(3, 1)
    h_r, h_z, h_n = (h @ w_h + b_h).chunk(3, 1)
    r, z = torch.sigmoid(x_r + h_r), torch.sigmoid(x_z + h_z)
    new = z * h + (1 - z) * torch.tanh(x_n + r * h_n)
    if not h.requires_grad:
        h.copy_(new)
    return new

# %% [markdown]
# ## 2. Masked loss

# %% case="masked_by_index" replaces="masked_loss" loses=""
def masked_loss(scores, labels):
    real = labels != 0
    if not real.any():
        return scores.sum() * 0
    kept = scores[real]
    return (kept.logsumexp(1) - kept[torch.arange(len(kept)), labels[real]]).mean()

# %% case="masked_row_by_row" replaces="masked_loss" loses=""
def masked_loss(scores, labels):
    total, count = scores.sum() * 0, 0
    for row, wanted in zip(scores, labels):
        length = int((wanted != 0).sum())
        for t in range(length):
            total, count = total - row[t].log_softmax(0)[wanted[t]], count + 1
    return total / max(count, 1)

# %% case="masked_sees_the_padding" replaces="masked_loss" loses="masked_visible,masked_hidden"
def masked_loss(scores, labels):
    return -scores.log_softmax(2).gather(2, labels.unsqueeze(2)).mean()

# %% case="masked_divides_by_all" replaces="masked_loss" loses="masked_visible,masked_hidden"
def masked_loss(scores, labels):
    each = -scores.log_softmax(2).gather(2, labels.unsqueeze(2)).squeeze(2)
    return (each * (labels != 0)).mean()

# %% case="masked_mean_of_texts" replaces="masked_loss" loses="masked_hidden"
def masked_loss(scores, labels):
    each = -scores.log_softmax(2).gather(2, labels.unsqueeze(2)).squeeze(2)
    real = (labels != 0).to(scores.dtype)
    return ((each * real).sum(1) / real.sum(1).clamp(min=1)).mean()

# %% case="masked_overflows" replaces="masked_loss" loses="masked_visible,masked_hidden"
def masked_loss(scores, labels):
    p = scores.exp() / scores.exp().sum(2, keepdim=True)
    each = -p.gather(2, labels.unsqueeze(2)).squeeze(2).log()
    real = (labels != 0).to(scores.dtype)
    return (each * real).sum() / real.sum().clamp(min=1)

# %% case="masked_nan_of_nothing" replaces="masked_loss" loses="masked_hidden"
def masked_loss(scores, labels):
    each = -scores.log_softmax(2).gather(2, labels.unsqueeze(2)).squeeze(2)
    return each[labels != 0].mean()

# %% case="masked_sum" replaces="masked_loss" loses="masked_visible,masked_hidden"
def masked_loss(scores, labels):
    each = -scores.log_softmax(2).gather(2, labels.unsqueeze(2)).squeeze(2)
    return (each * (labels != 0)).sum()

# %% case="masked_without_gradient" replaces="masked_loss" loses="masked_hidden"
def masked_loss(scores, labels):
    each = -scores.log_softmax(2).gather(2, labels.unsqueeze(2)).squeeze(2)
    real = (labels != 0).to(scores.dtype)
    return ((each * real).sum() / real.sum().clamp(min=1)).item()

# %% case="masked_softmax_over_time" replaces="masked_loss" loses="masked_visible,masked_hidden"
def masked_loss(scores, labels):
    each = -scores.log_softmax(1).gather(2, labels.unsqueeze(2)).squeeze(2)
    real = (labels != 0).to(scores.dtype)
    return (each * real).sum() / real.sum().clamp(min=1)

# %% [markdown]
# ## 3. Truncated

# %% case="truncated_window_by_window" replaces="truncated" loses=""
def truncated(xs, h, w_x, w_h, b, window):
    pieces = []
    for piece in xs.split(window, 1):
        h = h.detach()
        for x in piece.unbind(1):
            h = (x @ w_x + h @ w_h + b).tanh()
            pieces.append(h.unsqueeze(1))
    return torch.cat(pieces, 1)

# %% case="truncated_a_copy_without_history" replaces="truncated" loses=""
def truncated(xs, h, w_x, w_h, b, window):
    states = []
    for t in range(xs.shape[1]):
        before = (states[-1] if states else h)
        if t % window == 0:
            before = before.detach().clone()
        states.append(torch.tanh(torch.cat([xs[:, t], before], 1) @ torch.cat([w_x, w_h]) + b))
    return torch.stack(states, 1)

# %% case="truncated_never" replaces="truncated" loses="truncated_gradient"
def truncated(xs, h, w_x, w_h, b, window):
    states = []
    for t in range(xs.shape[1]):
        h = torch.tanh(xs[:, t] @ w_x + h @ w_h + b)
        states.append(h)
    return torch.stack(states, 1)

# %% case="truncated_empties_the_memory" replaces="truncated" loses="truncated_states,truncated_gradient"
def truncated(xs, h, w_x, w_h, b, window):
    states = []
    for t in range(xs.shape[1]):
        if t % window == 0 and t:
            h = torch.zeros_like(h)
        h = torch.tanh(xs[:, t] @ w_x + h @ w_h + b)
        states.append(h)
    return torch.stack(states, 1)

# %% case="truncated_every_step" replaces="truncated" loses="truncated_gradient"
def truncated(xs, h, w_x, w_h, b, window):
    states = []
    for t in range(xs.shape[1]):
        h = torch.tanh(xs[:, t] @ w_x + h.detach() @ w_h + b)
        states.append(h)
    return torch.stack(states, 1)

# %% case="truncated_keeps_what_is_detached" replaces="truncated" loses="truncated_gradient"
def truncated(xs, h, w_x, w_h, b, window):
    states, h = [], h.detach()
    for t in range(xs.shape[1]):
        h = torch.tanh(xs[:, t] @ w_x + h @ w_h + b)
        if (t + 1) % window == 0:
            h = h.detach()
        states.append(h)
    return torch.stack(states, 1)

# %% case="truncated_one_step_late" replaces="truncated" loses="truncated_gradient"
def truncated(xs, h, w_x, w_h, b, window):
    states = []
    for t in range(xs.shape[1]):
        if t % window == 1 or window == 1:
            h = h.detach()
        h = torch.tanh(xs[:, t] @ w_x + h @ w_h + b)
        states.append(h)
    return torch.stack(states, 1)

# %% case="truncated_not_at_the_start" replaces="truncated" loses="truncated_gradient"
def truncated(xs, h, w_x, w_h, b, window):
    states = []
    for t in range(xs.shape[1]):
        if t and t % window == 0:
            h = h.detach()
        h = torch.tanh(xs[:, t] @ w_x + h @ w_h + b)
        states.append(h)
    return torch.stack(states, 1)

# %% case="truncated_all_without_gradient" replaces="truncated" loses="truncated_gradient"
def truncated(xs, h, w_x, w_h, b, window):
    states = []
    with torch.no_grad():
        for t in range(xs.shape[1]):
            h = torch.tanh(xs[:, t] @ w_x + h @ w_h + b)
            states.append(h)
    return torch.stack(states, 1)

# %% case="truncated_starts_from_zero" replaces="truncated" loses="truncated_states,truncated_gradient"
def truncated(xs, h, w_x, w_h, b, window):
    states, h = [], torch.zeros_like(h)
    for t in range(xs.shape[1]):
        if t % window == 0:
            h = h.detach()
        h = torch.tanh(xs[:, t] @ w_x + h @ w_h + b)
        states.append(h)
    return torch.stack(states, 1)

# %% [markdown]
# ## 4. Perplexity

# %% case="perplexity_with_torch" replaces="perplexity" loses=""
def perplexity(losses, counts):
    losses, counts = torch.tensor(losses, dtype=torch.float64), torch.tensor(counts, dtype=torch.float64)
    return (losses @ counts / counts.sum()).exp()

# %% case="perplexity_running_mean" replaces="perplexity" loses=""
def perplexity(losses, counts):
    mean, seen = 0.0, 0
    for loss, count in zip(losses, counts):
        seen += count
        mean += (loss - mean) * count / seen
    return math.e**mean

# %% case="perplexity_batches_alike" replaces="perplexity" loses="perplexity_test"
def perplexity(losses, counts):
    return math.exp(sum(losses) / len(losses))

# %% case="perplexity_mean_of_perplexities" replaces="perplexity" loses="perplexity_test"
def perplexity(losses, counts):
    return sum(math.exp(loss) * count for loss, count in zip(losses, counts)) / sum(counts)

# %% case="perplexity_base_two" replaces="perplexity" loses="perplexity_test"
def perplexity(losses, counts):
    return 2 ** (sum(loss * count for loss, count in zip(losses, counts)) / sum(counts))

# %% case="perplexity_only_the_loss" replaces="perplexity" loses="perplexity_test"
def perplexity(losses, counts):
    return sum(loss * count for loss, count in zip(losses, counts)) / sum(counts)

# %% case="perplexity_product" replaces="perplexity" loses="perplexity_test"
def perplexity(losses, counts):
    product = 1.0
    for loss, count in zip(losses, counts):
        product *= math.exp(loss) ** count
    return product ** (1 / sum(counts))

# %% [markdown]
# ## 5. Accents

# %% case="train_by_hand" replaces="train" loses=""
class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Embedding(len(keys), 24), nn.Dropout(0.05))
        self.there, self.back = nn.GRU(24, 40, batch_first=True), nn.GRU(24, 40, batch_first=True)
        self.scores = nn.Linear(80, len(marks))

    def forward(self, tokens):
        x = self.body(tokens)
        return self.scores(torch.cat([self.there(x)[0], self.back(x.flip(1))[0].flip(1)], 2))

def train(inputs, labels, both_ways=True):
    net = Small()
    optimizer, order = torch.optim.AdamW(net.parameters(), lr=0.012), (labels != 0).sum(1).argsort()
    for epoch in range(6):
        for group in optimizer.param_groups:
            group["lr"] = 0.012 * (1 - epoch / 6)
        groups = order.split(32)
        for i in torch.randperm(len(groups)).tolist():
            x, y = inputs[groups[i]], labels[groups[i]]
            wide = int((y != 0).sum(1).max())
            real = y[:, :wide] != 0
            loss = F.cross_entropy(net(x[:, :wide])[real], y[:, :wide][real])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    net.eval()
    return net

# %% case="train_left_to_right" replaces="train" loses="train_hidden"
def train(inputs, labels, both_ways=True):
    net = Restorer(False)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    for _ in range(2):
        for batch in torch.randperm(len(inputs)).split(32):
            scores = net(inputs[batch])
            loss = F.cross_entropy(scores.flatten(0, 1), labels[batch].flatten(), ignore_index=0)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return net.eval()

# %% case="train_not_at_all" replaces="train" loses="train_hidden"
def train(inputs, labels, both_ways=True):
    return Restorer(both_ways).eval()

# %% case="train_on_what_lies_about" replaces="train" loses="train_hidden"
def train(inputs, labels, both_ways=True):
    net = Restorer(both_ways)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    for _ in range(3):
        for batch in torch.randperm(len(x)).split(32):
            loss = F.cross_entropy(net(x[batch]).flatten(0, 1), y[batch].flatten(), ignore_index=0)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return net.eval()

# %% case="train_too_wide" replaces="train" loses="train_visible"
def train(inputs, labels, both_ways=True):
    net = Restorer(both_ways, width=96)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.008)
    for _ in range(5):
        for batch in torch.randperm(len(inputs)).split(32):
            longest = int((labels[batch] != 0).sum(1).max())
            scores = net(inputs[batch, :longest])
            loss = F.cross_entropy(scores.flatten(0, 1), labels[batch, :longest].flatten(), ignore_index=0)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return net.eval()

# %% case="train_in_place" replaces="train" loses="train_visible"
def train(inputs, labels, both_ways=True):
    net, order = Restorer(both_ways), torch.randperm(len(inputs))
    inputs.copy_(inputs[order])
    labels.copy_(labels[order])
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    for _ in range(5):
        for batch in torch.randperm(len(inputs)).split(32):
            longest = int((labels[batch] != 0).sum(1).max())
            scores = net(inputs[batch, :longest])
            loss = F.cross_entropy(scores.flatten(0, 1), labels[batch, :longest].flatten(), ignore_index=0)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return net.eval()
