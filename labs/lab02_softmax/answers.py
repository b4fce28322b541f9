# %% [markdown]
# Right and wrong answers to lab02_softmax, each with the tests that it must lose.

# %% case="perceptron_no_bias" replaces="perceptron" loses="check_perceptron"
def perceptron(x, weights, bias):
    return (x @ weights > 0).float()

# %% case="perceptron_bias_turned_round" replaces="perceptron" loses="check_perceptron"
def perceptron(x, weights, bias):
    return (x @ weights > bias).float()

# %% case="perceptron_fires_at_zero" replaces="perceptron" loses="check_perceptron"
def perceptron(x, weights, bias):
    return (x @ weights + bias >= 0).float()

# %% case="perceptron_gives_the_sum" replaces="perceptron" loses="check_perceptron"
def perceptron(x, weights, bias):
    return x @ weights + bias

# %% case="perceptron_gives_signs" replaces="perceptron" loses="check_perceptron"
def perceptron(x, weights, bias):
    return torch.sign(x @ weights + bias)

# %% case="perceptron_no_sum" replaces="perceptron" loses="check_perceptron"
def perceptron(x, weights, bias):
    return (x * weights + bias > 0).float()

# %% case="perceptron_gives_truth_values" replaces="perceptron" loses="check_perceptron"
def perceptron(x, weights, bias):
    return x @ weights + bias > 0

# %% case="perceptron_in_a_loop" replaces="perceptron" loses=""
def perceptron(x, weights, bias):
    answers = []
    for row in x:
        z = bias + sum(float(w) * float(v) for w, v in zip(weights, row))
        answers.append(1.0 if z > 0 else 0.0)
    return torch.tensor(answers)

# %% case="perceptron_by_heaviside" replaces="perceptron" loses=""
def perceptron(x, weights, bias):
    return torch.heaviside((x * weights).sum(dim=1) + bias, torch.tensor(0.0))

# %% case="sigmoid_sign" replaces="sigmoid" loses="check_sigmoid"
def sigmoid(z):
    return 1 / (1 + torch.exp(z))

# %% case="sigmoid_overflows" replaces="sigmoid" loses="check_sigmoid"
def sigmoid(z):
    return torch.exp(z) / (1 + torch.exp(z))

# %% case="sigmoid_is_tanh" replaces="sigmoid" loses="check_sigmoid"
def sigmoid(z):
    return (torch.tanh(z) + 1) / 2

# %% case="sigmoid_brackets" replaces="sigmoid" loses="check_sigmoid"
def sigmoid(z):
    return 1 / 1 + torch.exp(-z)

# %% case="sigmoid_of_the_mean" replaces="sigmoid" loses="check_sigmoid"
def sigmoid(z):
    return 1 / (1 + torch.exp(-z.mean()))

# %% case="sigmoid_clamped" replaces="sigmoid" loses="check_sigmoid"
def sigmoid(z):
    return (0.5 + z / 4).clamp(0, 1)

# %% case="sigmoid_by_tanh" replaces="sigmoid" loses=""
def sigmoid(z):
    return 0.5 * (1 + (z / 2).tanh())

# %% case="sigmoid_by_softmax" replaces="sigmoid" loses=""
def sigmoid(z):
    return torch.stack([z, torch.zeros_like(z)]).softmax(0)[0]

# %% case="bce_sum" replaces="binary_cross_entropy" loses="check_binary_cross_entropy"
def binary_cross_entropy(p, y):
    return -(y * p.log() + (1 - y) * (1 - p).log()).sum()

# %% case="bce_one_term" replaces="binary_cross_entropy" loses="check_binary_cross_entropy"
def binary_cross_entropy(p, y):
    return -(y * p.log()).mean()

# %% case="bce_swapped" replaces="binary_cross_entropy" loses="check_binary_cross_entropy"
def binary_cross_entropy(p, y):
    return -(y * (1 - p).log() + (1 - y) * p.log()).mean()

# %% case="bce_sign" replaces="binary_cross_entropy" loses="check_binary_cross_entropy"
def binary_cross_entropy(p, y):
    return (y * p.log() + (1 - y) * (1 - p).log()).mean()

# %% case="bce_in_bits" replaces="binary_cross_entropy" loses="check_binary_cross_entropy"
def binary_cross_entropy(p, y):
    return -(y * p.log2() + (1 - y) * (1 - p).log2()).mean()

# %% case="bce_cuts_the_graph" replaces="binary_cross_entropy" loses="check_binary_cross_entropy"
def binary_cross_entropy(p, y):
    return -(y * p.log() + (1 - y) * (1 - p).log()).mean().item()

# %% case="bce_log_of_the_mean" replaces="binary_cross_entropy" loses="check_binary_cross_entropy"
def binary_cross_entropy(p, y):
    return -(y * p + (1 - y) * (1 - p)).mean().log()

# %% case="bce_by_choosing" replaces="binary_cross_entropy" loses=""
def binary_cross_entropy(p, y):
    happened = torch.where(y == 1, p, 1 - p)
    return -happened.log().sum() / len(y)

# %% case="bce_by_library" replaces="binary_cross_entropy" loses=""
def binary_cross_entropy(p, y):
    return F.binary_cross_entropy(p, y)

# %% case="softmax_over_the_batch" replaces="softmax" loses="check_softmax"
def softmax(scores):
    powers = (scores - scores.max(dim=1, keepdim=True).values).exp()
    return powers / powers.sum(dim=0, keepdim=True)

# %% case="softmax_overflows" replaces="softmax" loses="check_softmax"
def softmax(scores):
    return scores.exp() / scores.exp().sum(dim=1, keepdim=True)

# %% case="softmax_one_maximum_for_all" replaces="softmax" loses="check_softmax"
def softmax(scores):
    powers = (scores - scores.max()).exp()
    return powers / powers.sum(dim=1, keepdim=True)

# %% case="softmax_over_everything" replaces="softmax" loses="check_softmax"
def softmax(scores):
    powers = (scores - scores.max(dim=1, keepdim=True).values).exp()
    return powers / powers.sum()

# %% case="softmax_without_powers" replaces="softmax" loses="check_softmax"
def softmax(scores):
    return scores / scores.sum(dim=1, keepdim=True)

# %% case="softmax_is_sigmoids" replaces="softmax" loses="check_softmax"
def softmax(scores):
    return 1 / (1 + torch.exp(-scores))

# %% case="softmax_row_by_row" replaces="softmax" loses=""
def softmax(scores):
    rows = []
    for row in scores:
        powers = torch.exp(row - max(row))
        rows.append(powers / sum(powers))
    return torch.stack(rows)

# %% case="softmax_by_logsumexp" replaces="softmax" loses=""
def softmax(scores):
    return (scores - scores.logsumexp(dim=1, keepdim=True)).exp()

# %% case="cross_entropy_sum" replaces="cross_entropy" loses="check_cross_entropy"
def cross_entropy(probabilities, labels):
    return -probabilities[torch.arange(len(labels)), labels].log().sum()

# %% case="cross_entropy_whole_columns" replaces="cross_entropy" loses="check_cross_entropy"
def cross_entropy(probabilities, labels):
    return -probabilities[:, labels].log().mean()

# %% case="cross_entropy_softmax_again" replaces="cross_entropy" loses="check_cross_entropy"
def cross_entropy(probabilities, labels):
    return F.cross_entropy(probabilities, labels)

# %% case="cross_entropy_sign" replaces="cross_entropy" loses="check_cross_entropy"
def cross_entropy(probabilities, labels):
    return probabilities[torch.arange(len(labels)), labels].log().mean()

# %% case="cross_entropy_over_all_entries" replaces="cross_entropy" loses="check_cross_entropy"
def cross_entropy(probabilities, labels):
    wanted = F.one_hot(labels, probabilities.shape[1])
    return -(wanted * probabilities.log()).mean()

# %% case="cross_entropy_log_of_the_mean" replaces="cross_entropy" loses="check_cross_entropy"
def cross_entropy(probabilities, labels):
    return -probabilities[torch.arange(len(labels)), labels].mean().log()

# %% case="cross_entropy_of_the_likeliest" replaces="cross_entropy" loses="check_cross_entropy"
def cross_entropy(probabilities, labels):
    return -probabilities.max(dim=1).values.log().mean()

# %% case="cross_entropy_by_gather" replaces="cross_entropy" loses=""
def cross_entropy(probabilities, labels):
    return -torch.log(probabilities.gather(1, labels[:, None])).mean()

# %% case="cross_entropy_in_a_loop" replaces="cross_entropy" loses=""
def cross_entropy(probabilities, labels):
    total = 0.0
    for row, label in zip(probabilities, labels):
        total = total - torch.log(row[label])
    return total / len(labels)

# %% case="cross_entropy_by_library" replaces="cross_entropy" loses=""
def cross_entropy(probabilities, labels):
    return F.nll_loss(probabilities.log(), labels)

# %% case="polar_no_root" replaces="to_polar" loses="check_to_polar"
def to_polar(points):
    x1, x2 = points[:, 0], points[:, 1]
    return torch.stack([x1**2 + x2**2, torch.atan2(x2, x1)], dim=1)

# %% case="polar_arguments_swapped" replaces="to_polar" loses="check_to_polar"
def to_polar(points):
    x1, x2 = points[:, 0], points[:, 1]
    return torch.stack([(x1**2 + x2**2).sqrt(), torch.atan2(x1, x2)], dim=1)

# %% case="polar_plain_arctangent" replaces="to_polar" loses="check_to_polar"
def to_polar(points):
    x1, x2 = points[:, 0], points[:, 1]
    return torch.stack([(x1**2 + x2**2).sqrt(), torch.atan(x2 / x1)], dim=1)

# %% case="polar_rows_for_columns" replaces="to_polar" loses="check_to_polar"
def to_polar(points):
    x1, x2 = points[:, 0], points[:, 1]
    return torch.stack([(x1**2 + x2**2).sqrt(), torch.atan2(x2, x1)], dim=0)

# %% case="polar_in_degrees" replaces="to_polar" loses="check_to_polar"
def to_polar(points):
    x1, x2 = points[:, 0], points[:, 1]
    return torch.stack([(x1**2 + x2**2).sqrt(), torch.rad2deg(torch.atan2(x2, x1))], dim=1)

# %% case="polar_angle_first" replaces="to_polar" loses="check_to_polar"
def to_polar(points):
    x1, x2 = points[:, 0], points[:, 1]
    return torch.stack([torch.atan2(x2, x1), (x1**2 + x2**2).sqrt()], dim=1)

# %% case="polar_by_complex_numbers" replaces="to_polar" loses=""
def to_polar(points):
    z = torch.complex(points[:, 0], points[:, 1])
    return torch.stack([z.abs(), z.angle()], dim=1)

# %% case="polar_by_norm" replaces="to_polar" loses=""
def to_polar(points):
    r = points.norm(dim=1, keepdim=True)
    return torch.cat([r, torch.atan2(points[:, 1:], points[:, :1])], dim=1)
