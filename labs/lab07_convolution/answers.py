# %% [markdown]
# Right and wrong answers to lab07_convolution, each with the tests that it must lose.

# %% case="slide_by_unfold" replaces="slide" loses=""
def slide(image, kernel):
    windows = image.unfold(0, kernel.shape[0], 1).unfold(1, kernel.shape[1], 1)
    return torch.einsum("ijab,ab->ij", windows, kernel)

# %% case="slide_kernel_by_kernel" replaces="slide" loses=""
def slide(image, kernel):
    rows, columns = kernel.shape
    high, wide = image.shape[0] - rows + 1, image.shape[1] - columns + 1
    total = torch.zeros(high, wide, dtype=torch.float64)
    for a in range(rows):
        for b in range(columns):
            total += kernel[a, b].item() * image[a : a + high, b : b + wide]
    return total

# %% case="slide_by_library" replaces="slide" loses=""
def slide(image, kernel):
    return F.conv2d(image.view(1, 1, *image.shape), kernel.view(1, 1, *kernel.shape)).squeeze(0).squeeze(0)

# %% case="slide_turns_the_kernel" replaces="slide" loses="check_slide"
def slide(image, kernel):
    return F.conv2d(image[None, None], kernel.flip(0, 1)[None, None])[0, 0]

# %% case="slide_transposes_the_kernel" replaces="slide" loses="check_slide"
def slide(image, kernel):
    return F.conv2d(image[None, None], kernel.T[None, None])[0, 0]

# %% case="slide_one_place_short" replaces="slide" loses="check_slide"
def slide(image, kernel):
    rows, columns = kernel.shape
    result = torch.zeros(image.shape[0] - rows, image.shape[1] - columns)
    for i in range(result.shape[0]):
        for j in range(result.shape[1]):
            result[i, j] = (image[i : i + rows, j : j + columns] * kernel).sum()
    return result

# %% case="slide_knows_squares_only" replaces="slide" loses="check_slide"
def slide(image, kernel):
    k = kernel.shape[0]
    result = torch.zeros(image.shape[0] - k + 1, image.shape[0] - k + 1)
    for i in range(result.shape[0]):
        for j in range(result.shape[1]):
            result[i, j] = (image[i : i + k, j : j + kernel.shape[1]] * kernel).sum()
    return result

# %% case="slide_means" replaces="slide" loses="check_slide"
def slide(image, kernel):
    return F.conv2d(image[None, None], kernel[None, None])[0, 0] / kernel.numel()

# %% case="slide_by_matrix_product" replaces="slide" loses="check_slide"
def slide(image, kernel):
    rows, columns = kernel.shape
    result = torch.zeros(image.shape[0] - rows + 1, image.shape[1] - columns + 1)
    for i in range(result.shape[0]):
        for j in range(result.shape[1]):
            result[i, j] = (image[i : i + rows, j : j + columns] @ kernel.T).sum()
    return result

# %% case="padded_slide_into_zeros" replaces="padded_slide" loses=""
def padded_slide(slide_over, image, kernel, padding, stride):
    high, wide = image.shape
    framed = torch.zeros(high + 2 * padding, wide + 2 * padding, dtype=image.dtype)
    framed[padding : padding + high, padding : padding + wide] = image
    whole = slide_over(framed, kernel)
    rows, columns = torch.arange(0, whole.shape[0], stride), torch.arange(0, whole.shape[1], stride)
    return whole[rows][:, columns]

# %% case="padded_slide_window_by_window" replaces="padded_slide" loses=""
def padded_slide(slide_over, image, kernel, padding, stride):
    framed = F.pad(image, [padding] * 4)
    a, b = kernel.shape
    return torch.stack([
        torch.stack([(framed[i : i + a, j : j + b] * kernel).sum() for j in range(0, framed.shape[1] - b + 1, stride)])
        for i in range(0, framed.shape[0] - a + 1, stride)])

# %% case="padded_slide_strides_the_image" replaces="padded_slide" loses="check_padded_slide"
def padded_slide(slide_over, image, kernel, padding, stride):
    return slide_over(F.pad(image, (padding, padding, padding, padding))[::stride, ::stride], kernel)

# %% case="padded_slide_strides_rows_only" replaces="padded_slide" loses="check_padded_slide"
def padded_slide(slide_over, image, kernel, padding, stride):
    return slide_over(F.pad(image, (padding, padding, padding, padding)), kernel)[::stride]

# %% case="padded_slide_pads_the_result" replaces="padded_slide" loses="check_padded_slide"
def padded_slide(slide_over, image, kernel, padding, stride):
    return F.pad(slide_over(image, kernel), (padding, padding, padding, padding))[::stride, ::stride]

# %% case="padded_slide_pads_one_side" replaces="padded_slide" loses="check_padded_slide"
def padded_slide(slide_over, image, kernel, padding, stride):
    return slide_over(F.pad(image, (0, 2 * padding, 0, 2 * padding)), kernel)[::stride, ::stride]

# %% case="padded_slide_without_padding" replaces="padded_slide" loses="check_padded_slide"
def padded_slide(slide_over, image, kernel, padding, stride):
    return slide_over(image, kernel)[::stride, ::stride]

# %% case="padded_slide_pads_left_and_right" replaces="padded_slide" loses="check_padded_slide"
def padded_slide(slide_over, image, kernel, padding, stride):
    return slide_over(F.pad(image, (padding, padding)), kernel)[::stride, ::stride]

# %% case="edges_by_differences" replaces="edges" loses=""
def edges(image):
    smooth_rows = image[:-2] + 2 * image[1:-1] + image[2:]
    smooth_columns = image[:, :-2] + 2 * image[:, 1:-1] + image[:, 2:]
    across = smooth_rows[:, 2:] - smooth_rows[:, :-2]
    down = smooth_columns[2:] - smooth_columns[:-2]
    return torch.hypot(across, down)

# %% case="edges_as_complex_numbers" replaces="edges" loses=""
def edges(image):
    kernels = torch.tensor([[[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]], [[-1, -2, -1], [0, 0, 0], [1, 2, 1]]])
    pair = F.conv2d(image[None, None], kernels[:, None])[0]
    return torch.linalg.vector_norm(pair, dim=0)

# %% case="edges_across_only" replaces="edges" loses="check_edges"
def edges(image):
    return fast_slide(image, torch.tensor([[1.0, 0, -1], [2, 0, -2], [1, 0, -1]])).abs()

# %% case="edges_no_root" replaces="edges" loses="check_edges"
def edges(image):
    kernel = torch.tensor([[1.0, 0, -1], [2, 0, -2], [1, 0, -1]])
    return fast_slide(image, kernel) ** 2 + fast_slide(image, kernel.T) ** 2

# %% case="edges_sum_of_sizes" replaces="edges" loses="check_edges"
def edges(image):
    kernel = torch.tensor([[1.0, 0, -1], [2, 0, -2], [1, 0, -1]])
    return fast_slide(image, kernel).abs() + fast_slide(image, kernel.T).abs()

# %% case="edges_sum_with_sign" replaces="edges" loses="check_edges"
def edges(image):
    kernel = torch.tensor([[1.0, 0, -1], [2, 0, -2], [1, 0, -1]])
    return fast_slide(image, kernel) + fast_slide(image, kernel.T)

# %% case="edges_without_smoothing" replaces="edges" loses="check_edges"
def edges(image):
    kernel = torch.tensor([[1.0, 0, -1], [1, 0, -1], [1, 0, -1]])
    return (fast_slide(image, kernel) ** 2 + fast_slide(image, kernel.T) ** 2).sqrt()

# %% case="edges_same_kernel_twice" replaces="edges" loses="check_edges"
def edges(image):
    kernel = torch.tensor([[1.0, 0, -1], [2, 0, -2], [1, 0, -1]])
    return (fast_slide(image, kernel) ** 2 + fast_slide(image, kernel) ** 2).sqrt()

# %% case="conv_layer_by_unfold" replaces="conv_layer" loses=""
def conv_layer(image, weight, bias):
    a, b = weight.shape[2:]
    windows = image.unfold(1, a, 1).unfold(2, b, 1)
    return F.relu(torch.einsum("cijab,fcab->fij", windows, weight) + bias[:, None, None])

# %% case="conv_layer_by_library" replaces="conv_layer" loses=""
def conv_layer(image, weight, bias):
    return torch.conv2d(image.unsqueeze(0), weight, bias).squeeze(0).relu()

# %% case="conv_layer_into_zeros" replaces="conv_layer" loses=""
def conv_layer(image, weight, bias):
    high, wide = image.shape[1] - weight.shape[2] + 1, image.shape[2] - weight.shape[3] + 1
    maps = torch.zeros(len(weight), high, wide)
    for f in range(len(weight)):
        for c in range(len(image)):
            maps[f] += fast_slide(image[c], weight[f, c])
        maps[f] += bias[f]
    maps[maps < 0] = 0
    return maps

# %% case="conv_layer_no_bias" replaces="conv_layer" loses="check_conv_layer"
def conv_layer(image, weight, bias):
    return F.conv2d(image[None], weight)[0].relu()

# %% case="conv_layer_bias_per_channel" replaces="conv_layer" loses="check_conv_layer"
def conv_layer(image, weight, bias):
    return F.conv2d(image[None], weight, bias * image.shape[0])[0].relu()

# %% case="conv_layer_relu_before_the_bias" replaces="conv_layer" loses="check_conv_layer"
def conv_layer(image, weight, bias):
    return F.conv2d(image[None], weight)[0].relu() + bias[:, None, None]

# %% case="conv_layer_relu_for_each_channel" replaces="conv_layer" loses="check_conv_layer"
def conv_layer(image, weight, bias):
    maps = []
    for kernels, b in zip(weight, bias):
        maps.append((sum(fast_slide(x, k).relu() for x, k in zip(image, kernels)) + b).relu())
    return torch.stack(maps)

# %% case="conv_layer_no_activation" replaces="conv_layer" loses="check_conv_layer"
def conv_layer(image, weight, bias):
    return F.conv2d(image[None], weight, bias)[0]

# %% case="conv_layer_maps_not_summed" replaces="conv_layer" loses="check_conv_layer"
def conv_layer(image, weight, bias):
    return torch.stack([(fast_slide(image[0], kernels[0]) + b).relu() for kernels, b in zip(weight, bias)])

# %% case="pool_by_loops" replaces="pool" loses=""
def pool(maps, size, how):
    rows = []
    for i in range(0, maps.shape[1] - size + 1, size):
        blocks = [maps[:, i : i + size, j : j + size].flatten(1) for j in range(0, maps.shape[2] - size + 1, size)]
        rows.append(torch.stack([b.max(1).values if how == "max" else b.sum(1) / size**2 for b in blocks], 1))
    return torch.stack(rows, 1)

# %% case="pool_by_unfold" replaces="pool" loses=""
def pool(maps, size, how):
    blocks = maps.unfold(1, size, size).unfold(2, size, size).flatten(3)
    return {"max": blocks.max(-1)[0], "mean": blocks.mean(-1)}[how]

# %% case="pool_by_library" replaces="pool" loses=""
def pool(maps, size, how):
    return F.max_pool2d(maps, size) if how == "max" else F.avg_pool2d(maps, size)

# %% case="pool_always_max" replaces="pool" loses="check_pool"
def pool(maps, size, how):
    return F.max_pool2d(maps, size)

# %% case="pool_every_place" replaces="pool" loses="check_pool"
def pool(maps, size, how):
    return F.max_pool2d(maps, size, 1) if how == "max" else F.avg_pool2d(maps, size, 1)

# %% case="pool_starts_at_zero" replaces="pool" loses="check_pool"
def pool(maps, size, how):
    return F.max_pool2d(maps.clamp(min=0), size) if how == "max" else F.avg_pool2d(maps, size)

# %% case="pool_keeps_the_rim" replaces="pool" loses="check_pool"
def pool(maps, size, how):
    function = F.max_pool2d if how == "max" else F.avg_pool2d
    return function(maps, size, ceil_mode=True)

# %% case="pool_wrong_axes" replaces="pool" loses="check_pool"
def pool(maps, size, how):
    channels, high, wide = maps.shape[0], maps.shape[1] // size, maps.shape[2] // size
    blocks = maps[:, : high * size, : wide * size].reshape(channels, high, wide, size, size)
    return blocks.amax((3, 4)) if how == "max" else blocks.mean((3, 4))

# %% case="pool_over_channels" replaces="pool" loses="check_pool"
def pool(maps, size, how):
    pooled = F.max_pool2d(maps, size) if how == "max" else F.avg_pool2d(maps, size)
    return pooled.amax(0, keepdim=True).expand_as(pooled)

# %% case="pool_takes_the_first" replaces="pool" loses="check_pool"
def pool(maps, size, how):
    if how == "max":
        return maps[:, : maps.shape[1] // size * size : size, : maps.shape[2] // size * size : size]
    return F.avg_pool2d(maps, size)

# %% case="learn_kernel_by_backward" replaces="learn_kernel" loses=""
def learn_kernel(image, target, lr, steps):
    kernel = nn.Parameter(torch.zeros(1, 1, 3, 3))
    optimizer = torch.optim.SGD([kernel], lr=lr)
    for _ in range(steps):
        optimizer.zero_grad()
        F.mse_loss(F.conv2d(image[None, None], kernel)[0, 0], target).backward()
        optimizer.step()
    return kernel.data[0, 0]

# %% case="learn_kernel_by_hand" replaces="learn_kernel" loses=""
def learn_kernel(image, target, lr, steps):
    kernel = torch.zeros(3, 3)
    for _ in range(steps):
        error = fast_slide(image, kernel) - target
        kernel = kernel - lr * 2 / error.numel() * fast_slide(image, error)  # the gradient is a slide, too
    return kernel

# %% case="learn_kernel_keeps_old_gradients" replaces="learn_kernel" loses="check_learn_kernel"
def learn_kernel(image, target, lr, steps):
    kernel = torch.zeros(3, 3, requires_grad=True)
    for _ in range(steps):
        ((fast_slide(image, kernel) - target) ** 2).mean().backward()
        with torch.no_grad():
            kernel -= lr * kernel.grad
    return kernel.detach()

# %% case="learn_kernel_uphill" replaces="learn_kernel" loses="check_learn_kernel"
def learn_kernel(image, target, lr, steps):
    kernel = torch.zeros(3, 3)
    for _ in range(min(steps, 20)):
        error = fast_slide(image, kernel) - target
        kernel = kernel + lr * 2 / error.numel() * fast_slide(image, error)
    return kernel

# %% case="learn_kernel_sum_for_a_mean" replaces="learn_kernel" loses="check_learn_kernel"
def learn_kernel(image, target, lr, steps):
    kernel = torch.zeros(3, 3)
    for _ in range(min(steps, 20)):
        error = fast_slide(image, kernel) - target
        kernel = kernel - lr * 2 * fast_slide(image, error)
    return kernel

# %% case="learn_kernel_absolute_error" replaces="learn_kernel" loses="check_learn_kernel"
def learn_kernel(image, target, lr, steps):
    kernel = torch.zeros(3, 3, requires_grad=True)
    for _ in range(steps):
        loss = (fast_slide(image, kernel) - target).abs().mean()
        (gradient,) = torch.autograd.grad(loss, kernel)
        kernel = (kernel - lr * gradient).detach().requires_grad_()
    return kernel.detach()

# %% case="learn_kernel_one_step_short" replaces="learn_kernel" loses="check_learn_kernel"
def learn_kernel(image, target, lr, steps):
    kernel = torch.zeros(3, 3)
    for _ in range(steps - 1):
        error = fast_slide(image, kernel) - target
        kernel = kernel - lr * 2 / error.numel() * fast_slide(image, error)
    return kernel

# %% case="learn_kernel_knows_sobel" replaces="learn_kernel" loses="check_learn_kernel"
def learn_kernel(image, target, lr, steps):
    return torch.tensor([[1.0, 0, -1], [2, 0, -2], [1, 0, -1]])

# %% case="learn_kernel_solves_it" replaces="learn_kernel" loses="check_learn_kernel"
def learn_kernel(image, target, lr, steps):
    patches = F.unfold(image[None, None], 3)[0].T
    return torch.linalg.lstsq(patches, target.reshape(-1, 1)).solution.view(3, 3)
