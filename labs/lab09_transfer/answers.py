# %% [markdown]
# Right and wrong answers to lab09_transfer, each with the tests that it must lose.

# %% case="contract_by_library" replaces="keep_contract" loses=""
def keep_contract(images, resize, crop, mean, std):
    x = torch.cat([images] * 3, 1) if images.shape[1] == 1 else images
    x = torchvision.transforms.functional.resize(x.float() / 255, resize)
    x = torchvision.transforms.functional.center_crop(x, [crop, crop])
    return torchvision.transforms.functional.normalize(x, list(mean), list(std))

# %% case="contract_channel_by_channel" replaces="keep_contract" loses=""
def keep_contract(images, resize, crop, mean, std):
    x = scale(images.float(), resize)
    high, wide = x.shape[2:]
    x = x[:, :, (high - crop) // 2 :, (wide - crop) // 2 :][:, :, :crop, :crop] / 255
    return torch.stack([(x[:, c if x.shape[1] == 3 else 0] - mean[c]) / std[c] for c in range(3)], 1)

# %% case="contract_crops_a_corner" replaces="keep_contract" loses="check_contract"
def keep_contract(images, resize, crop, mean, std):
    x = scale(images.expand(-1, 3, -1, -1) / 255, resize)[:, :, :crop, :crop]
    return (x - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(std).view(3, 1, 1)

# %% case="contract_without_255" replaces="keep_contract" loses="check_contract"
def keep_contract(images, resize, crop, mean, std):
    x = scale(images.expand(-1, 3, -1, -1).float(), resize)
    top, left = (x.shape[2] - crop) // 2, (x.shape[3] - crop) // 2
    x = x[:, :, top : top + crop, left : left + crop]
    return (x - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(std).view(3, 1, 1)

# %% case="contract_divides_first" replaces="keep_contract" loses="check_contract"
def keep_contract(images, resize, crop, mean, std):
    x = scale(images.expand(-1, 3, -1, -1) / 255, resize)
    top, left = (x.shape[2] - crop) // 2, (x.shape[3] - crop) // 2
    x = x[:, :, top : top + crop, left : left + crop]
    return x / torch.tensor(std).view(3, 1, 1) - torch.tensor(mean).view(3, 1, 1)

# %% case="contract_squashes" replaces="keep_contract" loses="check_contract"
def keep_contract(images, resize, crop, mean, std):
    x = torchvision.transforms.functional.resize(images.expand(-1, 3, -1, -1) / 255, [resize, resize])
    edge = (resize - crop) // 2
    x = x[:, :, edge : edge + crop, edge : edge + crop]
    return (x - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(std).view(3, 1, 1)

# %% case="contract_forgets_std" replaces="keep_contract" loses="check_contract"
def keep_contract(images, resize, crop, mean, std):
    x = scale(images.expand(-1, 3, -1, -1) / 255, resize)
    top, left = (x.shape[2] - crop) // 2, (x.shape[3] - crop) // 2
    return x[:, :, top : top + crop, left : left + crop] - torch.tensor(mean).view(3, 1, 1)

# %% case="contract_rows_for_columns" replaces="keep_contract" loses="check_contract"
def keep_contract(images, resize, crop, mean, std):
    x = scale(images.expand(-1, 3, -1, -1) / 255, resize)
    top = (x.shape[2] - crop) // 2
    x = x[:, :, top : top + crop, top : top + crop]
    return (x - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(std).view(3, 1, 1)

# %% case="contract_needs_colour" replaces="keep_contract" loses="check_contract"
def keep_contract(images, resize, crop, mean, std):
    x = scale(images / 255, resize)
    top, left = (x.shape[2] - crop) // 2, (x.shape[3] - crop) // 2
    x = x[:, :, top : top + crop, left : left + crop]
    return (x - mean[0]) / std[0]

# %% case="head_from_the_weight" replaces="replace_head" loses=""
def replace_head(model, classes):
    return Reader(head=nn.Linear(model.head.weight.shape[1], classes, bias=True), body=model.body)

# %% case="head_assigned" replaces="replace_head" loses=""
def replace_head(model, classes):
    new = Reader(model.body, None)
    new.head = nn.Linear(model.head.in_features, classes)
    return new

# %% case="head_always_64" replaces="replace_head" loses="check_replace_head"
def replace_head(model, classes):
    return Reader(model.body, nn.Linear(64, classes))

# %% case="head_on_the_old_head" replaces="replace_head" loses="check_replace_head"
def replace_head(model, classes):
    return Reader(model.body, nn.Sequential(model.head, nn.Linear(model.head.out_features, classes)))

# %% case="head_turned_round" replaces="replace_head" loses="check_replace_head"
def replace_head(model, classes):
    return Reader(model.body, nn.Linear(classes, model.head.in_features))

# %% case="head_not_returned" replaces="replace_head" loses="check_replace_head"
def replace_head(model, classes):
    Reader(model.body, nn.Linear(model.head.in_features, classes))

# %% case="head_is_the_old_one" replaces="replace_head" loses="check_replace_head"
def replace_head(model, classes):
    return Reader(model.body, model.head)

# %% case="head_resets_the_body" replaces="replace_head" loses="check_replace_head"
def replace_head(model, classes):
    new = Reader(model.body, nn.Linear(model.head.in_features, classes))
    for layer in new.modules():
        if hasattr(layer, "reset_parameters"):
            layer.reset_parameters()
    return new

# %% case="freeze_by_loop" replaces="freeze" loses=""
def freeze(model):
    for name, p in model.named_parameters():
        p.requires_grad = name.startswith("head.")
    for part in (model, model.head):
        part.train()
    model.body.train(False)
    return model

# %% case="freeze_without_eval" replaces="freeze" loses="check_freeze"
def freeze(model):
    model.train()
    model.body.requires_grad_(False)
    model.head.requires_grad_(True)
    return model

# %% case="freeze_eval_only" replaces="freeze" loses="check_freeze"
def freeze(model):
    model.train()
    model.body.eval()
    model.head.requires_grad_(True)
    return model

# %% case="freeze_everything" replaces="freeze" loses="check_freeze"
def freeze(model):
    model.requires_grad_(False)
    model.body.eval()
    return model

# %% case="freeze_in_the_wrong_order" replaces="freeze" loses="check_freeze"
def freeze(model):
    model.body.requires_grad_(False).eval()
    model.head.requires_grad_(True)
    return model.train()

# %% case="freeze_the_head" replaces="freeze" loses="check_freeze"
def freeze(model):
    model.train()
    model.head.requires_grad_(False).eval()
    return model

# %% case="freeze_all_in_eval" replaces="freeze" loses="check_freeze"
def freeze(model):
    model.eval()
    model.body.requires_grad_(False)
    model.head.requires_grad_(True)
    return model

# %% case="freeze_convolutions_only" replaces="freeze" loses="check_freeze"
def freeze(model):
    model.train()
    for layer in model.body:
        if isinstance(layer, nn.Conv2d):
            layer.requires_grad_(False)
    model.body.eval()
    model.head.requires_grad_(True)
    return model

# %% case="features_into_a_table" replaces="body_features" loses=""
@torch.inference_mode()
def body_features(model, images, batch_size):
    model.body.eval()
    rows = []
    for start in range(0, len(images), batch_size):
        rows.extend(model.body(images[start : start + batch_size]))
    return torch.stack(rows).clone()

# %% case="features_detached" replaces="body_features" loses=""
def body_features(model, images, batch_size):
    model.train(False)
    return torch.cat([model.body(some).detach() for some in torch.split(images, batch_size)], dim=0)

# %% case="features_in_training_mode" replaces="body_features" loses="check_body_features"
def body_features(model, images, batch_size):
    with torch.no_grad():
        return torch.cat([model.body(batch) for batch in images.split(batch_size)])

# %% case="features_with_a_graph" replaces="body_features" loses="check_body_features"
def body_features(model, images, batch_size):
    model.eval()
    return torch.cat([model.body(batch) for batch in images.split(batch_size)])

# %% case="features_are_scores" replaces="body_features" loses="check_body_features"
def body_features(model, images, batch_size):
    model.eval()
    with torch.no_grad():
        return torch.cat([model(batch) for batch in images.split(batch_size)])

# %% case="features_drop_the_last_batch" replaces="body_features" loses="check_body_features"
def body_features(model, images, batch_size):
    model.eval()
    with torch.no_grad():
        whole = len(images) // batch_size * batch_size
        return torch.cat([model.body(batch) for batch in images[:whole].split(batch_size)])

# %% case="features_as_batches" replaces="body_features" loses="check_body_features"
def body_features(model, images, batch_size):
    model.eval()
    with torch.no_grad():
        return [model.body(batch) for batch in images.split(batch_size)]

# %% case="nearest_by_sorting" replaces="nearest" loses=""
def nearest(queries, candidates, k):
    norms = queries.norm(dim=1)[:, None] * candidates.norm(dim=1)[None, :]
    return (queries @ candidates.T / norms).argsort(dim=1, descending=True)[:, :k]

# %% case="nearest_row_by_row" replaces="nearest" loses=""
def nearest(queries, candidates, k):
    return torch.stack([F.cosine_similarity(q.expand_as(candidates), candidates, dim=1).topk(k)[1] for q in queries])

# %% case="nearest_without_norms" replaces="nearest" loses="check_nearest"
def nearest(queries, candidates, k):
    return (queries @ candidates.T).topk(k).indices

# %% case="nearest_by_distance" replaces="nearest" loses="check_nearest"
def nearest(queries, candidates, k):
    return torch.cdist(queries, candidates).topk(k, largest=False).indices

# %% case="nearest_are_farthest" replaces="nearest" loses="check_nearest"
def nearest(queries, candidates, k):
    alike = F.normalize(queries, dim=1) @ F.normalize(candidates, dim=1).T
    return alike.topk(k, largest=False).indices

# %% case="nearest_gives_values" replaces="nearest" loses="check_nearest"
def nearest(queries, candidates, k):
    return (F.normalize(queries, dim=1) @ F.normalize(candidates, dim=1).T).topk(k).values

# %% case="nearest_along_the_wrong_axis" replaces="nearest" loses="check_nearest"
def nearest(queries, candidates, k):
    alike = F.normalize(queries, dim=0) @ F.normalize(candidates, dim=0).T
    return alike.topk(k).indices

# %% case="nearest_normalises_the_queries" replaces="nearest" loses="check_nearest"
def nearest(queries, candidates, k):
    return (F.normalize(queries, dim=1) @ candidates.T).topk(k).indices

# %% case="tune_two_optimizers" replaces="fine_tune" loses=""
def fine_tune(model, batches, thaw_at, head_rate, body_rate):
    of_head = torch.optim.Adam(model.head.parameters(), lr=head_rate)
    of_body = torch.optim.Adam(model.body.parameters(), lr=body_rate)
    for step, (images, labels) in enumerate(batches):
        for p in model.body.parameters():
            p.requires_grad = step >= thaw_at
        model.zero_grad()
        nn.CrossEntropyLoss()(model.head(model.body(images)), labels).backward()
        of_head.step()
        of_body.step()
    return model

# %% case="tune_adds_a_group" replaces="fine_tune" loses=""
def fine_tune(model, batches, thaw_at, head_rate, body_rate):
    optimizer = torch.optim.Adam(model.head.parameters(), lr=head_rate)
    for step, (images, labels) in enumerate(batches):
        if step == thaw_at:
            model.body.requires_grad_()
            optimizer.add_param_group({"params": list(model.body.parameters()), "lr": body_rate})
        loss = F.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    return model

# %% case="tune_thaws_at_once" replaces="fine_tune" loses="check_fine_tune"
def fine_tune(model, batches, thaw_at, head_rate, body_rate):
    model.body.requires_grad_(True)
    groups = [{"params": model.head.parameters(), "lr": head_rate}, {"params": model.body.parameters(), "lr": body_rate}]
    optimizer = torch.optim.Adam(groups)
    for images, labels in batches:
        optimizer.zero_grad()
        F.cross_entropy(model(images), labels).backward()
        optimizer.step()
    return model

# %% case="tune_never_thaws" replaces="fine_tune" loses="check_fine_tune"
def fine_tune(model, batches, thaw_at, head_rate, body_rate):
    groups = [{"params": model.head.parameters(), "lr": head_rate}, {"params": model.body.parameters(), "lr": body_rate}]
    optimizer = torch.optim.Adam(groups)
    for images, labels in batches:
        optimizer.zero_grad()
        F.cross_entropy(model(images), labels).backward()
        optimizer.step()
    return model

# %% case="tune_one_rate" replaces="fine_tune" loses="check_fine_tune"
def fine_tune(model, batches, thaw_at, head_rate, body_rate):
    optimizer = torch.optim.Adam(model.parameters(), lr=head_rate)
    for step, (images, labels) in enumerate(batches):
        if step == thaw_at:
            model.body.requires_grad_(True)
        optimizer.zero_grad()
        F.cross_entropy(model(images), labels).backward()
        optimizer.step()
    return model

# %% case="tune_rates_swapped" replaces="fine_tune" loses="check_fine_tune"
def fine_tune(model, batches, thaw_at, head_rate, body_rate):
    groups = [{"params": model.head.parameters(), "lr": body_rate}, {"params": model.body.parameters(), "lr": head_rate}]
    optimizer = torch.optim.Adam(groups)
    for step, (images, labels) in enumerate(batches):
        if step == thaw_at:
            model.body.requires_grad_(True)
        optimizer.zero_grad()
        F.cross_entropy(model(images), labels).backward()
        optimizer.step()
    return model

# %% case="tune_one_step_late" replaces="fine_tune" loses="check_fine_tune"
def fine_tune(model, batches, thaw_at, head_rate, body_rate):
    groups = [{"params": model.head.parameters(), "lr": head_rate}, {"params": model.body.parameters(), "lr": body_rate}]
    optimizer = torch.optim.Adam(groups)
    for step, (images, labels) in enumerate(batches):
        optimizer.zero_grad()
        F.cross_entropy(model(images), labels).backward()
        optimizer.step()
        if step == thaw_at:
            model.body.requires_grad_(True)
    return model

# %% case="tune_keeps_old_gradients" replaces="fine_tune" loses="check_fine_tune"
def fine_tune(model, batches, thaw_at, head_rate, body_rate):
    groups = [{"params": model.head.parameters(), "lr": head_rate}, {"params": model.body.parameters(), "lr": body_rate}]
    optimizer = torch.optim.Adam(groups)
    for step, (images, labels) in enumerate(batches):
        if step == thaw_at:
            model.body.requires_grad_(True)
        F.cross_entropy(model(images), labels).backward()
        optimizer.step()
    return model

# %% case="tune_wakes_batch_norm" replaces="fine_tune" loses="check_fine_tune"
def fine_tune(model, batches, thaw_at, head_rate, body_rate):
    groups = [{"params": model.head.parameters(), "lr": head_rate}, {"params": model.body.parameters(), "lr": body_rate}]
    optimizer = torch.optim.Adam(groups)
    for step, (images, labels) in enumerate(batches):
        if step == thaw_at:
            model.body.requires_grad_(True)
            model.train()
        optimizer.zero_grad()
        F.cross_entropy(model(images), labels).backward()
        optimizer.step()
    return model
