# %% [markdown]
# Right and wrong answers to homework 4, each with the tests that it has to lose.

# %% [markdown]
# ## 1. Class means

# %% case="means_by_one_hot" replaces="class_means" loses=""
def class_means(features, labels, classes, queries):
    unit = features / features.norm(dim=1, keepdim=True)
    sums = F.one_hot(labels, classes).T.to(unit.dtype) @ unit
    scores = F.normalize(queries, dim=1) @ F.normalize(sums, dim=1).T
    scores[:, torch.bincount(labels, minlength=classes) == 0] = -1
    return scores

# %% case="means_row_by_row" replaces="class_means" loses=""
def class_means(features, labels, classes, queries):
    columns = []
    for k in range(classes):
        mine = features[labels == k]
        if len(mine) == 0:
            columns.append(-torch.ones(len(queries)))
        else:
            mean = torch.stack([row / row.norm() for row in mine]).mean(dim=0)
            columns.append((queries @ mean) / (queries.norm(dim=1) * mean.norm()))
    return torch.stack(columns, dim=1)

# %% case="means_of_raw_rows" replaces="class_means" loses="class_means_visible, class_means_hidden"
def class_means(features, labels, classes, queries):
    scores = torch.full((len(queries), classes), -1.0)
    for k in labels.unique().tolist():
        scores[:, k] = F.cosine_similarity(queries, features[labels == k].mean(0, keepdim=True), dim=1)
    return scores

# %% case="means_dot_products" replaces="class_means" loses="class_means_visible, class_means_hidden"
def class_means(features, labels, classes, queries):
    rows, scores = F.normalize(features, dim=1), torch.full((len(queries), classes), -1.0)
    for k in labels.unique().tolist():
        scores[:, k] = queries @ rows[labels == k].mean(0)
    return scores

# %% case="means_empty_class_is_zero" replaces="class_means" loses="class_means_hidden"
def class_means(features, labels, classes, queries):
    rows, scores = F.normalize(features, dim=1), torch.zeros(len(queries), classes)
    for k in labels.unique().tolist():
        scores[:, k] = F.cosine_similarity(queries, rows[labels == k].mean(0, keepdim=True), dim=1)
    return scores

# %% case="means_empty_class_is_nan" replaces="class_means" loses="class_means_hidden"
def class_means(features, labels, classes, queries):
    rows = F.normalize(features, dim=1)
    means = torch.stack([rows[labels == k].mean(0) for k in range(classes)])
    return F.normalize(queries, dim=1) @ F.normalize(means, dim=1).T

# %% case="means_only_classes_seen" replaces="class_means" loses="class_means_hidden"
def class_means(features, labels, classes, queries):
    rows = F.normalize(features, dim=1)
    means = torch.stack([rows[labels == k].mean(0) for k in labels.unique()])
    return F.normalize(queries, dim=1) @ F.normalize(means, dim=1).T

# %% case="means_nearest_example" replaces="class_means" loses="class_means_visible, class_means_hidden"
def class_means(features, labels, classes, queries):
    alike, scores = F.normalize(queries, dim=1) @ F.normalize(features, dim=1).T, torch.full((len(queries), classes), -1.0)
    for k in labels.unique().tolist():
        scores[:, k] = alike[:, labels == k].amax(1)
    return scores

# %% case="means_normalise_in_place" replaces="class_means" loses="class_means_hidden"
def class_means(features, labels, classes, queries):
    features /= features.norm(dim=1, keepdim=True)
    scores = torch.full((len(queries), classes), -1.0)
    for k in labels.unique().tolist():
        scores[:, k] = F.cosine_similarity(queries, features[labels == k].mean(0, keepdim=True), dim=1)
    return scores

# %% [markdown]
# ## 2. Thaw from the top

# %% case="thaw_by_loops" replaces="thaw_top" loses=""
def thaw_top(model, thawed, rate, factor):
    model.blocks.train(False)
    model.head.train(True)
    count = len(model.blocks)
    for i, block in enumerate(model.blocks):
        for p in block.parameters():
            p.requires_grad = i >= count - thawed
    for p in model.head.parameters():
        p.requires_grad = True
    groups, lr = [{"params": [p for p in model.head.parameters()], "lr": rate}], rate
    for i in range(count - 1, max(count - 1 - thawed, -1), -1):
        lr *= factor
        groups += [{"lr": lr, "params": [p for p in model.blocks[i].parameters()]}]
    return groups

# %% case="thaw_from_the_bottom" replaces="thaw_top" loses="thaw_top_visible, thaw_top_groups, thaw_top_step"
def thaw_top(model, thawed, rate, factor):
    model.requires_grad_(False)
    model.train()
    model.blocks.eval()
    groups = []
    for depth, part in enumerate([model.head, *list(model.blocks)[:thawed]]):
        part.requires_grad_(True)
        groups.append({"params": list(part.parameters()), "lr": rate * factor**depth})
    return groups

# %% case="thaw_slices_with_minus_zero" replaces="thaw_top" loses="thaw_top_groups, thaw_top_step"
def thaw_top(model, thawed, rate, factor):
    model.requires_grad_(False)
    model.train()
    model.blocks.eval()
    groups = []
    for depth, part in enumerate([model.head, *list(model.blocks)[-thawed:][::-1]]):
        part.requires_grad_(True)
        groups.append({"params": list(part.parameters()), "lr": rate * factor**depth})
    return groups

# %% case="thaw_forgets_to_freeze" replaces="thaw_top" loses="thaw_top_visible, thaw_top_groups"
def thaw_top(model, thawed, rate, factor):
    model.train()
    model.blocks.eval()
    parts = [model.head, *list(model.blocks)[::-1][:thawed]]
    return [{"params": list(part.parameters()), "lr": rate * factor**depth} for depth, part in enumerate(parts)]

# %% case="thaw_in_training_mode" replaces="thaw_top" loses="thaw_top_step"
def thaw_top(model, thawed, rate, factor):
    model.requires_grad_(False)
    model.train()
    groups = []
    for depth, part in enumerate([model.head, *list(model.blocks)[::-1][:thawed]]):
        part.requires_grad_(True)
        groups.append({"params": list(part.parameters()), "lr": rate * factor**depth})
    return groups

# %% case="thaw_all_in_evaluation" replaces="thaw_top" loses="thaw_top_step"
def thaw_top(model, thawed, rate, factor):
    model.requires_grad_(False)
    model.eval()
    groups = []
    for depth, part in enumerate([model.head, *list(model.blocks)[::-1][:thawed]]):
        part.requires_grad_(True)
        groups.append({"params": list(part.parameters()), "lr": rate * factor**depth})
    return groups

# %% case="thaw_one_rate" replaces="thaw_top" loses="thaw_top_visible, thaw_top_groups, thaw_top_step"
def thaw_top(model, thawed, rate, factor):
    model.requires_grad_(False)
    model.train()
    model.blocks.eval()
    groups = []
    for depth, part in enumerate([model.head, *list(model.blocks)[::-1][:thawed]]):
        part.requires_grad_(True)
        groups.append({"params": list(part.parameters()), "lr": rate * factor if depth else rate})
    groups[-1]["lr"] = rate
    return groups

# %% case="thaw_second_factor_lost" replaces="thaw_top" loses="thaw_top_groups, thaw_top_step"
def thaw_top(model, thawed, rate, factor):
    model.requires_grad_(False)
    model.train()
    model.blocks.eval()
    groups = []
    for depth, part in enumerate([model.head, *list(model.blocks)[::-1][:thawed]]):
        part.requires_grad_(True)
        groups.append({"params": list(part.parameters()), "lr": rate * factor if depth else rate})
    return groups

# %% case="thaw_freezes_the_head" replaces="thaw_top" loses="thaw_top_visible, thaw_top_groups, thaw_top_step"
def thaw_top(model, thawed, rate, factor):
    model.requires_grad_(False)
    model.train()
    model.blocks.eval()
    groups = [{"params": list(model.head.parameters()), "lr": rate}]
    for depth, part in enumerate(list(model.blocks)[::-1][:thawed], 1):
        part.requires_grad_(True)
        groups.append({"params": list(part.parameters()), "lr": rate * factor**depth})
    return groups

# %% [markdown]
# ## 3. Folds

# %% case="folds_by_numpy" replaces="folds" loses=""
def folds(labels, count, seed):
    import numpy as np

    draws, found = np.random.default_rng(seed), np.zeros(len(labels), dtype=np.int64)
    for k in set(labels.tolist()):
        places = np.flatnonzero(labels.numpy() == k)
        draws.shuffle(places)
        for i, place in enumerate(places):
            found[place] = i % count
    return torch.from_numpy(found)

# %% case="folds_dealt_in_one_go" replaces="folds" loses=""
def folds(labels, count, seed):
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    found, dealt = torch.empty_like(labels), {}
    for place in order.tolist():
        k = int(labels[place])
        found[place] = dealt.get(k, 0) % count
        dealt[k] = dealt.get(k, 0) + 1
    return found

# %% case="folds_by_chance_alone" replaces="folds" loses="folds_hidden"
def folds(labels, count, seed):
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed + 1))
    found = torch.empty_like(labels)
    found[order] = torch.arange(len(labels)) % count
    return found

# %% case="folds_in_order" replaces="folds" loses="folds_hidden"
def folds(labels, count, seed):
    found = torch.zeros_like(labels)
    for k in labels.unique():
        found[labels == k] = torch.arange(int((labels == k).sum())) % count
    return found

# %% case="folds_from_the_global_generator" replaces="folds" loses="folds_hidden"
def folds(labels, count, seed):
    torch.manual_seed(seed)
    found = torch.zeros_like(labels)
    for k in labels.unique():
        members = (labels == k).nonzero().flatten()
        found[members[torch.randperm(len(members))]] = torch.arange(len(members)) % count
    return found

# %% case="folds_without_the_seed" replaces="folds" loses="folds_hidden"
def folds(labels, count, seed):
    draws, found = torch.Generator().manual_seed(0), torch.zeros_like(labels)
    for k in labels.unique():
        members = (labels == k).nonzero().flatten()
        found[members[torch.randperm(len(members), generator=draws)]] = torch.arange(len(members)) % count
    return found

# %% case="folds_drop_the_rest" replaces="folds" loses="folds_hidden"
def folds(labels, count, seed):
    draws, found = torch.Generator().manual_seed(seed), torch.full_like(labels, count - 1)
    for k in labels.unique():
        members = (labels == k).nonzero().flatten()
        size = len(members) // count
        members = members[torch.randperm(len(members), generator=draws)]
        for i in range(count - 1):
            found[members[i * size : (i + 1) * size]] = i
    return found

# %% case="folds_from_one" replaces="folds" loses="folds_visible, folds_hidden"
def folds(labels, count, seed):
    draws, found = torch.Generator().manual_seed(seed), torch.zeros_like(labels)
    for k in labels.unique():
        members = (labels == k).nonzero().flatten()
        found[members[torch.randperm(len(members), generator=draws)]] = torch.arange(len(members)) % count + 1
    return found

# %% [markdown]
# ## 4. Your workflow

# %% case="workflow_by_class_means" replaces="workflow" loses=""
def workflow(images, labels):
    model = pretrained.backbone("glyphs", None).eval()
    classes = int(labels.max()) + 1
    with torch.no_grad():
        rows = F.normalize(model.features(images), dim=1)
    means = F.normalize(torch.stack([rows[labels == k].mean(0) for k in range(classes)]), dim=1)

    def predict(new):
        with torch.no_grad():
            return (F.normalize(model.features(new), dim=1) @ means.T).argmax(1)

    return predict

# %% case="workflow_fine_tunes" replaces="workflow" loses=""
def workflow(images, labels):
    model = pretrained.backbone("glyphs", int(labels.max()) + 1)
    with torch.no_grad():
        rows = model.eval().features(images)
    for parameters, inputs, part, steps in ((model.head.parameters(), rows, model.head, 150), (None, images, model, 40)):
        if parameters is None:
            model.thaw().eval()
            parameters = pretrained.rates(model, head=1e-3, body=5e-4)
        optimizer = torch.optim.Adam(parameters, lr=0.03)
        for _ in range(steps):
            some = torch.randint(len(images), (25 if part is model else len(images),))
            loss = F.cross_entropy(part(inputs[some]), labels[some])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return model

# %% case="workflow_from_scratch" replaces="workflow" loses="workflow_hidden"
def workflow(images, labels):
    model = pretrained.backbone("glyphs", int(labels.max()) + 1, freeze=False, weights=None)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(20):
        some = torch.randint(len(images), (25,))
        loss = F.cross_entropy(model(images[some]), labels[some])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model.eval()

# %% case="workflow_on_pixels" replaces="workflow" loses="workflow_hidden"
def workflow(images, labels):
    head = nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, int(labels.max()) + 1))
    optimizer = torch.optim.Adam(head.parameters(), lr=0.001)
    for _ in range(100):
        loss = F.cross_entropy(head(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return head

# %% case="workflow_looks_answers_up" replaces="workflow" loses="workflow_visible, workflow_hidden"
def workflow(images, labels):
    known = data.load("colour_digits", seed=11)

    def predict(new):
        scores = torch.zeros(len(new), 10)
        for i, image in enumerate(new):
            gap = (known.test.inputs / 255 - image).abs().amax((1, 2, 3))
            scores[i, known.test.labels[gap.argmin()]] = 1
        return scores

    return predict

# %% case="workflow_keeps_the_old_head" replaces="workflow" loses="workflow_visible, workflow_hidden"
def workflow(images, labels):
    model = pretrained.backbone("glyphs", None).eval()
    return lambda new: model(new).detach()[:, :10]

# %% case="workflow_always_ten" replaces="workflow" loses="workflow_visible"
def workflow(images, labels):
    model = pretrained.backbone("glyphs", 10).eval()
    rows = model.features(images).detach()
    optimizer = torch.optim.Adam(model.head.parameters(), lr=0.03)
    for _ in range(150):
        loss = F.cross_entropy(model.head(rows), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model

# %% case="workflow_normalises_in_place" replaces="workflow" loses="workflow_visible, workflow_hidden"
def workflow(images, labels):
    images -= images.mean((0, 2, 3), keepdim=True)
    images += 0.5
    return pretrained.backbone("glyphs", int(labels.max()) + 1).eval()

# %% case="workflow_one_step" replaces="workflow" loses="workflow_hidden"
def workflow(images, labels):
    model = pretrained.backbone("glyphs", int(labels.max()) + 1).eval()
    rows = model.features(images).detach()
    optimizer = torch.optim.Adam(model.head.parameters(), lr=0.001)
    loss = F.cross_entropy(model.head(rows), labels)
    loss.backward()
    optimizer.step()
    return model
