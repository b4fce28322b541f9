# %% [markdown]
# Right and wrong answers to lab06_regularisation, each with the tests that it must lose.

# %% case="powers_one_too_few" replaces="powers" loses="check_powers"
def powers(x, degree):
    return torch.stack([x**k for k in range(degree)], dim=1)

# %% case="powers_without_the_constant" replaces="powers" loses="check_powers"
def powers(x, degree):
    return torch.stack([x**k for k in range(1, degree + 1)], dim=1)

# %% case="powers_in_rows" replaces="powers" loses="check_powers"
def powers(x, degree):
    return torch.stack([x**k for k in range(degree + 1)], dim=0)

# %% case="powers_falling" replaces="powers" loses="check_powers"
def powers(x, degree):
    return torch.stack([x**k for k in range(degree, -1, -1)], dim=1)

# %% case="powers_are_multiples" replaces="powers" loses="check_powers"
def powers(x, degree):
    return torch.stack([x * k for k in range(degree + 1)], dim=1)

# %% case="powers_by_broadcasting" replaces="powers" loses=""
def powers(x, degree):
    return x[:, None] ** torch.arange(degree + 1)

# %% case="powers_by_products" replaces="powers" loses=""
def powers(x, degree):
    columns = [torch.ones_like(x)]
    while len(columns) <= degree:
        columns.append(columns[-1] * x)
    return torch.stack(columns, dim=-1)

# %% case="penalty_no_size" replaces="penalty" loses="check_penalty"
def penalty(weights, l1, l2):
    return sum(l1 * w.sum() + l2 * (w**2).sum() for w in weights)

# %% case="penalty_rooted" replaces="penalty" loses="check_penalty"
def penalty(weights, l1, l2):
    return sum(l1 * w.abs().sum() + l2 * w.norm() for w in weights)

# %% case="penalty_mean" replaces="penalty" loses="check_penalty"
def penalty(weights, l1, l2):
    return sum(l1 * w.abs().mean() + l2 * (w**2).mean() for w in weights)

# %% case="penalty_first_tensor_only" replaces="penalty" loses="check_penalty"
def penalty(weights, l1, l2):
    w = weights[0]
    return l1 * w.abs().sum() + l2 * (w**2).sum()

# %% case="penalty_swapped" replaces="penalty" loses="check_penalty"
def penalty(weights, l1, l2):
    return sum(l2 * w.abs().sum() + l1 * (w**2).sum() for w in weights)

# %% case="penalty_halved" replaces="penalty" loses="check_penalty"
def penalty(weights, l1, l2):
    return sum(l1 * w.abs().sum() + l2 / 2 * (w**2).sum() for w in weights)

# %% case="penalty_cuts_the_graph" replaces="penalty" loses="check_penalty"
def penalty(weights, l1, l2):
    return sum(l1 * w.abs().sum().item() + l2 * (w**2).sum().item() for w in weights)

# %% case="penalty_of_one_long_vector" replaces="penalty" loses=""
def penalty(weights, l1, l2):
    flat = torch.cat([w.flatten() for w in weights])
    return l1 * flat.norm(p=1) + l2 * flat @ flat

# %% case="penalty_in_a_loop" replaces="penalty" loses=""
def penalty(weights, l1, l2):
    total = 0.0
    for w in weights:
        total = total + l1 * torch.sum(torch.abs(w))
        total = total + l2 * torch.sum(w.square())
    return total

# %% case="dropout_no_factor" replaces="dropout" loses="check_dropout"
def dropout(x, p, training):
    return x * (torch.rand_like(x) >= p) if training else x

# %% case="dropout_keeps_p" replaces="dropout" loses="check_dropout"
def dropout(x, p, training):
    return x * (torch.rand_like(x) < p) / (1 - p) if training else x

# %% case="dropout_divides_by_p" replaces="dropout" loses="check_dropout"
def dropout(x, p, training):
    return x * (torch.rand_like(x) >= p) / max(p, 1e-6) if training else x

# %% case="dropout_scales_in_evaluation" replaces="dropout" loses="check_dropout"
def dropout(x, p, training):
    return x * (torch.rand_like(x) >= p) if training else x * (1 - p)

# %% case="dropout_always" replaces="dropout" loses="check_dropout"
def dropout(x, p, training):
    return x * (torch.rand_like(x) >= p) / (1 - p)

# %% case="dropout_whole_rows" replaces="dropout" loses="check_dropout"
def dropout(x, p, training):
    keep = torch.rand(x.shape[0], *[1] * (x.dim() - 1)) >= p
    return x * keep / (1 - p) if training else x

# %% case="dropout_the_same_units_each_time" replaces="dropout" loses="check_dropout"
def dropout(x, p, training):
    keep = torch.rand(x.shape, generator=torch.Generator().manual_seed(0)) >= p
    return x * keep / (1 - p) if training else x

# %% case="dropout_in_place" replaces="dropout" loses="check_dropout"
def dropout(x, p, training):
    if training:
        x *= (torch.rand_like(x) >= p) / (1 - p)
    return x

# %% case="dropout_by_bernoulli" replaces="dropout" loses=""
def dropout(x, p, training):
    if training and p > 0:
        return x * torch.bernoulli(torch.full(x.shape, 1.0 - p)) / (1 - p)
    return x

# %% case="dropout_by_where" replaces="dropout" loses=""
def dropout(x, p, training):
    silent = torch.empty_like(x).uniform_() < p * float(training)
    return torch.where(silent, torch.zeros(()), x / (1 - p * float(training)))

# %% case="dropout_by_library" replaces="dropout" loses=""
def dropout(x, p, training):
    return F.dropout(x, p, training)

# %% case="norm_over_the_units" replaces="batch_norm" loses="check_batch_norm"
def batch_norm(x, scale, shift, mean, var, training, momentum=0.1, eps=1e-5):
    used_mean, used_var = mean, var
    if training:
        used_mean, used_var = x.mean(1, keepdim=True), x.var(1, unbiased=False, keepdim=True)
        mean = (1 - momentum) * mean + momentum * x.mean(0)
        var = (1 - momentum) * var + momentum * x.var(0)
    return scale * (x - used_mean) / (used_var + eps).sqrt() + shift, mean, var

# %% case="norm_no_root" replaces="batch_norm" loses="check_batch_norm"
def batch_norm(x, scale, shift, mean, var, training, momentum=0.1, eps=1e-5):
    used_mean, used_var = mean, var
    if training:
        used_mean, used_var = x.mean(0), x.var(0, unbiased=False)
        mean = (1 - momentum) * mean + momentum * used_mean
        var = (1 - momentum) * var + momentum * x.var(0)
    return scale * (x - used_mean) / (used_var + eps) + shift, mean, var

# %% case="norm_momentum_turned_round" replaces="batch_norm" loses="check_batch_norm"
def batch_norm(x, scale, shift, mean, var, training, momentum=0.1, eps=1e-5):
    used_mean, used_var = mean, var
    if training:
        used_mean, used_var = x.mean(0), x.var(0, unbiased=False)
        mean = momentum * mean + (1 - momentum) * used_mean
        var = momentum * var + (1 - momentum) * x.var(0)
    return scale * (x - used_mean) / (used_var + eps).sqrt() + shift, mean, var

# %% case="norm_batch_in_evaluation" replaces="batch_norm" loses="check_batch_norm"
def batch_norm(x, scale, shift, mean, var, training, momentum=0.1, eps=1e-5):
    used_mean, used_var = x.mean(0), x.var(0, unbiased=False)
    if training:
        mean = (1 - momentum) * mean + momentum * used_mean
        var = (1 - momentum) * var + momentum * x.var(0)
    return scale * (x - used_mean) / (used_var + eps).sqrt() + shift, mean, var

# %% case="norm_running_in_training" replaces="batch_norm" loses="check_batch_norm"
def batch_norm(x, scale, shift, mean, var, training, momentum=0.1, eps=1e-5):
    if training:
        mean = (1 - momentum) * mean + momentum * x.mean(0)
        var = (1 - momentum) * var + momentum * x.var(0)
    return scale * (x - mean) / (var + eps).sqrt() + shift, mean, var

# %% case="norm_moves_in_evaluation" replaces="batch_norm" loses="check_batch_norm"
def batch_norm(x, scale, shift, mean, var, training, momentum=0.1, eps=1e-5):
    used_mean, used_var = (x.mean(0), x.var(0, unbiased=False)) if training else (mean, var)
    mean = (1 - momentum) * mean + momentum * x.mean(0)
    var = (1 - momentum) * var + momentum * x.var(0)
    return scale * (x - used_mean) / (used_var + eps).sqrt() + shift, mean, var

# %% case="norm_scale_and_shift_forgotten" replaces="batch_norm" loses="check_batch_norm"
def batch_norm(x, scale, shift, mean, var, training, momentum=0.1, eps=1e-5):
    used_mean, used_var = mean, var
    if training:
        used_mean, used_var = x.mean(0), x.var(0, unbiased=False)
        mean = (1 - momentum) * mean + momentum * used_mean
        var = (1 - momentum) * var + momentum * x.var(0)
    return (x - used_mean) / (used_var + eps).sqrt(), mean, var

# %% case="norm_by_library" replaces="batch_norm" loses=""
def batch_norm(x, scale, shift, mean, var, training, momentum=0.1, eps=1e-5):
    mean, var = mean.clone(), var.clone()
    return F.batch_norm(x, mean, var, scale, shift, training, momentum, eps), mean, var

# %% case="norm_by_sums" replaces="batch_norm" loses=""
def batch_norm(x, scale, shift, mean, var, training, momentum=0.1, eps=1e-5):
    if not training:
        return (x - mean) * torch.rsqrt(var + eps) * scale + shift, mean, var
    middle = x.sum(0) / len(x)
    away = x - middle
    squares = (away * away).sum(0)
    out = away * torch.rsqrt(squares / len(x) + eps) * scale + shift
    return out, torch.lerp(mean, middle, momentum), torch.lerp(var, squares / (len(x) - 1), momentum)

# %% case="best_counts_from_zero" replaces="best_epoch" loses="check_best_epoch"
def best_epoch(losses, patience):
    best = 0
    for epoch, loss in enumerate(losses):
        if loss < losses[best]:
            best = epoch
        if epoch - best >= patience:
            return best, epoch
    return best, len(losses) - 1

# %% case="best_of_all_epochs" replaces="best_epoch" loses="check_best_epoch"
def best_epoch(losses, patience):
    best = losses.index(min(losses)) + 1
    return best, min(best + patience, len(losses))

# %% case="best_one_epoch_too_long" replaces="best_epoch" loses="check_best_epoch"
def best_epoch(losses, patience):
    best = 1
    for epoch, loss in enumerate(losses, start=1):
        if loss < losses[best - 1]:
            best = epoch
        if epoch - best > patience:
            return best, epoch
    return best, len(losses)

# %% case="best_never_forgets" replaces="best_epoch" loses="check_best_epoch"
def best_epoch(losses, patience):
    best, waited = 1, 0
    for epoch, loss in enumerate(losses, start=1):
        if loss < losses[best - 1]:
            best = epoch
        elif epoch > 1:
            waited += 1
        if waited >= patience:
            return best, epoch
    return best, len(losses)

# %% case="best_equal_is_better" replaces="best_epoch" loses="check_best_epoch"
def best_epoch(losses, patience):
    best = 1
    for epoch, loss in enumerate(losses, start=1):
        if loss <= losses[best - 1]:
            best = epoch
        if epoch - best >= patience:
            return best, epoch
    return best, len(losses)

# %% case="best_compares_with_the_epoch_before" replaces="best_epoch" loses="check_best_epoch"
def best_epoch(losses, patience):
    best = 1
    for epoch in range(2, len(losses) + 1):
        if losses[epoch - 1] < losses[epoch - 2]:
            best = epoch
        if epoch - best >= patience:
            return best, epoch
    return best, len(losses)

# %% case="best_gives_the_last_weights" replaces="best_epoch" loses="check_best_epoch"
def best_epoch(losses, patience):
    best = 1
    for epoch, loss in enumerate(losses, start=1):
        if loss < losses[best - 1]:
            best = epoch
        if epoch - best >= patience:
            return epoch, epoch
    return len(losses), len(losses)

# %% case="best_by_counting_down" replaces="best_epoch" loses=""
def best_epoch(losses, patience):
    lowest, best, left, epoch = float("inf"), 0, patience, 0
    while epoch < len(losses) and left > 0:
        epoch += 1
        if losses[epoch - 1] < lowest:
            lowest, best, left = losses[epoch - 1], epoch, patience
        else:
            left -= 1
    return best, epoch

# %% case="best_by_slices" replaces="best_epoch" loses=""
def best_epoch(losses, patience):
    for epoch in range(1, len(losses) + 1):
        so_far = list(losses[:epoch])
        best = so_far.index(min(so_far)) + 1
        if epoch - best >= patience:
            break
    return [best, epoch]

# %% case="vote_softmax_of_the_mean" replaces="vote" loses="check_vote"
def vote(scores):
    return scores.mean(dim=0).softmax(dim=1)

# %% case="vote_mean_over_examples" replaces="vote" loses="check_vote"
def vote(scores):
    return scores.softmax(dim=2).mean(dim=1)

# %% case="vote_softmax_over_networks" replaces="vote" loses="check_vote"
def vote(scores):
    return scores.softmax(dim=0).mean(dim=0)

# %% case="vote_is_a_sum" replaces="vote" loses="check_vote"
def vote(scores):
    return scores.softmax(dim=2).sum(dim=0)

# %% case="vote_counts_heads" replaces="vote" loses="check_vote"
def vote(scores):
    return F.one_hot(scores.argmax(dim=2), scores.shape[2]).float().mean(dim=0)

# %% case="vote_no_softmax" replaces="vote" loses="check_vote"
def vote(scores):
    return scores.mean(dim=0)

# %% case="vote_in_a_loop" replaces="vote" loses=""
def vote(scores):
    total = 0
    for network_scores in scores:
        powers = (network_scores - network_scores.max(dim=1, keepdim=True).values).exp()
        total = total + powers / powers.sum(dim=1, keepdim=True)
    return total / len(scores)

# %% case="vote_by_einsum" replaces="vote" loses=""
def vote(scores):
    return torch.einsum("mnk->nk", torch.softmax(scores, -1)) / scores.shape[0]
