# %% [markdown]
# Right and wrong answers to lab11_rnn, each with the tests that it must lose.

# %% case="cell_one_matrix" replaces="cell" loses=""
def cell(x, h, w_x, w_h, b):
    return torch.cat([x, h], 1).matmul(torch.cat([w_x, w_h], 0)).add(b).tanh()

# %% case="cell_by_einsum" replaces="cell" loses=""
def cell(x, h, w_x, w_h, b):
    total = b + torch.einsum("bd,dh->bh", x, w_x) + torch.einsum("bg,gh->bh", h, w_h)
    return (total.exp() - (-total).exp()) / (total.exp() + (-total).exp())

# %% case="cell_no_tanh" replaces="cell" loses="check_cell"
def cell(x, h, w_x, w_h, b):
    return x @ w_x + h @ w_h + b

# %% case="cell_no_bias" replaces="cell" loses="check_cell"
def cell(x, h, w_x, w_h, b):
    return torch.tanh(x @ w_x + h @ w_h)

# %% case="cell_without_memory" replaces="cell" loses="check_cell"
def cell(x, h, w_x, w_h, b):
    return torch.tanh(x @ w_x + b)

# %% case="cell_sigmoid" replaces="cell" loses="check_cell"
def cell(x, h, w_x, w_h, b):
    return torch.sigmoid(x @ w_x + h @ w_h + b)

# %% case="cell_transposes_w_h" replaces="cell" loses="check_cell"
def cell(x, h, w_x, w_h, b):
    return torch.tanh(x @ w_x + h @ w_h.T + b)

# %% case="cell_bias_outside" replaces="cell" loses="check_cell"
def cell(x, h, w_x, w_h, b):
    return torch.tanh(x @ w_x + h @ w_h) + b

# %% case="read_transposed" replaces="read" loses=""
def read(step, xs, h):
    states = []
    for x in xs.transpose(0, 1):
        states = [*states, step(x, states[-1] if states else h)]
    return torch.stack(states).transpose(0, 1)

# %% case="read_into_zeros" replaces="read" loses=""
def read(step, xs, h):
    first = step(xs[:, 0], h)
    states = torch.zeros(len(xs), xs.shape[1], first.shape[1])
    states[:, 0] = first
    for t in range(1, xs.shape[1]):
        states[:, t] = step(xs[:, t], states[:, t - 1].clone())
    return states

# %% case="read_forgets" replaces="read" loses="check_read"
def read(step, xs, h):
    return torch.stack([step(xs[:, t], h) for t in range(xs.shape[1])], 1)

# %% case="read_always_resets" replaces="read" loses="check_read"
def read(step, xs, h):
    h, states = torch.zeros_like(h), []
    for t in range(xs.shape[1]):
        h = step(xs[:, t], h)
        states.append(h)
    return torch.stack(states, 1)

# %% case="read_last_only" replaces="read" loses="check_read"
def read(step, xs, h):
    for t in range(xs.shape[1]):
        h = step(xs[:, t], h)
    return h

# %% case="read_keeps_the_first_state" replaces="read" loses="check_read"
def read(step, xs, h):
    states = [h]
    for t in range(xs.shape[1]):
        states.append(step(xs[:, t], states[-1]))
    return torch.stack(states, 1)

# %% case="read_states_before" replaces="read" loses="check_read"
def read(step, xs, h):
    states = []
    for t in range(xs.shape[1]):
        states.append(h)
        h = step(xs[:, t], h)
    return torch.stack(states, 1)

# %% case="read_time_first" replaces="read" loses="check_read"
def read(step, xs, h):
    states = []
    for t in range(xs.shape[1]):
        h = step(xs[:, t], h)
        states.append(h)
    return torch.stack(states)

# %% case="read_backwards" replaces="read" loses="check_read"
def read(step, xs, h):
    states = []
    for t in reversed(range(xs.shape[1])):
        h = step(xs[:, t], h)
        states.insert(0, h)
    return torch.stack(states, 1)

# %% case="last_state_loop" replaces="last_state" loses=""
def last_state(states, tokens):
    return torch.stack([states[i, int(row.count_nonzero()) - 1] for i, row in enumerate(tokens)])

# %% case="last_state_gather" replaces="last_state" loses=""
def last_state(states, tokens):
    place = ((tokens > 0).long().sum(1) - 1).view(-1, 1, 1).expand(-1, 1, states.shape[2])
    return states.gather(1, place)[:, 0]

# %% case="last_state_in_the_filling" replaces="last_state" loses="check_last_state"
def last_state(states, tokens):
    return states[:, -1]

# %% case="last_state_one_too_far" replaces="last_state" loses="check_last_state"
def last_state(states, tokens):
    return states[torch.arange(len(tokens)), (tokens != 0).sum(1).clamp(max=tokens.shape[1] - 1)]

# %% case="last_state_first_zero" replaces="last_state" loses="check_last_state"
def last_state(states, tokens):
    return states[torch.arange(len(tokens)), (tokens == 0).long().argmax(1) - 1 + (tokens == 0).long().argmax(1).eq(0).long()]

# %% case="last_state_mean" replaces="last_state" loses="check_last_state"
def last_state(states, tokens):
    real = (tokens != 0).float().unsqueeze(2)
    return (states * real).sum(1) / real.sum(1)

# %% case="last_state_every_pair" replaces="last_state" loses="check_last_state"
def last_state(states, tokens):
    return states[:, (tokens != 0).sum(1) - 1]

# %% case="through_time_filled_from_behind" replaces="through_time" loses=""
def through_time(states, w_h, gradient):
    steps = len(states)
    by_state = torch.zeros(states.shape)
    by_state[steps - 1] = gradient
    inside = torch.zeros(states.shape)
    for t in range(steps - 1, 0, -1):
        inside[t] = by_state[t] * (1 - states[t].square())
        by_state[t - 1] = w_h @ inside[t]
    return by_state, states[:-1].T @ inside[1:]

# %% case="through_time_a_list" replaces="through_time" loses=""
def through_time(states, w_h, gradient):
    g, kept, total = gradient, [gradient], 0
    for t in range(len(states) - 1, 0, -1):
        a = g * (1 - states[t]) * (1 + states[t])
        total = total + states[t - 1][:, None] * a[None]
        g = (w_h * a).sum(1)
        kept.append(g)
    return [torch.stack(kept[::-1]), total]

# %% case="through_time_no_tanh" replaces="through_time" loses="check_states,check_weights"
def through_time(states, w_h, gradient):
    by_state, by_weight = [gradient], torch.zeros_like(w_h)
    for t in reversed(range(1, len(states))):
        by_weight = by_weight + torch.outer(states[t - 1], by_state[0])
        by_state.insert(0, by_state[0] @ w_h.T)
    return torch.stack(by_state), by_weight

# %% case="through_time_not_transposed" replaces="through_time" loses="check_states,check_weights"
def through_time(states, w_h, gradient):
    by_state, by_weight = [gradient], torch.zeros_like(w_h)
    for t in reversed(range(1, len(states))):
        a = by_state[0] * (1 - states[t] ** 2)
        by_weight = by_weight + torch.outer(states[t - 1], a)
        by_state.insert(0, a @ w_h)
    return torch.stack(by_state), by_weight

# %% case="through_time_tanh_of_the_step_before" replaces="through_time" loses="check_states,check_weights"
def through_time(states, w_h, gradient):
    by_state, by_weight = [gradient], torch.zeros_like(w_h)
    for t in reversed(range(1, len(states))):
        a = by_state[0] * (1 - states[t - 1] ** 2)
        by_weight = by_weight + torch.outer(states[t - 1], a)
        by_state.insert(0, a @ w_h.T)
    return torch.stack(by_state), by_weight

# %% case="through_time_newest_first" replaces="through_time" loses="check_states"
def through_time(states, w_h, gradient):
    by_state, by_weight = [gradient], torch.zeros_like(w_h)
    for t in reversed(range(1, len(states))):
        a = by_state[-1] * (1 - states[t] ** 2)
        by_weight = by_weight + torch.outer(states[t - 1], a)
        by_state.append(a @ w_h.T)
    return torch.stack(by_state), by_weight

# %% case="through_time_weights_of_one_step" replaces="through_time" loses="check_weights"
def through_time(states, w_h, gradient):
    by_state = [gradient]
    for t in reversed(range(1, len(states))):
        a = by_state[0] * (1 - states[t] ** 2)
        by_weight = torch.outer(states[t - 1], a)
        by_state.insert(0, a @ w_h.T)
    return torch.stack(by_state), by_weight

# %% case="through_time_outer_turned" replaces="through_time" loses="check_weights"
def through_time(states, w_h, gradient):
    by_state, by_weight = [gradient], torch.zeros_like(w_h)
    for t in reversed(range(1, len(states))):
        a = by_state[0] * (1 - states[t] ** 2)
        by_weight = by_weight + torch.outer(a, states[t - 1])
        by_state.insert(0, a @ w_h.T)
    return torch.stack(by_state), by_weight

# %% case="through_time_same_state" replaces="through_time" loses="check_weights"
def through_time(states, w_h, gradient):
    by_state, by_weight = [gradient], torch.zeros_like(w_h)
    for t in reversed(range(1, len(states))):
        a = by_state[0] * (1 - states[t] ** 2)
        by_weight = by_weight + torch.outer(states[t], a)
        by_state.insert(0, a @ w_h.T)
    return torch.stack(by_state), by_weight

# %% case="lstm_step_slices" replaces="lstm_step" loses=""
def lstm_step(x, h, c, w, b):
    size = h.shape[1]
    z = x @ w[: x.shape[1]] + h @ w[x.shape[1] :] + b
    keep, write, show = z[:, size : 2 * size].sigmoid(), z[:, :size].sigmoid(), z[:, 3 * size :].sigmoid()
    c = keep * c + write * z[:, 2 * size : 3 * size].tanh()
    return [show * c.tanh(), c]

# %% case="lstm_step_no_tanh_of_c" replaces="lstm_step" loses="check_lstm_step"
def lstm_step(x, h, c, w, b):
    i, f, g, o = (torch.cat([x, h], 1) @ w + b).chunk(4, 1)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * c, c

# %% case="lstm_step_gates_in_another_order" replaces="lstm_step" loses="check_lstm_step"
def lstm_step(x, h, c, w, b):
    f, i, g, o = (torch.cat([x, h], 1) @ w + b).chunk(4, 1)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c

# %% case="lstm_step_shows_the_old_c" replaces="lstm_step" loses="check_lstm_step"
def lstm_step(x, h, c, w, b):
    i, f, g, o = (torch.cat([x, h], 1) @ w + b).chunk(4, 1)
    return torch.sigmoid(o) * torch.tanh(c), torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)

# %% case="lstm_step_all_sigmoid" replaces="lstm_step" loses="check_lstm_step"
def lstm_step(x, h, c, w, b):
    i, f, g, o = torch.sigmoid(torch.cat([x, h], 1) @ w + b).chunk(4, 1)
    c = f * c + i * g
    return o * torch.tanh(c), c

# %% case="lstm_step_one_gate" replaces="lstm_step" loses="check_lstm_step"
def lstm_step(x, h, c, w, b):
    i, f, g, o = (torch.cat([x, h], 1) @ w + b).chunk(4, 1)
    c = torch.sigmoid(f) * c + (1 - torch.sigmoid(f)) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c

# %% case="lstm_step_c_first" replaces="lstm_step" loses="check_lstm_step"
def lstm_step(x, h, c, w, b):
    i, f, g, o = (torch.cat([x, h], 1) @ w + b).chunk(4, 1)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return c, torch.sigmoid(o) * torch.tanh(c)

# %% case="lstm_step_h_before_x" replaces="lstm_step" loses="check_lstm_step"
def lstm_step(x, h, c, w, b):
    i, f, g, o = (torch.cat([h, x], 1) @ w + b).chunk(4, 1)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c

# %% case="reverse_gather" replaces="reverse" loses=""
def reverse(tokens):
    lengths = (tokens != 0).sum(1, keepdim=True)
    place = lengths - 1 - torch.arange(tokens.shape[1])
    return torch.where(place >= 0, tokens.gather(1, place.clamp(min=0)), 0)

# %% case="reverse_roll" replaces="reverse" loses=""
def reverse(tokens):
    rows = [row.flip(0).roll(-int((row == 0).sum())) for row in tokens]
    return torch.stack(rows)

# %% case="reverse_with_the_filling" replaces="reverse" loses="check_reverse"
def reverse(tokens):
    return tokens.flip(1)

# %% case="reverse_the_rows" replaces="reverse" loses="check_reverse"
def reverse(tokens):
    return tokens.flip(0)

# %% case="reverse_in_place" replaces="reverse" loses="check_reverse"
def reverse(tokens):
    for row in tokens:
        length = int((row != 0).sum())
        row[:length] = row[:length].flip(0)
    return tokens

# %% case="reverse_all_but_the_last_letter" replaces="reverse" loses="check_reverse"
def reverse(tokens):
    turned = tokens.clone()
    for i, row in enumerate(tokens):
        length = int((row != 0).sum()) - 1
        turned[i, :length] = row[:length].flip(0)
    return turned

# %% case="reverse_by_the_first_length" replaces="reverse" loses="check_reverse"
def reverse(tokens):
    length = int((tokens[0] != 0).sum())
    return torch.cat([tokens[:, :length].flip(1), tokens[:, length:]], 1)
