# %% [markdown]
# Right and wrong answers to lab04_data, each with the tests that it must lose.

# %% case="plates_transformed_once" replaces="plates" loses="check_plates"
class Plates(Dataset):
    def __init__(self, images, labels, transform=None):
        self.images = images if transform is None else [transform(image) for image in images]
        self.labels = labels

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        return self.images[i], self.labels[i]

# %% case="plates_forget_the_transform" replaces="plates" loses="check_plates"
class Plates(Dataset):
    def __init__(self, images, labels, transform=None):
        self.images, self.labels, self.transform = images, labels, transform

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        return self.images[i], self.labels[i]

# %% case="plates_without_labels" replaces="plates" loses="check_plates"
class Plates(Dataset):
    def __init__(self, images, labels, transform=None):
        self.images, self.labels, self.transform = images, labels, transform

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        return self.images[i] if self.transform is None else self.transform(self.images[i])

# %% case="plates_write_the_transform_back" replaces="plates" loses="check_plates"
class Plates(Dataset):
    def __init__(self, images, labels, transform=None):
        self.images, self.labels, self.transform = list(images), labels, transform

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        if self.transform is not None:
            self.images[i] = self.transform(self.images[i])
        return self.images[i], self.labels[i]

# %% case="plates_label_and_image_swapped" replaces="plates" loses="check_plates"
class Plates(Dataset):
    def __init__(self, images, labels, transform=None):
        self.images, self.labels, self.transform = images, labels, transform

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        image = self.images[i]
        return self.labels[i], image if self.transform is None else self.transform(image)

# %% case="plates_count_pixels" replaces="plates" loses="check_plates"
class Plates(Dataset):
    def __init__(self, images, labels, transform=None):
        self.images, self.labels, self.transform = images, labels, transform

    def __len__(self):
        return self.images.numel()

    def __getitem__(self, i):
        image = self.images[i]
        return image if self.transform is None else self.transform(image), self.labels[i]

# %% case="plates_as_a_list_of_pairs" replaces="plates" loses=""
class Plates(Dataset):
    def __init__(self, images, labels, transform=None):
        super().__init__()
        self.pairs = [(image, int(label)) for image, label in zip(images, labels)]
        self.transform = transform or (lambda image: image)

    def __len__(self):
        return len(self.pairs)

    def __getitem__(self, i):
        image, label = self.pairs[i]
        return [self.transform(image), label]

# %% case="one_hot_columns_of_the_batch" replaces="one_hot" loses="check_one_hot"
def one_hot(words, known):
    columns = sorted(set(words))
    return torch.tensor([[float(word == column) for column in columns] for word in words])

# %% case="one_hot_sorted" replaces="one_hot" loses="check_one_hot"
def one_hot(words, known):
    return torch.tensor([[float(word == column) for column in sorted(known)] for word in words])

# %% case="one_hot_transposed" replaces="one_hot" loses="check_one_hot"
def one_hot(words, known):
    return torch.tensor([[float(word == column) for word in words] for column in known])

# %% case="one_hot_crashes_on_the_unknown" replaces="one_hot" loses="check_one_hot"
def one_hot(words, known):
    return F.one_hot(torch.tensor([list(known).index(word) for word in words]), len(known)).float()

# %% case="one_hot_unknown_is_the_first" replaces="one_hot" loses="check_one_hot"
def one_hot(words, known):
    place = {word: i for i, word in enumerate(known)}
    return torch.eye(len(known))[[place.get(word, 0) for word in words]]

# %% case="one_hot_column_for_the_unknown" replaces="one_hot" loses="check_one_hot"
def one_hot(words, known):
    place = {word: i for i, word in enumerate(known)}
    return torch.eye(len(known) + 1)[[place.get(word, len(known)) for word in words]]

# %% case="one_hot_as_codes" replaces="one_hot" loses="check_one_hot"
def one_hot(words, known):
    return torch.tensor([[float(list(known).index(word)) if word in known else -1.0] for word in words])

# %% case="one_hot_filled_in" replaces="one_hot" loses=""
def one_hot(words, known):
    table = torch.zeros(len(words), len(known), dtype=torch.float64)
    for row, word in enumerate(words):
        if word in known:
            table[row, list(known).index(word)] = 1
    return table

# %% case="one_hot_by_the_library" replaces="one_hot" loses=""
def one_hot(words, known):
    place = {word: i for i, word in enumerate(known)}
    codes = torch.tensor([place.get(word, len(known)) for word in words])
    return F.one_hot(codes, len(known) + 1)[:, :-1].float()

# %% case="split_blindly" replaces="stratified" loses="check_stratified"
def stratified(labels, share, seed):
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    count = round(share * len(labels))
    return order[count:], order[:count]

# %% case="split_takes_the_first" replaces="stratified" loses="check_stratified"
def stratified(labels, share, seed):
    rest, part = [], []
    for k in labels.unique():
        members = (labels == k).nonzero().flatten()
        count = round(share * len(members))
        part.append(members[:count])
        rest.append(members[count:])
    return torch.cat(rest), torch.cat(part)

# %% case="split_leaks" replaces="stratified" loses="check_stratified"
def stratified(labels, share, seed):
    generator, part = torch.Generator().manual_seed(seed), []
    for k in labels.unique():
        members = (labels == k).nonzero().flatten()
        part.append(members[torch.randperm(len(members), generator=generator)[: round(share * len(members))]])
    return torch.arange(len(labels)), torch.cat(part)

# %% case="split_off_by_one" replaces="stratified" loses="check_stratified"
def stratified(labels, share, seed):
    generator, rest, part = torch.Generator().manual_seed(seed), [], []
    for k in labels.unique():
        members = (labels == k).nonzero().flatten()
        members = members[torch.randperm(len(members), generator=generator)]
        count = round(share * len(members))
        part.append(members[:count])
        rest.append(members[count + 1 :])
    return torch.cat(rest), torch.cat(part)

# %% case="split_in_the_wrong_order" replaces="stratified" loses="check_stratified"
def stratified(labels, share, seed):
    generator, rest, part = torch.Generator().manual_seed(seed), [], []
    for k in labels.unique():
        members = (labels == k).nonzero().flatten()
        members = members[torch.randperm(len(members), generator=generator)]
        count = round(share * len(members))
        part.append(members[:count])
        rest.append(members[count:])
    return torch.cat(part), torch.cat(rest)

# %% case="split_without_the_seed" replaces="stratified" loses="check_stratified"
def stratified(labels, share, seed):
    rest, part = [], []
    for k in labels.unique():
        members = (labels == k).nonzero().flatten()
        members = members[torch.randperm(len(members))]
        count = round(share * len(members))
        part.append(members[:count])
        rest.append(members[count:])
    return torch.cat(rest), torch.cat(part)

# %% case="split_as_masks" replaces="stratified" loses="check_stratified"
def stratified(labels, share, seed):
    generator, held = torch.Generator().manual_seed(seed), torch.zeros(len(labels), dtype=torch.bool)
    for k in labels.unique():
        members = (labels == k).nonzero().flatten()
        held[members[torch.randperm(len(members), generator=generator)[: round(share * len(members))]]] = True
    return ~held, held

# %% case="split_each_class_has_as_many" replaces="stratified" loses="check_stratified"
def stratified(labels, share, seed):
    generator, rest, part = torch.Generator().manual_seed(seed), [], []
    each = round(share * len(labels) / len(labels.unique()))
    for k in labels.unique():
        members = (labels == k).nonzero().flatten()
        members = members[torch.randperm(len(members), generator=generator)]
        part.append(members[:each])
        rest.append(members[each:])
    return torch.cat(rest), torch.cat(part)

# %% case="split_with_pythons_random" replaces="stratified" loses=""
def stratified(labels, share, seed):
    import random
    draw, held = random.Random(seed), []
    for k in sorted(set(labels.tolist())):
        members = [i for i, label in enumerate(labels.tolist()) if label == k]
        held += draw.sample(members, round(share * len(members)))
    rest = [i for i in range(len(labels)) if i not in set(held)]
    return torch.tensor(rest), torch.tensor(held)

# %% case="split_by_the_global_seed" replaces="stratified" loses=""
def stratified(labels, share, seed):
    torch.manual_seed(seed)
    order = torch.randperm(len(labels))
    held = torch.cat([order[labels[order] == k][: round(share * int((labels == k).sum()))] for k in labels.unique()])
    keep = torch.ones(len(labels), dtype=torch.bool)
    keep[held] = False
    return keep.nonzero().flatten(), held

# %% case="standardise_each_by_its_own" replaces="standardise" loses="check_standardise"
def standardise(train, other):
    def one(x):
        x = x.float()
        return (x - x.mean((0, 2, 3), keepdim=True)) / x.std((0, 2, 3), keepdim=True)
    return one(train), one(other)

# %% case="standardise_by_both_together" replaces="standardise" loses="check_standardise"
def standardise(train, other):
    both = torch.cat([train, other]).float()
    mean, std = both.mean((0, 2, 3), keepdim=True), both.std((0, 2, 3), keepdim=True)
    return (train - mean) / std, (other - mean) / std

# %% case="standardise_all_channels_alike" replaces="standardise" loses="check_standardise"
def standardise(train, other):
    train, other = train.float(), other.float()
    return (train - train.mean()) / train.std(), (other - train.mean()) / train.std()

# %% case="standardise_each_pixel" replaces="standardise" loses="check_standardise"
def standardise(train, other):
    train, other = train.float(), other.float()
    mean, std = train.mean(0, keepdim=True), train.std(0, keepdim=True)
    return (train - mean) / std, (other - mean) / std

# %% case="standardise_by_the_variance" replaces="standardise" loses="check_standardise"
def standardise(train, other):
    train, other = train.float(), other.float()
    mean, var = train.mean((0, 2, 3), keepdim=True), train.var((0, 2, 3), keepdim=True)
    return (train - mean) / var, (other - mean) / var

# %% case="standardise_only_the_training_set" replaces="standardise" loses="check_standardise"
def standardise(train, other):
    train, other = train.float(), other.float()
    mean, std = train.mean((0, 2, 3), keepdim=True), train.std((0, 2, 3), keepdim=True)
    return (train - mean) / std, other / 255

# %% case="standardise_forgets_to_subtract" replaces="standardise" loses="check_standardise"
def standardise(train, other):
    train, other = train.float(), other.float()
    std = train.std((0, 2, 3), keepdim=True)
    return train / std, other / std

# %% case="standardise_from_0_to_1_channel_by_channel" replaces="standardise" loses=""
def standardise(train, other):
    train, other = train / 255, other / 255
    first, second = torch.empty_like(train), torch.empty_like(other)
    for c in range(train.shape[1]):
        mean, std = train[:, c].mean(), train[:, c].std(unbiased=False)
        first[:, c], second[:, c] = (train[:, c] - mean) / std, (other[:, c] - mean) / std
    return first, second

# %% case="standardise_in_numpy" replaces="standardise" loses=""
def standardise(train, other):
    a, b = train.numpy().astype("float64"), other.numpy().astype("float64")
    mean, std = a.mean((0, 2, 3), keepdims=True), a.std((0, 2, 3), keepdims=True)
    return torch.from_numpy((a - mean) / std), torch.from_numpy((b - mean) / std)

# %% case="balance_by_the_count" replaces="balance" loses="check_balance"
def balance(labels):
    return labels.bincount()[labels].double()

# %% case="balance_for_each_class" replaces="balance" loses="check_balance"
def balance(labels):
    return 1 / labels.bincount().clamp(min=1).double()

# %% case="balance_root" replaces="balance" loses="check_balance"
def balance(labels):
    return 1 / labels.bincount()[labels].double().sqrt()

# %% case="balance_all_alike" replaces="balance" loses="check_balance"
def balance(labels):
    return torch.ones(len(labels)) / len(labels)

# %% case="balance_one_minus_the_share" replaces="balance" loses="check_balance"
def balance(labels):
    return 1 - labels.bincount()[labels] / len(labels)

# %% case="balance_counts_by_rank" replaces="balance" loses="check_balance"
def balance(labels):
    counts = labels.unique(return_counts=True)[1]
    return 1 / counts[labels.clamp(max=len(counts) - 1)].double()

# %% case="balance_as_a_list" replaces="balance" loses=""
def balance(labels):
    counts = {k: labels.tolist().count(k) for k in set(labels.tolist())}
    return [100 / counts[k] for k in labels.tolist()]

# %% case="balance_by_unique" replaces="balance" loses=""
def balance(labels):
    _, place, counts = labels.unique(return_inverse=True, return_counts=True)
    weights = (1 / counts.float())[place]
    return weights / weights.sum()

# %% case="brighten_one_draw" replaces="brighten" loses="check_brighten"
def brighten(images, low, high):
    return images * (low + (high - low) * torch.rand(1))

# %% case="brighten_each_pixel" replaces="brighten" loses="check_brighten"
def brighten(images, low, high):
    return images * (low + (high - low) * torch.rand_like(images))

# %% case="brighten_each_channel" replaces="brighten" loses="check_brighten"
def brighten(images, low, high):
    return images * (low + (high - low) * torch.rand(images.shape[0], images.shape[1], 1, 1))

# %% case="brighten_in_place" replaces="brighten" loses="check_brighten"
def brighten(images, low, high):
    images *= low + (high - low) * torch.rand(len(images), 1, 1, 1)
    return images

# %% case="brighten_forgets_the_range" replaces="brighten" loses="check_brighten"
def brighten(images, low, high):
    return images * (low + high * torch.rand(len(images), 1, 1, 1))

# %% case="brighten_adds" replaces="brighten" loses="check_brighten"
def brighten(images, low, high):
    return images + (low + (high - low) * torch.rand(len(images), 1, 1, 1))

# %% case="brighten_two_choices" replaces="brighten" loses="check_brighten"
def brighten(images, low, high):
    return images * torch.where(torch.rand(len(images), 1, 1, 1) < 0.5, low, high)

# %% case="brighten_one_by_one" replaces="brighten" loses=""
def brighten(images, low, high):
    import random
    return torch.stack([image * random.uniform(low, high) for image in images])

# %% case="brighten_uniform_and_einsum" replaces="brighten" loses=""
def brighten(images, low, high):
    factors = torch.empty(images.shape[0]).uniform_(low, high)
    return torch.einsum("b,bchw->bchw", factors, images)
