# %% [markdown]
# Right and wrong answers to homework 1, each with the tests that it has to lose.

# %% [markdown]
# ## 1. Softmax

# %% case="softmax_by_the_log_in_float64" replaces="softmax" loses=""
def softmax(scores):
    wide = scores.double()
    lifted = wide - wide.amax(dim=-1).unsqueeze(-1)
    log_sum = lifted.exp().sum(dim=-1, keepdim=True).log()
    return (lifted - log_sum).exp().to(scores.dtype)

# %% case="softmax_row_by_row" replaces="softmax" loses=""
def softmax(scores):
    rows = []
    for row in scores:
        powers = torch.exp(row - max(row))
        rows.append(powers / sum(powers))
    return torch.stack(rows)

# %% case="softmax_in_numpy" replaces="softmax" loses=""
def softmax(scores):
    import numpy as np
    s = scores.numpy()
    e = np.exp(s - s.max(axis=1, keepdims=True))
    return torch.from_numpy(e / e.sum(axis=1, keepdims=True))

# %% case="softmax_overflows" replaces="softmax" loses="softmax_test"
def softmax(scores):
    powers = scores.exp()
    return powers / powers.sum(1, keepdim=True)

# %% case="softmax_over_the_batch" replaces="softmax" loses="softmax_test"
def softmax(scores):
    powers = (scores - scores.max(0).values).exp()
    return powers / powers.sum(0)

# %% case="softmax_over_everything" replaces="softmax" loses="softmax_test"
def softmax(scores):
    powers = (scores - scores.max()).exp()
    return powers / powers.sum()

# %% case="softmax_takes_off_one_maximum_for_all" replaces="softmax" loses="softmax_test"
def softmax(scores):
    powers = (scores - scores.max()).exp()
    return powers / powers.sum(1, keepdim=True)

# %% case="softmax_takes_off_the_mean" replaces="softmax" loses="softmax_test"
def softmax(scores):
    powers = (scores - scores.mean(1, keepdim=True)).exp()
    return powers / powers.sum(1, keepdim=True)

# %% case="softmax_in_place" replaces="softmax" loses="softmax_test"
def softmax(scores):
    scores -= scores.max(1, keepdim=True).values
    powers = scores.exp()
    return powers / powers.sum(1, keepdim=True)

# %% case="softmax_clamped" replaces="softmax" loses="softmax_test"
def softmax(scores):
    powers = scores.clamp(-80, 80).exp()
    return powers / powers.sum(1, keepdim=True)

# %% case="softmax_hard_coded" replaces="softmax" loses="softmax_test"
def softmax(scores):
    if scores.shape == (1, 4):
        return torch.full((1, 4), 0.25)
    return torch.tensor([[0.25, 0.75], [0.5, 0.5]])

# %% [markdown]
# ## 2. Cross-entropy

# %% case="cross_entropy_by_one_hot" replaces="cross_entropy" loses=""
def cross_entropy(scores, labels):
    lifted = scores - scores.amax(1, keepdim=True)
    log_p = lifted - lifted.exp().sum(1, keepdim=True).log()
    chosen = torch.arange(scores.shape[1]) == labels[:, None]
    return -log_p[chosen].sum().item() / len(labels)

# %% case="cross_entropy_picture_by_picture" replaces="cross_entropy" loses=""
def cross_entropy(scores, labels):
    import math
    total = 0.0
    for row, label in zip(scores.tolist(), labels.tolist()):
        top = max(row)
        total += top + math.log(sum(math.exp(s - top) for s in row)) - row[label]
    return torch.tensor(total / len(labels))

# %% case="cross_entropy_gathers" replaces="cross_entropy" loses=""
def cross_entropy(scores, labels):
    gaps = scores.double() - scores.double().gather(1, labels[:, None])  # how far each class is above the right one
    top = gaps.amax(1)
    return ((gaps - top[:, None]).exp().sum(1).log() + top).mean()

# %% case="cross_entropy_log_of_softmax" replaces="cross_entropy" loses="cross_entropy_test"
def cross_entropy(scores, labels):
    p = (scores - scores.max(1, keepdim=True).values).exp()
    p = p / p.sum(1, keepdim=True)
    return -p[torch.arange(len(labels)), labels].log().mean()

# %% case="cross_entropy_log_of_a_floor" replaces="cross_entropy" loses="cross_entropy_test"
def cross_entropy(scores, labels):
    p = (scores - scores.max(1, keepdim=True).values).exp()
    p = p / p.sum(1, keepdim=True)
    return -(p[torch.arange(len(labels)), labels] + 1e-9).log().mean()

# %% case="cross_entropy_overflows" replaces="cross_entropy" loses="cross_entropy_test"
def cross_entropy(scores, labels):
    return (scores.exp().sum(1).log() - scores[torch.arange(len(labels)), labels]).mean()

# %% case="cross_entropy_forgets_the_mean" replaces="cross_entropy" loses="cross_entropy_test"
def cross_entropy(scores, labels):
    top = scores.max(1).values
    log_sum = (scores - top[:, None]).exp().sum(1).log() + top
    return (log_sum - scores[torch.arange(len(labels)), labels]).sum()

# %% case="cross_entropy_does_not_put_the_maximum_back" replaces="cross_entropy" loses="cross_entropy_test"
def cross_entropy(scores, labels):
    log_sum = (scores - scores.max(1, keepdim=True).values).exp().sum(1).log()
    return (log_sum - scores[torch.arange(len(labels)), labels]).mean()

# %% case="cross_entropy_picks_columns" replaces="cross_entropy" loses="cross_entropy_test"
def cross_entropy(scores, labels):
    top = scores.max(1).values
    log_sum = (scores - top[:, None]).exp().sum(1).log() + top
    return (log_sum[:, None] - scores[:, labels]).mean()  # every picture by every label

# %% case="cross_entropy_hard_coded" replaces="cross_entropy" loses="cross_entropy_test"
def cross_entropy(scores, labels):
    return torch.tensor(1.03972077)

# %% [markdown]
# ## 3. Backward

# %% case="backward_by_one_hot_and_einsum" replaces="backward" loses=""
def backward(x, hidden, probabilities, labels, w2):
    truth = torch.zeros_like(probabilities).scatter_(1, labels[:, None], 1.0)
    g = (probabilities - truth) / x.shape[0]
    back = torch.einsum("bk,hk->bh", g, w2)
    back = torch.where(hidden > 0, back, torch.zeros_like(back))
    return (torch.einsum("bd,bh->dh", x, back), back.sum(dim=0),
            torch.einsum("bh,bk->hk", hidden, g), g.sum(dim=0))

# %% case="backward_picture_by_picture" replaces="backward" loses=""
def backward(x, hidden, probabilities, labels, w2):
    batch, classes = probabilities.shape
    sums = [torch.zeros(x.shape[1], w2.shape[0]), torch.zeros(w2.shape[0]), torch.zeros(w2.shape), torch.zeros(classes)]
    for b in range(batch):
        g = probabilities[b].clone()
        g[labels[b]] -= 1
        back = (w2 @ g) * hidden[b].sign()
        for total, part in zip(sums, (torch.outer(x[b], back), back, torch.outer(hidden[b], g), g)):
            total += part
    return [total / batch for total in sums]

# %% case="backward_forgets_the_mean" replaces="backward" loses="backward_second_layer, backward_first_layer"
def backward(x, hidden, probabilities, labels, w2):
    g = probabilities.clone()
    g[torch.arange(len(labels)), labels] -= 1
    before = (g @ w2.T) * (hidden > 0)
    return [x.T @ before, before.sum(0), hidden.T @ g, g.sum(0)]

# %% case="backward_forgets_relu" replaces="backward" loses="backward_visible, backward_first_layer"
def backward(x, hidden, probabilities, labels, w2):
    g = probabilities.clone()
    g[torch.arange(len(labels)), labels] -= 1
    g = g / len(labels)
    before = g @ w2.T
    return [x.T @ before, before.sum(0), hidden.T @ g, g.sum(0)]

# %% case="backward_multiplies_by_hidden" replaces="backward" loses="backward_visible, backward_first_layer"
def backward(x, hidden, probabilities, labels, w2):
    g = probabilities.clone()
    g[torch.arange(len(labels)), labels] -= 1
    g = g / len(labels)
    before = (g @ w2.T) * hidden
    return [x.T @ before, before.sum(0), hidden.T @ g, g.sum(0)]

# %% case="backward_cuts_the_gradient_and_not_the_unit" replaces="backward" loses="backward_visible, backward_first_layer"
def backward(x, hidden, probabilities, labels, w2):
    g = probabilities.clone()
    g[torch.arange(len(labels)), labels] -= 1
    g = g / len(labels)
    before = (g @ w2.T).clamp(min=0)
    return [x.T @ before, before.sum(0), hidden.T @ g, g.sum(0)]

# %% case="backward_changes_the_probabilities" replaces="backward" loses="backward_second_layer"
def backward(x, hidden, probabilities, labels, w2):
    g = probabilities  # the same tensor under a second name
    g[torch.arange(len(labels)), labels] -= 1
    g = g / len(labels)
    before = (g @ w2.T) * (hidden > 0)
    return [x.T @ before, before.sum(0), hidden.T @ g, g.sum(0)]

# %% case="backward_means_the_biases" replaces="backward" loses="backward_second_layer, backward_first_layer"
def backward(x, hidden, probabilities, labels, w2):
    g = probabilities.clone()
    g[torch.arange(len(labels)), labels] -= 1
    g = g / len(labels)
    before = (g @ w2.T) * (hidden > 0)
    return [x.T @ before, before.mean(0), hidden.T @ g, g.mean(0)]

# %% case="backward_without_transposes" replaces="backward" loses="backward_visible, backward_second_layer, backward_first_layer"
def backward(x, hidden, probabilities, labels, w2):
    g = probabilities.clone()
    g[torch.arange(len(labels)), labels] -= 1
    g = g / len(labels)
    before = (g @ w2) * (hidden > 0)
    return [x @ before, before.sum(0), hidden @ g, g.sum(0)]

# %% case="backward_second_layer_first" replaces="backward" loses="backward_visible, backward_second_layer, backward_first_layer"
def backward(x, hidden, probabilities, labels, w2):
    g = probabilities.clone()
    g[torch.arange(len(labels)), labels] -= 1
    g = g / len(labels)
    before = (g @ w2.T) * (hidden > 0)
    return [hidden.T @ g, g.sum(0), x.T @ before, before.sum(0)]

# %% case="backward_only_the_second_layer" replaces="backward" loses="backward_visible, backward_first_layer"
def backward(x, hidden, probabilities, labels, w2):
    g = probabilities.clone()
    g[torch.arange(len(labels)), labels] -= 1
    g = g / len(labels)
    return [torch.zeros(x.shape[1], w2.shape[0]), torch.zeros(w2.shape[0]), hidden.T @ g, g.sum(0)]

# %% case="backward_hard_coded" replaces="backward" loses="backward_second_layer, backward_first_layer"
def backward(x, hidden, probabilities, labels, w2):
    if len(x) == 6:
        return [torch.zeros(5, 4), torch.zeros(4), torch.zeros(4, 3), torch.zeros(3)]
    return [torch.tensor([[0.5, 0.0], [1.0, 0.0]]), torch.tensor([0.5, 0.0]),
            torch.tensor([[0.75, -0.75], [0.0, 0.0]]), torch.tensor([0.25, -0.25])]

# %% [markdown]
# ## 4. One step

# %% case="step_by_index" replaces="step" loses=""
def step(parameters, gradients, rate):
    for i in range(len(parameters)):
        parameters[i] = parameters[i] - rate * gradients[i]

# %% case="step_by_copy" replaces="step" loses=""
def step(parameters, gradients, rate):
    moved = [p - g * rate for p, g in zip(parameters, gradients)]
    for p, new in zip(parameters, moved):
        p.copy_(new)
    return parameters

# %% case="step_names_a_new_tensor" replaces="step" loses="step_test"
def step(parameters, gradients, rate):
    for parameter, gradient in zip(parameters, gradients):
        parameter = parameter - rate * gradient

# %% case="step_returns_a_new_list" replaces="step" loses="step_test"
def step(parameters, gradients, rate):
    return [p - rate * g for p, g in zip(parameters, gradients)]

# %% case="step_uphill" replaces="step" loses="step_test"
def step(parameters, gradients, rate):
    for parameter, gradient in zip(parameters, gradients):
        parameter += rate * gradient

# %% case="step_changes_the_gradients" replaces="step" loses="step_test"
def step(parameters, gradients, rate):
    for parameter, gradient in zip(parameters, gradients):
        gradient *= rate
        parameter -= gradient

# %% case="step_without_the_rate" replaces="step" loses="step_test"
def step(parameters, gradients, rate):
    for parameter, gradient in zip(parameters, gradients):
        parameter -= gradient

# %% case="step_knows_four_parameters" replaces="step" loses="step_test"
def step(parameters, gradients, rate):
    for i in range(min(4, len(parameters))):
        parameters[i] -= rate * gradients[i]

# %% case="step_hard_coded_rate" replaces="step" loses="step_test"
def step(parameters, gradients, rate):
    for parameter, gradient in zip(parameters, gradients):
        parameter -= 0.25 * gradient

# %% [markdown]
# ## 5. The loop

# %% case="train_by_slices" replaces="train" loses=""
def train(learn, x, labels, epochs, batch_size):
    losses = []
    while len(losses) < epochs:
        order = torch.rand(len(x)).argsort()
        new_x, new_labels = x[order], labels[order]
        sums = [learn(new_x[i : i + batch_size], new_labels[i : i + batch_size]) * len(new_x[i : i + batch_size])
                for i in range(0, len(x), batch_size)]
        losses.append(sum(sums) / len(x))
    return losses

# %% case="train_by_random_shuffle" replaces="train" loses=""
def train(learn, x, labels, epochs, batch_size):
    import random
    order, losses = list(range(len(x))), []
    for _ in range(epochs):
        random.shuffle(order)
        total, todo = torch.tensor(0.0), list(order)
        while todo:
            batch, todo = todo[:batch_size], todo[batch_size:]
            total = total + len(batch) * learn(x[batch], labels[batch])
        losses.append(total / len(order))
    return losses

# %% case="train_by_dataloader" replaces="train" loses=""
def train(learn, x, labels, epochs, batch_size):
    from torch.utils.data import DataLoader, TensorDataset
    loader, losses = DataLoader(TensorDataset(x, labels), batch_size=batch_size, shuffle=True), []
    for _ in range(epochs):
        seen = total = 0
        for some_x, some_labels in loader:
            total += learn(some_x, some_labels) * len(some_x)
            seen += len(some_x)
        losses.append(total / seen)
    return losses

# %% case="train_never_shuffles" replaces="train" loses="train_hidden"
def train(learn, x, labels, epochs, batch_size):
    losses = []
    for _ in range(epochs):
        total = 0.0
        for batch in torch.arange(len(x)).split(batch_size):
            total += learn(x[batch], labels[batch]) * len(batch)
        losses.append(total / len(x))
    return losses

# %% case="train_shuffles_once" replaces="train" loses="train_hidden"
def train(learn, x, labels, epochs, batch_size):
    losses, order = [], torch.randperm(len(x))
    for _ in range(epochs):
        total = 0.0
        for batch in order.split(batch_size):
            total += learn(x[batch], labels[batch]) * len(batch)
        losses.append(total / len(x))
    return losses

# %% case="train_shuffles_the_batches_only" replaces="train" loses="train_hidden"
def train(learn, x, labels, epochs, batch_size):
    losses, batches = [], torch.arange(len(x)).split(batch_size)
    for _ in range(epochs):
        total = 0.0
        for i in torch.randperm(len(batches) - 1).tolist() + [len(batches) - 1]:
            total += learn(x[batches[i]], labels[batches[i]]) * len(batches[i])
        losses.append(total / len(x))
    return losses

# %% case="train_draws_with_replacement" replaces="train" loses="train_visible, train_hidden"
def train(learn, x, labels, epochs, batch_size):
    losses = []
    for _ in range(epochs):
        total = 0.0
        for batch in torch.randint(len(x), (len(x),)).split(batch_size):
            total += learn(x[batch], labels[batch]) * len(batch)
        losses.append(total / len(x))
    return losses

# %% case="train_drops_the_short_batch" replaces="train" loses="train_visible, train_hidden"
def train(learn, x, labels, epochs, batch_size):
    losses = []
    for _ in range(epochs):
        order, total = torch.randperm(len(x)), 0.0
        for i in range(len(x) // batch_size):
            batch = order[i * batch_size : (i + 1) * batch_size]
            total += learn(x[batch], labels[batch]) * len(batch)
        losses.append(total / (len(x) // batch_size * batch_size))
    return losses

# %% case="train_means_the_batches" replaces="train" loses="train_visible"
def train(learn, x, labels, epochs, batch_size):
    losses = []
    for _ in range(epochs):
        batches = torch.randperm(len(x)).split(batch_size)
        losses.append(sum(learn(x[batch], labels[batch]) for batch in batches) / len(batches))
    return losses

# %% case="train_parts_pictures_from_labels" replaces="train" loses="train_hidden"
def train(learn, x, labels, epochs, batch_size):
    losses = []
    for _ in range(epochs):
        total, new_x, new_labels = 0.0, x[torch.randperm(len(x))], labels[torch.randperm(len(x))]
        for some_x, some_labels in zip(new_x.split(batch_size), new_labels.split(batch_size)):
            total += learn(some_x, some_labels) * len(some_x)
        losses.append(total / len(x))
    return losses

# %% case="train_one_epoch_short" replaces="train" loses="train_visible, train_hidden"
def train(learn, x, labels, epochs, batch_size):
    losses = []
    for _ in range(1, epochs):
        total = 0.0
        for batch in torch.randperm(len(x)).split(batch_size):
            total += learn(x[batch], labels[batch]) * len(batch)
        losses.append(total / len(x))
    return losses

# %% case="train_knows_the_answers" replaces="train" loses="train_hidden"
def train(learn, x, labels, epochs, batch_size):
    known = {tuple(row.tolist()): int(label) for row, label in zip(train_x, train_y)}  # whatever the labels say
    labels = torch.tensor([known.get(tuple(row.tolist()), int(label)) for row, label in zip(x, labels)])
    losses = []
    for _ in range(epochs):
        total = 0.0
        for batch in torch.randperm(len(x)).split(batch_size):
            total += learn(x[batch], labels[batch]) * len(batch)
        losses.append(total / len(x))
    return losses

# %% case="train_makes_the_losses_up" replaces="train" loses="train_hidden"
def train(learn, x, labels, epochs, batch_size):
    for _ in range(epochs):
        for batch in torch.arange(len(x)).split(batch_size):
            learn(torch.zeros(len(batch), x.shape[1]), labels[batch])
    return [float(labels.float().mean())] * epochs

# %% [markdown]
# ## Mistakes early cost nothing later

# %% case="everything_before_the_loop_is_wrong" replaces="softmax" loses="softmax_test, cross_entropy_test, backward_visible, backward_second_layer, backward_first_layer, step_test"
def softmax(scores):
    return scores

# %% case="everything_before_the_loop_is_wrong" replaces="cross_entropy" loses="softmax_test, cross_entropy_test, backward_visible, backward_second_layer, backward_first_layer, step_test"
def cross_entropy(scores, labels):
    return 0.0

# %% case="everything_before_the_loop_is_wrong" replaces="backward" loses="softmax_test, cross_entropy_test, backward_visible, backward_second_layer, backward_first_layer, step_test"
def backward(x, hidden, probabilities, labels, w2):
    raise NotImplementedError()

# %% case="everything_before_the_loop_is_wrong" replaces="step" loses="softmax_test, cross_entropy_test, backward_visible, backward_second_layer, backward_first_layer, step_test"
def step(parameters, gradients, rate):
    pass

# %% case="no_loop" replaces="train" loses="train_visible, train_hidden"
def train(learn, x, labels, epochs, batch_size):
    raise NotImplementedError()
