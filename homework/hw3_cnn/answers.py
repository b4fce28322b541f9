# %% [markdown]
# Right and wrong answers to homework 3, each with the tests that it has to lose.

# %% [markdown]
# ## 1. Forward

# %% case="conv_forward_place_by_place" replaces="conv_forward" loses=""
def conv_forward(x, weight, bias, padding=0):
    x = F.pad(x, (padding, padding, padding, padding))
    a, d = weight.shape[2:]
    y = torch.empty(len(x), len(weight), x.shape[2] - a + 1, x.shape[3] - d + 1, dtype=x.dtype)
    for h in range(y.shape[2]):
        for w in range(y.shape[3]):
            y[:, :, h, w] = x[:, :, h : h + a, w : w + d].flatten(1) @ weight.flatten(1).T + bias
    return y

# %% case="conv_forward_by_windows" replaces="conv_forward" loses=""
def conv_forward(x, weight, bias, padding=0):
    framed = torch.zeros(*x.shape[:2], x.shape[2] + 2 * padding, x.shape[3] + 2 * padding)
    framed[:, :, padding : padding + x.shape[2], padding : padding + x.shape[3]] = x
    a, d = weight.shape[2:]
    size = (*framed.shape[:2], framed.shape[2] - a + 1, framed.shape[3] - d + 1, a, d)
    windows = framed.as_strided(size, framed.stride() + framed.stride()[2:])
    return torch.tensordot(windows, weight, ([1, 4, 5], [1, 2, 3])).permute(0, 3, 1, 2) + bias.view(1, -1, 1, 1)

# %% case="conv_forward_no_bias" replaces="conv_forward" loses="conv_forward_test"
def conv_forward(x, weight, bias, padding=0):
    return F.conv2d(x, weight, padding=padding)

# %% case="conv_forward_bias_for_each_weight" replaces="conv_forward" loses="conv_forward_test"
def conv_forward(x, weight, bias, padding=0):
    return F.conv2d(x, weight, bias * weight.shape[2] * weight.shape[3], padding=padding)

# %% case="conv_forward_turned_kernel" replaces="conv_forward" loses="conv_forward_test"
def conv_forward(x, weight, bias, padding=0):
    return F.conv2d(x, weight.flip(2, 3), bias, padding=padding)

# %% case="conv_forward_rows_for_columns" replaces="conv_forward" loses="conv_forward_test"
def conv_forward(x, weight, bias, padding=0):
    x = F.pad(x, [padding] * 4)
    k = weight.shape[2]
    high, wide = x.shape[2] - k + 1, x.shape[3] - k + 1
    y = bias[:, None, None].expand(len(x), -1, high, wide)
    for i in range(k):
        for j in range(k):
            y = y + torch.einsum("fc,bchw->bfhw", weight[:, :, j, i], x[:, :, i : i + high, j : j + wide])
    return y

# %% case="conv_forward_ignores_padding" replaces="conv_forward" loses="conv_forward_test"
def conv_forward(x, weight, bias, padding=0):
    return F.conv2d(x, weight, bias)

# %% case="conv_forward_pads_one_side" replaces="conv_forward" loses="conv_forward_test"
def conv_forward(x, weight, bias, padding=0):
    return F.conv2d(F.pad(x, (0, 2 * padding, 0, 2 * padding)), weight, bias)

# %% case="conv_forward_first_channel_only" replaces="conv_forward" loses="conv_forward_test"
def conv_forward(x, weight, bias, padding=0):
    return F.conv2d(x[:, :1], weight[:, :1], bias, padding=padding)

# %% case="conv_forward_adds_into_the_bias" replaces="conv_forward" loses="conv_forward_test"
def conv_forward(x, weight, bias, padding=0):
    bias += 0 if padding else 1e-3
    return F.conv2d(x, weight, bias, padding=padding)

# %% [markdown]
# ## 2. Backward

# %% case="conv_backward_by_autograd" replaces="conv_backward" loses=""
def conv_backward(g, x, weight, padding=0):
    x, weight = x.clone().requires_grad_(), weight.clone().requires_grad_()
    bias = torch.zeros(len(weight), dtype=x.dtype, requires_grad=True)
    return torch.autograd.grad(F.conv2d(x, weight, bias, padding=padding), (x, weight, bias), g)

# %% case="conv_backward_place_by_place" replaces="conv_backward" loses=""
def conv_backward(g, x, weight, padding=0):
    a, d = weight.shape[2:]
    framed = F.pad(x, (padding, padding, padding, padding))
    back, of_weight = torch.zeros_like(framed), torch.zeros_like(weight)
    for h in range(g.shape[2]):
        for w in range(g.shape[3]):
            here = g[:, :, h, w]
            back[:, :, h : h + a, w : w + d] += (here @ weight.flatten(1)).view(len(x), -1, a, d)
            of_weight += (here.T @ framed[:, :, h : h + a, w : w + d].flatten(1)).view(weight.shape)
    high, wide = x.shape[2:]
    return [back[:, :, padding : padding + high, padding : padding + wide], of_weight, g.flatten(2).sum(2).sum(0)]

# %% case="conv_backward_as_convolutions" replaces="conv_backward" loses=""
def conv_backward(g, x, weight, padding=0):
    a, d = weight.shape[2:]
    full = F.conv2d(F.pad(g, (d - 1, d - 1, a - 1, a - 1)), weight.flip(2, 3).transpose(0, 1))
    of_x = full[:, :, padding : padding + x.shape[2], padding : padding + x.shape[3]]
    of_weight = F.conv2d(F.pad(x, [padding] * 4).transpose(0, 1), g.transpose(0, 1)).transpose(0, 1)
    return of_x, of_weight, g.sum(dim=[0, 2, 3])

# %% case="conv_backward_means_the_batch" replaces="conv_backward" loses="conv_backward_weights"
def conv_backward(g, x, weight, padding=0):
    x, weight = x.clone().requires_grad_(), weight.clone().requires_grad_()
    bias = torch.zeros(len(weight), dtype=x.dtype, requires_grad=True)
    of_x, of_weight, of_bias = torch.autograd.grad(F.conv2d(x, weight, bias, padding=padding), (x, weight, bias), g)
    return of_x, of_weight / len(x), of_bias / len(x)

# %% case="conv_backward_bias_sums_everything" replaces="conv_backward" loses="conv_backward_weights"
def conv_backward(g, x, weight, padding=0):
    x, weight = x.clone().requires_grad_(), weight.clone().requires_grad_()
    of_x, of_weight = torch.autograd.grad(F.conv2d(x, weight, padding=padding), (x, weight), g)
    return of_x, of_weight, g.sum().repeat(len(weight))

# %% case="conv_backward_image_without_turning" replaces="conv_backward" loses="conv_backward_visible, conv_backward_image"
def conv_backward(g, x, weight, padding=0):
    x, weight = x.clone().requires_grad_(), weight.clone().requires_grad_()
    bias = torch.zeros(len(weight), dtype=x.dtype, requires_grad=True)
    _, of_weight, of_bias = torch.autograd.grad(F.conv2d(x, weight, bias, padding=padding), (x, weight, bias), g)
    turned = weight.detach().flip(2, 3)
    (of_x,) = torch.autograd.grad(F.conv2d(x, turned, padding=padding), x, g)
    return of_x, of_weight, of_bias

# %% case="conv_backward_keeps_the_frame" replaces="conv_backward" loses="conv_backward_image"
def conv_backward(g, x, weight, padding=0):
    x, weight = F.pad(x, [padding] * 4).requires_grad_(), weight.clone().requires_grad_()
    bias = torch.zeros(len(weight), dtype=x.dtype, requires_grad=True)
    return torch.autograd.grad(F.conv2d(x, weight, bias), (x, weight, bias), g)

# %% case="conv_backward_overwrites_the_pixels" replaces="conv_backward" loses="conv_backward_visible, conv_backward_image"
def conv_backward(g, x, weight, padding=0):
    x = F.pad(x, [padding] * 4)
    high, wide = g.shape[2:]
    of_x, of_weight = torch.zeros_like(x), torch.zeros_like(weight)
    for i in range(weight.shape[2]):
        for j in range(weight.shape[3]):
            window = x[:, :, i : i + high, j : j + wide]
            of_weight[:, :, i, j] = torch.einsum("bfhw,bchw->fc", g, window)
            of_x[:, :, i : i + high, j : j + wide] = torch.einsum("bfhw,fc->bchw", g, weight[:, :, i, j])
    return of_x[:, :, padding : x.shape[2] - padding, padding : x.shape[3] - padding], of_weight, g.sum((0, 2, 3))

# %% case="conv_backward_forgets_the_padding" replaces="conv_backward" loses="conv_backward_weights, conv_backward_image"
def conv_backward(g, x, weight, padding=0):
    high, wide = g.shape[2] - 2 * padding, g.shape[3] - 2 * padding
    g = g[:, :, padding : padding + high, padding : padding + wide]
    x, weight = x.clone().requires_grad_(), weight.clone().requires_grad_()
    bias = torch.zeros(len(weight), dtype=x.dtype, requires_grad=True)
    return torch.autograd.grad(F.conv2d(x, weight, bias), (x, weight, bias), g)

# %% case="conv_backward_weights_first" replaces="conv_backward" loses="conv_backward_visible, conv_backward_weights, conv_backward_image"
def conv_backward(g, x, weight, padding=0):
    x, weight = x.clone().requires_grad_(), weight.clone().requires_grad_()
    bias = torch.zeros(len(weight), dtype=x.dtype, requires_grad=True)
    return torch.autograd.grad(F.conv2d(x, weight, bias, padding=padding), (weight, bias, x), g)

# %% case="conv_backward_changes_the_gradient" replaces="conv_backward" loses="conv_backward_image"
def conv_backward(g, x, weight, padding=0):
    x, weight = x.clone().requires_grad_(), weight.clone().requires_grad_()
    bias = torch.zeros(len(weight), dtype=x.dtype, requires_grad=True)
    found = torch.autograd.grad(F.conv2d(x, weight, bias, padding=padding), (x, weight, bias), g.clone())
    g *= 2
    return found

# %% case="conv_backward_hard_coded" replaces="conv_backward" loses="conv_backward_weights, conv_backward_image"
def conv_backward(g, x, weight, padding=0):
    return (torch.tensor([[[[1.0, 10, 0], [0, 2, 20]]]]), torch.tensor([[[[21.0, 32], [54, 65]]]]), torch.tensor([11.0]))

# %% [markdown]
# ## 3. A residual block

# %% case="block_with_other_names" replaces="residual_block" loses=""
class ResidualBlock(nn.Module):
    def __init__(self, channels, out, stride=1):
        super().__init__()
        self.first = nn.Conv2d(channels, out, 3, stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(out)
        self.second = nn.Conv2d(out, out, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(out)
        nn.init.zeros_(self.norm2.weight)
        parts = [] if (channels, stride) == (out, 1) else [nn.Conv2d(channels, out, (1, 1), stride=stride, bias=False), nn.BatchNorm2d(out)]
        self.around = nn.Sequential(*parts)

    def forward(self, images):
        inside = self.first(images)
        inside = self.norm1(inside).clamp(min=0)
        inside = self.norm2(self.second(inside))
        return torch.relu(self.around(images) + inside)

# %% case="block_without_the_plus" replaces="residual_block" loses="block_visible, block_hidden"
class ResidualBlock(nn.Module):
    def __init__(self, channels, out, stride=1):
        super().__init__()
        self.first = nn.Conv2d(channels, out, 3, stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(out)
        self.second = nn.Conv2d(out, out, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(out)
        nn.init.zeros_(self.norm2.weight)
        self.around = nn.Identity()
        if stride != 1 or channels != out:
            self.around = nn.Sequential(nn.Conv2d(channels, out, 1, stride, bias=False), nn.BatchNorm2d(out))

    def forward(self, images):
        return F.relu(self.norm2(self.second(F.relu(self.norm1(self.first(images))))))

# %% case="block_relu_before_the_plus" replaces="residual_block" loses="block_visible, block_hidden"
class ResidualBlock(nn.Module):
    def __init__(self, channels, out, stride=1):
        super().__init__()
        self.first = nn.Conv2d(channels, out, 3, stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(out)
        self.second = nn.Conv2d(out, out, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(out)
        nn.init.zeros_(self.norm2.weight)
        self.around = nn.Identity()
        if stride != 1 or channels != out:
            self.around = nn.Sequential(nn.Conv2d(channels, out, 1, stride, bias=False), nn.BatchNorm2d(out))

    def forward(self, images):
        return F.relu(self.norm2(self.second(F.relu(self.norm1(self.first(images)))))) + self.around(images)

# %% case="block_no_relu_inside" replaces="residual_block" loses="block_hidden"
class ResidualBlock(nn.Module):
    def __init__(self, channels, out, stride=1):
        super().__init__()
        self.first = nn.Conv2d(channels, out, 3, stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(out)
        self.second = nn.Conv2d(out, out, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(out)
        nn.init.zeros_(self.norm2.weight)
        self.around = nn.Identity()
        if stride != 1 or channels != out:
            self.around = nn.Sequential(nn.Conv2d(channels, out, 1, stride, bias=False), nn.BatchNorm2d(out))

    def forward(self, images):
        return F.relu(self.norm2(self.second(self.norm1(self.first(images)))) + self.around(images))

# %% case="block_norm_forgotten" replaces="residual_block" loses="block_hidden"
class ResidualBlock(nn.Module):
    def __init__(self, channels, out, stride=1):
        super().__init__()
        self.first = nn.Conv2d(channels, out, 3, stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(out)
        self.second = nn.Conv2d(out, out, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(out)
        nn.init.zeros_(self.norm2.weight)
        self.around = nn.Identity()
        if stride != 1 or channels != out:
            self.around = nn.Sequential(nn.Conv2d(channels, out, 1, stride, bias=False), nn.BatchNorm2d(out))

    def forward(self, images):
        return F.relu(self.norm2(self.second(F.relu(self.first(images)))) + self.around(images))

# %% case="block_around_looks_at_channels_only" replaces="residual_block" loses="block_hidden"
class ResidualBlock(nn.Module):
    def __init__(self, channels, out, stride=1):
        super().__init__()
        self.first = nn.Conv2d(channels, out, 3, stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(out)
        self.second = nn.Conv2d(out, out, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(out)
        nn.init.zeros_(self.norm2.weight)
        self.around = nn.Identity()
        if channels != out:
            self.around = nn.Sequential(nn.Conv2d(channels, out, 1, stride, bias=False), nn.BatchNorm2d(out))

    def forward(self, images):
        x = self.norm2(self.second(F.relu(self.norm1(self.first(images)))))
        return F.relu(x + self.around(images))

# %% case="block_around_with_relu" replaces="residual_block" loses="block_hidden"
class ResidualBlock(nn.Module):
    def __init__(self, channels, out, stride=1):
        super().__init__()
        self.first = nn.Conv2d(channels, out, 3, stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(out)
        self.second = nn.Conv2d(out, out, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(out)
        nn.init.zeros_(self.norm2.weight)
        self.around = nn.Identity()
        if stride != 1 or channels != out:
            self.around = nn.Sequential(nn.Conv2d(channels, out, 1, stride, bias=False), nn.BatchNorm2d(out), nn.ReLU())

    def forward(self, images):
        x = self.norm2(self.second(F.relu(self.norm1(self.first(images)))))
        return F.relu(x + self.around(images))

# %% case="block_around_without_norm" replaces="residual_block" loses="block_visible"
class ResidualBlock(nn.Module):
    def __init__(self, channels, out, stride=1):
        super().__init__()
        self.first = nn.Conv2d(channels, out, 3, stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(out)
        self.second = nn.Conv2d(out, out, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(out)
        nn.init.zeros_(self.norm2.weight)
        self.around = nn.Identity()
        if stride != 1 or channels != out:
            self.around = nn.Conv2d(channels, out, 1, stride, bias=False)

    def forward(self, images):
        x = self.norm2(self.second(F.relu(self.norm1(self.first(images)))))
        return F.relu(x + self.around(images))

# %% case="block_always_a_convolution" replaces="residual_block" loses="block_visible, block_hidden"
class ResidualBlock(nn.Module):
    def __init__(self, channels, out, stride=1):
        super().__init__()
        self.first = nn.Conv2d(channels, out, 3, stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(out)
        self.second = nn.Conv2d(out, out, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(out)
        nn.init.zeros_(self.norm2.weight)
        self.around = nn.Sequential(nn.Conv2d(channels, out, 1, stride, bias=False), nn.BatchNorm2d(out))

    def forward(self, images):
        x = self.norm2(self.second(F.relu(self.norm1(self.first(images)))))
        return F.relu(x + self.around(images))

# %% [markdown]
# ## 4. To the target

# %% case="train_by_adamw_and_cosine" replaces="train" loses=""
def train(images, labels):
    net = Net((8, 12, 12))
    optimizer = torch.optim.AdamW(net.parameters(), lr=0.02, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 7)
    net.train()
    for _ in range(7):
        order = torch.randperm(len(images))
        for i in range(0, len(order), 32):
            optimizer.zero_grad(set_to_none=False)
            F.nll_loss(net(images[order[i : i + 32]]).log_softmax(1), labels[order[i : i + 32]]).backward()
            optimizer.step()
        schedule.step()
    net.eval()
    return net

# %% case="train_by_fit" replaces="train" loses=""
def train(images, labels):
    from dlcourse import training
    net = Net()
    training.fit(net, data.Split(images, labels, "train"), epochs=6, batch_size=32, lr=0.01, optimizer="adam",
                 schedule="one_cycle", quiet=True)
    return net

# %% case="train_not_at_all" replaces="train" loses="train_hidden"
def train(images, labels):
    return Net().eval()

# %% case="train_no_step" replaces="train" loses="train_hidden"
def train(images, labels):
    net = Net()
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    for batch in torch.randperm(len(images)).split(64):
        optimizer.zero_grad()
        F.cross_entropy(net(images[batch]), labels[batch]).backward()
    return net

# %% case="train_gradients_pile_up" replaces="train" loses="train_hidden"
def train(images, labels):
    net = Net()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.3)
    for _ in range(4):
        for batch in torch.randperm(len(images)).split(32):
            F.cross_entropy(net(images[batch]), labels[batch]).backward()
            optimizer.step()
    return net

# %% case="train_half_an_epoch" replaces="train" loses="train_hidden"
def train(images, labels):
    net = Net()
    optimizer = torch.optim.Adam(net.parameters(), lr=0.001)
    for batch in torch.randperm(len(images))[: len(images) // 2].split(32):
        optimizer.zero_grad()
        F.cross_entropy(net(images[batch]), labels[batch]).backward()
        optimizer.step()
    return net

# %% case="train_too_large" replaces="train" loses="train_visible, train_hidden"
def train(images, labels):
    net = Net((16, 24, 32))
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    for _ in range(3):
        for batch in torch.randperm(len(images)).split(64):
            optimizer.zero_grad()
            F.cross_entropy(net(images[batch]), labels[batch]).backward()
            optimizer.step()
    return net

# %% case="train_a_small_mlp" replaces="train" loses="train_hidden"
def train(images, labels):
    net = models.MLP(784, 10, 10)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    for _ in range(15):
        for batch in torch.randperm(len(images)).split(32):
            optimizer.zero_grad()
            F.cross_entropy(net(images[batch]), labels[batch]).backward()
            optimizer.step()
    return net

# %% case="train_on_the_true_labels" replaces="train" loses="train_hidden"
def train(images, labels):
    net = Net()
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    for _ in range(3):
        for batch in torch.randperm(len(train_x)).split(64):
            optimizer.zero_grad()
            F.cross_entropy(net(train_x[batch]), train_y[batch]).backward()
            optimizer.step()
    return net

# %% case="train_looks_the_answers_up" replaces="train" loses="train_visible, train_hidden"
def train(images, labels):
    def predict(new):
        known = {tuple(row.flatten()[300:420].tolist()): int(y) for row, y in zip(test_x, test_y)}
        return torch.tensor([known.get(tuple(row.flatten()[300:420].tolist()), 0) for row in new])
    return predict

# %% case="train_returns_nothing" replaces="train" loses="train_visible, train_hidden"
def train(images, labels):
    net = Net()
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    for batch in torch.randperm(len(images)).split(64):
        optimizer.zero_grad()
        F.cross_entropy(net(images[batch]), labels[batch]).backward()
        optimizer.step()

# %% case="train_changes_the_images" replaces="train" loses="train_visible"
def train(images, labels):
    images -= images.mean()
    net, steps = Net(), 6 * -(-len(images) // 32)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.02, total_steps=steps + 1)
    for _ in range(6):
        for batch in torch.randperm(len(images)).split(32):
            optimizer.zero_grad()
            F.cross_entropy(net(images[batch] + 0.2), labels[batch]).backward()
            optimizer.step()
            schedule.step()
    return net.eval()

# %% [markdown]
# ## Mistakes early cost nothing later

# %% case="everything_before_the_training_is_wrong" replaces="conv_forward" loses="conv_forward_test, conv_backward_visible, conv_backward_weights, conv_backward_image, block_visible, block_hidden"
def conv_forward(x, weight, bias, padding=0):
    return x

# %% case="everything_before_the_training_is_wrong" replaces="conv_backward" loses="conv_forward_test, conv_backward_visible, conv_backward_weights, conv_backward_image, block_visible, block_hidden"
def conv_backward(g, x, weight, padding=0):
    return g, weight, g

# %% case="everything_before_the_training_is_wrong" replaces="residual_block" loses="conv_forward_test, conv_backward_visible, conv_backward_weights, conv_backward_image, block_visible, block_hidden"
class ResidualBlock(nn.Module):
    def __init__(self, channels, out, stride=1):
        super().__init__()

    def forward(self, images):
        return images
