# %% [markdown]
# Right and wrong answers to lab08_cnn, each with the tests that it must lose.

# %% case="size_without_the_one" replaces="output_size" loses="check_output_size"
def output_size(size, kernel, stride=1, padding=0):
    return (size + 2 * padding - kernel) // stride

# %% case="size_padded_once" replaces="output_size" loses="check_output_size"
def output_size(size, kernel, stride=1, padding=0):
    return (size + padding - kernel) // stride + 1

# %% case="size_rounded_up" replaces="output_size" loses="check_output_size"
def output_size(size, kernel, stride=1, padding=0):
    return -(-(size + 2 * padding - kernel) // stride) + 1

# %% case="size_as_a_fraction" replaces="output_size" loses="check_output_size"
def output_size(size, kernel, stride=1, padding=0):
    return (size + 2 * padding - kernel) / stride + 1

# %% case="size_as_a_whole_float" replaces="output_size" loses="check_output_size"
def output_size(size, kernel, stride=1, padding=0):
    return float((size + 2 * padding - kernel) // stride + 1)

# %% case="size_one_inside_the_division" replaces="output_size" loses="check_output_size"
def output_size(size, kernel, stride=1, padding=0):
    return (size + 2 * padding - kernel + 1) // stride

# %% case="size_by_counting" replaces="output_size" loses=""
def output_size(size, kernel, stride=1, padding=0):
    stops, left = 0, -padding
    while left + kernel <= size + padding:
        stops, left = stops + 1, left + stride
    return stops

# %% case="size_by_the_library" replaces="output_size" loses=""
def output_size(size, kernel, stride=1, padding=0):
    import math
    return math.floor((size + 2 * padding - kernel) / stride + 1)

# %% case="parameters_of_a_line" replaces="parameters" loses="check_parameters"
def parameters(channels, out, kernel, groups=1, bias=True):
    return out * (channels // groups * kernel + bias)

# %% case="parameters_without_biases" replaces="parameters" loses="check_parameters"
def parameters(channels, out, kernel, groups=1, bias=True):
    return out * (channels // groups) * kernel * kernel

# %% case="parameters_one_bias" replaces="parameters" loses="check_parameters"
def parameters(channels, out, kernel, groups=1, bias=True):
    return out * (channels // groups) * kernel * kernel + bias

# %% case="parameters_always_a_bias" replaces="parameters" loses="check_parameters"
def parameters(channels, out, kernel, groups=1, bias=True):
    return out * (channels // groups * kernel * kernel + 1)

# %% case="parameters_without_groups" replaces="parameters" loses="check_parameters"
def parameters(channels, out, kernel, groups=1, bias=True):
    return out * (channels * kernel * kernel + bias)

# %% case="parameters_groups_cut_both" replaces="parameters" loses="check_parameters"
def parameters(channels, out, kernel, groups=1, bias=True):
    return (out // groups) * (channels // groups) * kernel * kernel + (out if bias else 0)

# %% case="parameters_of_one_channel" replaces="parameters" loses="check_parameters"
def parameters(channels, out, kernel, groups=1, bias=True):
    return out * (kernel * kernel + bias)

# %% case="parameters_group_by_group" replaces="parameters" loses=""
def parameters(channels, out, kernel, groups=1, bias=True):
    each = (out // groups) * (channels // groups) * kernel**2
    return sum(each for _ in range(groups)) + (out if bias else 0)

# %% case="parameters_by_the_library" replaces="parameters" loses=""
def parameters(channels, out, kernel, groups=1, bias=True):
    layer = nn.Conv2d(channels, out, kernel, groups=groups, bias=bias)
    return sum(p.numel() for p in layer.parameters())

# %% case="field_without_jump" replaces="receptive_field" loses="check_receptive_field"
def receptive_field(layers):
    return 1 + sum(kernel - 1 for kernel, _ in layers)

# %% case="field_jumps_too_early" replaces="receptive_field" loses="check_receptive_field"
def receptive_field(layers):
    field, jump = 1, 1
    for kernel, stride in layers:
        jump *= stride
        field += (kernel - 1) * jump
    return field

# %% case="field_adds_whole_kernels" replaces="receptive_field" loses="check_receptive_field"
def receptive_field(layers):
    field, jump = 1, 1
    for kernel, stride in layers:
        field += kernel * jump
        jump *= stride
    return field

# %% case="field_starts_at_nothing" replaces="receptive_field" loses="check_receptive_field"
def receptive_field(layers):
    field, jump = 0, 1
    for kernel, stride in layers:
        field += (kernel - 1) * jump
        jump *= stride
    return field

# %% case="field_adds_strides" replaces="receptive_field" loses="check_receptive_field"
def receptive_field(layers):
    field, jump = 1, 1
    for kernel, stride in layers:
        field += (kernel - 1) * jump
        jump += stride - 1
    return field

# %% case="field_multiplies_kernels" replaces="receptive_field" loses="check_receptive_field"
def receptive_field(layers):
    field = 1
    for layer in layers:
        field *= layer[0]
    return field

# %% case="field_from_the_last_layer_back" replaces="receptive_field" loses=""
def receptive_field(layers):
    pixels = 1
    for kernel, stride in reversed(layers):
        pixels = (pixels - 1) * stride + kernel
    return pixels

# %% case="field_with_products" replaces="receptive_field" loses=""
def receptive_field(layers):
    import math
    return 1 + sum((k - 1) * math.prod(s for _, s in layers[:i]) for i, (k, _) in enumerate(layers))

# %% case="separable_without_groups" replaces="separable" loses="check_separable"
def separable(channels, out):
    return nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.Conv2d(channels, out, 1, bias=False))

# %% case="separable_without_padding" replaces="separable" loses="check_separable"
def separable(channels, out):
    return nn.Sequential(nn.Conv2d(channels, channels, 3, groups=channels, bias=False), nn.Conv2d(channels, out, 1, bias=False))

# %% case="separable_with_biases" replaces="separable" loses="check_separable"
def separable(channels, out):
    return nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1, groups=channels), nn.Conv2d(channels, out, 1))

# %% case="separable_pointwise_first" replaces="separable" loses="check_separable"
def separable(channels, out):
    return nn.Sequential(nn.Conv2d(channels, out, 1, bias=False), nn.Conv2d(out, out, 3, padding=1, groups=out, bias=False))

# %% case="separable_only_mixes" replaces="separable" loses="check_separable"
def separable(channels, out):
    return nn.Conv2d(channels, out, 1, bias=False)

# %% case="separable_only_looks_around" replaces="separable" loses="check_separable"
def separable(channels, out):
    return nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False)

# %% case="separable_is_a_full_convolution" replaces="separable" loses="check_separable"
def separable(channels, out):
    return nn.Conv2d(channels, out, 3, padding=1, bias=False)

# %% case="separable_as_a_module" replaces="separable" loses=""
class Parted(nn.Module):
    def __init__(self, channels, out):
        super().__init__()
        self.around = nn.Conv2d(channels, channels, 3, padding="same", groups=channels, bias=False)
        self.mix = nn.Conv2d(channels, out, 1, bias=False)

    def forward(self, x):
        return self.mix(self.around(x))

def separable(channels, out):
    return Parted(channels, out)

# %% case="residual_without_the_way_around" replaces="residual" loses="check_residual"
class Residual(nn.Module):
    def __init__(self, channels, out, stride=1):
        super().__init__()
        self.first, self.norm1 = nn.Conv2d(channels, out, 3, stride, 1, bias=False), nn.BatchNorm2d(out)
        self.second, self.norm2 = nn.Conv2d(out, out, 3, 1, 1, bias=False), nn.BatchNorm2d(out)
        same = stride == 1 and channels == out
        self.around = nn.Identity() if same else nn.Conv2d(channels, out, 1, stride, bias=False)

    def forward(self, x):
        return F.relu(self.norm2(self.second(F.relu(self.norm1(self.first(x))))))

# %% case="residual_relu_before_the_sum" replaces="residual" loses="check_residual"
class Residual(nn.Module):
    def __init__(self, channels, out, stride=1):
        super().__init__()
        self.first, self.norm1 = nn.Conv2d(channels, out, 3, stride, 1, bias=False), nn.BatchNorm2d(out)
        self.second, self.norm2 = nn.Conv2d(out, out, 3, 1, 1, bias=False), nn.BatchNorm2d(out)
        same = stride == 1 and channels == out
        self.around = nn.Identity() if same else nn.Conv2d(channels, out, 1, stride, bias=False)

    def forward(self, x):
        return F.relu(self.norm2(self.second(F.relu(self.norm1(self.first(x)))))) + self.around(x)

# %% case="residual_adds_x_as_it_is" replaces="residual" loses="check_residual"
class Residual(nn.Module):
    def __init__(self, channels, out, stride=1):
        super().__init__()
        self.first, self.norm1 = nn.Conv2d(channels, out, 3, stride, 1, bias=False), nn.BatchNorm2d(out)
        self.second, self.norm2 = nn.Conv2d(out, out, 3, 1, 1, bias=False), nn.BatchNorm2d(out)
        same = stride == 1 and channels == out
        self.around = nn.Identity() if same else nn.Conv2d(channels, out, 1, stride, bias=False)

    def forward(self, x):
        return F.relu(self.norm2(self.second(F.relu(self.norm1(self.first(x))))) + x)

# %% case="residual_forgets_a_relu" replaces="residual" loses="check_residual"
class Residual(nn.Module):
    def __init__(self, channels, out, stride=1):
        super().__init__()
        self.first, self.norm1 = nn.Conv2d(channels, out, 3, stride, 1, bias=False), nn.BatchNorm2d(out)
        self.second, self.norm2 = nn.Conv2d(out, out, 3, 1, 1, bias=False), nn.BatchNorm2d(out)
        same = stride == 1 and channels == out
        self.around = nn.Identity() if same else nn.Conv2d(channels, out, 1, stride, bias=False)

    def forward(self, x):
        return F.relu(self.norm2(self.second(self.norm1(self.first(x)))) + self.around(x))

# %% case="residual_forgets_a_norm" replaces="residual" loses="check_residual"
class Residual(nn.Module):
    def __init__(self, channels, out, stride=1):
        super().__init__()
        self.first, self.norm1 = nn.Conv2d(channels, out, 3, stride, 1, bias=False), nn.BatchNorm2d(out)
        self.second, self.norm2 = nn.Conv2d(out, out, 3, 1, 1, bias=False), nn.BatchNorm2d(out)
        same = stride == 1 and channels == out
        self.around = nn.Identity() if same else nn.Conv2d(channels, out, 1, stride, bias=False)

    def forward(self, x):
        return F.relu(self.norm2(self.second(F.relu(self.first(x)))) + self.around(x))

# %% case="residual_no_relu_at_the_end" replaces="residual" loses="check_residual"
class Residual(nn.Module):
    def __init__(self, channels, out, stride=1):
        super().__init__()
        self.first, self.norm1 = nn.Conv2d(channels, out, 3, stride, 1, bias=False), nn.BatchNorm2d(out)
        self.second, self.norm2 = nn.Conv2d(out, out, 3, 1, 1, bias=False), nn.BatchNorm2d(out)
        same = stride == 1 and channels == out
        self.around = nn.Identity() if same else nn.Conv2d(channels, out, 1, stride, bias=False)

    def forward(self, x):
        return self.norm2(self.second(F.relu(self.norm1(self.first(x))))) + self.around(x)

# %% case="residual_step_by_step" replaces="residual" loses=""
class Residual(nn.Module):
    def __init__(self, channels, out, stride=1):
        super().__init__()
        self.first, self.norm1 = nn.Conv2d(channels, out, 3, stride, 1, bias=False), nn.BatchNorm2d(out)
        self.second, self.norm2 = nn.Conv2d(out, out, 3, 1, 1, bias=False), nn.BatchNorm2d(out)
        same = stride == 1 and channels == out
        self.around = nn.Identity() if same else nn.Conv2d(channels, out, 1, stride, bias=False)

    def forward(self, x):
        way = self.around(x)
        x = self.norm1(self.first(x)).clamp(min=0)
        x = torch.add(way, self.norm2(self.second(x)))
        return torch.where(x > 0, x, torch.zeros_like(x))

# %% case="net_is_lenet" replaces="my_net" loses="check_my_net"
def my_net():
    body = [nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*body, nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10))

# %% case="net_ends_in_softmax" replaces="my_net" loses="check_my_net"
def my_net():
    body = [*conv_bn(1, 12), nn.MaxPool2d(2), *conv_bn(12, 24), nn.MaxPool2d(2), *conv_bn(24, 48)]
    return nn.Sequential(*body, *global_head(48), nn.Softmax(1))

# %% case="net_keeps_the_maps" replaces="my_net" loses="check_my_net"
def my_net():
    return nn.Sequential(*conv_bn(1, 12), nn.MaxPool2d(2), *conv_bn(12, 24), nn.MaxPool2d(2), nn.Conv2d(24, 10, 1))

# %% case="net_with_dead_sigmoids" replaces="my_net" loses="check_my_net"
def my_net():
    body = [layer for _ in range(8) for layer in (nn.Conv2d(8, 8, 3, padding=1), nn.Sigmoid())]
    return nn.Sequential(nn.Conv2d(1, 8, 3, 2, 1), *body, *global_head(8))

# %% case="net_frozen" replaces="my_net" loses="check_my_net"
def my_net():
    model = nn.Sequential(*conv_bn(1, 4, stride=2), *conv_bn(4, 4, stride=2), *global_head(4))
    for p in model[:-1].parameters():
        p.requires_grad_(False)
    return model

# %% case="net_too_wide" replaces="my_net" loses="check_my_net"
def my_net():
    return nn.Sequential(*conv_bn(1, 32), nn.MaxPool2d(2), *conv_bn(32, 64), *conv_bn(64, 96), *global_head(96))

# %% case="net_residual" replaces="my_net" loses=""
def my_net():
    body = [*conv_bn(1, 12), nn.MaxPool2d(2), Residual(12, 24), Residual(24, 40, stride=2)]
    return nn.Sequential(*body, *global_head(40))

# %% case="net_separable_as_a_class" replaces="my_net" loses=""
class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(1, 16, 3, 2, 1)
        self.depth, self.point, self.norm = nn.Conv2d(16, 16, 3, 2, 1, groups=16), nn.Conv2d(16, 64, 1), nn.BatchNorm2d(64)
        self.scores = nn.Linear(64, 10)

    def forward(self, images):
        x = F.relu(self.norm(self.point(self.depth(F.relu(self.stem(images))))))
        return self.scores(torch.cat([x.mean((2, 3))], 1))

def my_net():
    return Small()
