# %% [markdown]
# Right and wrong answers to quiz 2: each wrong one is a misconception that the question knows.

# %% [markdown]
# ## risk

# %% case="risk_decimal_comma" replaces="risk" loses=""
q = quiz.drawn("risk", NAME)
risk = f"{sum(q.train) / 4:.2f}".replace(".", ",")

# %% case="risk_a_tensor" replaces="risk" loses=""
q = quiz.drawn("risk", NAME)
import torch
risk = torch.tensor(q.train).mean()

# %% case="risk_the_sum" replaces="risk" loses="risk_check,risk_first"
q = quiz.drawn("risk", NAME)
risk = sum(q.train)

# %% case="risk_with_the_test" replaces="risk" loses="risk_check,risk_first"
q = quiz.drawn("risk", NAME)
risk = sum(q.train + q.held) / 6

# %% case="risk_of_the_test" replaces="risk" loses="risk_check,risk_first"
q = quiz.drawn("risk", NAME)
risk = sum(q.held) / 2

# %% case="risk_the_worst" replaces="risk" loses="risk_check,risk_first"
q = quiz.drawn("risk", NAME)
risk = max(q.train)

# %% case="risk_second_try" replaces="risk" loses="risk_first"
q = quiz.drawn("risk", NAME)
risk = sum(q.train), sum(q.train) / 4

# %% [markdown]
# ## which

# %% case="which_small_letters" replaces="which" loses=""
q = quiz.drawn("which", NAME)
which = [q.letters[task].lower() for task in q.stories]

# %% case="which_softmax_for_tags" replaces="which" loses="which_check,which_first"
q = quiz.drawn("which", NAME)
other = {"ce": "bce", "bce": "ce"}
which = "".join(q.letters[other.get(task, task)] for task in q.stories)

# %% case="which_squares_for_the_wild" replaces="which" loses="which_check,which_first"
q = quiz.drawn("which", NAME)
other = {"mse": "mae", "mae": "mse"}
which = "".join(q.letters[other.get(task, task)] for task in q.stories)

# %% case="which_squares_for_classes" replaces="which" loses="which_check,which_first"
q = quiz.drawn("which", NAME)
other = {"mse": "ce", "ce": "mse"}
which = "".join(q.letters[other.get(task, task)] for task in q.stories)

# %% case="which_three_letters" replaces="which" loses="which_check,which_first"
q = quiz.drawn("which", NAME)
right = "".join(q.letters[task] for task in q.stories)
which = right[:3]

# %% case="which_second_try" replaces="which" loses="which_first"
q = quiz.drawn("which", NAME)
right = "".join(q.letters[task] for task in q.stories)
which = right[::-1], right

# %% [markdown]
# ## cross_entropy

# %% case="cross_entropy_rounded" replaces="cross_entropy" loses=""
q = quiz.drawn("cross_entropy", NAME)
import math
cross_entropy = round(-math.log(q.percent[q.truth] / 100), 2)

# %% case="cross_entropy_a_text" replaces="cross_entropy" loses=""
q = quiz.drawn("cross_entropy", NAME)
import math
cross_entropy = f"{-math.log(q.percent[q.truth] / 100):.2f}"

# %% case="cross_entropy_bits" replaces="cross_entropy" loses="cross_entropy_check,cross_entropy_first"
q = quiz.drawn("cross_entropy", NAME)
import math
cross_entropy = -math.log2(q.percent[q.truth] / 100)

# %% case="cross_entropy_base_ten" replaces="cross_entropy" loses="cross_entropy_check,cross_entropy_first"
q = quiz.drawn("cross_entropy", NAME)
import math
cross_entropy = -math.log10(q.percent[q.truth] / 100)

# %% case="cross_entropy_negative" replaces="cross_entropy" loses="cross_entropy_check,cross_entropy_first"
q = quiz.drawn("cross_entropy", NAME)
import math
cross_entropy = math.log(q.percent[q.truth] / 100)

# %% case="cross_entropy_missing_share" replaces="cross_entropy" loses="cross_entropy_check,cross_entropy_first"
q = quiz.drawn("cross_entropy", NAME)
cross_entropy = 1 - q.percent[q.truth] / 100

# %% case="cross_entropy_entropy" replaces="cross_entropy" loses="cross_entropy_check,cross_entropy_first"
q = quiz.drawn("cross_entropy", NAME)
import math
cross_entropy = -sum(p / 100 * math.log(p / 100) for p in q.percent)

# %% case="cross_entropy_second_try" replaces="cross_entropy" loses="cross_entropy_first"
q = quiz.drawn("cross_entropy", NAME)
import math
p = q.percent[q.truth] / 100
cross_entropy = [1 - p, -math.log(p)]

# %% [markdown]
# ## steps

# %% case="steps_ceil" replaces="steps" loses=""
q = quiz.drawn("steps", NAME)
import math
steps = math.ceil(q.examples / q.batch) * q.epochs

# %% case="steps_without_the_short_batch" replaces="steps" loses="steps_check,steps_first"
q = quiz.drawn("steps", NAME)
steps = q.examples // q.batch * q.epochs

# %% case="steps_one_epoch" replaces="steps" loses="steps_check,steps_first"
q = quiz.drawn("steps", NAME)
steps = -(-q.examples // q.batch)

# %% case="steps_one_an_example" replaces="steps" loses="steps_check,steps_first"
q = quiz.drawn("steps", NAME)
steps = q.examples * q.epochs

# %% case="steps_one_an_epoch" replaces="steps" loses="steps_check,steps_first"
q = quiz.drawn("steps", NAME)
steps = q.epochs

# %% case="steps_rounded_at_the_end" replaces="steps" loses="steps_check,steps_first"
q = quiz.drawn("steps", NAME)
steps = q.examples * q.epochs / q.batch

# %% case="steps_second_try" replaces="steps" loses="steps_first"
q = quiz.drawn("steps", NAME)
right = -(-q.examples // q.batch) * q.epochs
steps = q.examples // q.batch * q.epochs, right

# %% [markdown]
# ## rates

# %% case="rates_apart" replaces="rates" loses=""
q = quiz.drawn("rates", NAME)
rates = " ".join(q.letters[speed] for speed in q.order)

# %% case="rates_largest_first" replaces="rates" loses="rates_check,rates_first"
q = quiz.drawn("rates", NAME)
rates = "".join(q.letters[speed] for speed in q.order)[::-1]

# %% case="rates_by_the_last_loss" replaces="rates" loses="rates_check,rates_first"
q = quiz.drawn("rates", NAME)
rates = "".join(q.letters[speed] for speed in ("large", "tiny", "small", "good"))

# %% case="rates_lowest_is_largest" replaces="rates" loses="rates_check,rates_first"
q = quiz.drawn("rates", NAME)
rates = "".join(q.letters[speed] for speed in ("tiny", "small", "large", "good"))

# %% case="rates_second_try" replaces="rates" loses="rates_first"
q = quiz.drawn("rates", NAME)
right = "".join(q.letters[speed] for speed in q.order)
rates = right[::-1], right

# %% [markdown]
# ## momentum

# %% case="momentum_by_hand" replaces="momentum" loses=""
q = quiz.drawn("momentum", NAME)
w, v = q.start, 0
for _ in range(3):
    v = q.share * v + q.slope
    w = w - q.rate * v
momentum = str(round(w, 3))

# %% case="momentum_plain" replaces="momentum" loses="momentum_check,momentum_first"
q = quiz.drawn("momentum", NAME)
momentum = q.start - 3 * q.rate * q.slope

# %% case="momentum_running_mean" replaces="momentum" loses="momentum_check,momentum_first"
q = quiz.drawn("momentum", NAME)
w, v = q.start, 0
for _ in range(3):
    v = q.share * v + (1 - q.share) * q.slope
    w = w - q.rate * v
momentum = w

# %% case="momentum_old_speed" replaces="momentum" loses="momentum_check,momentum_first"
q = quiz.drawn("momentum", NAME)
w, v = q.start, 0
for _ in range(3):
    w, v = w - q.rate * v, q.share * v + q.slope
momentum = w

# %% case="momentum_uphill" replaces="momentum" loses="momentum_check,momentum_first"
q = quiz.drawn("momentum", NAME)
momentum = q.start + q.rate * q.slope * (3 + 2 * q.share + q.share**2)

# %% case="momentum_last_step_only" replaces="momentum" loses="momentum_check,momentum_first"
q = quiz.drawn("momentum", NAME)
momentum = q.start - q.rate * q.slope * (1 + q.share + q.share**2)

# %% case="momentum_second_try" replaces="momentum" loses="momentum_first"
q = quiz.drawn("momentum", NAME)
right = q.start - q.rate * q.slope * (3 + 2 * q.share + q.share**2)
momentum = q.start, right

# %% [markdown]
# ## early

# %% case="early_lowest" replaces="early" loses=""
q = quiz.drawn("early", NAME)
best = min(range(20), key=lambda n: q.valid[n]) + 1
early = best + q.patience if q.asks_end else best

# %% case="early_the_other_one" replaces="early" loses="early_check,early_first"
q = quiz.drawn("early", NAME)
best = min(range(20), key=lambda n: q.valid[n]) + 1
early = best if q.asks_end else best + q.patience

# %% case="early_first_dip" replaces="early" loses="early_check,early_first"
q = quiz.drawn("early", NAME)
early = next(n for n in range(1, 20) if q.valid[n] > q.valid[n - 1])

# %% case="early_lowest_training_loss" replaces="early" loses="early_check,early_first"
q = quiz.drawn("early", NAME)
early = 20

# %% case="early_counted_from_zero" replaces="early" loses="early_check,early_first"
q = quiz.drawn("early", NAME)
best = min(range(20), key=lambda n: q.valid[n])
early = best + q.patience if q.asks_end else best

# %% case="early_second_try" replaces="early" loses="early_first"
q = quiz.drawn("early", NAME)
best = min(range(20), key=lambda n: q.valid[n]) + 1
early = 20, best + q.patience if q.asks_end else best

# %% [markdown]
# ## cure

# %% case="cure_small_letter" replaces="cure" loses=""
q = quiz.drawn("cure", NAME)
cure = q.letters[q.ill].lower()

# %% case="cure_taken_for_the_next" replaces="cure" loses="cure_check,cure_first"
q = quiz.drawn("cure", NAME)
cure = q.letters[{"over": "under", "under": "rate", "rate": "over"}[q.ill]]

# %% case="cure_taken_for_the_other" replaces="cure" loses="cure_check,cure_first"
q = quiz.drawn("cure", NAME)
cure = q.letters[{"over": "rate", "under": "over", "rate": "under"}[q.ill]]

# %% case="cure_leak" replaces="cure" loses="cure_check,cure_first"
q = quiz.drawn("cure", NAME)
cure = q.letters["leak"]

# %% case="cure_second_try" replaces="cure" loses="cure_first"
q = quiz.drawn("cure", NAME)
cure = q.letters["leak"], q.letters[q.ill]
