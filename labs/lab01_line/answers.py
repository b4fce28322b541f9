# %% [markdown]
# Right and wrong answers to lab01_line, each with the tests that it must lose.

# %% case="mean_of_all_images" replaces="mean_image" loses="check_mean_image"
def mean_image(images, labels, digit):
    return images.float().mean(dim=0)

# %% case="mean_over_pixels" replaces="mean_image" loses="check_mean_image"
def mean_image(images, labels, digit):
    return images[labels == digit].float().mean(dim=(1, 2))

# %% case="mean_in_bytes" replaces="mean_image" loses="check_mean_image"
def mean_image(images, labels, digit):
    chosen = images[labels == digit]
    return (chosen.sum(dim=0) // len(chosen)).to(torch.uint8)

# %% case="mean_keeps_an_axis" replaces="mean_image" loses="check_mean_image"
def mean_image(images, labels, digit):
    return images[labels == digit].float().mean(dim=0, keepdim=True)

# %% case="index_for_a_mask" replaces="mean_image" loses="check_mean_image"
def mean_image(images, labels, digit):
    return images[labels[digit % len(labels)]].float()

# %% case="mean_in_a_loop" replaces="mean_image" loses=""
def mean_image(images, labels, digit):
    total, count = torch.zeros(images.shape[1:], dtype=torch.float64), 0
    for image, label in zip(images, labels):
        if label == digit:
            total += image
            count += 1
    return total / count

# %% case="mean_with_numpy" replaces="mean_image" loses=""
def mean_image(images, labels, digit):
    return images.numpy()[labels.numpy() == digit].mean(axis=0)

# %% case="mse_is_a_sum" replaces="mse" loses="check_mse"
def mse(predicted, y):
    return ((predicted - y) ** 2).sum()

# %% case="mse_is_absolute" replaces="mse" loses="check_mse"
def mse(predicted, y):
    return (predicted - y).abs().mean()

# %% case="mse_squares_the_mean" replaces="mse" loses="check_mse"
def mse(predicted, y):
    return (predicted - y).mean() ** 2

# %% case="mse_is_a_root" replaces="mse" loses="check_mse"
def mse(predicted, y):
    return ((predicted - y) ** 2).mean().sqrt()

# %% case="mse_halved" replaces="mse" loses="check_mse"
def mse(predicted, y):
    return ((predicted - y) ** 2).sum() / 2

# %% case="mse_prints" replaces="mse" loses="check_mse"
def mse(predicted, y):
    print(((predicted - y) ** 2).mean())

# %% case="mse_as_a_loop" replaces="mse" loses=""
def mse(predicted, y):
    total = 0.0
    for p, t in zip(predicted.tolist(), y.tolist()):
        total += (p - t) * (p - t)
    return total / len(y)

# %% case="mse_as_a_dot_product" replaces="mse" loses=""
def mse(predicted, y):
    error = y - predicted
    return error @ error / error.numel()

# %% case="linear_no_transpose" replaces="linear" loses="check_linear"
def linear(x, weight, bias):
    return x @ weight + bias

# %% case="linear_no_bias" replaces="linear" loses="check_linear"
def linear(x, weight, bias):
    return x @ weight.T

# %% case="linear_turned_round" replaces="linear" loses="check_linear"
def linear(x, weight, bias):
    return weight @ x.T + bias[:, None]

# %% case="linear_elementwise" replaces="linear" loses="check_linear"
def linear(x, weight, bias):
    return x * weight + bias

# %% case="linear_reshapes_for_a_transpose" replaces="linear" loses="check_linear"
def linear(x, weight, bias):
    return x @ weight.reshape(weight.shape[1], weight.shape[0]) + bias

# %% case="linear_by_einsum" replaces="linear" loses=""
def linear(x, weight, bias):
    return torch.einsum("nd,kd->nk", x, weight) + bias

# %% case="linear_by_library" replaces="linear" loses=""
def linear(x, weight, bias):
    return F.linear(x, weight, bias)

# %% case="slopes_sign" replaces="slopes" loses="check_slopes"
def slopes(x, y, m, b):
    error = y - (m * x + b)
    return 2 * (error * x).mean(), 2 * error.mean()

# %% case="slopes_no_two" replaces="slopes" loses="check_slopes"
def slopes(x, y, m, b):
    error = m * x + b - y
    return (error * x).mean(), error.mean()

# %% case="slopes_sum" replaces="slopes" loses="check_slopes"
def slopes(x, y, m, b):
    error = m * x + b - y
    return 2 * (error * x).sum(), 2 * error.sum()

# %% case="slopes_no_x" replaces="slopes" loses="check_slopes"
def slopes(x, y, m, b):
    error = m * x + b - y
    return 2 * error.mean(), 2 * error.mean()

# %% case="slopes_in_the_wrong_order" replaces="slopes" loses="check_slopes"
def slopes(x, y, m, b):
    error = m * x + b - y
    return 2 * error.mean(), 2 * (error * x).mean()

# %% case="slopes_forget_b" replaces="slopes" loses="check_slopes"
def slopes(x, y, m, b):
    error = m * x - y
    return 2 * (error * x).mean(), 2 * error.mean()

# %% case="slopes_mean_of_each_factor" replaces="slopes" loses="check_slopes"
def slopes(x, y, m, b):
    error = m * x + b - y
    return 2 * error.mean() * x.mean(), 2 * error.mean()

# %% case="slopes_by_autograd" replaces="slopes" loses=""
def slopes(x, y, m, b):
    m, b = torch.tensor(float(m), requires_grad=True), torch.tensor(float(b), requires_grad=True)
    F.mse_loss(m * x + b, y).backward()
    return m.grad, b.grad

# %% case="slopes_as_a_loop_of_floats" replaces="slopes" loses=""
def slopes(x, y, m, b):
    slope_m = slope_b = 0.0
    for x_i, y_i in zip(x.tolist(), y.tolist()):
        slope_m += 2 * (m * x_i + b - y_i) * x_i / len(x)
        slope_b += 2 * (m * x_i + b - y_i) / len(x)
    return slope_m, slope_b

# %% case="slopes_as_one_product" replaces="slopes" loses=""
def slopes(x, y, m, b):
    columns = torch.stack([x, torch.ones_like(x)])
    return 2 * columns @ (m * x + b - y) / len(x)

# %% case="descend_uphill" replaces="descend" loses="check_descend"
def descend(slopes_at, x, y, m, b, lr, steps):
    path = [(m, b)]
    for _ in range(steps):
        slope_m, slope_b = slopes_at(x, y, m, b)
        m, b = m + lr * slope_m, b + lr * slope_b
        path.append((m, b))
    return path

# %% case="descend_one_after_the_other" replaces="descend" loses="check_descend"
def descend(slopes_at, x, y, m, b, lr, steps):
    path = [(m, b)]
    for _ in range(steps):
        m = m - lr * slopes_at(x, y, m, b)[0]
        b = b - lr * slopes_at(x, y, m, b)[1]
        path.append((m, b))
    return path

# %% case="descend_without_the_start" replaces="descend" loses="check_descend"
def descend(slopes_at, x, y, m, b, lr, steps):
    path = []
    for _ in range(steps):
        slope_m, slope_b = slopes_at(x, y, m, b)
        m, b = m - lr * slope_m, b - lr * slope_b
        path.append((m, b))
    return path

# %% case="descend_always_from_the_start" replaces="descend" loses="check_descend"
def descend(slopes_at, x, y, m, b, lr, steps):
    path = [(m, b)]
    slope_m, slope_b = slopes_at(x, y, m, b)
    for _ in range(steps):
        m, b = m - lr * slope_m, b - lr * slope_b
        path.append((m, b))
    return path

# %% case="descend_without_a_rate" replaces="descend" loses="check_descend"
def descend(slopes_at, x, y, m, b, lr, steps):
    path = [(m, b)]
    for _ in range(steps):
        slope_m, slope_b = slopes_at(x, y, m, b)
        m, b = m - slope_m, b - slope_b
        path.append((m, b))
    return path

# %% case="descend_returns_the_end_only" replaces="descend" loses="check_descend"
def descend(slopes_at, x, y, m, b, lr, steps):
    for _ in range(steps):
        slope_m, slope_b = slopes_at(x, y, m, b)
        m, b = m - lr * slope_m, b - lr * slope_b
    return m, b

# %% case="descend_with_a_tensor" replaces="descend" loses=""
def descend(slopes_at, x, y, m, b, lr, steps):
    path = [torch.tensor([m, b])]
    while len(path) <= steps:
        here = path[-1]
        path.append(here - lr * torch.tensor([float(s) for s in slopes_at(x, y, here[0].item(), here[1].item())]))
    return path

# %% case="descend_by_recursion" replaces="descend" loses=""
def descend(slopes_at, x, y, m, b, lr, steps):
    if steps == 0:
        return [(m, b)]
    slope_m, slope_b = slopes_at(x, y, m, b)
    return [(m, b)] + descend(slopes_at, x, y, m - lr * slope_m, b - lr * slope_b, lr, steps - 1)
