# %% [markdown]
# Right and wrong answers to lab05_optimisers, each with the tests that it must lose.

# %% case="momentum_is_a_mean" replaces="momentum" loses="check_momentum"
def momentum(grad, state, beta=0.9):
    state["v"] = beta * state.get("v", 0) + (1 - beta) * grad
    return state["v"]

# %% case="momentum_forgets_to_remember" replaces="momentum" loses="check_momentum"
def momentum(grad, state, beta=0.9):
    return beta * state.get("v", 0) + grad

# %% case="momentum_beta_on_the_gradient" replaces="momentum" loses="check_momentum"
def momentum(grad, state, beta=0.9):
    state["v"] = state.get("v", 0) + beta * grad
    return state["v"]

# %% case="momentum_hard_coded" replaces="momentum" loses="check_momentum"
def momentum(grad, state, beta=0.9):
    state["v"] = 0.9 * state.get("v", 0) + grad
    return state["v"]

# %% case="momentum_one_memory_for_all" replaces="momentum" loses="check_momentum"
_v = {}
def momentum(grad, state, beta=0.9):
    _v[grad.shape] = beta * _v.get(grad.shape, 0) + grad
    return _v[grad.shape]

# %% case="momentum_of_the_last_gradient_only" replaces="momentum" loses="check_momentum"
def momentum(grad, state, beta=0.9):
    before, state["v"] = state.get("v", 0), grad
    return beta * before + grad

# %% case="momentum_with_if" replaces="momentum" loses=""
def momentum(grad, state, beta=0.9):
    if "sum" not in state:
        state["sum"] = torch.zeros_like(grad)
    state["sum"] = state["sum"].mul(beta).add(grad)
    return state["sum"].clone()

# %% case="momentum_keeps_all_gradients" replaces="momentum" loses=""
def momentum(grad, state, beta=0.9):
    state.setdefault("all", []).append(grad.clone())
    return sum(beta ** (len(state["all"]) - 1 - i) * g for i, g in enumerate(state["all"]))

# %% case="adagrad_no_root" replaces="adagrad" loses="check_adagrad"
def adagrad(grad, state, eps=1e-8):
    state["s"] = state.get("s", 0) + grad**2
    return grad / (state["s"] + eps)

# %% case="adagrad_no_squares" replaces="adagrad" loses="check_adagrad"
def adagrad(grad, state, eps=1e-8):
    state["s"] = state.get("s", 0) + grad.abs()
    return grad / (state["s"] + eps)

# %% case="adagrad_forgets" replaces="adagrad" loses="check_adagrad"
def adagrad(grad, state, eps=1e-8):
    return grad / (grad**2).sqrt().add(eps)

# %% case="adagrad_without_eps" replaces="adagrad" loses="check_adagrad"
def adagrad(grad, state, eps=1e-8):
    state["s"] = state.get("s", 0) + grad**2
    return grad / state["s"].sqrt()

# %% case="adagrad_one_rate_for_all" replaces="adagrad" loses="check_adagrad"
def adagrad(grad, state, eps=1e-8):
    state["s"] = state.get("s", 0) + (grad**2).sum()
    return grad / (state["s"].sqrt() + eps)

# %% case="adagrad_adds_after_the_step" replaces="adagrad" loses="check_adagrad"
def adagrad(grad, state, eps=1e-8):
    before = state.get("s", torch.zeros_like(grad))
    state["s"] = before + grad**2
    return grad / (before.sqrt() + eps)

# %% case="adagrad_by_hypot" replaces="adagrad" loses=""
def adagrad(grad, state, eps=1e-8):
    state["size"] = torch.hypot(state.get("size", torch.zeros_like(grad)), grad)
    return grad / (state["size"] + eps)

# %% case="adagrad_of_the_history" replaces="adagrad" loses=""
def adagrad(grad, state, eps=1e-8):
    history = state.setdefault("history", [])
    history.append(grad.clone())
    return grad / (torch.stack(history).norm(dim=0) + eps)

# %% case="rmsprop_is_adagrad" replaces="rmsprop" loses="check_rmsprop"
def rmsprop(grad, state, beta=0.9, eps=1e-8):
    state["s"] = state.get("s", 0) + grad**2
    return grad / (state["s"].sqrt() + eps)

# %% case="rmsprop_no_one_minus_beta" replaces="rmsprop" loses="check_rmsprop"
def rmsprop(grad, state, beta=0.9, eps=1e-8):
    state["s"] = beta * state.get("s", 0) + grad**2
    return grad / (state["s"].sqrt() + eps)

# %% case="rmsprop_betas_swapped" replaces="rmsprop" loses="check_rmsprop"
def rmsprop(grad, state, beta=0.9, eps=1e-8):
    state["s"] = (1 - beta) * state.get("s", 0) + beta * grad**2
    return grad / (state["s"].sqrt() + eps)

# %% case="rmsprop_no_root" replaces="rmsprop" loses="check_rmsprop"
def rmsprop(grad, state, beta=0.9, eps=1e-8):
    state["s"] = beta * state.get("s", 0) + (1 - beta) * grad**2
    return grad / (state["s"] + eps)

# %% case="rmsprop_starts_at_the_first_square" replaces="rmsprop" loses="check_rmsprop"
def rmsprop(grad, state, beta=0.9, eps=1e-8):
    state["s"] = beta * state.get("s", grad**2) + (1 - beta) * grad**2
    return grad / (state["s"].sqrt() + eps)

# %% case="rmsprop_hard_coded" replaces="rmsprop" loses="check_rmsprop"
def rmsprop(grad, state, beta=0.9, eps=1e-8):
    state["s"] = 0.9 * state.get("s", 0) + 0.1 * grad**2
    return grad / (state["s"].sqrt() + eps)

# %% case="rmsprop_by_lerp" replaces="rmsprop" loses=""
def rmsprop(grad, state, beta=0.9, eps=1e-8):
    old = state.get("mean", torch.zeros_like(grad))
    state["mean"] = torch.lerp(old, grad.square(), 1 - beta)
    return grad / (state["mean"] ** 0.5 + eps)

# %% case="rmsprop_in_double" replaces="rmsprop" loses=""
def rmsprop(grad, state, beta=0.9, eps=1e-8):
    g = grad.double()
    state["s"] = state.get("s", 0.0) - (1 - beta) * (state.get("s", 0.0) - g * g)
    return (g / (state["s"].sqrt() + eps)).to(grad.dtype)

# %% case="adam_without_correction" replaces="adam" loses="check_adam"
def adam(grad, state, beta1=0.9, beta2=0.999, eps=1e-8):
    state["m"] = beta1 * state.get("m", 0) + (1 - beta1) * grad
    state["s"] = beta2 * state.get("s", 0) + (1 - beta2) * grad**2
    return state["m"] / (state["s"].sqrt() + eps)

# %% case="adam_counts_from_zero" replaces="adam" loses="check_adam"
def adam(grad, state, beta1=0.9, beta2=0.999, eps=1e-8):
    t = state["t"] = state.get("t", -1) + 1
    state["m"] = beta1 * state.get("m", 0) + (1 - beta1) * grad
    state["s"] = beta2 * state.get("s", 0) + (1 - beta2) * grad**2
    return state["m"] / (1 - beta1 ** (t + 1e-3)) / ((state["s"] / (1 - beta2 ** (t + 1e-3))).sqrt() + eps)

# %% case="adam_keeps_the_corrected_means" replaces="adam" loses="check_adam"
def adam(grad, state, beta1=0.9, beta2=0.999, eps=1e-8):
    t = state["t"] = state.get("t", 0) + 1
    state["m"] = (beta1 * state.get("m", 0) + (1 - beta1) * grad) / (1 - beta1**t)
    state["s"] = (beta2 * state.get("s", 0) + (1 - beta2) * grad**2) / (1 - beta2**t)
    return state["m"] / (state["s"].sqrt() + eps)

# %% case="adam_corrects_by_beta_only" replaces="adam" loses="check_adam"
def adam(grad, state, beta1=0.9, beta2=0.999, eps=1e-8):
    state["m"] = beta1 * state.get("m", 0) + (1 - beta1) * grad
    state["s"] = beta2 * state.get("s", 0) + (1 - beta2) * grad**2
    return state["m"] / (1 - beta1) / ((state["s"] / (1 - beta2)).sqrt() + eps)

# %% case="adam_no_root" replaces="adam" loses="check_adam"
def adam(grad, state, beta1=0.9, beta2=0.999, eps=1e-8):
    t = state["t"] = state.get("t", 0) + 1
    state["m"] = beta1 * state.get("m", 0) + (1 - beta1) * grad
    state["s"] = beta2 * state.get("s", 0) + (1 - beta2) * grad**2
    return state["m"] / (1 - beta1**t) / (state["s"] / (1 - beta2**t) + eps)

# %% case="adam_mean_is_not_squared" replaces="adam" loses="check_adam"
def adam(grad, state, beta1=0.9, beta2=0.999, eps=1e-8):
    t = state["t"] = state.get("t", 0) + 1
    m = state["m"] = beta1 * state.get("m", 0) + (1 - beta1) * grad
    state["s"] = beta2 * state.get("s", 0) + (1 - beta2) * m**2
    return m / (1 - beta1**t) / ((state["s"] / (1 - beta2**t)).sqrt() + eps)

# %% case="adam_without_eps" replaces="adam" loses="check_adam"
def adam(grad, state, beta1=0.9, beta2=0.999, eps=1e-8):
    t = state["t"] = state.get("t", 0) + 1
    state["m"] = beta1 * state.get("m", 0) + (1 - beta1) * grad
    state["s"] = beta2 * state.get("s", 0) + (1 - beta2) * grad**2
    return state["m"] / (1 - beta1**t) / (state["s"] / (1 - beta2**t)).sqrt()

# %% case="adam_without_momentum" replaces="adam" loses="check_adam"
def adam(grad, state, beta1=0.9, beta2=0.999, eps=1e-8):
    t = state["t"] = state.get("t", 0) + 1
    state["s"] = beta2 * state.get("s", 0) + (1 - beta2) * grad**2
    return grad / ((state["s"] / (1 - beta2**t)).sqrt() + eps)

# %% case="adam_filled_shares" replaces="adam" loses=""
def adam(grad, state, beta1=0.9, beta2=0.999, eps=1e-8):
    if not state:
        state.update(m=torch.zeros_like(grad), s=torch.zeros_like(grad), full1=0.0, full2=0.0)
    state["m"], state["full1"] = state["m"].lerp(grad, 1 - beta1), beta1 * state["full1"] + 1 - beta1
    state["s"], state["full2"] = state["s"].lerp(grad * grad, 1 - beta2), beta2 * state["full2"] + 1 - beta2
    return (state["m"] / state["full1"]) / ((state["s"] / state["full2"]) ** 0.5 + eps)

# %% case="adam_of_the_history" replaces="adam" loses=""
def adam(grad, state, beta1=0.9, beta2=0.999, eps=1e-8):
    all_of_them = state.setdefault("all", [])
    all_of_them.append(grad.clone())
    ages = range(len(all_of_them) - 1, -1, -1)
    m = sum(beta1**age * g for age, g in zip(ages, all_of_them)) / sum(beta1**age for age in ages)
    s = sum(beta2**age * g**2 for age, g in zip(ages, all_of_them)) / sum(beta2**age for age in ages)
    return m / (s.sqrt() + eps)

# %% case="schedule_warms_from_zero" replaces="schedule" loses="check_schedule"
def schedule(step, steps, warmup, lr):
    if step < warmup:
        return lr * step / warmup
    return lr / 2 * (1 + math.cos(math.pi * (step - warmup) / (steps - warmup)))

# %% case="schedule_cosine_over_all_steps" replaces="schedule" loses="check_schedule"
def schedule(step, steps, warmup, lr):
    if step < warmup:
        return lr * (step + 1) / warmup
    return lr / 2 * (1 + math.cos(math.pi * step / steps))

# %% case="schedule_linear_decay" replaces="schedule" loses="check_schedule"
def schedule(step, steps, warmup, lr):
    if step < warmup:
        return lr * (step + 1) / warmup
    return lr * (1 - (step - warmup) / (steps - warmup))

# %% case="schedule_off_by_one" replaces="schedule" loses="check_schedule"
def schedule(step, steps, warmup, lr):
    if step <= warmup:
        return lr * (step + 1) / max(warmup, 1)
    return lr / 2 * (1 + math.cos(math.pi * (step - warmup) / (steps - warmup)))

# %% case="schedule_ends_at_zero" replaces="schedule" loses="check_schedule"
def schedule(step, steps, warmup, lr):
    if step < warmup:
        return lr * (step + 1) / warmup
    return lr / 2 * (1 + math.cos(math.pi * (step - warmup) / (steps - warmup - 1)))

# %% case="schedule_without_lr" replaces="schedule" loses="check_schedule"
def schedule(step, steps, warmup, lr):
    if step < warmup:
        return (step + 1) / warmup
    return (1 + math.cos(math.pi * (step - warmup) / (steps - warmup))) / 2

# %% case="schedule_by_half_angle" replaces="schedule" loses=""
def schedule(step, steps, warmup, lr):
    done = (step - warmup) / (steps - warmup)
    return lr * (step + 1) / warmup if done < 0 else lr * math.cos(math.pi / 2 * done) ** 2

# %% case="schedule_with_tensors" replaces="schedule" loses=""
def schedule(step, steps, warmup, lr):
    if warmup > 0 and step < warmup:
        return torch.tensor((step + 1) / warmup, dtype=torch.float64) * lr
    share = torch.tensor((step - warmup) / (steps - warmup), dtype=torch.float64)
    return lr * (0.5 + 0.5 * torch.cos(torch.pi * share))

# %% case="slope_of_the_slope" replaces="activation_slope" loses="check_activation_slope"
def activation_slope(name, z):
    if name == "sigmoid":
        return z * (1 - z)
    return 1 - z**2 if name == "tanh" else (z > 0).to(z.dtype)

# %% case="slope_is_the_activation" replaces="activation_slope" loses="check_activation_slope"
def activation_slope(name, z):
    return {"sigmoid": torch.sigmoid, "tanh": torch.tanh, "relu": torch.relu}[name](z)

# %% case="slope_tanh_not_squared" replaces="activation_slope" loses="check_activation_slope"
def activation_slope(name, z):
    if name == "sigmoid":
        return torch.sigmoid(z) * (1 - torch.sigmoid(z))
    return 1 - torch.tanh(z) if name == "tanh" else (z > 0).to(z.dtype)

# %% case="slope_relu_keeps_z" replaces="activation_slope" loses="check_activation_slope"
def activation_slope(name, z):
    if name == "sigmoid":
        return torch.sigmoid(z) * (1 - torch.sigmoid(z))
    return 1 - torch.tanh(z) ** 2 if name == "tanh" else z * (z > 0)

# %% case="slope_relu_is_one" replaces="activation_slope" loses="check_activation_slope"
def activation_slope(name, z):
    if name == "sigmoid":
        return torch.sigmoid(z) * (1 - torch.sigmoid(z))
    return 1 - torch.tanh(z) ** 2 if name == "tanh" else torch.ones_like(z)

# %% case="slope_sigmoid_times_itself" replaces="activation_slope" loses="check_activation_slope"
def activation_slope(name, z):
    if name == "sigmoid":
        return torch.sigmoid(z) ** 2
    return 1 - torch.tanh(z) ** 2 if name == "tanh" else (z > 0).to(z.dtype)

# %% case="slope_by_autograd" replaces="activation_slope" loses=""
def activation_slope(name, z):
    leaf = z.detach().clone().requires_grad_()
    getattr(torch, name)(leaf).sum().backward()
    return leaf.grad

# %% case="slope_by_exponentials" replaces="activation_slope" loses=""
def activation_slope(name, z):
    if name == "relu":
        return torch.where(z > 0, 1.0, 0.0)
    if name == "tanh":
        return torch.cosh(z) ** -2
    return torch.exp(-z) / (1 + torch.exp(-z)) ** 2

# %% case="initial_variance_for_deviation" replaces="initial" loses="check_initial"
def initial(n_out, n_in, kind):
    return torch.randn(n_out, n_in) * (2 / (n_in + n_out) if kind == "glorot" else 2 / n_in)

# %% case="initial_fan_out" replaces="initial" loses="check_initial"
def initial(n_out, n_in, kind):
    variance = 2 / (n_in + n_out) if kind == "glorot" else 2 / n_out
    return torch.randn(n_out, n_in) * variance**0.5

# %% case="initial_turned" replaces="initial" loses="check_initial"
def initial(n_out, n_in, kind):
    variance = 2 / (n_in + n_out) if kind == "glorot" else 2 / n_in
    return torch.randn(n_in, n_out) * variance**0.5

# %% case="initial_uniform" replaces="initial" loses="check_initial"
def initial(n_out, n_in, kind):
    variance = 2 / (n_in + n_out) if kind == "glorot" else 2 / n_in
    return (torch.rand(n_out, n_in) * 2 - 1) * variance**0.5

# %% case="initial_he_for_all" replaces="initial" loses="check_initial"
def initial(n_out, n_in, kind):
    return torch.randn(n_out, n_in) * (2 / n_in) ** 0.5

# %% case="initial_without_two" replaces="initial" loses="check_initial"
def initial(n_out, n_in, kind):
    variance = 1 / (n_in + n_out) if kind == "glorot" else 1 / n_in
    return torch.randn(n_out, n_in) * variance**0.5

# %% case="initial_not_centred" replaces="initial" loses="check_initial"
def initial(n_out, n_in, kind):
    variance = 2 / (n_in + n_out) if kind == "glorot" else 2 / n_in
    return (torch.randn(n_out, n_in) + 0.5) * variance**0.5

# %% case="initial_always_the_same" replaces="initial" loses="check_initial"
def initial(n_out, n_in, kind):
    variance = 2 / (n_in + n_out) if kind == "glorot" else 2 / n_in
    return torch.randn(n_out, n_in, generator=torch.Generator().manual_seed(0)) * variance**0.5

# %% case="initial_by_library" replaces="initial" loses=""
def initial(n_out, n_in, kind):
    weight = torch.empty(n_out, n_in)
    return nn.init.xavier_normal_(weight) if kind == "glorot" else nn.init.kaiming_normal_(weight)

# %% case="initial_by_numpy" replaces="initial" loses=""
def initial(n_out, n_in, kind):
    deviation = {"he": math.sqrt(2 / n_in), "glorot": math.sqrt(2 / (n_in + n_out))}[kind]
    return torch.from_numpy(np.random.normal(0, deviation, (n_out, n_in))).float()
