# %% [markdown]
# Right and wrong answers to lab14_transformer, each with the tests that it must lose.

# %% case="attention_by_einsum" replaces="attention" loses=""
def attention(query, key, value, mask=None):
    scores = torch.einsum("...td,...sd->...ts", query, key) * query.size(-1) ** -0.5
    if mask is not None:
        scores = torch.where(mask, scores, torch.tensor(-math.inf))
    weights = torch.softmax(scores, dim=-1)
    return torch.einsum("...ts,...sv->...tv", weights, value), weights

# %% case="attention_adds_minus_a_lot" replaces="attention" loses=""
def attention(query, key, value, mask=None):
    scores = torch.matmul(query / math.sqrt(query.shape[-1]), key.mT)
    if mask is not None:
        scores = scores + torch.zeros(mask.shape).masked_fill(~mask, -1e9)
    weights = F.softmax(scores, dim=-1)
    return torch.matmul(weights, value), weights

# %% case="attention_not_scaled" replaces="attention" loses="check_attention"
def attention(query, key, value, mask=None):
    scores = query @ key.transpose(-2, -1)
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf)
    weights = scores.softmax(-1)
    return weights @ value, weights

# %% case="attention_divided_by_the_width" replaces="attention" loses="check_attention"
def attention(query, key, value, mask=None):
    scores = query @ key.transpose(-2, -1) / query.shape[-1]
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf)
    weights = scores.softmax(-1)
    return weights @ value, weights

# %% case="attention_forgets_the_mask" replaces="attention" loses="check_attention"
def attention(query, key, value, mask=None):
    weights = (query @ key.transpose(-2, -1) / query.shape[-1] ** 0.5).softmax(-1)
    return weights @ value, weights

# %% case="attention_mask_upside_down" replaces="attention" loses="check_attention"
def attention(query, key, value, mask=None):
    scores = query @ key.transpose(-2, -1) / query.shape[-1] ** 0.5
    if mask is not None:
        scores = scores.masked_fill(mask, -1e9)
    weights = scores.softmax(-1)
    return weights @ value, weights

# %% case="attention_mask_after_the_softmax" replaces="attention" loses="check_attention"
def attention(query, key, value, mask=None):
    weights = (query @ key.transpose(-2, -1) / query.shape[-1] ** 0.5).softmax(-1)
    if mask is not None:
        weights = weights * mask
    return weights @ value, weights

# %% case="attention_scores_of_zero" replaces="attention" loses="check_attention"
def attention(query, key, value, mask=None):
    scores = query @ key.transpose(-2, -1) / query.shape[-1] ** 0.5
    if mask is not None:
        scores = scores.masked_fill(~mask, 0)
    weights = scores.softmax(-1)
    return weights @ value, weights

# %% case="attention_softmax_over_queries" replaces="attention" loses="check_attention"
def attention(query, key, value, mask=None):
    scores = query @ key.transpose(-2, -1) / query.shape[-1] ** 0.5
    if mask is not None:
        scores = scores.masked_fill(~mask, -1e9)
    weights = scores.softmax(-2)
    return weights @ value, weights

# %% case="attention_returns_scores" replaces="attention" loses="check_attention"
def attention(query, key, value, mask=None):
    scores = query @ key.transpose(-2, -1) / query.shape[-1] ** 0.5
    if mask is not None:
        scores = scores.masked_fill(~mask, -1e9)
    return scores.softmax(-1) @ value, scores

# %% case="may_look_by_comparison" replaces="may_look" loses=""
def may_look(real, causal):
    steps = torch.arange(real.shape[1], device=real.device)
    past = (steps[None, :] <= steps[:, None]) if causal else torch.ones(len(steps), len(steps), dtype=torch.bool, device=real.device)
    return real.unsqueeze(1) & past

# %% case="may_look_by_repeat" replaces="may_look" loses=""
def may_look(real, causal):
    mask = real.unsqueeze(1).repeat(1, real.shape[1], 1)
    return torch.tril(mask) if causal else mask

# %% case="may_look_rows_for_columns" replaces="may_look" loses="check_may_look"
def may_look(real, causal):
    mask = real[:, :, None].expand(-1, -1, real.shape[1])
    return mask.tril() if causal else mask

# %% case="may_look_at_the_future" replaces="may_look" loses="check_may_look"
def may_look(real, causal):
    mask = real[:, None, :].expand(-1, real.shape[1], -1)
    return mask.triu() if causal else mask

# %% case="may_look_not_at_itself" replaces="may_look" loses="check_may_look"
def may_look(real, causal):
    mask = real[:, None, :].expand(-1, real.shape[1], -1)
    return mask.tril(-1) if causal else mask

# %% case="may_look_one_too_far" replaces="may_look" loses="check_may_look"
def may_look(real, causal):
    mask = real[:, None, :].expand(-1, real.shape[1], -1)
    return mask.tril(1) if causal else mask

# %% case="may_look_or" replaces="may_look" loses="check_may_look"
def may_look(real, causal):
    length = real.shape[1]
    mask = real[:, None, :].expand(-1, length, -1)
    return mask | torch.ones(length, length, dtype=torch.bool).tril() if causal else mask

# %% case="may_look_always_causal" replaces="may_look" loses="check_may_look"
def may_look(real, causal):
    return real[:, None, :].expand(-1, real.shape[1], -1).tril()

# %% case="may_look_forgets_the_filling" replaces="may_look" loses="check_may_look"
def may_look(real, causal):
    mask = torch.ones(real.shape[0], real.shape[1], real.shape[1], dtype=torch.bool)
    return mask.tril() if causal else mask

# %% case="rotate_by_complex_numbers" replaces="rotate" loses=""
def rotate(x):
    a, b = x.chunk(2, -1)
    theta = torch.exp(-math.log(10000) * torch.arange(0, x.shape[-1], 2) / x.shape[-1])
    turn = torch.polar(torch.ones(()), torch.outer(torch.arange(x.shape[-2]).float(), theta))
    arrows = torch.complex(a.contiguous(), b.contiguous()) * turn
    return torch.cat([arrows.real, arrows.imag], -1)

# %% case="rotate_half" replaces="rotate" loses=""
def rotate(x):
    half = x.shape[-1] // 2
    angle = torch.arange(x.shape[-2]).unsqueeze(1) / 10000 ** (torch.arange(half) / half)
    angle = torch.cat([angle, angle], -1)
    return x * angle.cos() + torch.cat([-x[..., half:], x[..., :half]], -1) * angle.sin()

# %% case="rotate_neighbours" replaces="rotate" loses="check_rotate"
def rotate(x):
    a, b = x[..., ::2], x[..., 1::2]
    theta = 10000.0 ** (-2 * torch.arange(a.shape[-1]) / x.shape[-1])
    angle = torch.arange(x.shape[-2])[:, None] * theta
    return torch.stack([a * angle.cos() - b * angle.sin(), b * angle.cos() + a * angle.sin()], -1).flatten(-2)

# %% case="rotate_backwards" replaces="rotate" loses="check_rotate"
def rotate(x):
    a, b = x.chunk(2, -1)
    theta = 10000.0 ** (-2 * torch.arange(a.shape[-1]) / x.shape[-1])
    angle = -torch.arange(x.shape[-2])[:, None] * theta
    return torch.cat([a * angle.cos() - b * angle.sin(), b * angle.cos() + a * angle.sin()], -1)

# %% case="rotate_from_step_one" replaces="rotate" loses="check_rotate"
def rotate(x):
    a, b = x.chunk(2, -1)
    theta = 10000.0 ** (-2 * torch.arange(a.shape[-1]) / x.shape[-1])
    angle = (torch.arange(x.shape[-2])[:, None] + 1) * theta
    return torch.cat([a * angle.cos() - b * angle.sin(), b * angle.cos() + a * angle.sin()], -1)

# %% case="rotate_all_alike" replaces="rotate" loses="check_rotate"
def rotate(x):
    a, b = x.chunk(2, -1)
    angle = torch.arange(x.shape[-2])[:, None].float()
    return torch.cat([a * angle.cos() - b * angle.sin(), b * angle.cos() + a * angle.sin()], -1)

# %% case="rotate_without_the_two" replaces="rotate" loses="check_rotate"
def rotate(x):
    a, b = x.chunk(2, -1)
    theta = 10000.0 ** (-torch.arange(a.shape[-1]) / x.shape[-1])
    angle = torch.arange(x.shape[-2])[:, None] * theta
    return torch.cat([a * angle.cos() - b * angle.sin(), b * angle.cos() + a * angle.sin()], -1)

# %% case="rotate_adds_waves" replaces="rotate" loses="check_rotate"
def rotate(x):
    theta = 10000.0 ** (-2 * torch.arange(x.shape[-1] // 2) / x.shape[-1])
    angle = torch.arange(x.shape[-2])[:, None] * theta
    return x + torch.cat([angle.sin(), angle.cos()], -1)

# %% case="rotate_in_place" replaces="rotate" loses="check_rotate"
def rotate(x):
    half = x.shape[-1] // 2
    theta = 10000.0 ** (-2 * torch.arange(half) / x.shape[-1])
    angle = torch.arange(x.shape[-2])[:, None] * theta
    a, b = x[..., :half].clone(), x[..., half:].clone()
    x[..., :half] = a * angle.cos() - b * angle.sin()
    x[..., half:] = b * angle.cos() + a * angle.sin()
    return x

# %% case="multi_head_by_loop" replaces="multi_head" loses=""
def multi_head(attend, query, key, value, heads, mask=None):
    parts = zip(query.chunk(heads, -1), key.chunk(heads, -1), value.chunk(heads, -1))
    return torch.cat([attend(q, k, v, mask)[0] for q, k, v in parts], -1)

# %% case="multi_head_by_view" replaces="multi_head" loses=""
def multi_head(attend, query, key, value, heads, mask=None):
    batch, length, width = query.shape
    def cut(x):
        return x.reshape(batch, x.shape[1], heads, width // heads).permute(0, 2, 1, 3)
    mask = mask if mask is None else mask[:, None].expand(batch, heads, -1, -1)
    return attend(cut(query), cut(key), cut(value), mask)[0].permute(0, 2, 1, 3).reshape(batch, length, width)

# %% case="multi_head_no_transpose" replaces="multi_head" loses="check_multi_head"
def multi_head(attend, query, key, value, heads, mask=None):
    q, k, v = (x.reshape(x.shape[0], heads, x.shape[1], -1) for x in (query, key, value))
    mixed = attend(q, k, v, None if mask is None else mask.unsqueeze(1))[0]
    return mixed.reshape(query.shape)

# %% case="multi_head_not_brought_back" replaces="multi_head" loses="check_multi_head"
def multi_head(attend, query, key, value, heads, mask=None):
    q, k, v = (x.unflatten(2, (heads, -1)).transpose(1, 2) for x in (query, key, value))
    mixed = attend(q, k, v, None if mask is None else mask.unsqueeze(1))[0]
    return mixed.reshape(query.shape)

# %% case="multi_head_one_head" replaces="multi_head" loses="check_multi_head"
def multi_head(attend, query, key, value, heads, mask=None):
    return attend(query, key, value, mask)[0]

# %% case="multi_head_forgets_the_mask" replaces="multi_head" loses="check_multi_head"
def multi_head(attend, query, key, value, heads, mask=None):
    q, k, v = (x.unflatten(2, (heads, -1)).transpose(1, 2) for x in (query, key, value))
    return attend(q, k, v, None)[0].transpose(1, 2).flatten(2)

# %% case="multi_head_mask_without_its_axis" replaces="multi_head" loses="check_multi_head"
def multi_head(attend, query, key, value, heads, mask=None):
    q, k, v = (x.unflatten(2, (heads, -1)).transpose(1, 2) for x in (query, key, value))
    return attend(q, k, v, mask)[0].transpose(1, 2).flatten(2)

# %% case="multi_head_deals_numbers_out" replaces="multi_head" loses="check_multi_head"
def multi_head(attend, query, key, value, heads, mask=None):
    q, k, v = (x.unflatten(2, (-1, heads)).permute(0, 3, 1, 2) for x in (query, key, value))
    return attend(q, k, v, None if mask is None else mask.unsqueeze(1))[0].permute(0, 2, 3, 1).flatten(2)

# %% case="encoder_block_named_parts" replaces="encoder_block" loses=""
def encoder_block(steps, norm1, look, norm2, think):
    moved = torch.add(steps, look(norm1(steps)))
    return moved + think(norm2(moved))

# %% case="encoder_block_norm_outside" replaces="encoder_block" loses="check_encoder_block"
def encoder_block(steps, norm1, look, norm2, think):
    steps = norm1(steps + look(steps))
    return norm2(steps + think(steps))

# %% case="encoder_block_no_way_around" replaces="encoder_block" loses="check_encoder_block"
def encoder_block(steps, norm1, look, norm2, think):
    return think(norm2(look(norm1(steps))))

# %% case="encoder_block_adds_the_normed" replaces="encoder_block" loses="check_encoder_block"
def encoder_block(steps, norm1, look, norm2, think):
    steps = norm1(steps)
    steps = steps + look(steps)
    steps = norm2(steps)
    return steps + think(steps)

# %% case="encoder_block_both_read_the_old" replaces="encoder_block" loses="check_encoder_block"
def encoder_block(steps, norm1, look, norm2, think):
    return steps + look(norm1(steps)) + think(norm2(steps))

# %% case="encoder_block_think_first" replaces="encoder_block" loses="check_encoder_block"
def encoder_block(steps, norm1, look, norm2, think):
    steps = steps + think(norm2(steps))
    return steps + look(norm1(steps))

# %% case="encoder_block_in_place" replaces="encoder_block" loses="check_encoder_block"
def encoder_block(steps, norm1, look, norm2, think):
    steps += look(norm1(steps))
    steps += think(norm2(steps))
    return steps

# %% case="decoder_block_by_loop" replaces="decoder_block" loses=""
def decoder_block(steps, memory, norm1, look, norm2, ask, norm3, think):
    for norm, part in ((norm1, look), (norm2, lambda x: ask(x, memory)), (norm3, think)):
        steps = steps + part(norm(steps))
    return steps

# %% case="decoder_block_asks_first" replaces="decoder_block" loses="check_decoder_block"
def decoder_block(steps, memory, norm1, look, norm2, ask, norm3, think):
    steps = steps + ask(norm2(steps), memory)
    steps = steps + look(norm1(steps))
    return steps + think(norm3(steps))

# %% case="decoder_block_norms_the_memory" replaces="decoder_block" loses="check_decoder_block"
def decoder_block(steps, memory, norm1, look, norm2, ask, norm3, think):
    steps = steps + look(norm1(steps))
    steps = steps + ask(norm2(steps), norm2(memory))
    return steps + think(norm3(steps))

# %% case="decoder_block_asks_itself" replaces="decoder_block" loses="check_decoder_block"
def decoder_block(steps, memory, norm1, look, norm2, ask, norm3, think):
    steps = steps + look(norm1(steps))
    steps = steps + ask(norm2(steps), norm2(steps))
    return steps + think(norm3(steps))

# %% case="decoder_block_one_norm" replaces="decoder_block" loses="check_decoder_block"
def decoder_block(steps, memory, norm1, look, norm2, ask, norm3, think):
    steps = steps + look(norm1(steps))
    steps = steps + ask(norm1(steps), memory)
    return steps + think(norm1(steps))

# %% case="decoder_block_no_way_around_the_memory" replaces="decoder_block" loses="check_decoder_block"
def decoder_block(steps, memory, norm1, look, norm2, ask, norm3, think):
    steps = steps + look(norm1(steps))
    steps = ask(norm2(steps), memory)
    return steps + think(norm3(steps))

# %% case="decoder_block_in_place" replaces="decoder_block" loses="check_decoder_block"
def decoder_block(steps, memory, norm1, look, norm2, ask, norm3, think):
    steps += look(norm1(steps))
    steps += ask(norm2(steps), memory)
    steps += think(norm3(steps))
    return steps

# %% case="multiplications_factored" replaces="multiplications" loses=""
def multiplications(length, width):
    return 2 * length * width * (6 * width + length)

# %% case="multiplications_summed_up" replaces="multiplications" loses=""
def multiplications(length, width):
    projections = sum(length * width * width for _ in ("query", "key", "value", "result"))
    mlp = length * width * (4 * width) + length * (4 * width) * width
    scores = length * length * width
    return projections + mlp + scores + scores

# %% case="multiplications_three_matrices" replaces="multiplications" loses="check_multiplications"
def multiplications(length, width):
    return 11 * length * width**2 + 2 * length**2 * width

# %% case="multiplications_no_mix" replaces="multiplications" loses="check_multiplications"
def multiplications(length, width):
    return 12 * length * width**2 + length**2 * width

# %% case="multiplications_no_mlp" replaces="multiplications" loses="check_multiplications"
def multiplications(length, width):
    return 4 * length * width**2 + 2 * length**2 * width

# %% case="multiplications_linear" replaces="multiplications" loses="check_multiplications"
def multiplications(length, width):
    return 12 * length * width**2 + 2 * length * width

# %% case="multiplications_a_float" replaces="multiplications" loses="check_multiplications"
def multiplications(length, width):
    return 12 * length * width**2 + 2 * length**2 * width / 1
