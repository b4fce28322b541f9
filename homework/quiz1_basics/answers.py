# %% [markdown]
# Right and wrong answers to quiz 1: each wrong one is a misconception that the question knows.

# %% [markdown]
# ## nested

# %% case="nested_small_letter_with_bracket" replaces="nested" loses=""
q = quiz.drawn("nested", NAME)
nested = q.letters[q.ring].lower() + ")"

# %% case="nested_in_a_list" replaces="nested" loses=""
q = quiz.drawn("nested", NAME)
nested = [q.letters[q.ring]]

# %% case="nested_one_ring_out" replaces="nested" loses="nested_check,nested_first"
q = quiz.drawn("nested", NAME)
nested = q.letters[{"dl": "ml", "ml": "ai", "ai": "none"}[q.ring]]

# %% case="nested_one_ring_in" replaces="nested" loses="nested_check,nested_first"
q = quiz.drawn("nested", NAME)
nested = q.letters[{"dl": "ai", "ml": "dl", "ai": "ml"}[q.ring]]

# %% case="nested_plain_calculation" replaces="nested" loses="nested_check,nested_first"
q = quiz.drawn("nested", NAME)
nested = q.letters["none"]

# %% case="nested_second_try" replaces="nested" loses="nested_first"
q = quiz.drawn("nested", NAME)
nested = q.letters["none"], q.letters[q.ring]

# %% case="nested_all_four_letters" replaces="nested" loses="nested_check,nested_first"
q = quiz.drawn("nested", NAME)
nested = "A", "B", "C", "D"

# %% [markdown]
# ## learning

# %% case="learning_typed_apart" replaces="learning" loses=""
q = quiz.drawn("learning", NAME)
learning = ", ".join(q.letters[kind] for kind in q.stories).lower()

# %% case="learning_as_a_list" replaces="learning" loses=""
q = quiz.drawn("learning", NAME)
learning = [q.letters[kind] for kind in q.stories]

# %% case="learning_self_is_unsupervised" replaces="learning" loses="learning_check,learning_first"
q = quiz.drawn("learning", NAME)
other = {"self": "unsupervised", "unsupervised": "self"}
learning = "".join(q.letters[other.get(kind, kind)] for kind in q.stories)

# %% case="learning_self_is_supervised" replaces="learning" loses="learning_check,learning_first"
q = quiz.drawn("learning", NAME)
other = {"self": "supervised", "supervised": "self"}
learning = "".join(q.letters[other.get(kind, kind)] for kind in q.stories)

# %% case="learning_reward_is_a_label" replaces="learning" loses="learning_check,learning_first"
q = quiz.drawn("learning", NAME)
other = {"reward": "supervised", "supervised": "reward"}
learning = "".join(q.letters[other.get(kind, kind)] for kind in q.stories)

# %% case="learning_second_try" replaces="learning" loses="learning_first"
q = quiz.drawn("learning", NAME)
right = "".join(q.letters[kind] for kind in q.stories)
learning = right[::-1], right

# %% [markdown]
# ## when

# %% case="when_one_text" replaces="when" loses=""
q = quiz.drawn("when", NAME)
when = "".join(q.letters[fact] for fact in q.speaking)

# %% case="when_a_set_in_small_letters" replaces="when" loses=""
q = quiz.drawn("when", NAME)
when = {q.letters[fact].lower() for fact in q.speaking}

# %% case="when_always" replaces="when" loses="when_check,when_first"
q = quiz.drawn("when", NAME)
when = "ABCDE"

# %% case="when_one_missing" replaces="when" loses="when_check,when_first"
q = quiz.drawn("when", NAME)
when = [q.letters[fact] for fact in q.speaking[1:]]

# %% case="when_one_too_many" replaces="when" loses="when_check,when_first"
q = quiz.drawn("when", NAME)
when = [q.letters[fact] for fact in q.speaking] + [next(v for k, v in q.letters.items() if k not in q.speaking)]

# %% case="when_the_facts_against" replaces="when" loses="when_check,when_first"
q = quiz.drawn("when", NAME)
when = [v for k, v in q.letters.items() if k not in q.speaking]

# %% case="when_second_try" replaces="when" loses="when_first"
q = quiz.drawn("when", NAME)
right = "".join(q.letters[fact] for fact in q.speaking)
when = "ABCDE", right

# %% [markdown]
# ## deep

# %% case="deep_with_a_dot" replaces="deep" loses=""
q = quiz.drawn("deep", NAME)
deep = q.letters["clumps"] + "."

# %% case="deep_each_class_is_straight" replaces="deep" loses="deep_check,deep_first"
q = quiz.drawn("deep", NAME)
deep = q.letters["cross"]

# %% case="deep_a_circle_is_a_boundary" replaces="deep" loses="deep_check,deep_first"
q = quiz.drawn("deep", NAME)
deep = q.letters["rings"]

# %% case="deep_nearly_all" replaces="deep" loses="deep_check,deep_first"
q = quiz.drawn("deep", NAME)
deep = q.letters["moons"]

# %% case="deep_second_try" replaces="deep" loses="deep_first"
q = quiz.drawn("deep", NAME)
deep = [q.letters["moons"], q.letters["clumps"]]

# %% [markdown]
# ## shape

# %% case="shape_a_list" replaces="shape" loses=""
q = quiz.drawn("shape", NAME)
shape = [q.batch, q.outputs]

# %% case="shape_a_text" replaces="shape" loses=""
q = quiz.drawn("shape", NAME)
shape = f"({q.batch}, {q.outputs})"

# %% case="shape_torch_size" replaces="shape" loses=""
q = quiz.drawn("shape", NAME)
import torch
shape = torch.zeros(q.batch, q.outputs).shape

# %% case="shape_turned_round" replaces="shape" loses="shape_check,shape_first"
q = quiz.drawn("shape", NAME)
shape = (q.outputs, q.batch)

# %% case="shape_one_example" replaces="shape" loses="shape_check,shape_first"
q = quiz.drawn("shape", NAME)
shape = (1, q.outputs)

# %% case="shape_without_the_batch" replaces="shape" loses="shape_check,shape_first"
q = quiz.drawn("shape", NAME)
shape = (q.outputs,)

# %% case="shape_second_try" replaces="shape" loses="shape_first"
q = quiz.drawn("shape", NAME)
shape = (q.outputs, q.batch), (q.batch, q.outputs)

# %% [markdown]
# ## params

# %% case="params_thousands" replaces="params" loses=""
q = quiz.drawn("params", NAME)
a, b, c, d = q.sizes
params = f"{(a + 1) * b + (b + 1) * c + (c + 1) * d:,}"

# %% case="params_a_float" replaces="params" loses=""
q = quiz.drawn("params", NAME)
a, b, c, d = q.sizes
params = float(a * b + b * c + c * d + b + c + d)

# %% case="params_no_biases" replaces="params" loses="params_check,params_first"
q = quiz.drawn("params", NAME)
a, b, c, d = q.sizes
params = a * b + b * c + c * d

# %% case="params_one_bias_a_layer" replaces="params" loses="params_check,params_first"
q = quiz.drawn("params", NAME)
a, b, c, d = q.sizes
params = a * b + b * c + c * d + 3

# %% case="params_biases_of_pixels" replaces="params" loses="params_check,params_first"
q = quiz.drawn("params", NAME)
a, b, c, d = q.sizes
params = a * b + b * c + c * d + a + b + c + d

# %% case="params_units" replaces="params" loses="params_check,params_first"
q = quiz.drawn("params", NAME)
params = sum(q.sizes)

# %% case="params_last_index_instead_of_length" replaces="params" loses="params_check,params_first"
q = quiz.drawn("params", NAME)
a, b, c, d = q.sizes
params = (a + 1) * b + (b + 1) * c + (c + 1) * d - 1

# %% case="params_hard_coded" replaces="params" loses="params_check,params_first"
q = quiz.drawn("params", NAME)
params = 13_002

# %% case="params_second_try" replaces="params" loses="params_first"
q = quiz.drawn("params", NAME)
a, b, c, d = q.sizes
params = a * b + b * c + c * d, (a + 1) * b + (b + 1) * c + (c + 1) * d

# %% [markdown]
# ## budget

# %% case="budget_solved" replaces="budget" loses=""
q = quiz.drawn("budget", NAME)
budget = (q.budget - q.classes) // (q.inputs + 1 + q.classes)

# %% case="budget_rounded_up" replaces="budget" loses="budget_check,budget_first"
q = quiz.drawn("budget", NAME)
budget = -(-(q.budget - q.classes) // (q.inputs + 1 + q.classes))

# %% case="budget_first_layer_only" replaces="budget" loses="budget_check,budget_first"
q = quiz.drawn("budget", NAME)
budget = q.budget // q.inputs

# %% case="budget_times_for_plus" replaces="budget" loses="budget_check,budget_first"
q = quiz.drawn("budget", NAME)
budget = q.budget // (q.inputs * q.classes)

# %% case="budget_not_rounded" replaces="budget" loses="budget_check,budget_first"
q = quiz.drawn("budget", NAME)
budget = (q.budget - q.classes) / (q.inputs + 1 + q.classes)

# %% case="budget_second_try" replaces="budget" loses="budget_first"
q = quiz.drawn("budget", NAME)
best = (q.budget - q.classes) // (q.inputs + 1 + q.classes)
budget = best + 1, best
