# %% [markdown]
# Right and wrong answers to quiz 5: each wrong one is a misconception that the question knows.

# %% [markdown]
# ## step

# %% case="step_by_hand" replaces="step" loses=""
q = quiz.drawn("step", NAME)
def run(xs, b):
    h = 0
    for x in xs:
        h = max(0, q.w_x * x + q.w_h * h + b)
    return h
step = round(run(q.xs, q.b), 2)

# %% case="step_a_text" replaces="step" loses=""
q = quiz.drawn("step", NAME)
def run(xs, b):
    h = 0
    for x in xs:
        h = max(0, q.w_x * x + q.w_h * h + b)
    return h
step = f"{run(q.xs, q.b):.2f}".replace(".", ",")

# %% case="step_no_memory" replaces="step" loses="step_check,step_first"
q = quiz.drawn("step", NAME)
step = max(0, q.w_x * q.xs[2] + q.b)

# %% case="step_two_steps" replaces="step" loses="step_check,step_first"
q = quiz.drawn("step", NAME)
def run(xs, b):
    h = 0
    for x in xs:
        h = max(0, q.w_x * x + q.w_h * h + b)
    return h
step = run(q.xs[:2], q.b)

# %% case="step_backwards" replaces="step" loses="step_check,step_first"
q = quiz.drawn("step", NAME)
def run(xs, b):
    h = 0
    for x in xs:
        h = max(0, q.w_x * x + q.w_h * h + b)
    return h
step = run(q.xs[::-1], q.b)

# %% case="step_a_sum" replaces="step" loses="step_check,step_first"
q = quiz.drawn("step", NAME)
step = sum(max(0, q.w_x * x + q.b) for x in q.xs)

# %% case="step_second_try" replaces="step" loses="step_first"
q = quiz.drawn("step", NAME)
def run(xs, b):
    h = 0
    for x in xs:
        h = max(0, q.w_x * x + q.w_h * h + b)
    return h
step = run(q.xs[:2], q.b), run(q.xs, q.b)

# %% [markdown]
# ## jobs

# %% case="jobs_small_letters" replaces="jobs" loses=""
q = quiz.drawn("jobs", NAME)
jobs = [q.letters[task].lower() for task in q.stories]

# %% case="jobs_one_and_many_swapped" replaces="jobs" loses="jobs_check,jobs_first"
q = quiz.drawn("jobs", NAME)
other = {"one_many": "many_one", "many_one": "one_many"}
jobs = "".join(q.letters[other.get(task, task)] for task in q.stories)

# %% case="jobs_in_step_for_in_turn" replaces="jobs" loses="jobs_check,jobs_first"
q = quiz.drawn("jobs", NAME)
other = {"in_step": "in_turn", "in_turn": "in_step"}
jobs = "".join(q.letters[other.get(task, task)] for task in q.stories)

# %% case="jobs_three_letters" replaces="jobs" loses="jobs_check,jobs_first"
q = quiz.drawn("jobs", NAME)
jobs = "".join(q.letters[task] for task in q.stories)[:3]

# %% case="jobs_all_many" replaces="jobs" loses="jobs_check,jobs_first"
q = quiz.drawn("jobs", NAME)
jobs = q.letters["in_turn"] * 4

# %% case="jobs_second_try" replaces="jobs" loses="jobs_first"
q = quiz.drawn("jobs", NAME)
right = "".join(q.letters[task] for task in q.stories)
jobs = right[::-1], right

# %% [markdown]
# ## params

# %% case="params_formula" replaces="params" loses=""
q = quiz.drawn("params", NAME)
blocks, ways = {"GRU": 3, "LSTM": 4}[q.kind], 1 + q.both
one = q.size * q.width + q.width**2 + 2 * q.width
params = float(ways * blocks * one)

# %% case="params_one_block" replaces="params" loses="params_check,params_first"
q = quiz.drawn("params", NAME)
blocks, ways = {"GRU": 3, "LSTM": 4}[q.kind], 1 + q.both
one = q.size * q.width + q.width**2 + 2 * q.width
params = ways * one

# %% case="params_one_bias" replaces="params" loses="params_check,params_first"
q = quiz.drawn("params", NAME)
blocks, ways = {"GRU": 3, "LSTM": 4}[q.kind], 1 + q.both
one = q.size * q.width + q.width**2 + 2 * q.width
params = ways * blocks * (one - q.width)

# %% case="params_inputs_only" replaces="params" loses="params_check,params_first"
q = quiz.drawn("params", NAME)
blocks, ways = {"GRU": 3, "LSTM": 4}[q.kind], 1 + q.both
one = q.size * q.width + q.width**2 + 2 * q.width
params = ways * blocks * q.size * q.width

# %% case="params_other_cell" replaces="params" loses="params_check,params_first"
q = quiz.drawn("params", NAME)
blocks, ways = {"GRU": 3, "LSTM": 4}[q.kind], 1 + q.both
one = q.size * q.width + q.width**2 + 2 * q.width
params = ways * (7 - blocks) * one

# %% case="params_other_ways" replaces="params" loses="params_check,params_first"
q = quiz.drawn("params", NAME)
blocks, ways = {"GRU": 3, "LSTM": 4}[q.kind], 1 + q.both
one = q.size * q.width + q.width**2 + 2 * q.width
params = (3 - ways) * blocks * one

# %% case="params_second_try" replaces="params" loses="params_first"
q = quiz.drawn("params", NAME)
blocks, ways = {"GRU": 3, "LSTM": 4}[q.kind], 1 + q.both
one = q.size * q.width + q.width**2 + 2 * q.width
params = one, ways * blocks * one

# %% [markdown]
# ## lag

# %% case="lag_by_rate" replaces="lag" loses=""
q = quiz.drawn("lag", NAME)
far = sorted(q.rate, key=q.rate.get)
assert far == ["half", "rnn", "open", "explodes"]
lag = " ".join(q.letters[memory] for memory in q.order)

# %% case="lag_lstm_never_fades" replaces="lag" loses="lag_check,lag_first"
q = quiz.drawn("lag", NAME)
other = {"half": "rnn", "rnn": "half"}
lag = "".join(q.letters[other.get(memory, memory)] for memory in q.order)

# %% case="lag_open_explodes" replaces="lag" loses="lag_check,lag_first"
q = quiz.drawn("lag", NAME)
other = {"open": "explodes", "explodes": "open"}
lag = "".join(q.letters[other.get(memory, memory)] for memory in q.order)

# %% case="lag_gates_swapped" replaces="lag" loses="lag_check,lag_first"
q = quiz.drawn("lag", NAME)
other = {"open": "half", "half": "open"}
lag = "".join(q.letters[other.get(memory, memory)] for memory in q.order)

# %% case="lag_second_try" replaces="lag" loses="lag_first"
q = quiz.drawn("lag", NAME)
right = "".join(q.letters[memory] for memory in q.order)
lag = right[::-1], right

# %% [markdown]
# ## perplexity

# %% case="perplexity_fifth_root" replaces="perplexity" loses=""
q = quiz.drawn("perplexity", NAME)
import math
chances = [p / 100 for p in q.percent]
perplexity = round(math.prod(chances) ** (-1 / len(chances)), 2)

# %% case="perplexity_mean_probability" replaces="perplexity" loses="perplexity_check,perplexity_first"
q = quiz.drawn("perplexity", NAME)
import math
chances = [p / 100 for p in q.percent]
perplexity = len(chances) / sum(chances)

# %% case="perplexity_loss" replaces="perplexity" loses="perplexity_check,perplexity_first"
q = quiz.drawn("perplexity", NAME)
import math
chances = [p / 100 for p in q.percent]
perplexity = -sum(map(math.log, chances)) / len(chances)

# %% case="perplexity_whole_word" replaces="perplexity" loses="perplexity_check,perplexity_first"
q = quiz.drawn("perplexity", NAME)
import math
chances = [p / 100 for p in q.percent]
perplexity = 1 / math.prod(chances)

# %% case="perplexity_mean_of_inverses" replaces="perplexity" loses="perplexity_check,perplexity_first"
q = quiz.drawn("perplexity", NAME)
import math
chances = [p / 100 for p in q.percent]
perplexity = sum(1 / p for p in chances) / len(chances)

# %% case="perplexity_bits_to_nats" replaces="perplexity" loses="perplexity_check,perplexity_first"
q = quiz.drawn("perplexity", NAME)
import math
chances = [p / 100 for p in q.percent]
perplexity = 2 ** (-sum(map(math.log, chances)) / len(chances))

# %% case="perplexity_second_try" replaces="perplexity" loses="perplexity_first"
q = quiz.drawn("perplexity", NAME)
import math
chances = [p / 100 for p in q.percent]
perplexity = 1 / math.prod(chances), math.prod(chances) ** (-1 / len(chances))

# %% [markdown]
# ## bits

# %% case="bits_divided" replaces="bits" loses=""
q = quiz.drawn("bits", NAME)
import math
nats = q.total / q.characters
bits = round(nats / math.log(2), 3)

# %% case="bits_nats" replaces="bits" loses="bits_check,bits_first"
q = quiz.drawn("bits", NAME)
import math
nats = q.total / q.characters
bits = nats

# %% case="bits_times_ln_two" replaces="bits" loses="bits_check,bits_first"
q = quiz.drawn("bits", NAME)
import math
nats = q.total / q.characters
bits = nats * math.log(2)

# %% case="bits_perplexity" replaces="bits" loses="bits_check,bits_first"
q = quiz.drawn("bits", NAME)
import math
nats = q.total / q.characters
bits = math.exp(nats)

# %% case="bits_whole_text" replaces="bits" loses="bits_check,bits_first"
q = quiz.drawn("bits", NAME)
import math
nats = q.total / q.characters
bits = q.total / math.log(2)

# %% case="bits_second_try" replaces="bits" loses="bits_first"
q = quiz.drawn("bits", NAME)
import math
nats = q.total / q.characters
bits = nats, nats / math.log(2)

# %% [markdown]
# ## temperature

# %% case="temperature_powers" replaces="temperature" loses=""
q = quiz.drawn("temperature", NAME)
p = [part / 100 for part in q.percent]
powers = [part ** (1 / q.heat) for part in p]
temperature = round(max(powers) / sum(powers), 3)

# %% case="temperature_upside_down" replaces="temperature" loses="temperature_check,temperature_first"
q = quiz.drawn("temperature", NAME)
p = [part / 100 for part in q.percent]
powers = [part**q.heat for part in p]
temperature = max(powers) / sum(powers)

# %% case="temperature_unchanged" replaces="temperature" loses="temperature_check,temperature_first"
q = quiz.drawn("temperature", NAME)
p = [part / 100 for part in q.percent]
temperature = max(p)

# %% case="temperature_not_normalised" replaces="temperature" loses="temperature_check,temperature_first"
q = quiz.drawn("temperature", NAME)
p = [part / 100 for part in q.percent]
temperature = max(p) ** (1 / q.heat)

# %% case="temperature_divides_p" replaces="temperature" loses="temperature_check,temperature_first"
q = quiz.drawn("temperature", NAME)
p = [part / 100 for part in q.percent]
temperature = max(p) / q.heat

# %% case="temperature_softmax_of_p" replaces="temperature" loses="temperature_check,temperature_first"
q = quiz.drawn("temperature", NAME)
p = [part / 100 for part in q.percent]
import math
weights = [math.exp(part / q.heat) for part in p]
temperature = max(weights) / sum(weights)

# %% case="temperature_second_try" replaces="temperature" loses="temperature_first"
q = quiz.drawn("temperature", NAME)
p = [part / 100 for part in q.percent]
powers = [part ** (1 / q.heat) for part in p]
temperature = max(p), max(powers) / sum(powers)

# %% [markdown]
# ## beam

# %% case="beam_small_letter" replaces="beam" loses=""
q = quiz.drawn("beam", NAME)
beam = q.letters["kept"].lower()

# %% case="beam_greedy" replaces="beam" loses="beam_check,beam_first"
q = quiz.drawn("beam", NAME)
beam = q.letters["greedy"]

# %% case="beam_best" replaces="beam" loses="beam_check,beam_first"
q = quiz.drawn("beam", NAME)
beam = q.letters["best"]

# %% case="beam_second" replaces="beam" loses="beam_check,beam_first"
q = quiz.drawn("beam", NAME)
beam = q.letters["second"]

# %% case="beam_second_try" replaces="beam" loses="beam_first"
q = quiz.drawn("beam", NAME)
beam = q.letters["greedy"], q.letters["kept"]
