# %% [markdown]
# Right and wrong answers to lab03_backprop, each with the tests that it must lose.

# %% case="forward_no_transpose" replaces="forward" loses="check_forward"
def forward(x, weights, biases):
    activations = [x]
    for weight, bias in zip(weights, biases):
        a = activations[-1]
        activations.append(torch.sigmoid((a @ weight if a.shape[1] == weight.shape[0] else a @ weight.T) + bias))
    return activations

# %% case="forward_no_bias" replaces="forward" loses="check_forward"
def forward(x, weights, biases):
    activations = [x]
    for weight in weights:
        activations.append(torch.sigmoid(activations[-1] @ weight.T))
    return activations

# %% case="forward_linear_at_the_end" replaces="forward" loses="check_forward"
def forward(x, weights, biases):
    activations = [x]
    for i, (weight, bias) in enumerate(zip(weights, biases)):
        z = activations[-1] @ weight.T + bias
        activations.append(z if i == len(weights) - 1 else torch.sigmoid(z))
    return activations

# %% case="forward_only_the_outputs" replaces="forward" loses="check_forward"
def forward(x, weights, biases):
    for weight, bias in zip(weights, biases):
        x = torch.sigmoid(x @ weight.T + bias)
    return x

# %% case="forward_without_the_input" replaces="forward" loses="check_forward"
def forward(x, weights, biases):
    activations = []
    for weight, bias in zip(weights, biases):
        x = torch.sigmoid(x @ weight.T + bias)
        activations.append(x)
    return activations

# %% case="forward_two_layers_only" replaces="forward" loses="check_forward"
def forward(x, weights, biases):
    a1 = torch.sigmoid(x @ weights[0].T + biases[0])
    return [x, a1, torch.sigmoid(a1 @ weights[-1].T + biases[-1])]

# %% case="forward_by_library" replaces="forward" loses=""
def forward(x, weights, biases):
    if not weights:
        return [x]
    z = F.linear(x, weights[0], biases[0])
    return [x] + forward(1 / (1 + (-z).exp()), weights[1:], biases[1:])

# %% case="forward_as_columns" replaces="forward" loses=""
def forward(x, weights, biases):
    found = [x]
    for i in range(len(weights)):
        found.append((weights[i] @ found[i].T + biases[i][:, None]).sigmoid().T)
    return tuple(found)

# %% case="cost_mean_of_all" replaces="cost" loses="check_cost"
def cost(outputs, targets):
    return ((outputs - targets) ** 2).mean()

# %% case="cost_sum_of_all" replaces="cost" loses="check_cost"
def cost(outputs, targets):
    return ((outputs - targets) ** 2).sum()

# %% case="cost_half" replaces="cost" loses="check_cost"
def cost(outputs, targets):
    return ((outputs - targets) ** 2).sum(1).mean() / 2

# %% case="cost_absolute" replaces="cost" loses="check_cost"
def cost(outputs, targets):
    return (outputs - targets).abs().sum(1).mean()

# %% case="cost_root" replaces="cost" loses="check_cost"
def cost(outputs, targets):
    return ((outputs - targets) ** 2).sum(1).sqrt().mean()

# %% case="cost_squares_the_sum" replaces="cost" loses="check_cost"
def cost(outputs, targets):
    return ((outputs - targets).sum(1) ** 2).mean()

# %% case="cost_hard_coded" replaces="cost" loses="check_cost"
def cost(outputs, targets):
    return torch.tensor(3.3691)

# %% case="cost_sum_over_count" replaces="cost" loses=""
def cost(outputs, targets):
    miss = outputs - targets
    return (miss * miss).sum() / len(targets)

# %% case="cost_by_norm" replaces="cost" loses=""
def cost(outputs, targets):
    return torch.stack([(row**2).sum() for row in outputs - targets]).mean()

# %% case="chain_no_sigmoid_slope" replaces="chain" loses="check_chain"
def chain(x, y, w1, b1, w2, b2):
    a1 = 1 / (1 + math.exp(-(w1 * x + b1)))
    a2 = 1 / (1 + math.exp(-(w2 * a1 + b2)))
    c_a2 = 2 * (a2 - y)
    c_z2 = c_a2
    c_a1 = c_z2 * w2
    return [c_a2, c_z2, c_z2 * a1, c_z2, c_a1, c_a1, c_a1 * x, c_a1]

# %% case="chain_forgets_w2" replaces="chain" loses="check_chain"
def chain(x, y, w1, b1, w2, b2):
    a1 = 1 / (1 + math.exp(-(w1 * x + b1)))
    a2 = 1 / (1 + math.exp(-(w2 * a1 + b2)))
    c_a2 = 2 * (a2 - y)
    c_z2 = c_a2 * a2 * (1 - a2)
    c_z1 = c_z2 * a1 * (1 - a1)
    return [c_a2, c_z2, c_z2 * a1, c_z2, c_z2, c_z1, c_z1 * x, c_z1]

# %% case="chain_sign" replaces="chain" loses="check_chain"
def chain(x, y, w1, b1, w2, b2):
    a1 = 1 / (1 + math.exp(-(w1 * x + b1)))
    a2 = 1 / (1 + math.exp(-(w2 * a1 + b2)))
    c_a2 = 2 * (y - a2)
    c_z2 = c_a2 * a2 * (1 - a2)
    c_a1 = c_z2 * w2
    c_z1 = c_a1 * a1 * (1 - a1)
    return [c_a2, c_z2, c_z2 * a1, c_z2, c_a1, c_z1, c_z1 * x, c_z1]

# %% case="chain_no_two" replaces="chain" loses="check_chain"
def chain(x, y, w1, b1, w2, b2):
    a1 = 1 / (1 + math.exp(-(w1 * x + b1)))
    a2 = 1 / (1 + math.exp(-(w2 * a1 + b2)))
    c_a2 = a2 - y
    c_z2 = c_a2 * a2 * (1 - a2)
    c_a1 = c_z2 * w2
    c_z1 = c_a1 * a1 * (1 - a1)
    return [c_a2, c_z2, c_z2 * a1, c_z2, c_a1, c_z1, c_z1 * x, c_z1]

# %% case="chain_x_for_a1" replaces="chain" loses="check_chain"
def chain(x, y, w1, b1, w2, b2):
    a1 = 1 / (1 + math.exp(-(w1 * x + b1)))
    a2 = 1 / (1 + math.exp(-(w2 * a1 + b2)))
    c_a2 = 2 * (a2 - y)
    c_z2 = c_a2 * a2 * (1 - a2)
    c_a1 = c_z2 * w2
    c_z1 = c_a1 * a2 * (1 - a2)
    return [c_a2, c_z2, c_z2 * x, c_z2, c_a1, c_z1, c_z1 * x, c_z1]

# %% case="chain_last_factor_of_the_layer_above" replaces="chain" loses="check_chain"
def chain(x, y, w1, b1, w2, b2):
    a1 = 1 / (1 + math.exp(-(w1 * x + b1)))
    a2 = 1 / (1 + math.exp(-(w2 * a1 + b2)))
    c_a2 = 2 * (a2 - y)
    c_z2 = c_a2 * a2 * (1 - a2)
    c_a1 = c_z2 * w2
    c_z1 = c_a1 * a2 * (1 - a2)
    return [c_a2, c_z2, c_z2 * a1, c_z2, c_a1, c_z1, c_z1 * x, c_z1]

# %% case="chain_forward_order" replaces="chain" loses="check_chain"
def chain(x, y, w1, b1, w2, b2):
    a1 = 1 / (1 + math.exp(-(w1 * x + b1)))
    a2 = 1 / (1 + math.exp(-(w2 * a1 + b2)))
    c_a2 = 2 * (a2 - y)
    c_z2 = c_a2 * a2 * (1 - a2)
    c_a1 = c_z2 * w2
    c_z1 = c_a1 * a1 * (1 - a1)
    return [c_z1 * x, c_z1, c_z1, c_a1, c_z2 * a1, c_z2, c_z2, c_a2]

# %% case="chain_by_autograd" replaces="chain" loses=""
def chain(x, y, w1, b1, w2, b2):
    w1, b1, w2, b2 = (torch.tensor(float(p), dtype=torch.float64, requires_grad=True) for p in (w1, b1, w2, b2))
    z1 = w1 * x + b1
    a1 = torch.sigmoid(z1)
    z2 = w2 * a1 + b2
    a2 = torch.sigmoid(z2)
    return [g.item() for g in torch.autograd.grad((a2 - y) ** 2, (a2, z2, w2, b2, a1, z1, w1, b1))]

# %% case="chain_written_out" replaces="chain" loses=""
def chain(x, y, w1, b1, w2, b2):
    a1 = 1 / (1 + math.exp(-(w1 * x + b1)))
    a2 = 1 / (1 + math.exp(-(w2 * a1 + b2)))
    back = 2 * (a2 - y)
    slopes = [back]
    for a, before, w in ((a2, a1, w2), (a1, x, None)):
        back = back * (a - a * a)
        slopes += [back, back * before, back]
        if w is not None:
            back = back * w
            slopes.append(back)
    return tuple(slopes)

# %% case="numeric_up_only" replaces="numeric_gradient" loses="check_numeric_gradient"
def numeric_gradient(function, p, step):
    slopes = torch.zeros_like(p)
    for i in range(p.numel()):
        nudge = torch.zeros_like(p)
        nudge.view(-1)[i] = step
        slopes.view(-1)[i] = (function(p + nudge) - function(p)) / step
    return slopes

# %% case="numeric_no_half" replaces="numeric_gradient" loses="check_numeric_gradient"
def numeric_gradient(function, p, step):
    slopes = torch.zeros_like(p)
    for i in range(p.numel()):
        nudge = torch.zeros_like(p)
        nudge.view(-1)[i] = step
        slopes.view(-1)[i] = (function(p + nudge) - function(p - nudge)) / step
    return slopes

# %% case="numeric_nudges_all_at_once" replaces="numeric_gradient" loses="check_numeric_gradient"
def numeric_gradient(function, p, step):
    slope = (function(p + step) - function(p - step)) / (2 * step)
    return torch.full_like(p, float(slope))

# %% case="numeric_never_puts_back" replaces="numeric_gradient" loses="check_numeric_gradient"
def numeric_gradient(function, p, step):
    p, slopes = p.clone(), torch.zeros_like(p)
    for i in range(p.numel()):
        p.view(-1)[i] += step
        above = function(p)
        p.view(-1)[i] -= 2 * step
        slopes.view(-1)[i] = (above - function(p)) / (2 * step)
    return slopes

# %% case="numeric_changes_p" replaces="numeric_gradient" loses="check_numeric_gradient"
def numeric_gradient(function, p, step):
    slopes = torch.zeros_like(p)
    for i in range(p.numel()):
        p.view(-1)[i] += step
        above = function(p)
        p.view(-1)[i] -= 2 * step
        slopes.view(-1)[i] = (above - function(p)) / (2 * step)
    return slopes

# %% case="numeric_flat" replaces="numeric_gradient" loses="check_numeric_gradient"
def numeric_gradient(function, p, step):
    slopes = []
    for i in range(p.numel()):
        nudge = torch.zeros_like(p)
        nudge.view(-1)[i] = step
        slopes.append((function(p + nudge) - function(p - nudge)) / (2 * step))
    return torch.stack(slopes)

# %% case="numeric_hard_step" replaces="numeric_gradient" loses="check_numeric_gradient"
def numeric_gradient(function, p, step):
    step, slopes = 1e-5, torch.zeros_like(p)
    for i in range(p.numel()):
        nudge = torch.zeros_like(p)
        nudge.view(-1)[i] = step
        slopes.view(-1)[i] = (function(p + nudge) - function(p - nudge)) / (2 * step)
    return slopes

# %% case="numeric_with_the_identity" replaces="numeric_gradient" loses=""
def numeric_gradient(function, p, step):
    nudges = (step * torch.eye(p.numel(), dtype=p.dtype)).view(-1, *p.shape)
    slopes = [float(function(p + nudge) - function(p - nudge)) / (2 * step) for nudge in nudges]
    return torch.tensor(slopes, dtype=p.dtype).view(p.shape)

# %% case="numeric_in_place_and_back" replaces="numeric_gradient" loses=""
def numeric_gradient(function, p, step):
    slopes = torch.empty_like(p)
    for place in np.ndindex(*p.shape):
        middle = p[place].item()
        p[place] = middle + step
        above = float(function(p))
        p[place] = middle - step
        below = float(function(p))
        p[place] = middle
        slopes[place] = (above - below) / (2 * step)
    return slopes

# %% case="backward_no_mean" replaces="backward" loses="check_backward"
def backward(activations, y, w2):
    x, a1, a2 = activations
    delta2 = 2 * (a2 - y) * a2 * (1 - a2)
    delta1 = (delta2 @ w2) * a1 * (1 - a1)
    return [delta1.T @ x, delta1.sum(0), delta2.T @ a1, delta2.sum(0)]

# %% case="backward_square_weight_turned" replaces="backward" loses="check_backward"
def backward(activations, y, w2):
    x, a1, a2 = activations
    delta2 = 2 / len(x) * (a2 - y) * a2 * (1 - a2)
    delta1 = (delta2 @ (w2.T if w2.shape[0] == w2.shape[1] else w2)) * a1 * (1 - a1)
    return [delta1.T @ x, delta1.sum(0), delta2.T @ a1, delta2.sum(0)]

# %% case="backward_skips_a_sigmoid" replaces="backward" loses="check_backward"
def backward(activations, y, w2):
    x, a1, a2 = activations
    delta2 = 2 / len(x) * (a2 - y) * a2 * (1 - a2)
    delta1 = delta2 @ w2
    return [delta1.T @ x, delta1.sum(0), delta2.T @ a1, delta2.sum(0)]

# %% case="backward_lacks_a1" replaces="backward" loses="check_backward"
def backward(activations, y, w2):
    x, a1, a2 = activations
    delta2 = 2 / len(x) * (a2 - y) * a2 * (1 - a2)
    delta1 = (delta2 @ w2) * (1 - a1)
    return [delta1.T @ x, delta1.sum(0), delta2.T @ a1, delta2.sum(0)]

# %% case="backward_bias_as_a_mean" replaces="backward" loses="check_backward"
def backward(activations, y, w2):
    x, a1, a2 = activations
    delta2 = 2 / len(x) * (a2 - y) * a2 * (1 - a2)
    delta1 = (delta2 @ w2) * a1 * (1 - a1)
    return [delta1.T @ x, delta1.mean(0), delta2.T @ a1, delta2.mean(0)]

# %% case="backward_for_another_loss" replaces="backward" loses="check_backward"
def backward(activations, y, w2):
    x, a1, a2 = activations
    delta2 = (a2 - y) / len(x)
    delta1 = (delta2 @ w2) * a1 * (1 - a1)
    return [delta1.T @ x, delta1.sum(0), delta2.T @ a1, delta2.sum(0)]

# %% case="backward_back_to_front" replaces="backward" loses="check_backward"
def backward(activations, y, w2):
    x, a1, a2 = activations
    delta2 = 2 / len(x) * (a2 - y) * a2 * (1 - a2)
    delta1 = (delta2 @ w2) * a1 * (1 - a1)
    return [delta2.T @ a1, delta2.sum(0), delta1.T @ x, delta1.sum(0)]

# %% case="backward_by_einsum" replaces="backward" loses=""
def backward(activations, y, w2):
    x, a1, a2 = activations
    d2 = (a2 - y).mul(2).div(len(y)) * (a2 - a2**2)
    d1 = torch.einsum("nk,kh->nh", d2, w2) * (a1 - a1**2)
    return torch.einsum("nh,nd->hd", d1, x), d1.sum(dim=0), torch.einsum("nk,nh->kh", d2, a1), d2.sum(dim=0)

# %% case="backward_example_by_example" replaces="backward" loses=""
def backward(activations, y, w2):
    total = None
    for x, a1, a2, target in zip(*activations, y):
        d2 = 2 * (a2 - target) * a2 * (1 - a2)
        d1 = (w2.T @ d2) * a1 * (1 - a1)
        one = [torch.outer(d1, x), d1, torch.outer(d2, a1), d2]
        total = one if total is None else [t + o for t, o in zip(total, one)]
    return [t / len(y) for t in total]

# %% case="hinges_slopes_themselves" replaces="hinges" loses="check_hinges"
def hinges(xs, ys):
    return ys.diff() / xs.diff()

# %% case="hinges_ignore_the_widths" replaces="hinges" loses="check_hinges"
def hinges(xs, ys):
    rises = ys.diff()
    return torch.cat([rises[:1], rises.diff()])

# %% case="hinges_without_the_first" replaces="hinges" loses="check_hinges"
def hinges(xs, ys):
    slopes = ys.diff() / xs.diff()
    return torch.cat([slopes.diff(), slopes[-1:]])

# %% case="hinges_sign" replaces="hinges" loses="check_hinges"
def hinges(xs, ys):
    slopes = ys.diff() / xs.diff()
    return torch.cat([slopes[:1], slopes[:-1] - slopes[1:]])

# %% case="hinges_heights" replaces="hinges" loses="check_hinges"
def hinges(xs, ys):
    return ys[1:]

# %% case="hinges_in_a_loop" replaces="hinges" loses=""
def hinges(xs, ys):
    found, slope = [], 0.0
    for i in range(len(xs) - 1):
        new = float((ys[i + 1] - ys[i]) / (xs[i + 1] - xs[i]))
        found.append(new - slope)
        slope = new
    return torch.tensor(found, dtype=ys.dtype)

# %% case="hinges_by_solving" replaces="hinges" loses=""
def hinges(xs, ys):
    columns = (xs[1:, None] - xs[:-1]).clamp(min=0).double()
    return torch.linalg.solve(columns, (ys[1:] - ys[0]).double()).to(ys.dtype)

# %% case="stage_without_the_way_around" replaces="stage" loses="check_stage"
class Stage(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.inner, self.outer = nn.Linear(2, hidden), nn.Linear(hidden, 2)
        nn.init.zeros_(self.outer.weight)
        nn.init.zeros_(self.outer.bias)

    def forward(self, x):
        return self.outer(torch.tanh(self.inner(x)))

# %% case="stage_random_start" replaces="stage" loses="check_stage"
class Stage(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.inner, self.outer = nn.Linear(2, hidden), nn.Linear(hidden, 2)

    def forward(self, x):
        return x + self.outer(torch.tanh(self.inner(x)))

# %% case="stage_in_a_list" replaces="stage" loses="check_stage"
class Stage(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.layers = [nn.Linear(2, hidden), nn.Linear(hidden, 2)]
        nn.init.zeros_(self.layers[1].weight)
        nn.init.zeros_(self.layers[1].bias)

    def forward(self, x):
        return x + self.layers[1](torch.tanh(self.layers[0](x)))

# %% case="stage_all_zero" replaces="stage" loses="check_stage"
class Stage(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.inner, self.outer = nn.Linear(2, hidden), nn.Linear(hidden, 2)
        for p in self.parameters():
            nn.init.zeros_(p)

    def forward(self, x):
        return x + self.outer(torch.tanh(self.inner(x)))

# %% case="stage_without_tanh" replaces="stage" loses="check_stage"
class Stage(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.inner, self.outer = nn.Linear(2, hidden), nn.Linear(hidden, 2)
        nn.init.zeros_(self.outer.weight)
        nn.init.zeros_(self.outer.bias)

    def forward(self, x):
        return x + self.outer(self.inner(x))

# %% case="stage_with_relu" replaces="stage" loses="check_stage"
class Stage(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.inner, self.outer = nn.Linear(2, hidden), nn.Linear(hidden, 2)
        nn.init.zeros_(self.outer.weight)
        nn.init.zeros_(self.outer.bias)

    def forward(self, x):
        return x + self.outer(torch.relu(self.inner(x)))

# %% case="stage_as_a_pipe_inside" replaces="stage" loses=""
class Stage(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.push = nn.Sequential(nn.Linear(2, hidden), nn.Tanh(), nn.Linear(hidden, 2))
        with torch.no_grad():
            for p in self.push[2].parameters():
                p.zero_()

    def forward(self, x):
        return self.push(x) + x

# %% case="stage_of_plain_parameters" replaces="stage" loses=""
class Stage(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.w1, self.b1 = nn.Parameter(torch.randn(hidden, 2)), nn.Parameter(torch.randn(hidden))
        self.w2, self.b2 = nn.Parameter(torch.zeros(2, hidden)), nn.Parameter(torch.zeros(2))

    def forward(self, x):
        return x + (x @ self.w1.T + self.b1).tanh() @ self.w2.T + self.b2
