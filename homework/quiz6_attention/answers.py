# %% [markdown]
# Right and wrong answers to quiz 6: each wrong one is a misconception that the question knows.

# %% [markdown]
# ## weights

# %% case="weights_by_hand" replaces="weights" loses=""
q = quiz.drawn("weights", NAME)
weights = f"{q.powers[q.at] / sum(q.powers[: q.real]):.3f}"

# %% case="weights_no_mask" replaces="weights" loses="weights_check,weights_first"
q = quiz.drawn("weights", NAME)
weights = q.powers[q.at] / sum(q.powers)

# %% case="weights_score_zero" replaces="weights" loses="weights_check,weights_first"
q = quiz.drawn("weights", NAME)
weights = q.powers[q.at] / (sum(q.powers[: q.real]) + len(q.powers) - q.real)

# %% case="weights_of_the_largest" replaces="weights" loses="weights_check,weights_first"
q = quiz.drawn("weights", NAME)
weights = q.powers[q.at] / max(q.powers[: q.real])

# %% case="weights_second_try" replaces="weights" loses="weights_first"
q = quiz.drawn("weights", NAME)
weights = 1 / q.real, q.powers[q.at] / sum(q.powers[: q.real])

# %% [markdown]
# ## shapes

# %% case="shapes_by_hand" replaces="shapes" loses=""
q = quiz.drawn("shapes", NAME)
shapes = f"{q.batch} x {q.heads} x {q.target} x {q.source}"

# %% case="shapes_turned_round" replaces="shapes" loses="shapes_check,shapes_first"
q = quiz.drawn("shapes", NAME)
shapes = (q.batch, q.heads, q.source, q.target)

# %% case="shapes_self_attention" replaces="shapes" loses="shapes_check,shapes_first"
q = quiz.drawn("shapes", NAME)
shapes = (q.batch, q.heads, q.target, q.target)

# %% case="shapes_of_the_values" replaces="shapes" loses="shapes_check,shapes_first"
q = quiz.drawn("shapes", NAME)
shapes = (q.batch, q.heads, q.target, q.width // q.heads)

# %% case="shapes_one_map" replaces="shapes" loses="shapes_check,shapes_first"
q = quiz.drawn("shapes", NAME)
shapes = (q.batch, 1, q.target, q.source)

# %% case="shapes_second_try" replaces="shapes" loses="shapes_first"
q = quiz.drawn("shapes", NAME)
shapes = (q.batch, q.heads, q.source, q.target), (q.batch, q.heads, q.target, q.source)

# %% [markdown]
# ## masks

# %% case="masks_small_letters" replaces="masks" loses=""
q = quiz.drawn("masks", NAME)
masks = [q.letters[key].lower() for key in q.stories]

# %% case="masks_two_swapped" replaces="masks" loses="masks_check,masks_first"
q = quiz.drawn("masks", NAME)
first, second, *others = (q.letters[key] for key in q.stories)
masks = second + first + "".join(others)

# %% case="masks_backwards" replaces="masks" loses="masks_check,masks_first"
q = quiz.drawn("masks", NAME)
masks = "".join(q.letters[key] for key in q.stories[::-1])

# %% case="masks_all_moved" replaces="masks" loses="masks_check,masks_first"
q = quiz.drawn("masks", NAME)
masks = "".join(q.letters[key] for key in q.stories[1:] + q.stories[:1])

# %% case="masks_second_try" replaces="masks" loses="masks_first"
q = quiz.drawn("masks", NAME)
right = "".join(q.letters[key] for key in q.stories)
masks = right[::-1], right

# %% [markdown]
# ## positions

# %% case="positions_in_another_order" replaces="positions" loses=""
q = quiz.drawn("positions", NAME)
positions = sorted((q.letters[key] for key in q.holding), reverse=True)

# %% case="positions_all" replaces="positions" loses="positions_check,positions_first"
q = quiz.drawn("positions", NAME)
positions = "".join(q.letters.values())

# %% case="positions_one_too_many" replaces="positions" loses="positions_check,positions_first"
q = quiz.drawn("positions", NAME)
wrong = next(letter for key, letter in q.letters.items() if key not in q.holding)
positions = "".join(q.letters[key] for key in q.holding) + wrong

# %% case="positions_the_others" replaces="positions" loses="positions_check,positions_first"
q = quiz.drawn("positions", NAME)
positions = "".join(letter for key, letter in q.letters.items() if key not in q.holding)

# %% case="positions_second_try" replaces="positions" loses="positions_first"
q = quiz.drawn("positions", NAME)
positions = ["".join(q.letters.values()), "".join(q.letters[key] for key in q.holding)]

# %% [markdown]
# ## block

# %% case="block_by_formula" replaces="block" loses=""
q = quiz.drawn("block", NAME)
d = q.width
block = f"{4 * d * d + 4 * d + 2 * d * q.hidden + q.hidden + d + 4 * d:,}"

# %% case="block_no_biases" replaces="block" loses="block_check,block_first"
q = quiz.drawn("block", NAME)
block = 4 * q.width**2 + 2 * q.width * q.hidden

# %% case="block_attention_for_each_head" replaces="block" loses="block_check,block_first"
q = quiz.drawn("block", NAME)
d = q.width
block = q.heads * 4 * (d * d + d) + 2 * d * q.hidden + q.hidden + d + 4 * d

# %% case="block_three_matrices" replaces="block" loses="block_check,block_first"
q = quiz.drawn("block", NAME)
d = q.width
block = 3 * (d * d + d) + 2 * d * q.hidden + q.hidden + d + 4 * d

# %% case="block_no_norms" replaces="block" loses="block_check,block_first"
q = quiz.drawn("block", NAME)
d = q.width
block = 4 * (d * d + d) + 2 * d * q.hidden + q.hidden + d

# %% case="block_second_try" replaces="block" loses="block_first"
q = quiz.drawn("block", NAME)
d = q.width
right = 4 * (d * d + d) + 2 * d * q.hidden + q.hidden + d + 4 * d
block = right - 2 * d, right

# %% [markdown]
# ## cost

# %% case="cost_by_hand" replaces="cost" loses=""
q = quiz.drawn("cost", NAME)
cost = q.batch * q.heads * q.layers * (q.length * q.times) ** 2 * 4 / 1e6

# %% case="cost_linear" replaces="cost" loses="cost_check,cost_first"
q = quiz.drawn("cost", NAME)
cost = q.batch * q.heads * q.layers * q.length**2 * q.times * 4 // 10**6

# %% case="cost_as_before" replaces="cost" loses="cost_check,cost_first"
q = quiz.drawn("cost", NAME)
cost = q.batch * q.heads * q.layers * q.length**2 * 4 // 10**6

# %% case="cost_one_map_a_layer" replaces="cost" loses="cost_check,cost_first"
q = quiz.drawn("cost", NAME)
cost = q.batch * q.layers * (q.length * q.times) ** 2 * 4 // 10**6

# %% case="cost_numbers_for_bytes" replaces="cost" loses="cost_check,cost_first"
q = quiz.drawn("cost", NAME)
cost = q.batch * q.heads * q.layers * (q.length * q.times) ** 2 // 10**6

# %% case="cost_second_try" replaces="cost" loses="cost_first"
q = quiz.drawn("cost", NAME)
right = q.batch * q.heads * q.layers * (q.length * q.times) ** 2 * 4 // 10**6
cost = right // q.times, right

# %% [markdown]
# ## beam

# %% case="beam_rounded" replaces="beam" loses=""
q = quiz.drawn("beam", NAME)
alive = sorted(q.branches)[1:]
beam = round(max(p * max(row) for p, row in alive) / 10_000, 3)

# %% case="beam_greedy" replaces="beam" loses="beam_check,beam_first"
q = quiz.drawn("beam", NAME)
first, row = max(q.branches)
beam = first * max(row) / 10_000

# %% case="beam_one_step" replaces="beam" loses="beam_check,beam_first"
q = quiz.drawn("beam", NAME)
beam = max(max(row) for _, row in q.branches) / 100

# %% case="beam_two_added_up" replaces="beam" loses="beam_check,beam_first"
q = quiz.drawn("beam", NAME)
alive = sorted(q.branches)[1:]
beam = sum(sorted(p * second for p, row in alive for second in row)[-2:]) / 10_000

# %% case="beam_second_try" replaces="beam" loses="beam_first"
q = quiz.drawn("beam", NAME)
alive = sorted(q.branches)[1:]
beam = 0.99, max(p * max(row) for p, row in alive) / 10_000
