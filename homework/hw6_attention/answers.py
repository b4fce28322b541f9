# %% [markdown]
# Right and wrong answers to homework 6, each with the tests that it must lose.

# %% [markdown]
# ## Masked softmax

# %% case="masked_softmax_by_exponentials" replaces="masked_softmax" loses=""
def masked_softmax(scores, mask):
    low = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
    e = (scores - low.amax(-1, keepdim=True)).masked_fill(~mask, 0.0).exp() * mask
    return e / e.sum(-1, keepdim=True).clamp(min=1e-30)

# %% case="masked_softmax_by_where" replaces="masked_softmax" loses=""
def masked_softmax(scores, mask):
    mask = mask.expand(scores.shape)
    some = mask.any(-1, keepdim=True)
    safe = torch.where(mask | ~some, scores, torch.full_like(scores, -torch.inf))
    return torch.where(some, F.softmax(safe, -1), torch.zeros_like(scores))

# %% case="masked_softmax_nan_rows" replaces="masked_softmax" loses="masked_softmax_hidden"
def masked_softmax(scores, mask):
    return scores.masked_fill(~mask, float("-inf")).softmax(-1)

# %% case="masked_softmax_nan_mended" replaces="masked_softmax" loses=""
def masked_softmax(scores, mask):
    return scores.masked_fill(~mask, float("-inf")).softmax(-1).nan_to_num()

# %% case="masked_softmax_added_mask_mended_too_late" replaces="masked_softmax" loses="masked_softmax_gradient"
def masked_softmax(scores, mask):
    bias = torch.zeros(mask.shape, dtype=scores.dtype).masked_fill(~mask, float("-inf"))
    return (scores + bias).softmax(-1).nan_to_num()

# %% case="masked_softmax_afterwards" replaces="masked_softmax" loses="masked_softmax_visible,masked_softmax_hidden,masked_softmax_gradient"
def masked_softmax(scores, mask):
    return scores.softmax(-1) * mask

# %% case="masked_softmax_overflows" replaces="masked_softmax" loses="masked_softmax_hidden"
def masked_softmax(scores, mask):
    e = scores.exp() * mask
    return e / e.sum(-1, keepdim=True).clamp(min=1e-9)

# %% case="masked_softmax_minus_a_hundred" replaces="masked_softmax" loses="masked_softmax_hidden"
def masked_softmax(scores, mask):
    return scores.masked_fill(~mask, -100.0).softmax(-1) * mask

# %% case="masked_softmax_in_place" replaces="masked_softmax" loses="masked_softmax_hidden,masked_softmax_gradient"
def masked_softmax(scores, mask):
    return scores.masked_fill_(~mask, torch.finfo(scores.dtype).min).softmax(-1) * mask

# %% case="masked_softmax_rows_of_equals" replaces="masked_softmax" loses="masked_softmax_hidden"
def masked_softmax(scores, mask):
    return scores.masked_fill(~mask, -1e9).softmax(-1)

# %% case="masked_softmax_no_gradient" replaces="masked_softmax" loses="masked_softmax_gradient"
def masked_softmax(scores, mask):
    return scores.detach().masked_fill(~mask, torch.finfo(scores.dtype).min).softmax(-1) * mask

# %% [markdown]
# ## Heads

# %% case="multi_head_one_head_after_another" replaces="multi_head" loses=""
def multi_head(query, memory, W_q, W_k, W_v, W_o, heads, mask=None):
    outs, maps, size = [], [], query.shape[2] // heads
    for h in range(heads):
        rows = slice(h * size, (h + 1) * size)
        q, k, v = query @ W_q[rows].T, memory @ W_k[rows].T, memory @ W_v[rows].T
        scores = torch.einsum("btd,bsd->bts", q, k) / size**0.5
        if mask is not None:
            scores = torch.where(mask, scores, torch.tensor(-torch.inf))
        maps.append(F.softmax(scores, -1))
        outs.append(maps[-1] @ v)
    return F.linear(torch.cat(outs, 2), W_o), torch.stack(maps, 1)

# %% case="multi_head_einsum" replaces="multi_head" loses=""
def multi_head(query, memory, W_q, W_k, W_v, W_o, heads, mask=None):
    q, k, v = (F.linear(x, W).unflatten(2, (heads, -1)) for x, W in ((query, W_q), (memory, W_k), (memory, W_v)))
    scores = torch.einsum("bthd,bshd->bhts", q, k) * q.shape[3] ** -0.5
    scores = scores if mask is None else scores.masked_fill(~mask[:, None], -1e9)
    weights = scores.softmax(-1)
    return torch.einsum("bhts,bshd->bthd", weights, v).flatten(2) @ W_o.T, weights

# %% case="multi_head_scaled_by_the_width" replaces="multi_head" loses="multi_head_numbers,multi_head_masks"
def multi_head(query, memory, W_q, W_k, W_v, W_o, heads, mask=None):
    q, k, v = (F.linear(x, W).unflatten(2, (heads, -1)).transpose(1, 2) for x, W in ((query, W_q), (memory, W_k), (memory, W_v)))
    scores = q @ k.transpose(2, 3) / query.shape[2] ** 0.5
    scores = scores if mask is None else scores.masked_fill(~mask[:, None], -1e9)
    weights = scores.softmax(-1)
    return (weights @ v).transpose(1, 2).flatten(2) @ W_o.T, weights

# %% case="multi_head_not_scaled" replaces="multi_head" loses="multi_head_numbers,multi_head_masks"
def multi_head(query, memory, W_q, W_k, W_v, W_o, heads, mask=None):
    q, k, v = (F.linear(x, W).unflatten(2, (heads, -1)).transpose(1, 2) for x, W in ((query, W_q), (memory, W_k), (memory, W_v)))
    scores = q @ k.transpose(2, 3)
    scores = scores if mask is None else scores.masked_fill(~mask[:, None], -1e9)
    weights = scores.softmax(-1)
    return (weights @ v).transpose(1, 2).flatten(2) @ W_o.T, weights

# %% case="multi_head_reshaped_only" replaces="multi_head" loses="multi_head_visible,multi_head_numbers,multi_head_masks"
def multi_head(query, memory, W_q, W_k, W_v, W_o, heads, mask=None):
    def split(x):
        return x.reshape(len(x), heads, x.shape[1], -1)
    q, k, v = split(query @ W_q.T), split(memory @ W_k.T), split(memory @ W_v.T)
    scores = q @ k.transpose(2, 3) / q.shape[3] ** 0.5
    scores = scores if mask is None else scores.masked_fill(~mask[:, None], -1e9)
    weights = scores.softmax(-1)
    return (weights @ v).reshape(query.shape) @ W_o.T, weights

# %% case="multi_head_joined_without_swapping" replaces="multi_head" loses="multi_head_visible,multi_head_numbers,multi_head_masks"
def multi_head(query, memory, W_q, W_k, W_v, W_o, heads, mask=None):
    q, k, v = (F.linear(x, W).unflatten(2, (heads, -1)).transpose(1, 2) for x, W in ((query, W_q), (memory, W_k), (memory, W_v)))
    scores = q @ k.transpose(2, 3) / q.shape[3] ** 0.5
    scores = scores if mask is None else scores.masked_fill(~mask[:, None], -1e9)
    weights = scores.softmax(-1)
    return (weights @ v).reshape(query.shape) @ W_o.T, weights

# %% case="multi_head_forgets_w_o" replaces="multi_head" loses="multi_head_visible,multi_head_numbers,multi_head_masks"
def multi_head(query, memory, W_q, W_k, W_v, W_o, heads, mask=None):
    q, k, v = (F.linear(x, W).unflatten(2, (heads, -1)).transpose(1, 2) for x, W in ((query, W_q), (memory, W_k), (memory, W_v)))
    scores = q @ k.transpose(2, 3) / q.shape[3] ** 0.5
    scores = scores if mask is None else scores.masked_fill(~mask[:, None], -1e9)
    weights = scores.softmax(-1)
    return (weights @ v).transpose(1, 2).flatten(2), weights

# %% case="multi_head_forgets_the_mask" replaces="multi_head" loses="multi_head_masks"
def multi_head(query, memory, W_q, W_k, W_v, W_o, heads, mask=None):
    q, k, v = (F.linear(x, W).unflatten(2, (heads, -1)).transpose(1, 2) for x, W in ((query, W_q), (memory, W_k), (memory, W_v)))
    weights = (q @ k.transpose(2, 3) / q.shape[3] ** 0.5).softmax(-1)
    return (weights @ v).transpose(1, 2).flatten(2) @ W_o.T, weights

# %% case="multi_head_masks_the_first_head" replaces="multi_head" loses="multi_head_masks"
def multi_head(query, memory, W_q, W_k, W_v, W_o, heads, mask=None):
    q, k, v = (F.linear(x, W).unflatten(2, (heads, -1)).transpose(1, 2) for x, W in ((query, W_q), (memory, W_k), (memory, W_v)))
    scores = q @ k.transpose(2, 3) / q.shape[3] ** 0.5
    if mask is not None:
        scores = torch.cat([scores[:, :1].masked_fill(~mask[:, None], -1e9), scores[:, 1:]], 1)
    weights = scores.softmax(-1)
    return (weights @ v).transpose(1, 2).flatten(2) @ W_o.T, weights

# %% case="multi_head_mask_of_another_sentence" replaces="multi_head" loses="multi_head_masks"
def multi_head(query, memory, W_q, W_k, W_v, W_o, heads, mask=None):
    q, k, v = (F.linear(x, W).unflatten(2, (heads, -1)).transpose(1, 2) for x, W in ((query, W_q), (memory, W_k), (memory, W_v)))
    scores = q @ k.transpose(2, 3) / q.shape[3] ** 0.5
    scores = scores if mask is None else scores.masked_fill(~mask[:1, None], -1e9)
    weights = scores.softmax(-1)
    return (weights @ v).transpose(1, 2).flatten(2) @ W_o.T, weights

# %% case="multi_head_average_map" replaces="multi_head" loses="multi_head_visible,multi_head_numbers,multi_head_masks"
def multi_head(query, memory, W_q, W_k, W_v, W_o, heads, mask=None):
    q, k, v = (F.linear(x, W).unflatten(2, (heads, -1)).transpose(1, 2) for x, W in ((query, W_q), (memory, W_k), (memory, W_v)))
    scores = q @ k.transpose(2, 3) / q.shape[3] ** 0.5
    scores = scores if mask is None else scores.masked_fill(~mask[:, None], -1e9)
    weights = scores.softmax(-1)
    return (weights @ v).transpose(1, 2).flatten(2) @ W_o.T, weights.mean(1)

# %% [markdown]
# ## Beam

# %% case="beam_all_continuations" replaces="beam" loses=""
def beam(step, state, width, most):
    alive = [(0.0, (), text.START, state)]
    for _ in range(most):
        new = []
        for total, written, last, state in alive:
            if last == text.END:
                new.append((total, written, last, state))
                continue
            log_p, after = step(last, state)
            for token, value in enumerate(log_p.tolist()):
                new.append((total + value, written if token == text.END else (*written, token), token, after))
        new.sort(key=lambda h: h[0], reverse=True)
        alive = new[:width]
    return [(list(written), total) for total, written, _, _ in alive]

# %% case="beam_greedy" replaces="beam" loses="beam_visible,beam_hidden,beam_states"
def beam(step, state, width, most):
    token, written, total = text.START, [], 0.0
    for _ in range(most):
        log_p, state = step(token, state)
        token = int(log_p.argmax())
        total += float(log_p[token])
        if token == text.END:
            break
        written.append(token)
    return [(written, total)]

# %% case="beam_one_state_for_all" replaces="beam" loses="beam_states"
def beam(step, state, width, most):
    alive = [(0.0, [text.START])]
    for _ in range(most):
        new, after = [h for h in alive if h[1][-1] == text.END], state
        for total, tokens in [h for h in alive if h[1][-1] != text.END]:
            log_p, after = step(tokens[-1], state)
            new += [(total + value, [*tokens, k]) for k, value in enumerate(log_p.tolist())]
        state, alive = after, sorted(new, key=lambda h: -h[0])[:width]
    return [([t for t in tokens[1:] if t != text.END], total) for total, tokens in alive]

# %% case="beam_drops_what_has_ended" replaces="beam" loses="beam_hidden,beam_states"
def beam(step, state, width, most):
    alive, ended = [(0.0, [text.START], state)], []
    for _ in range(most):
        new = []
        for total, tokens, state in alive:
            log_p, after = step(tokens[-1], state)
            new += [(total + value, [*tokens, k], after) for k, value in enumerate(log_p.tolist())]
        best = sorted(new, key=lambda h: -h[0])[:width]
        ended = [h for h in best if h[1][-1] == text.END] or ended
        alive = [h for h in best if h[1][-1] != text.END]
        if not alive:
            break
    found = sorted([*ended, *alive], key=lambda h: -h[0])[:width]
    return [([t for t in tokens[1:] if t != text.END], total) for total, tokens, _ in found]

# %% case="beam_goes_on_behind_the_end" replaces="beam" loses="beam_visible,beam_hidden,beam_states"
def beam(step, state, width, most):
    alive = [(0.0, [text.START], state)]
    for _ in range(most):
        new = []
        for total, tokens, state in alive:
            log_p, after = step(tokens[-1] if tokens[-1] != text.END else text.START, state)
            new += [(total + value, [*tokens, k], after) for k, value in enumerate(log_p.tolist())]
        alive = sorted(new, key=lambda h: -h[0])[:width]
    return [([t for t in tokens[1:] if t != text.END], total) for total, tokens, _ in alive]

# %% case="beam_end_is_free" replaces="beam" loses="beam_hidden,beam_states"
def beam(step, state, width, most):
    alive = [(0.0, [text.START], state)]
    for _ in range(most):
        new = [h for h in alive if h[1][-1] == text.END]
        for total, tokens, state in [h for h in alive if h[1][-1] != text.END]:
            log_p, after = step(tokens[-1], state)
            new += [(total + (value if k != text.END else 0.0), [*tokens, k], after) for k, value in enumerate(log_p.tolist()) if value > -50]
        alive = sorted(new, key=lambda h: -h[0])[:width]
    return [([t for t in tokens[1:] if t != text.END], total) for total, tokens, _ in alive]

# %% case="beam_keeps_start_and_end" replaces="beam" loses="beam_visible,beam_hidden,beam_states"
def beam(step, state, width, most):
    alive = [(0.0, [text.START], state)]
    for _ in range(most):
        new = [h for h in alive if h[1][-1] == text.END]
        for total, tokens, state in [h for h in alive if h[1][-1] != text.END]:
            log_p, after = step(tokens[-1], state)
            new += [(total + value, [*tokens, k], after) for k, value in enumerate(log_p.tolist())]
        alive = sorted(new, key=lambda h: -h[0])[:width]
    return [(tokens, total) for total, tokens, _ in alive]

# %% case="beam_mean_log_probability" replaces="beam" loses="beam_visible,beam_hidden,beam_states"
def beam(step, state, width, most):
    alive = [(0.0, [text.START], state)]
    for _ in range(most):
        new = [h for h in alive if h[1][-1] == text.END]
        for total, tokens, state in [h for h in alive if h[1][-1] != text.END]:
            log_p, after = step(tokens[-1], state)
            new += [(total + value, [*tokens, k], after) for k, value in enumerate(log_p.tolist())]
        alive = sorted(new, key=lambda h: -h[0] / (len(h[1]) - 1))[:width]
    return [([t for t in tokens[1:] if t != text.END], total / (len(tokens) - 1)) for total, tokens, _ in alive]

# %% [markdown]
# ## Train

# %% case="train_adamw_cosine" replaces="train" loses=""
def train(source, labels):
    model = Translator(40)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    steps = len(source) // 8 + 1
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda n: min(n / 30, 1.0) * max(0.02, 1 - n / steps))
    target = F.pad(labels[:, :-1], (1, 0), value=text.START)
    for _ in range(steps):
        batch = torch.randint(len(source), (32,))
        keys, mask, state = model.read(source[batch])
        scores, _, _ = model.write(target[batch], keys, mask, state)
        loss = F.cross_entropy(scores.transpose(1, 2), labels[batch])
        model.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    return model

# %% case="train_without_the_shift" replaces="train" loses="train_hidden"
def train(source, labels):
    model = Translator()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for batch in torch.randperm(len(source)).split(32):
        scores = model.write(labels[batch], *model.read(source[batch]))[0]
        loss = F.cross_entropy(scores.flatten(0, 1), labels[batch].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model

# %% case="train_one_short_epoch" replaces="train" loses="train_hidden"
def train(source, labels):
    model = Translator()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    target = F.pad(labels[:, :-1], (1, 0), value=text.START)
    for batch in torch.randperm(len(source)).split(32):
        loss = F.cross_entropy(model.write(target[batch], *model.read(source[batch]))[0].flatten(0, 1), labels[batch].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model

# %% case="train_untrained" replaces="train" loses="train_hidden"
def train(source, labels):
    return Translator()

# %% case="train_looks_up_the_answers" replaces="train" loses="train_hidden"
def train(source, labels):
    class Table(Translator):
        def read(self, source):
            self.rows = [next((y for x, y in zip(test_x.tolist(), test_y) if x == row), test_y[0]) for row in source.tolist()]
            self.at = 0
            return super().read(source)

        def write(self, target, keys, mask, state):
            scores, weights, state = super().write(target, keys, mask, state)
            for b, row in enumerate(self.rows):
                for t in range(target.shape[1]):
                    scores[b, t, row[min(self.at + t, 10)]] += 1000
            self.at += target.shape[1]
            return scores, weights, state
    return Table()

# %% case="train_changes_the_labels" replaces="train" loses="train_visible"
def train(source, labels):
    model, kept = Translator(), labels.clone()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.01, total_steps=4 * -(-len(source) // 32) + 1)
    labels[:, 1:] = kept[:, :-1]
    labels[:, 0] = text.START
    for _ in range(4):
        for batch in torch.randperm(len(source)).split(32):
            scores = model.write(labels[batch], *model.read(source[batch]))[0]
            loss = F.cross_entropy(scores.flatten(0, 1), kept[batch].flatten())
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
    return model
