# %% [markdown]
# Right and wrong answers to quiz 4: each wrong one is a misconception that the question knows.

# %% [markdown]
# ## ways

# %% case="ways_small_letters" replaces="ways" loses=""
q = quiz.drawn("ways", NAME)
ways = ", ".join(q.letters[way] for way in q.stories).lower()

# %% case="ways_few_and_many_swapped" replaces="ways" loses="ways_check,ways_first"
q = quiz.drawn("ways", NAME)
turned = {"frozen": "tune", "tune": "frozen"}
ways = "".join(q.letters[turned.get(way, way)] for way in q.stories)

# %% case="ways_scratch_for_odd_pictures" replaces="ways" loses="ways_check,ways_first"
q = quiz.drawn("ways", NAME)
turned = {"scratch": "tune", "tune": "scratch"}
ways = "".join(q.letters[turned.get(way, way)] for way in q.stories)

# %% case="ways_new_head_for_known_classes" replaces="ways" loses="ways_check,ways_first"
q = quiz.drawn("ways", NAME)
turned = {"frozen": "as_is", "as_is": "frozen"}
ways = "".join(q.letters[turned.get(way, way)] for way in q.stories)

# %% case="ways_second_try" replaces="ways" loses="ways_first"
q = quiz.drawn("ways", NAME)
answer = "".join(q.letters[way] for way in q.stories)
ways = [answer[::-1], answer]

# %% [markdown]
# ## learns

# %% case="learns_as_text" replaces="learns" loses=""
q = quiz.drawn("learns", NAME)
learns = f"{(q.width + 1) * q.classes:,}"

# %% case="learns_no_bias" replaces="learns" loses="learns_check,learns_first"
q = quiz.drawn("learns", NAME)
learns = q.width * q.classes

# %% case="learns_the_body_too" replaces="learns" loses="learns_check,learns_first"
q = quiz.drawn("learns", NAME)
learns = q.body + (q.width + 1) * q.classes

# %% case="learns_the_body_alone" replaces="learns" loses="learns_check,learns_first"
q = quiz.drawn("learns", NAME)
learns = q.body

# %% case="learns_old_head" replaces="learns" loses="learns_check,learns_first"
q = quiz.drawn("learns", NAME)
learns = q.width * 1000 + 1000

# %% case="learns_second_try" replaces="learns" loses="learns_first"
q = quiz.drawn("learns", NAME)
learns = q.body, (q.width + 1) * q.classes

# %% [markdown]
# ## contract

# %% case="contract_rounded" replaces="contract" loses=""
q = quiz.drawn("contract", NAME)
contract = round((q.byte / 255 - q.mean) / q.std, 2)

# %% case="contract_comma" replaces="contract" loses=""
q = quiz.drawn("contract", NAME)
contract = f"{(q.byte / 255 - q.mean) / q.std:.3f}".replace(".", ",")

# %% case="contract_scale_alone" replaces="contract" loses="contract_check,contract_first"
q = quiz.drawn("contract", NAME)
contract = q.byte / 255

# %% case="contract_bytes" replaces="contract" loses="contract_check,contract_first"
q = quiz.drawn("contract", NAME)
contract = (q.byte - q.mean) / q.std

# %% case="contract_divides_first" replaces="contract" loses="contract_check,contract_first"
q = quiz.drawn("contract", NAME)
contract = q.byte / 255 / q.std - q.mean

# %% case="contract_sign" replaces="contract" loses="contract_check,contract_first"
q = quiz.drawn("contract", NAME)
contract = (q.mean - q.byte / 255) / q.std

# %% case="contract_second_try" replaces="contract" loses="contract_first"
q = quiz.drawn("contract", NAME)
contract = q.byte / 255, (q.byte / 255 - q.mean) / q.std

# %% [markdown]
# ## crop

# %% case="crop_as_list" replaces="crop" loses=""
q = quiz.drawn("crop", NAME)
crop = [q.keep * q.times] * 2

# %% case="crop_of_the_scaled" replaces="crop" loses="crop_check,crop_first"
q = quiz.drawn("crop", NAME)
crop = q.keep, q.keep

# %% case="crop_whole_short_side" replaces="crop" loses="crop_check,crop_first"
q = quiz.drawn("crop", NAME)
crop = (min(q.height, q.width),) * 2

# %% case="crop_same_share" replaces="crop" loses="crop_check,crop_first"
q = quiz.drawn("crop", NAME)
crop = q.height * q.keep // q.resize, q.width * q.keep // q.resize

# %% case="crop_second_try" replaces="crop" loses="crop_first"
q = quiz.drawn("crop", NAME)
crop = [(q.keep, q.keep), (q.keep * q.times, q.keep * q.times)]

# %% [markdown]
# ## moves

# %% case="moves_any_order" replaces="moves" loses=""
q = quiz.drawn("moves", NAME)
right = {"frozen": "head", "drifts": "head running", "no_eval": "head running", "eval_only": "head kernels gamma",
         "thawed": "head kernels gamma"}[q.setting].split()
moves = " ".join(sorted((q.letters[key] for key in right), reverse=True))

# %% case="moves_everything_but_the_head" replaces="moves" loses="moves_check,moves_first"
q = quiz.drawn("moves", NAME)
moves = "".join(q.letters[key] for key in ("kernels", "gamma", "running"))

# %% case="moves_kernels_alone" replaces="moves" loses="moves_check,moves_first"
q = quiz.drawn("moves", NAME)
moves = q.letters["kernels"]

# %% case="moves_running_moves_by_gradients" replaces="moves" loses="moves_check,moves_first"
q = quiz.drawn("moves", NAME)
right = {"frozen": "head", "drifts": "head running", "no_eval": "head running", "eval_only": "head kernels gamma",
         "thawed": "head kernels gamma"}[q.setting].split()
moves = "".join(q.letters[key] for key in {"head", "kernels", "gamma", "running"} - (set(right) - {"head"}))

# %% case="moves_second_try" replaces="moves" loses="moves_first"
q = quiz.drawn("moves", NAME)
right = {"frozen": "head", "drifts": "head running", "no_eval": "head running", "eval_only": "head kernels gamma",
         "thawed": "head kernels gamma"}[q.setting].split()
moves = [q.letters["kernels"] + q.letters["gamma"], "".join(q.letters[key] for key in right)]

# %% [markdown]
# ## curves

# %% case="curves_with_commas" replaces="curves" loses=""
q = quiz.drawn("curves", NAME)
curves = ",".join(q.letters[run] for run in q.order)

# %% case="curves_tuned_for_frozen" replaces="curves" loses="curves_check,curves_first"
q = quiz.drawn("curves", NAME)
curves = "".join(q.letters[run] for run in ("scratch", "tuned", "frozen", "none"))

# %% case="curves_flat_for_scratch" replaces="curves" loses="curves_check,curves_first"
q = quiz.drawn("curves", NAME)
curves = "".join(q.letters[run] for run in ("none", "frozen", "tuned", "scratch"))

# %% case="curves_by_height" replaces="curves" loses="curves_check,curves_first"
q = quiz.drawn("curves", NAME)
curves = "".join(sorted(q.lines, key=lambda letter: q.lines[letter][0]))

# %% case="curves_second_try" replaces="curves" loses="curves_first"
q = quiz.drawn("curves", NAME)
answer = "".join(q.letters[run] for run in q.order)
curves = [answer[::-1], answer]

# %% [markdown]
# ## symptom

# %% case="symptom_as_pair" replaces="symptom" loses=""
q = quiz.drawn("symptom", NAME)
symptom = q.letters[q.fault].lower(),

# %% case="symptom_next_letter" replaces="symptom" loses="symptom_check,symptom_first"
q = quiz.drawn("symptom", NAME)
symptom = {"A": "B", "B": "C", "C": "D", "D": "A"}[q.letters[q.fault]]

# %% case="symptom_letter_before" replaces="symptom" loses="symptom_check,symptom_first"
q = quiz.drawn("symptom", NAME)
symptom = {"A": "D", "B": "A", "C": "B", "D": "C"}[q.letters[q.fault]]

# %% case="symptom_second_try" replaces="symptom" loses="symptom_first"
q = quiz.drawn("symptom", NAME)
answer = q.letters[q.fault]
symptom = min(set("ABCD") - {answer}), answer
