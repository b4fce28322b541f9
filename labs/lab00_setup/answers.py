# %% [markdown]
# Right and wrong answers to lab00_setup, each with the tests that it must lose.

# %% case="divides_by_the_largest" replaces="rescale" loses="check_rescale"
def rescale(x):
    return x / x.max()

# %% case="forgets_the_brackets" replaces="rescale" loses="check_rescale"
def rescale(x):
    return x - x.min() / (x.max() - x.min())

# %% case="divides_by_the_largest_after_the_shift_of_both" replaces="rescale" loses="check_rescale"
def rescale(x):
    return (x - x.min()) / x.max()

# %% case="one_minimum_for_each_row" replaces="rescale" loses="check_rescale"
def rescale(x):
    low, high = x.min(dim=-1, keepdim=True).values, x.max(dim=-1, keepdim=True).values
    return (x - low) / (high - low)

# %% case="changes_what_it_was_handed" replaces="rescale" loses="check_rescale"
def rescale(x):
    x -= x.min()
    x /= x.max()
    return x

# %% case="prints_and_returns_nothing" replaces="rescale" loses="check_rescale"
def rescale(x):
    print((x - x.min()) / (x.max() - x.min()))

# %% case="in_two_steps" replaces="rescale" loses=""
def rescale(x):
    shifted = x - torch.amin(x)
    return shifted / shifted.max()

# %% case="with_numpy" replaces="rescale" loses=""
def rescale(x):
    import numpy as np

    values = x.numpy().astype(np.float64)
    return (values - values.min()) / np.ptp(values)

# %% case="as_a_line" replaces="rescale" loses=""
def rescale(x):
    low, high = torch.aminmax(x)
    return torch.lerp(torch.zeros_like(x), torch.ones_like(x), (x - low) / (high - low))
