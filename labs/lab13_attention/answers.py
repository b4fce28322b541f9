# %% [markdown]
# Right and wrong answers to lab13_attention, each with the tests that it must lose.

# %% case="greedy_while" replaces="greedy" loses=""
def greedy(step, state, most):
    written, token = [], 2
    while len(written) < most:
        scores, state = step(token, state)
        token = scores.max(0).indices.item()
        if token == 3:
            return written
        written.append(token)
    return written

# %% case="greedy_with_a_list_of_all" replaces="greedy" loses=""
def greedy(step, state, most):
    tokens = [text.START]
    for _ in range(most):
        scores, state = step(tokens[-1], state)
        tokens.append(int(torch.argmax(scores, dim=-1)))
        if tokens[-1] == text.END:
            return tokens[1:-1]
    return tokens[1:]

# %% case="greedy_keeps_end" replaces="greedy" loses="check_greedy"
def greedy(step, state, most):
    token, written = text.START, []
    for _ in range(most):
        scores, state = step(token, state)
        token = int(scores.argmax())
        written.append(token)
        if token == text.END:
            break
    return written

# %% case="greedy_never_reads_back" replaces="greedy" loses="check_greedy"
def greedy(step, state, most):
    written = []
    for _ in range(most):
        scores, state = step(text.START, state)
        token = int(scores.argmax())
        if token == text.END:
            break
        written.append(token)
    return written

# %% case="greedy_forgets_the_state" replaces="greedy" loses="check_greedy"
def greedy(step, state, most):
    token, written = text.START, []
    for _ in range(most):
        scores, _ = step(token, state)
        token = int(scores.argmax())
        if token == text.END:
            break
        written.append(token)
    return written

# %% case="greedy_keeps_start" replaces="greedy" loses="check_greedy"
def greedy(step, state, most):
    token, written = text.START, [text.START]
    for _ in range(most):
        scores, state = step(token, state)
        token = int(scores.argmax())
        if token == text.END:
            break
        written.append(token)
    return written

# %% case="greedy_one_too_many" replaces="greedy" loses="check_greedy"
def greedy(step, state, most):
    token, written = text.START, []
    for _ in range(most + 1):
        scores, state = step(token, state)
        token = int(scores.argmax())
        if token == text.END:
            break
        written.append(token)
    return written

# %% case="greedy_starts_with_pad" replaces="greedy" loses="check_greedy"
def greedy(step, state, most):
    token, written = text.PAD, []
    for _ in range(most):
        scores, state = step(token, state)
        token = int(scores.argmax())
        if token == text.END:
            break
        written.append(token)
    return written

# %% case="masked_softmax_by_where" replaces="masked_softmax" loses=""
def masked_softmax(scores, mask):
    return F.softmax(torch.where(mask[:, None, :], scores, torch.tensor(-torch.inf)), dim=-1)

# %% case="masked_softmax_by_exponentials" replaces="masked_softmax" loses=""
def masked_softmax(scores, mask):
    e = (scores - scores.amax(2, keepdim=True)).exp() * mask[:, None]
    return e / e.sum(2, keepdim=True)

# %% case="masked_softmax_very_low" replaces="masked_softmax" loses=""
def masked_softmax(scores, mask):
    return (scores + (~mask).float()[:, None] * -1e9).softmax(-1)

# %% case="masked_softmax_no_mask" replaces="masked_softmax" loses="check_masked_softmax"
def masked_softmax(scores, mask):
    return scores.softmax(2)

# %% case="masked_softmax_score_zero" replaces="masked_softmax" loses="check_masked_softmax"
def masked_softmax(scores, mask):
    return scores.masked_fill(~mask.unsqueeze(1), 0.0).softmax(2)

# %% case="masked_softmax_afterwards" replaces="masked_softmax" loses="check_masked_softmax"
def masked_softmax(scores, mask):
    return scores.softmax(2) * mask.unsqueeze(1)

# %% case="masked_softmax_turned_round" replaces="masked_softmax" loses="check_masked_softmax"
def masked_softmax(scores, mask):
    return scores.masked_fill(mask.unsqueeze(1), -1e9).softmax(2)

# %% case="masked_softmax_wrong_axis" replaces="masked_softmax" loses="check_masked_softmax"
def masked_softmax(scores, mask):
    return scores.masked_fill(~mask.unsqueeze(1), -1e9).softmax(1)

# %% case="masked_softmax_in_place" replaces="masked_softmax" loses="check_masked_softmax"
def masked_softmax(scores, mask):
    return scores.masked_fill_(~mask.unsqueeze(1), float("-inf")).softmax(2)

# %% case="masked_softmax_low_but_not_enough" replaces="masked_softmax" loses="check_masked_softmax"
def masked_softmax(scores, mask):
    return scores.masked_fill(~mask.unsqueeze(1), -100.0).softmax(2)

# %% case="dot_scores_einsum" replaces="dot_scores" loses=""
def dot_scores(query, keys):
    return torch.einsum("btd,bsd->bts", query, keys)

# %% case="dot_scores_bmm" replaces="dot_scores" loses=""
def dot_scores(query, keys):
    return torch.bmm(query, keys.permute(0, 2, 1))

# %% case="dot_scores_by_broadcast" replaces="dot_scores" loses=""
def dot_scores(query, keys):
    return (query[:, :, None] * keys[:, None]).sum(-1)

# %% case="dot_scores_turned_round" replaces="dot_scores" loses="check_dot_scores"
def dot_scores(query, keys):
    return keys @ query.transpose(1, 2)

# %% case="dot_scores_scaled" replaces="dot_scores" loses="check_dot_scores"
def dot_scores(query, keys):
    return query @ keys.transpose(1, 2) / query.shape[2] ** 0.5

# %% case="dot_scores_first_of_the_batch" replaces="dot_scores" loses="check_dot_scores"
def dot_scores(query, keys):
    return query @ keys[0].T

# %% case="dot_scores_cosine" replaces="dot_scores" loses="check_dot_scores"
def dot_scores(query, keys):
    return F.normalize(query, dim=2) @ F.normalize(keys, dim=2).transpose(1, 2)

# %% case="dot_scores_softmax_too_early" replaces="dot_scores" loses="check_dot_scores"
def dot_scores(query, keys):
    return (query @ keys.transpose(1, 2)).softmax(2)

# %% case="additive_scores_loop" replaces="additive_scores" loses=""
def additive_scores(query, keys, W, U, v):
    of_keys, rows = keys @ U.T, []
    for t in range(query.shape[1]):
        rows.append(torch.tanh(of_keys + (query[:, t] @ W.T)[:, None]) @ v)
    return torch.stack(rows, 1)

# %% case="additive_scores_linear" replaces="additive_scores" loses=""
def additive_scores(query, keys, W, U, v):
    hidden = torch.tanh(F.linear(query, W)[:, :, None] + F.linear(keys, U)[:, None])
    return F.linear(hidden, v[None]).squeeze(-1)

# %% case="additive_scores_matrices_swapped" replaces="additive_scores" loses="check_additive_scores"
def additive_scores(query, keys, W, U, v):
    return torch.tanh((query @ U.T).unsqueeze(2) + (keys @ W.T).unsqueeze(1)) @ v

# %% case="additive_scores_no_tanh" replaces="additive_scores" loses="check_additive_scores"
def additive_scores(query, keys, W, U, v):
    return ((query @ W.T).unsqueeze(2) + (keys @ U.T).unsqueeze(1)) @ v

# %% case="additive_scores_no_v" replaces="additive_scores" loses="check_additive_scores"
def additive_scores(query, keys, W, U, v):
    return torch.tanh((query @ W.T).unsqueeze(2) + (keys @ U.T).unsqueeze(1)).sum(3)

# %% case="additive_scores_turned_round" replaces="additive_scores" loses="check_additive_scores"
def additive_scores(query, keys, W, U, v):
    return torch.tanh((query @ W.T).unsqueeze(1) + (keys @ U.T).unsqueeze(2)) @ v

# %% case="additive_scores_no_transpose" replaces="additive_scores" loses="check_additive_scores"
def additive_scores(query, keys, W, U, v):
    return torch.tanh((query @ W).unsqueeze(2) + (keys @ U).unsqueeze(1)) @ v

# %% case="additive_scores_product_inside" replaces="additive_scores" loses="check_additive_scores"
def additive_scores(query, keys, W, U, v):
    return torch.tanh((query @ W.T).unsqueeze(2) * (keys @ U.T).unsqueeze(1)) @ v

# %% case="speak_split" replaces="speak" loses=""
def speak(states, weights, keys, W, b):
    d = states.shape[2]
    context = torch.einsum("bts,bsd->btd", weights, keys)
    return (F.linear(states, W[:, :d], b) + F.linear(context, W[:, d:])).tanh()

# %% case="speak_by_broadcast" replaces="speak" loses=""
def speak(states, weights, keys, W, b):
    context = (weights[..., None] * keys[:, None]).sum(2)
    return torch.tanh(F.linear(torch.cat((states, context), -1), W, b))

# %% case="speak_context_first" replaces="speak" loses="check_speak"
def speak(states, weights, keys, W, b):
    return torch.tanh(torch.cat([weights @ keys, states], 2) @ W.T + b)

# %% case="speak_no_tanh" replaces="speak" loses="check_speak"
def speak(states, weights, keys, W, b):
    return torch.cat([states, weights @ keys], 2) @ W.T + b

# %% case="speak_no_bias" replaces="speak" loses="check_speak"
def speak(states, weights, keys, W, b):
    return torch.tanh(torch.cat([states, weights @ keys], 2) @ W.T)

# %% case="speak_adds" replaces="speak" loses="check_speak"
def speak(states, weights, keys, W, b):
    d = states.shape[2]
    return torch.tanh((states + weights @ keys) @ W[:, :d].T + b)

# %% case="speak_hard_choice" replaces="speak" loses="check_speak"
def speak(states, weights, keys, W, b):
    hard = F.one_hot(weights.argmax(2), keys.shape[1]).float()
    return torch.tanh(torch.cat([states, hard @ keys], 2) @ W.T + b)

# %% case="speak_mean_of_the_keys" replaces="speak" loses="check_speak"
def speak(states, weights, keys, W, b):
    context = keys.mean(1, keepdim=True).expand_as(states)
    return torch.tanh(torch.cat([states, context], 2) @ W.T + b)

# %% case="alignment_loop" replaces="alignment" loses=""
def alignment(weights, spans):
    hits = 0
    for n in range(len(weights)):
        for t in range(weights.shape[1]):
            hits += int(spans[n, t, 0]) <= int(weights[n, t].argmax()) < int(spans[n, t, 1])
    return hits / (weights.shape[0] * weights.shape[1])

# %% case="alignment_as_a_tensor" replaces="alignment" loses=""
def alignment(weights, spans):
    place = weights.max(2).indices
    begin, end = spans.unbind(2)
    return ((place >= begin) & (place < end)).double().mean()

# %% case="alignment_end_included" replaces="alignment" loses="check_alignment"
def alignment(weights, spans):
    place = weights.argmax(2)
    return float(((spans[:, :, 0] <= place) & (place <= spans[:, :, 1])).float().mean())

# %% case="alignment_mass" replaces="alignment" loses="check_alignment"
def alignment(weights, spans):
    places = torch.arange(weights.shape[2])
    inside = (spans[..., :1] <= places) & (places < spans[..., 1:])
    return float((weights * inside).sum(2).mean())

# %% case="alignment_wrong_axis" replaces="alignment" loses="check_alignment"
def alignment(weights, spans):
    place = weights.argmax(1)[:, : spans.shape[1]]
    return float(((spans[:, :, 0] <= place) & (place < spans[:, :, 1])).float().mean())

# %% case="alignment_counts" replaces="alignment" loses="check_alignment"
def alignment(weights, spans):
    place = weights.argmax(2)
    return float(((spans[:, :, 0] <= place) & (place < spans[:, :, 1])).sum())

# %% case="alignment_begin_only" replaces="alignment" loses="check_alignment"
def alignment(weights, spans):
    return float((weights.argmax(2) >= spans[:, :, 0]).float().mean())
