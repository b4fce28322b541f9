# %% [markdown]
# Right and wrong answers to lab12_language_model, each with the tests that it must lose.

# %% case="bigram_by_loops" replaces="bigram" loses=""
def bigram(tokens, size, alpha=0.1):
    counts = torch.full((size, size), float(alpha))
    for before, after in zip(tokens[:-1].tolist(), tokens[1:].tolist()):
        counts[before, after] += 1
    return counts / counts.sum(1, keepdim=True)

# %% case="bigram_by_one_hot" replaces="bigram" loses=""
def bigram(tokens, size, alpha=0.1):
    hot = F.one_hot(tokens, size).double()
    return F.normalize(hot[:-1].T @ hot[1:] + alpha, p=1, dim=1).float()

# %% case="bigram_columns" replaces="bigram" loses="check_bigram"
def bigram(tokens, size, alpha=0.1):
    counts = (tokens[1:] * size + tokens[:-1]).bincount(minlength=size * size).view(size, size) + alpha
    return counts / counts.sum(1, keepdim=True)

# %% case="bigram_wrong_axis" replaces="bigram" loses="check_bigram"
def bigram(tokens, size, alpha=0.1):
    counts = (tokens[:-1] * size + tokens[1:]).bincount(minlength=size * size).view(size, size) + alpha
    return counts / counts.sum(0, keepdim=True)

# %% case="bigram_no_smoothing" replaces="bigram" loses="check_bigram"
def bigram(tokens, size, alpha=0.1):
    counts = (tokens[:-1] * size + tokens[1:]).bincount(minlength=size * size).view(size, size).float()
    return counts / counts.sum(1, keepdim=True).clamp(min=1)

# %% case="bigram_alpha_of_its_own" replaces="bigram" loses="check_bigram"
def bigram(tokens, size, alpha=0.1):
    counts = (tokens[:-1] * size + tokens[1:]).bincount(minlength=size * size).view(size, size) + 0.1
    return counts / counts.sum(1, keepdim=True)

# %% case="bigram_divides_by_all" replaces="bigram" loses="check_bigram"
def bigram(tokens, size, alpha=0.1):
    counts = (tokens[:-1] * size + tokens[1:]).bincount(minlength=size * size).view(size, size) + alpha
    return counts / counts.sum()

# %% case="bigram_last_pair_lost" replaces="bigram" loses="check_bigram"
def bigram(tokens, size, alpha=0.1):
    counts = (tokens[:-2] * size + tokens[1:-1]).bincount(minlength=size * size).view(size, size) + alpha
    return counts / counts.sum(1, keepdim=True)

# %% case="bits_by_nll" replaces="bits" loses=""
def bits(log_probs, targets):
    in_bits = F.nll_loss(log_probs, targets) / math.log(2)
    return in_bits, 2**in_bits

# %% case="bits_by_gather" replaces="bits" loses=""
def bits(log_probs, targets):
    each = -log_probs.gather(1, targets[:, None]) * math.log2(math.e)
    return each.mean().item(), 2 ** each.mean().item()

# %% case="bits_in_nats" replaces="bits" loses="check_bits"
def bits(log_probs, targets):
    nats = F.nll_loss(log_probs, targets)
    return nats, nats.exp()

# %% case="bits_e_to_the_bits" replaces="bits" loses="check_bits"
def bits(log_probs, targets):
    value = F.nll_loss(log_probs, targets) / math.log(2)
    return value, value.exp()

# %% case="bits_mean_of_perplexities" replaces="bits" loses="check_bits"
def bits(log_probs, targets):
    picked = log_probs[torch.arange(len(targets)), targets]
    return -picked.mean() / math.log(2), (-picked).exp().mean()

# %% case="bits_with_the_sign" replaces="bits" loses="check_bits"
def bits(log_probs, targets):
    nats = log_probs[torch.arange(len(targets)), targets].mean()
    return nats / math.log(2), nats.exp()

# %% case="bits_times_log_two" replaces="bits" loses="check_bits"
def bits(log_probs, targets):
    nats = F.nll_loss(log_probs, targets)
    return nats * math.log(2), nats.exp()

# %% case="bits_all_columns" replaces="bits" loses="check_bits"
def bits(log_probs, targets):
    nats = -log_probs[:, targets].mean()
    return nats / math.log(2), nats.exp()

# %% case="bits_by_cross_entropy_is_fine" replaces="bits" loses=""
def bits(log_probs, targets):
    nats = F.cross_entropy(log_probs, targets)  # a second log_softmax changes nothing
    return nats / math.log(2), torch.exp(nats)

# %% case="temperature_by_hand" replaces="temperature" loses=""
def temperature(scores, tau):
    if tau == 0:
        best = torch.zeros_like(scores)
        return best.scatter(-1, scores.argmax(-1, keepdim=True), 1.0)
    scaled = (scores - scores.amax(-1, keepdim=True)) / tau
    return scaled.exp() / scaled.exp().sum(-1, keepdim=True)

# %% case="temperature_multiplies" replaces="temperature" loses="check_temperature"
def temperature(scores, tau):
    if tau == 0:
        return F.one_hot(scores.argmax(-1), scores.shape[-1]).float()
    return (scores * tau).softmax(-1)

# %% case="temperature_of_probabilities" replaces="temperature" loses="check_temperature"
def temperature(scores, tau):
    if tau == 0:
        return F.one_hot(scores.argmax(-1), scores.shape[-1]).float()
    return (scores.softmax(-1) / tau).softmax(-1)

# %% case="temperature_zero_divides" replaces="temperature" loses="check_temperature"
def temperature(scores, tau):
    return (scores / tau).softmax(-1)

# %% case="temperature_overflows" replaces="temperature" loses="check_temperature"
def temperature(scores, tau):
    if tau == 0:
        return F.one_hot(scores.argmax(-1), scores.shape[-1]).float()
    powers = (scores / tau).exp()
    return powers / powers.sum(-1, keepdim=True)

# %% case="temperature_first_axis" replaces="temperature" loses="check_temperature"
def temperature(scores, tau):
    if tau == 0:
        return F.one_hot(scores.argmax(-1), scores.shape[-1]).float()
    return (scores / tau).softmax(0)

# %% case="temperature_shares_a_tie" replaces="temperature" loses="check_temperature"
def temperature(scores, tau):
    if tau == 0:
        best = (scores == scores.amax(-1, keepdim=True)).float()
        return best / best.sum(-1, keepdim=True)
    return (scores / tau).softmax(-1)

# %% case="write_one_loop" replaces="write" loses=""
def write(step, draw, start, count):
    result, memory = [*start], None
    for i in range(len(start) + count - 1):
        scores, memory = step(result[i], memory)
        if i >= len(start) - 1:
            result = result + [draw(scores)]
    return result

# %% case="write_forgets" replaces="write" loses="check_write"
def write(step, draw, start, count):
    written = list(start)
    for _ in range(count):
        scores, _ = step(written[-1], None)
        written.append(draw(scores))
    return written

# %% case="write_skips_the_start" replaces="write" loses="check_write"
def write(step, draw, start, count):
    written, state = list(start), None
    for _ in range(count):
        scores, state = step(written[-1], state)
        written.append(draw(scores))
    return written

# %% case="write_reads_the_last_twice" replaces="write" loses="check_write"
def write(step, draw, start, count):
    written, state = list(start), None
    for token in written:
        _, state = step(token, state)
    for _ in range(count):
        scores, state = step(written[-1], state)
        written.append(draw(scores))
    return written

# %% case="write_only_the_new" replaces="write" loses="check_write"
def write(step, draw, start, count):
    state, token, new = None, start[-1], []
    for before in start[:-1]:
        _, state = step(before, state)
    for _ in range(count):
        scores, state = step(token, state)
        token = draw(scores)
        new.append(token)
    return new

# %% case="write_in_place" replaces="write" loses="check_write"
def write(step, draw, start, count):
    state = None
    for token in start[:-1]:
        _, state = step(token, state)
    for _ in range(count):
        scores, state = step(start[-1], state)
        start.append(draw(scores))
    return start

# %% case="write_always_the_best" replaces="write" loses="check_write"
def write(step, draw, start, count):
    written, state = list(start), None
    for token in written[:-1]:
        _, state = step(token, state)
    for _ in range(count):
        scores, state = step(written[-1], state)
        written.append(int(scores.argmax()))
    return written

# %% case="beam_with_lists" replaces="beam" loses=""
def beam(next_log_probs, start, steps, width):
    beams = [(0.0, start.tolist())]
    for _ in range(steps):
        logs = next_log_probs(torch.tensor([text for _, text in beams])).tolist()
        longer = [(total + log, [*text, k]) for (total, text), row in zip(beams, logs) for k, log in enumerate(row)]
        beams = sorted(longer, key=lambda one: -one[0])[:width]
    return torch.tensor(beams[0][1]), beams[0][0]

# %% case="beam_greedy" replaces="beam" loses="check_beam"
def beam(next_log_probs, start, steps, width):
    found, total = start, torch.zeros(())
    for _ in range(steps):
        best = next_log_probs(found[None])[0].max(0)
        found, total = torch.cat([found, best.indices[None]]), total + best.values
    return found, total

# %% case="beam_forgets_the_totals" replaces="beam" loses="check_beam"
def beam(next_log_probs, start, steps, width):
    beams, totals = start[None], torch.zeros(1)
    for _ in range(steps):
        candidates = next_log_probs(beams)
        size = candidates.shape[1]
        totals, place = candidates.flatten().topk(min(width, candidates.numel()))
        beams = torch.cat([beams[place // size], (place % size)[:, None]], 1)
    return beams[0], totals[0]

# %% case="beam_multiplies_logs" replaces="beam" loses="check_beam"
def beam(next_log_probs, start, steps, width):
    beams, totals = start[None], torch.ones(1)
    for _ in range(steps):
        candidates = totals[:, None] * next_log_probs(beams)
        size = candidates.shape[1]
        totals, place = candidates.flatten().topk(min(width, candidates.numel()))
        beams = torch.cat([beams[place // size], (place % size)[:, None]], 1)
    return beams[0], totals[0]

# %% case="beam_wrong_beginning" replaces="beam" loses="check_beam"
def beam(next_log_probs, start, steps, width):
    beams, totals = start[None], torch.zeros(1)
    for _ in range(steps):
        candidates = totals[:, None] + next_log_probs(beams)
        size = candidates.shape[1]
        totals, place = candidates.flatten().topk(min(width, candidates.numel()))
        beams = torch.cat([beams[(place % size) % len(beams)], (place // size)[:, None]], 1)
    return beams[0], totals[0]

# %% case="beam_asks_for_too_many" replaces="beam" loses="check_beam"
def beam(next_log_probs, start, steps, width):
    beams, totals = start[None], torch.zeros(1)
    for _ in range(steps):
        candidates = totals[:, None] + next_log_probs(beams)
        size = candidates.shape[1]
        totals, place = candidates.flatten().topk(width)
        beams = torch.cat([beams[place // size], (place % size)[:, None]], 1)
    return beams[0], totals[0]

# %% case="beam_returns_probability" replaces="beam" loses="check_beam"
def beam(next_log_probs, start, steps, width):
    beams, totals = start[None], torch.zeros(1)
    for _ in range(steps):
        candidates = totals[:, None] + next_log_probs(beams)
        size = candidates.shape[1]
        totals, place = candidates.flatten().topk(min(width, candidates.numel()))
        beams = torch.cat([beams[place // size], (place % size)[:, None]], 1)
    return beams[0], totals[0].exp()

# %% case="correlation_by_corrcoef" replaces="correlation" loses=""
def correlation(states, flag):
    both = torch.cat([flag[None].to(states.dtype), states.T])
    return torch.corrcoef(both)[0, 1:]

# %% case="correlation_by_cosine" replaces="correlation" loses=""
def correlation(states, flag):
    f = flag.double() - flag.double().mean()
    return F.cosine_similarity((states - states.mean(0)).double(), f[:, None], dim=0)

# %% case="correlation_means_left_in" replaces="correlation" loses="check_correlation"
def correlation(states, flag):
    f = flag.float()
    return (states * f[:, None]).sum(0) / (states.norm(dim=0) * f.norm())

# %% case="correlation_covariance" replaces="correlation" loses="check_correlation"
def correlation(states, flag):
    x, f = states - states.mean(0), flag.float() - flag.float().mean()
    return (x * f[:, None]).mean(0)

# %% case="correlation_absolute" replaces="correlation" loses="check_correlation"
def correlation(states, flag):
    x, f = states - states.mean(0), flag.float() - flag.float().mean()
    return ((x * f[:, None]).sum(0) / (x.norm(dim=0) * f.norm())).abs()

# %% case="correlation_mean_over_units" replaces="correlation" loses="check_correlation"
def correlation(states, flag):
    x, f = states - states.mean(1, keepdim=True), flag.float() - flag.float().mean()
    return (x * f[:, None]).sum(0) / (x.norm(dim=0) * f.norm())

# %% case="correlation_squared" replaces="correlation" loses="check_correlation"
def correlation(states, flag):
    x, f = states - states.mean(0), flag.float() - flag.float().mean()
    return ((x * f[:, None]).sum(0) / (x.norm(dim=0) * f.norm())) ** 2
