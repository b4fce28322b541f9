# %% [markdown]
# Right and wrong answers to the tuning competition, each with the tests that it has to lose.

# %% case="interval_with_numpy" replaces="interval" loses=""
def interval(right, of):
    import numpy as np

    z = 1.959964
    middle = (right + z * z / 2) / (of + z * z)
    half = z / (of + z * z) * np.sqrt(right * (of - right) / of + z * z / 4)
    return float(max(0.0, middle - half)), float(min(1.0, middle + half))

# %% case="interval_usual_formula" replaces="interval" loses="interval_visible, interval_hidden"
def interval(right, of):
    share = right / of
    half = 1.96 * (share * (1 - share) / of) ** 0.5
    return share - half, share + half

# %% case="interval_not_divided" replaces="interval" loses="interval_visible, interval_hidden"
def interval(right, of):
    z, share = 1.96, right / of
    half = z * (share * (1 - share) / of + z**2 / (4 * of**2)) ** 0.5
    return share + z**2 / (2 * of) - half, share + z**2 / (2 * of) + half

# %% case="interval_for_few_only" replaces="interval" loses="interval_hidden"
def interval(right, of):
    if of > 10:
        share = right / of
        half = 1.96 * (share * (1 - share) / of) ** 0.5
        return share - half, share + half
    z, share = 1.96, right / of
    middle, half = share + z**2 / (2 * of), z * (share * (1 - share) / of + z**2 / (4 * of**2)) ** 0.5
    return (middle - half) / (1 + z**2 / of), (middle + half) / (1 + z**2 / of)

# %% case="interval_whole_division" replaces="interval" loses="interval_visible, interval_hidden"
def interval(right, of):
    z, share = 1.96, right // of
    middle, half = share + z**2 / (2 * of), z * (share * (1 - share) / of + z**2 / (4 * of**2)) ** 0.5
    return (middle - half) / (1 + z**2 / of), (middle + half) / (1 + z**2 / of)

# %% case="draw_powers_of_ten" replaces="draw" loses=""
def draw(low, high, count):
    import math

    return torch.tensor([10 ** random.uniform(math.log10(low), math.log10(high)) for _ in range(count)])

# %% case="draw_evenly" replaces="draw" loses="draw_visible, draw_hidden"
def draw(low, high, count):
    return low + (high - low) * torch.rand(count)

# %% case="draw_range_written_down" replaces="draw" loses="draw_hidden"
def draw(low, high, count):
    return 10 ** (-3 * torch.rand(count))

# %% case="draw_whole_powers" replaces="draw" loses="draw_hidden"
def draw(low, high, count):
    steps = torch.linspace(torch.tensor(float(low)).log(), torch.tensor(float(high)).log(), count)
    return steps.exp()

# %% case="draw_square_root" replaces="draw" loses="draw_visible, draw_hidden"
def draw(low, high, count):
    return (low**0.5 + (high**0.5 - low**0.5) * torch.rand(count)) ** 2

# %% case="draw_seeded_inside" replaces="draw" loses="draw_hidden"
def draw(low, high, count):
    torch.manual_seed(0)
    start, end = torch.tensor(float(low)).log(), torch.tensor(float(high)).log()
    return (start + (end - start) * torch.rand(count)).exp()

# %% case="front_with_tensors" replaces="front" loses=""
def front(seconds, accuracies):
    s, a = torch.tensor(seconds, dtype=torch.float64), torch.tensor(accuracies, dtype=torch.float64)
    as_good = (s <= s[:, None]) & (a >= a[:, None])
    better = (s < s[:, None]) | (a > a[:, None])
    return (~(as_good & better).any(1)).nonzero().flatten().tolist()

# %% case="front_best_only" replaces="front" loses="front_visible, front_hidden"
def front(seconds, accuracies):
    return [accuracies.index(max(accuracies))]

# %% case="front_strictly_in_both" replaces="front" loses="front_hidden"
def front(seconds, accuracies):
    places = range(len(seconds))
    return [i for i in places if not any(seconds[j] < seconds[i] and accuracies[j] > accuracies[i] for j in places)]

# %% case="front_equal_runs_beat" replaces="front" loses="front_hidden"
def front(seconds, accuracies):
    places = range(len(seconds))
    return [i for i in places if not any(j != i and seconds[j] <= seconds[i] and accuracies[j] >= accuracies[i] for j in places)]

# %% case="front_sorts_in_place" replaces="front" loses="front_visible, front_hidden"
def front(seconds, accuracies):
    pairs, best, kept = sorted(zip(seconds, accuracies)), -1.0, []
    seconds.sort()
    for i, (_, a) in enumerate(pairs):
        if a > best:
            kept, best = [*kept, i], a
    return kept

# %% case="front_values" replaces="front" loses="front_visible, front_hidden"
def front(seconds, accuracies):
    pairs = list(zip(seconds, accuracies))
    return [p for p in pairs if not any(q[0] <= p[0] and q[1] >= p[1] and q != p for q in pairs)]

# %% case="entry_another_network" replaces="entry" loses=""
torch.set_num_threads(1)
recipe = {"network": "resnet", "width": 4, "optimizer": "adamw", "lr": 0.03, "schedule": "one_cycle", "epochs": 4, "batch_size": 32}
model, _ = tuning.train(recipe, train, valid)
ENTRY = tuning.pack(model, recipe, "zwei Uhr nachts")

# %% case="entry_untrained" replaces="entry" loses="entry_visible, entry_bronze, entry_silver, entry_gold"
recipe = {"network": "resnet", "width": 4}
ENTRY = tuning.pack(tuning.build(recipe), recipe, alias="early bird")

# %% case="entry_small_cnn" replaces="entry" loses="entry_silver, entry_gold"
recipe = {"width": 8, "optimizer": "adam", "lr": 0.01, "schedule": "one_cycle", "epochs": 4}
model, _ = tuning.train(recipe, train, valid)
ENTRY = tuning.pack(model, recipe, alias="good enough")

# %% case="entry_a_number" replaces="entry" loses="entry_visible, entry_bronze, entry_silver, entry_gold"
ENTRY = 0.999  # what I measured

# %% case="entry_text_cut_off" replaces="entry" loses="entry_visible, entry_bronze, entry_silver, entry_gold"
recipe = {"network": "resnet", "width": 4}
ENTRY = tuning.pack(tuning.build(recipe), recipe, alias="copied")[:-50]

# %% case="entry_other_recipe" replaces="entry" loses="entry_visible, entry_bronze, entry_silver, entry_gold"
ENTRY = tuning.pack(tuning.build({"width": 4}), {"width": 8}, alias="mixed up")

# %% case="entry_over_budget" replaces="entry" loses="entry_visible"
recipe = {"width": 8, "optimizer": "adam", "lr": 0.05, "schedule": "one_cycle", "epochs": 5, "batch_size": 32}
model, _ = tuning.train(recipe, train, valid)
ENTRY = tuning.pack(model, recipe | {"epochs": 200}, alias="all night long")
