# %% [markdown]
# Right and wrong answers to homework 2, each with the tests that it has to lose.

# %% [markdown]
# ## 1. Adam

# %% case="adam_by_lerp" replaces="adam" loses=""
def adam(theta, g, m, v, t, rate, beta1=0.9, beta2=0.999, eps=1e-8):
    m, v = torch.lerp(g, m, beta1), torch.lerp(g * g, v, beta2)
    scale = rate / (1 - beta1**t)
    return theta.sub(scale * m / ((v / (1 - beta2**t)) ** 0.5 + eps)), m, v

# %% case="adam_number_by_number" replaces="adam" loses=""
def adam(theta, g, m, v, t, rate, beta1=0.9, beta2=0.999, eps=1e-8):
    moved, first, second = [], [], []
    for p, slope, a, b in zip(*(x.flatten().tolist() for x in (theta, g, m, v))):
        a, b = a * beta1 + slope * (1 - beta1), b * beta2 + slope * slope * (1 - beta2)
        moved.append(p - rate * (a / (1 - beta1**t)) / (math.sqrt(b / (1 - beta2**t)) + eps))
        first.append(a), second.append(b)
    return tuple(torch.tensor(x, dtype=theta.dtype).view(theta.shape) for x in (moved, first, second))

# %% case="adam_in_place_on_copies" replaces="adam" loses=""
def adam(theta, g, m, v, t, rate, beta1=0.9, beta2=0.999, eps=1e-8):
    m = m.clone().mul_(beta1).add_(g, alpha=1 - beta1)
    v = v.clone().mul_(beta2).addcmul_(g, g, value=1 - beta2)
    root = v.sqrt().div_(math.sqrt(1 - beta2**t)).add_(eps)
    return torch.addcdiv(theta, m, root, value=-rate / (1 - beta1**t)), m, v

# %% case="adam_no_correction" replaces="adam" loses="adam_visible, adam_hidden"
def adam(theta, g, m, v, t, rate, beta1=0.9, beta2=0.999, eps=1e-8):
    m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g**2
    return theta - rate * m / (v.sqrt() + eps), m, v

# %% case="adam_corrects_m_only" replaces="adam" loses="adam_visible, adam_hidden"
def adam(theta, g, m, v, t, rate, beta1=0.9, beta2=0.999, eps=1e-8):
    m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g**2
    return theta - rate * m / (1 - beta1**t) / (v.sqrt() + eps), m, v

# %% case="adam_hands_on_the_corrected" replaces="adam" loses="adam_visible, adam_hidden"
def adam(theta, g, m, v, t, rate, beta1=0.9, beta2=0.999, eps=1e-8):
    m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g**2
    m, v = m / (1 - beta1**t), v / (1 - beta2**t)
    return theta - rate * m / (v.sqrt() + eps), m, v

# %% case="adam_counts_from_zero" replaces="adam" loses="adam_visible, adam_hidden"
def adam(theta, g, m, v, t, rate, beta1=0.9, beta2=0.999, eps=1e-8):
    m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g**2
    m_hat, v_hat = m / (1 - beta1 ** (t + 1)), v / (1 - beta2 ** (t + 1))
    return theta - rate * m_hat / (v_hat.sqrt() + eps), m, v

# %% case="adam_corrects_as_if_always_the_first_step" replaces="adam" loses="adam_hidden"
def adam(theta, g, m, v, t, rate, beta1=0.9, beta2=0.999, eps=1e-8):
    m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g**2
    return theta - rate * m / (1 - beta1) / ((v / (1 - beta2)).sqrt() + eps), m, v

# %% case="adam_eps_under_the_root" replaces="adam" loses="adam_hidden"
def adam(theta, g, m, v, t, rate, beta1=0.9, beta2=0.999, eps=1e-8):
    m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g**2
    return theta - rate * m / (1 - beta1**t) / (v / (1 - beta2**t) + eps**2).sqrt(), m, v

# %% case="adam_hard_coded_betas" replaces="adam" loses="adam_hidden"
def adam(theta, g, m, v, t, rate, beta1=0.9, beta2=0.999, eps=1e-8):
    m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
    return theta - rate * m / (1 - 0.9**t) / ((v / (1 - 0.999**t)).sqrt() + eps), m, v

# %% case="adam_changes_m_and_v" replaces="adam" loses="adam_hidden"
def adam(theta, g, m, v, t, rate, beta1=0.9, beta2=0.999, eps=1e-8):
    m, v = m.clone() if t == 1 else m, v.clone() if t == 1 else v
    m *= beta1
    m += (1 - beta1) * g
    v *= beta2
    v += (1 - beta2) * g**2
    return theta - rate * m / (1 - beta1**t) / ((v / (1 - beta2**t)).sqrt() + eps), m, v

# %% case="adam_forgets_the_memory" replaces="adam" loses="adam_hidden"
def adam(theta, g, m, v, t, rate, beta1=0.9, beta2=0.999, eps=1e-8):
    return theta - rate * g / (g.abs() + eps), (1 - beta1) * g, (1 - beta2) * g**2

# %% [markdown]
# ## 2. Decay

# %% case="decay_as_one_line" replaces="decay" loses=""
def decay(theta, g, rate, strength, decoupled):
    return (theta - rate * strength * theta, g.clone()) if decoupled else (theta.clone(), torch.add(g, theta, alpha=strength))

# %% case="decay_by_the_penaltys_gradient" replaces="decay" loses=""
def decay(theta, g, rate, strength, decoupled):
    leaf = theta.clone().requires_grad_()
    penalty = strength / 2 * (leaf**2).sum()
    (slope,) = torch.autograd.grad(penalty, leaf)
    return [theta - rate * slope, g] if decoupled else [theta, g + slope]

# %% case="decay_always_l2" replaces="decay" loses="decay_test"
def decay(theta, g, rate, strength, decoupled):
    return theta, g + strength * theta

# %% case="decay_the_other_way_round" replaces="decay" loses="decay_test"
def decay(theta, g, rate, strength, decoupled):
    return (theta, g + strength * theta) if decoupled else (theta * (1 - rate * strength), g)

# %% case="decay_without_the_rate" replaces="decay" loses="decay_test"
def decay(theta, g, rate, strength, decoupled):
    return (theta * (1 - strength), g) if decoupled else (theta, g + strength * theta)

# %% case="decay_l2_doubled" replaces="decay" loses="decay_test"
def decay(theta, g, rate, strength, decoupled):
    return (theta * (1 - rate * strength), g) if decoupled else (theta, g + 2 * strength * theta)

# %% case="decay_l2_with_the_rate" replaces="decay" loses="decay_test"
def decay(theta, g, rate, strength, decoupled):
    return (theta * (1 - rate * strength), g) if decoupled else (theta, g + rate * strength * theta)

# %% case="decay_is_l1" replaces="decay" loses="decay_test"
def decay(theta, g, rate, strength, decoupled):
    return (theta * (1 - rate * strength), g) if decoupled else (theta, g + strength * theta.sign())

# %% case="decay_both_at_once" replaces="decay" loses="decay_test"
def decay(theta, g, rate, strength, decoupled):
    return (theta * (1 - rate * strength), g + strength * theta) if decoupled else (theta, g + strength * theta)

# %% case="decay_in_place" replaces="decay" loses="decay_test"
def decay(theta, g, rate, strength, decoupled):
    if decoupled:
        theta *= 1 - rate * strength
    else:
        g += strength * theta
    return theta, g

# %% [markdown]
# ## 3. Batch norm

# %% case="batch_norm_by_sums" replaces="batch_norm" loses=""
def batch_norm(x, gamma, beta, mean, var, training, momentum=0.1, eps=1e-5):
    if not training:
        return (x - mean) * (gamma * (var + eps) ** -0.5) + beta, mean, var
    n = x.shape[0]
    centred = x - x.sum(0, keepdim=True) / n
    squares = (centred**2).sum(0)
    y = centred / (squares / n + eps) ** 0.5 * gamma + beta
    return y, mean.lerp(x.sum(0) / n, momentum), var.lerp(squares / (n - 1), momentum)

# %% case="batch_norm_feature_by_feature" replaces="batch_norm" loses=""
def batch_norm(x, gamma, beta, mean, var, training, momentum=0.1, eps=1e-5):
    columns, new_mean, new_var = [], mean.clone(), var.clone()
    for d in range(x.shape[1]):
        column = x[:, d]
        if training:
            centre, width = column.mean(), column.var(correction=0)
            new_mean[d] += momentum * (centre.detach() - mean[d])
            new_var[d] += momentum * (column.detach().var() - var[d])
        else:
            centre, width = mean[d], var[d]
        columns.append(gamma[d] * (column - centre) / torch.sqrt(width + eps) + beta[d])
    return torch.stack(columns, dim=1), new_mean, new_var

# %% case="batch_norm_runs_on_the_biased_variance" replaces="batch_norm" loses="batch_norm_visible, batch_norm_training"
def batch_norm(x, gamma, beta, mean, var, training, momentum=0.1, eps=1e-5):
    mu, s = (x.mean(0), x.var(0, unbiased=False)) if training else (mean, var)
    if training:
        mean, var = (1 - momentum) * mean + momentum * mu, (1 - momentum) * var + momentum * s
    return gamma * (x - mu) / (s + eps).sqrt() + beta, mean, var

# %% case="batch_norm_normalises_by_the_unbiased_variance" replaces="batch_norm" loses="batch_norm_visible, batch_norm_training"
def batch_norm(x, gamma, beta, mean, var, training, momentum=0.1, eps=1e-5):
    mu, s = (x.mean(0), x.var(0)) if training else (mean, var)
    if training:
        mean, var = (1 - momentum) * mean + momentum * mu, (1 - momentum) * var + momentum * s
    return gamma * (x - mu) / (s + eps).sqrt() + beta, mean, var

# %% case="batch_norm_momentum_the_other_way" replaces="batch_norm" loses="batch_norm_visible, batch_norm_training"
def batch_norm(x, gamma, beta, mean, var, training, momentum=0.1, eps=1e-5):
    mu, s = (x.mean(0), x.var(0, unbiased=False)) if training else (mean, var)
    if training:
        mean, var = momentum * mean + (1 - momentum) * mu, momentum * var + (1 - momentum) * x.var(0)
    return gamma * (x - mu) / (s + eps).sqrt() + beta, mean, var

# %% case="batch_norm_over_the_features" replaces="batch_norm" loses="batch_norm_visible, batch_norm_training"
def batch_norm(x, gamma, beta, mean, var, training, momentum=0.1, eps=1e-5):
    if not training:
        return gamma * (x - mean) / (var + eps).sqrt() + beta, mean, var
    y = gamma * (x - x.mean(1, keepdim=True)) / (x.var(1, unbiased=False, keepdim=True) + eps).sqrt() + beta
    return y, (1 - momentum) * mean + momentum * x.mean(0), (1 - momentum) * var + momentum * x.var(0)

# %% case="batch_norm_always_trains" replaces="batch_norm" loses="batch_norm_visible, batch_norm_eval"
def batch_norm(x, gamma, beta, mean, var, training, momentum=0.1, eps=1e-5):
    mu, s = x.mean(0), x.var(0, unbiased=False)
    mean, var = (1 - momentum) * mean + momentum * mu, (1 - momentum) * var + momentum * x.var(0)
    return gamma * (x - mu) / (s + eps).sqrt() + beta, mean, var

# %% case="batch_norm_learns_in_use" replaces="batch_norm" loses="batch_norm_eval"
def batch_norm(x, gamma, beta, mean, var, training, momentum=0.1, eps=1e-5):
    mu, s = (x.mean(0), x.var(0, unbiased=False)) if training else (mean, var)
    if len(x) > 1:
        mean, var = (1 - momentum) * mean + momentum * x.mean(0), (1 - momentum) * var + momentum * x.var(0)
    return gamma * (x - mu) / (s + eps).sqrt() + beta, mean, var

# %% case="batch_norm_uses_the_running_ones_while_training" replaces="batch_norm" loses="batch_norm_visible, batch_norm_training"
def batch_norm(x, gamma, beta, mean, var, training, momentum=0.1, eps=1e-5):
    if training:
        mean, var = (1 - momentum) * mean + momentum * x.mean(0), (1 - momentum) * var + momentum * x.var(0)
    return gamma * (x - mean) / (var + eps).sqrt() + beta, mean, var

# %% case="batch_norm_eps_outside_the_root" replaces="batch_norm" loses="batch_norm_training, batch_norm_eval"
def batch_norm(x, gamma, beta, mean, var, training, momentum=0.1, eps=1e-5):
    mu, s = (x.mean(0), x.var(0, unbiased=False)) if training else (mean, var)
    if training:
        mean, var = (1 - momentum) * mean + momentum * mu, (1 - momentum) * var + momentum * x.var(0)
    return gamma * (x - mu) / (s.sqrt() + eps) + beta, mean, var

# %% case="batch_norm_no_root" replaces="batch_norm" loses="batch_norm_visible, batch_norm_training, batch_norm_eval"
def batch_norm(x, gamma, beta, mean, var, training, momentum=0.1, eps=1e-5):
    mu, s = (x.mean(0), x.var(0, unbiased=False)) if training else (mean, var)
    if training:
        mean, var = (1 - momentum) * mean + momentum * mu, (1 - momentum) * var + momentum * x.var(0)
    return gamma * (x - mu) / (s + eps) + beta, mean, var

# %% case="batch_norm_cuts_the_gradient" replaces="batch_norm" loses="batch_norm_training"
def batch_norm(x, gamma, beta, mean, var, training, momentum=0.1, eps=1e-5):
    if training:
        mu, s = x.detach().mean(0), x.detach().var(0, unbiased=False)
        mean, var = (1 - momentum) * mean + momentum * mu, (1 - momentum) * var + momentum * x.detach().var(0)
    else:
        mu, s = mean, var
    return gamma * (x - mu) / (s + eps).sqrt() + beta, mean, var

# %% case="batch_norm_updates_in_place" replaces="batch_norm" loses="batch_norm_training"
def batch_norm(x, gamma, beta, mean, var, training, momentum=0.1, eps=1e-5):
    mu, s = (x.mean(0), x.var(0, unbiased=False)) if training else (mean, var)
    if training:
        mean *= 1 - momentum
        mean += momentum * mu.detach()
        var *= 1 - momentum
        var += momentum * x.detach().var(0)
    return gamma * (x - mu) / (s + eps).sqrt() + beta, mean, var

# %% case="batch_norm_hard_coded_batch_of_two" replaces="batch_norm" loses="batch_norm_training"
def batch_norm(x, gamma, beta, mean, var, training, momentum=0.1, eps=1e-5):
    mu, s = (x.mean(0), x.var(0, unbiased=False)) if training else (mean, var)
    if training:
        mean, var = (1 - momentum) * mean + momentum * mu, (1 - momentum) * var + momentum * s * 2
    return gamma * (x - mu) / (s + eps).sqrt() + beta, mean, var

# %% [markdown]
# ## 4. Dropout

# %% case="dropout_by_bernoulli" replaces="dropout" loses=""
def dropout(x, p, training):
    if not training or p == 0:
        return x.clone()
    keep = torch.bernoulli(torch.full_like(x, 1 - p))
    return torch.where(keep == 1, x / max(1 - p, 1e-12), torch.zeros_like(x))

# %% case="dropout_in_numpy" replaces="dropout" loses=""
def dropout(x, p, training):
    import numpy as np
    if not training:
        return x
    mask = np.random.rand(*x.shape) >= p
    return x * torch.from_numpy(mask) / (1 - p if p < 1 else 1)

# %% case="dropout_no_scaling" replaces="dropout" loses="dropout_test"
def dropout(x, p, training):
    return x * (torch.rand(x.shape) >= p) if training else x

# %% case="dropout_scales_in_use" replaces="dropout" loses="dropout_test"
def dropout(x, p, training):
    return x * (torch.rand(x.shape) >= p) if training else x * (1 - p)

# %% case="dropout_keeps_p" replaces="dropout" loses="dropout_test"
def dropout(x, p, training):
    return x * (torch.rand(x.shape) < p) / max(p, 1e-12) if training else x

# %% case="dropout_divides_by_p" replaces="dropout" loses="dropout_test"
def dropout(x, p, training):
    return x * (torch.rand(x.shape) >= p) / p if training and p else x

# %% case="dropout_never_stops" replaces="dropout" loses="dropout_test"
def dropout(x, p, training):
    return x * (torch.rand(x.shape) >= p) / (1 - p) if p < 1 else torch.zeros_like(x)

# %% case="dropout_nan_at_one" replaces="dropout" loses="dropout_test"
def dropout(x, p, training):
    return x * (torch.rand(x.shape) >= p) / torch.tensor(1 - p, dtype=x.dtype) if training else x

# %% case="dropout_silences_rows" replaces="dropout" loses="dropout_test"
def dropout(x, p, training):
    if not training or p == 0:
        return x
    keep = torch.rand(len(x)) >= p
    return x * keep.view(-1, *[1] * (x.dim() - 1)) / (1 - p) if p < 1 else torch.zeros_like(x)

# %% case="dropout_same_mask_every_time" replaces="dropout" loses="dropout_test"
def dropout(x, p, training):
    if not training:
        return x
    keep = torch.rand(x.shape, generator=torch.Generator().manual_seed(0)) >= p
    return x * keep / (1 - p) if p < 1 else torch.zeros_like(x)

# %% case="dropout_in_place" replaces="dropout" loses="dropout_test"
def dropout(x, p, training):
    if training:
        x *= torch.rand(x.shape) >= p
        x /= max(1 - p, 1e-12)
    return x

# %% [markdown]
# ## 5. A schedule

# %% case="rate_by_sine" replaces="rate_at" loses=""
def rate_at(t, steps, highest, warm_up):
    if t + 1 <= warm_up:
        return torch.tensor((t + 1) / warm_up, dtype=torch.float64) * highest
    done = (t - warm_up) / (steps - warm_up)
    return highest * math.cos(math.pi / 2 * done) ** 2

# %% case="rate_in_numpy" replaces="rate_at" loses=""
def rate_at(t, steps, highest, warm_up):
    import numpy as np
    up = np.arange(1, warm_up + 1) / max(warm_up, 1)
    down = (1 + np.cos(np.pi * np.arange(steps - warm_up) / (steps - warm_up))) / 2
    return highest * np.concatenate([up, down])[t]

# %% case="rate_starts_at_zero" replaces="rate_at" loses="rate_test"
def rate_at(t, steps, highest, warm_up):
    if t < warm_up:
        return highest * t / warm_up
    return highest / 2 * (1 + math.cos(math.pi * (t - warm_up) / (steps - warm_up)))

# %% case="rate_cosine_from_step_zero" replaces="rate_at" loses="rate_test"
def rate_at(t, steps, highest, warm_up):
    if t < warm_up:
        return highest * (t + 1) / warm_up
    return highest / 2 * (1 + math.cos(math.pi * t / steps))

# %% case="rate_cosine_over_all_steps" replaces="rate_at" loses="rate_test"
def rate_at(t, steps, highest, warm_up):
    if t < warm_up:
        return highest * (t + 1) / warm_up
    return highest / 2 * (1 + math.cos(math.pi * (t - warm_up) / steps))

# %% case="rate_not_halved" replaces="rate_at" loses="rate_test"
def rate_at(t, steps, highest, warm_up):
    if t < warm_up:
        return highest * (t + 1) / warm_up
    return highest * (1 + math.cos(math.pi * (t - warm_up) / (steps - warm_up)))

# %% case="rate_in_degrees" replaces="rate_at" loses="rate_test"
def rate_at(t, steps, highest, warm_up):
    if t < warm_up:
        return highest * (t + 1) / warm_up
    return highest / 2 * (1 + math.cos(180 * (t - warm_up) / (steps - warm_up)))

# %% case="rate_needs_a_warm_up" replaces="rate_at" loses="rate_test"
def rate_at(t, steps, highest, warm_up):
    rising = (t + 1) / warm_up
    falling = (1 + math.cos(math.pi * (t - warm_up) / (steps - warm_up))) / 2
    return highest * (rising if t < warm_up else falling)

# %% case="rate_falls_in_a_line" replaces="rate_at" loses="rate_test"
def rate_at(t, steps, highest, warm_up):
    return highest * ((t + 1) / warm_up if t < warm_up else 1 - (t - warm_up) / (steps - warm_up))

# %% case="rate_for_a_highest_of_one" replaces="rate_at" loses="rate_test"
def rate_at(t, steps, highest, warm_up):
    return (t + 1) / warm_up if t < warm_up else (1 + math.cos(math.pi * (t - warm_up) / (steps - warm_up))) / 2

# %% [markdown]
# ## Mistakes early cost nothing later

# %% case="everything_before_dropout_is_wrong" replaces="adam" loses="adam_visible, adam_hidden, decay_test, batch_norm_visible, batch_norm_training, batch_norm_eval"
def adam(theta, g, m, v, t, rate, beta1=0.9, beta2=0.999, eps=1e-8):
    return theta - rate * g, m, v

# %% case="everything_before_dropout_is_wrong" replaces="decay" loses="adam_visible, adam_hidden, decay_test, batch_norm_visible, batch_norm_training, batch_norm_eval"
def decay(theta, g, rate, strength, decoupled):
    return theta, g

# %% case="everything_before_dropout_is_wrong" replaces="batch_norm" loses="adam_visible, adam_hidden, decay_test, batch_norm_visible, batch_norm_training, batch_norm_eval"
def batch_norm(x, gamma, beta, mean, var, training, momentum=0.1, eps=1e-5):
    return x, mean, var
