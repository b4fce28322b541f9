# %% [markdown]
# Right and wrong answers to quiz 3: each wrong one is a misconception that the question knows.

# %% [markdown]
# ## words

# %% case="words_a_text" replaces="words" loses=""
q = quiz.drawn("words", NAME)
words = f"{q.channels * q.filters} {q.filters} {q.filters} {q.filters}"

# %% case="words_kernel_is_filter" replaces="words" loses="words_check,words_first"
q = quiz.drawn("words", NAME)
words = (q.filters,) * 4

# %% case="words_bias_for_each_kernel" replaces="words" loses="words_check,words_first"
q = quiz.drawn("words", NAME)
n = q.channels * q.filters
words = (n, q.filters, q.filters, n)

# %% case="words_map_for_each_kernel" replaces="words" loses="words_check,words_first"
q = quiz.drawn("words", NAME)
n = q.channels * q.filters
words = (n, q.filters, n, q.filters)

# %% case="words_maps_that_come_in" replaces="words" loses="words_check,words_first"
q = quiz.drawn("words", NAME)
words = (q.channels * q.filters, q.filters, q.channels, q.filters)

# %% case="words_second_try" replaces="words" loses="words_first"
q = quiz.drawn("words", NAME)
words = (q.filters,) * 4, (q.channels * q.filters, q.filters, q.filters, q.filters)

# %% [markdown]
# ## size

# %% case="size_by_formula" replaces="size" loses=""
q = quiz.drawn("size", NAME)
rows, columns = ((n + 2 * q.pad - q.kernel) // q.stride + 1 for n in (q.height, q.width))
size = [q.filters, rows, columns]

# %% case="size_with_crosses" replaces="size" loses=""
q = quiz.drawn("size", NAME)
rows, columns = ((n + 2 * q.pad - q.kernel) // q.stride + 1 for n in (q.height, q.width))
size = f"{q.filters} x {rows} x {columns}"

# %% case="size_no_padding" replaces="size" loses="size_check,size_first"
q = quiz.drawn("size", NAME)
size = (q.filters, *((n - q.kernel) // q.stride + 1 for n in (q.height, q.width)))

# %% case="size_no_plus_one" replaces="size" loses="size_check,size_first"
q = quiz.drawn("size", NAME)
rows, columns = ((n + 2 * q.pad - q.kernel) // q.stride + 1 for n in (q.height, q.width))
size = (q.filters, rows - 1, columns - 1)

# %% case="size_channels_stay" replaces="size" loses="size_check,size_first"
q = quiz.drawn("size", NAME)
rows, columns = ((n + 2 * q.pad - q.kernel) // q.stride + 1 for n in (q.height, q.width))
size = (q.channels, rows, columns)

# %% case="size_turned_round" replaces="size" loses="size_check,size_first"
q = quiz.drawn("size", NAME)
rows, columns = ((n + 2 * q.pad - q.kernel) // q.stride + 1 for n in (q.height, q.width))
size = (q.filters, columns, rows)

# %% case="size_channels_last" replaces="size" loses="size_check,size_first"
q = quiz.drawn("size", NAME)
rows, columns = ((n + 2 * q.pad - q.kernel) // q.stride + 1 for n in (q.height, q.width))
size = (rows, columns, q.filters)

# %% case="size_second_try" replaces="size" loses="size_first"
q = quiz.drawn("size", NAME)
rows, columns = ((n + 2 * q.pad - q.kernel) // q.stride + 1 for n in (q.height, q.width))
size = (q.channels, rows, columns), (q.filters, rows, columns)

# %% [markdown]
# ## weights

# %% case="weights_thin_space" replaces="weights" loses=""
q = quiz.drawn("weights", NAME)
weights = f"{q.filters * (q.channels * q.kernel**2 + 1):,}".replace(",", " ")

# %% case="weights_no_bias" replaces="weights" loses="weights_check,weights_first"
q = quiz.drawn("weights", NAME)
weights = q.filters * q.channels * q.kernel**2

# %% case="weights_one_channel" replaces="weights" loses="weights_check,weights_first"
q = quiz.drawn("weights", NAME)
weights = q.filters * (q.kernel**2 + 1)

# %% case="weights_bias_for_each_kernel" replaces="weights" loses="weights_check,weights_first"
q = quiz.drawn("weights", NAME)
weights = q.filters * q.channels * (q.kernel**2 + 1)

# %% case="weights_side_for_area" replaces="weights" loses="weights_check,weights_first"
q = quiz.drawn("weights", NAME)
weights = q.filters * (q.channels * q.kernel + 1)

# %% case="weights_second_try" replaces="weights" loses="weights_first"
q = quiz.drawn("weights", NAME)
right = q.filters * (q.channels * q.kernel**2 + 1)
weights = right - q.filters, right

# %% [markdown]
# ## pool

# %% case="pool_by_hand" replaces="pool" loses=""
q = quiz.drawn("pool", NAME)
blocks = [[q.cells[4 * (r + i) + c + j] for i in (0, 1) for j in (0, 1)] for r in (0, 2) for c in (0, 2)]
right = [max(b) if q.kind == "maximum" else sum(b) // 4 for b in blocks]
pool = right

# %% case="pool_two_rows_as_text" replaces="pool" loses=""
q = quiz.drawn("pool", NAME)
blocks = [[q.cells[4 * (r + i) + c + j] for i in (0, 1) for j in (0, 1)] for r in (0, 2) for c in (0, 2)]
right = [max(b) if q.kind == "maximum" else sum(b) // 4 for b in blocks]
pool = "{} {}, {} {}".format(*right)

# %% case="pool_the_other_pooling" replaces="pool" loses="pool_check,pool_first"
q = quiz.drawn("pool", NAME)
blocks = [[q.cells[4 * (r + i) + c + j] for i in (0, 1) for j in (0, 1)] for r in (0, 2) for c in (0, 2)]
right = [max(b) if q.kind == "maximum" else sum(b) // 4 for b in blocks]
pool = [sum(b) / 4 if q.kind == "maximum" else max(b) for b in blocks]

# %% case="pool_column_by_column" replaces="pool" loses="pool_check,pool_first"
q = quiz.drawn("pool", NAME)
blocks = [[q.cells[4 * (r + i) + c + j] for i in (0, 1) for j in (0, 1)] for r in (0, 2) for c in (0, 2)]
right = [max(b) if q.kind == "maximum" else sum(b) // 4 for b in blocks]
pool = [right[0], right[2], right[1], right[3]]

# %% case="pool_stride_without_window" replaces="pool" loses="pool_check,pool_first"
q = quiz.drawn("pool", NAME)
pool = [q.cells[n] for n in (0, 2, 8, 10)]

# %% case="pool_second_try" replaces="pool" loses="pool_first"
q = quiz.drawn("pool", NAME)
blocks = [[q.cells[4 * (r + i) + c + j] for i in (0, 1) for j in (0, 1)] for r in (0, 2) for c in (0, 2)]
right = [max(b) if q.kind == "maximum" else sum(b) // 4 for b in blocks]
pool = [right[::-1], right]

# %% [markdown]
# ## maps

# %% case="maps_in_brackets" replaces="maps" loses=""
q = quiz.drawn("maps", NAME)
maps = f"({q.letters[q.kernel]})"

# %% case="maps_turned_by_a_quarter" replaces="maps" loses="maps_check,maps_first"
q = quiz.drawn("maps", NAME)
maps = q.letters[{"upright": "level", "level": "upright", "blur": "spots", "spots": "blur"}[q.kernel]]

# %% case="maps_looks_like_the_image" replaces="maps" loses="maps_check,maps_first"
q = quiz.drawn("maps", NAME)
maps = q.letters["blur" if q.kernel != "blur" else "level"]

# %% case="maps_outlines" replaces="maps" loses="maps_check,maps_first"
q = quiz.drawn("maps", NAME)
maps = q.letters["spots" if q.kernel != "spots" else "upright"]

# %% case="maps_second_try" replaces="maps" loses="maps_first"
q = quiz.drawn("maps", NAME)
other = next(k for k in q.letters if k != q.kernel)
maps = q.letters[other], q.letters[q.kernel]

# %% [markdown]
# ## sees

# %% case="sees_by_formula" replaces="sees" loses=""
q = quiz.drawn("sees", NAME)
sees, jump = 1, 1
for kernel, stride in zip(q.kernels, q.strides):
    sees, jump = sees + (kernel - 1) * jump, jump * stride

# %% case="sees_no_strides" replaces="sees" loses="sees_check,sees_first"
q = quiz.drawn("sees", NAME)
sees = 1 + sum(kernel - 1 for kernel in q.kernels)

# %% case="sees_windows_added" replaces="sees" loses="sees_check,sees_first"
q = quiz.drawn("sees", NAME)
sees = sum(q.kernels)

# %% case="sees_windows_multiplied" replaces="sees" loses="sees_check,sees_first"
q = quiz.drawn("sees", NAME)
sees = 1
for kernel in q.kernels:
    sees *= kernel

# %% case="sees_last_layer" replaces="sees" loses="sees_check,sees_first"
q = quiz.drawn("sees", NAME)
sees = q.kernels[-1]

# %% case="sees_second_try" replaces="sees" loses="sees_first"
q = quiz.drawn("sees", NAME)
sees, jump = 1, 1
for kernel, stride in zip(q.kernels, q.strides):
    sees, jump = sees + (kernel - 1) * jump, jump * stride
sees = q.kernels[-1], sees

# %% [markdown]
# ## flatten

# %% case="flatten_by_formula" replaces="flatten" loses=""
q = quiz.drawn("flatten", NAME)
n = (q.side + 2 * q.pad - q.kernel + 1) // 2
n = (n + 2 * q.pad - q.kernel + 1) // 2
flatten = q.second * n * n

# %% case="flatten_one_map" replaces="flatten" loses="flatten_check,flatten_first"
q = quiz.drawn("flatten", NAME)
n = (q.side + 2 * q.pad - q.kernel + 1) // 2
n = (n + 2 * q.pad - q.kernel + 1) // 2
flatten = n * n

# %% case="flatten_side_for_area" replaces="flatten" loses="flatten_check,flatten_first"
q = quiz.drawn("flatten", NAME)
n = (q.side + 2 * q.pad - q.kernel + 1) // 2
n = (n + 2 * q.pad - q.kernel + 1) // 2
flatten = q.second * n

# %% case="flatten_one_pooling" replaces="flatten" loses="flatten_check,flatten_first"
q = quiz.drawn("flatten", NAME)
n = (q.side + 2 * q.pad - q.kernel + 1) // 2
n = n + 2 * q.pad - q.kernel + 1
flatten = q.second * n * n

# %% case="flatten_maps_of_both_layers" replaces="flatten" loses="flatten_check,flatten_first"
q = quiz.drawn("flatten", NAME)
n = (q.side + 2 * q.pad - q.kernel + 1) // 2
n = (n + 2 * q.pad - q.kernel + 1) // 2
flatten = q.first * q.second * n * n

# %% case="flatten_as_the_shape" replaces="flatten" loses="flatten_check,flatten_first"
q = quiz.drawn("flatten", NAME)
n = (q.side + 2 * q.pad - q.kernel + 1) // 2
n = (n + 2 * q.pad - q.kernel + 1) // 2
flatten = (q.second, n, n)

# %% case="flatten_second_try" replaces="flatten" loses="flatten_first"
q = quiz.drawn("flatten", NAME)
n = (q.side + 2 * q.pad - q.kernel + 1) // 2
n = (n + 2 * q.pad - q.kernel + 1) // 2
flatten = n * n, q.second * n * n
