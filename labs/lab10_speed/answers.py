# %% [markdown]
# Right and wrong answers to lab 10, each with the tests that it has to lose.

# %% case="stopwatch_from_a_dict_of_zeros" replaces="stopwatch" loses=""
class Stopwatch:
    def __init__(self, clock, wait):
        from collections import defaultdict

        wait()
        self._clock, self._wait, self._sums, self._start = clock, wait, defaultdict(float), clock()

    @property
    def seconds(self):
        return dict(self._sums)

    def lap(self, name):
        self._wait()
        start, self._start = self._start, self._clock()
        self._sums[name] += self._start - start

# %% case="stopwatch_never_waits" replaces="stopwatch" loses="check_stopwatch"
class Stopwatch:
    def __init__(self, clock, wait):
        self.clock, self.seconds, self.last = clock, {}, clock()

    def lap(self, name):
        now = self.clock()
        self.seconds[name] = self.seconds.get(name, 0.0) + now - self.last
        self.last = now

# %% case="stopwatch_keeps_the_last_only" replaces="stopwatch" loses="check_stopwatch"
class Stopwatch:
    def __init__(self, clock, wait):
        wait()
        self.clock, self.wait, self.seconds, self.last = clock, wait, {}, clock()

    def lap(self, name):
        self.wait()
        now = self.clock()
        self.seconds[name] = now - self.last
        self.last = now

# %% case="stopwatch_from_the_start" replaces="stopwatch" loses="check_stopwatch"
class Stopwatch:
    def __init__(self, clock, wait):
        wait()
        self.clock, self.wait, self.seconds, self.last = clock, wait, {}, clock()

    def lap(self, name):
        self.wait()
        self.seconds[name] = self.seconds.get(name, 0.0) + self.clock() - self.last

# %% case="stopwatch_waits_too_late" replaces="stopwatch" loses="check_stopwatch"
class Stopwatch:
    def __init__(self, clock, wait):
        self.clock, self.wait, self.seconds, self.last = clock, wait, {}, clock()
        wait()

    def lap(self, name):
        now = self.clock()
        self.wait()
        self.seconds[name] = self.seconds.get(name, 0.0) + now - self.last
        self.last = now

# %% case="remember_ready_made" replaces="remember" loses=""
def remember(read):
    import functools

    return functools.lru_cache(maxsize=None)(read)

# %% case="remember_nothing" replaces="remember" loses="check_remember"
def remember(read):
    return read

# %% case="remember_for_all" replaces="remember" loses="check_remember"
KEPT = {}
def remember(read):
    def get(i):
        if i not in KEPT:
            KEPT[i] = read(i)
        return KEPT[i]
    return get

# %% case="remember_the_last_only" replaces="remember" loses="check_remember"
def remember(read):
    kept = {}
    def get(i):
        if i not in kept:
            kept.clear()
            kept[i] = read(i)
        return kept[i]
    return get

# %% case="remember_everything_at_once" replaces="remember" loses="check_remember"
def remember(read):
    kept = [read(i) for i in range(10)]
    return lambda i: kept[i]

# %% case="remember_reads_none_again" replaces="remember" loses="check_remember"
def remember(read):
    kept = {}
    def get(i):
        if kept.get(i) is None:
            kept[i] = read(i)
        return kept[i]
    return get

# %% case="take_by_brackets" replaces="take" loses=""
def take(images, index):
    return torch.true_divide(images[index], 255)

# %% case="take_bytes" replaces="take" loses="check_take"
def take(images, index):
    return images[index]

# %% case="take_not_scaled" replaces="take" loses="check_take"
def take(images, index):
    return images[index].float()

# %% case="take_by_256" replaces="take" loses="check_take"
def take(images, index):
    return images[index].float() / 256

# %% case="take_double" replaces="take" loses="check_take"
def take(images, index):
    return images[index].double() / 255

# %% case="take_whole_division" replaces="take" loses="check_take"
def take(images, index):
    return (images[index] // 255).float()

# %% case="take_first_ones" replaces="take" loses="check_take"
def take(images, index):
    return images[: len(index)].float() / 255

# %% case="workers_sorted" replaces="fewest_workers" loses=""
def fewest_workers(seconds):
    for workers in sorted(seconds):
        if seconds[workers] <= min(seconds.values()) * 1.1:
            return workers

# %% case="workers_fastest" replaces="fewest_workers" loses="check_fewest_workers"
def fewest_workers(seconds):
    return min(seconds, key=seconds.get)

# %% case="workers_first_in_dict" replaces="fewest_workers" loses="check_fewest_workers"
def fewest_workers(seconds):
    return next(k for k, s in seconds.items() if s <= 1.1 * min(seconds.values()))

# %% case="workers_most" replaces="fewest_workers" loses="check_fewest_workers"
def fewest_workers(seconds):
    return max(seconds)

# %% case="workers_seconds_returned" replaces="fewest_workers" loses="check_fewest_workers"
def fewest_workers(seconds):
    return min(s for s in seconds.values() if s <= 1.1 * min(seconds.values()))

# %% case="features_into_a_tensor" replaces="features_once" loses=""
@torch.no_grad()
def features_once(features, images, batch_size):
    found = None
    for start in range(0, len(images), batch_size):
        part = features(images[start : start + batch_size])
        found = part.new_empty(len(images), part.shape[1]) if found is None else found
        found[start : start + len(part)] = part
    return found

# %% case="features_with_gradient" replaces="features_once" loses="check_features_once"
def features_once(features, images, batch_size):
    return torch.cat([features(part) for part in images.split(batch_size)])

# %% case="features_all_at_once" replaces="features_once" loses="check_features_once"
def features_once(features, images, batch_size):
    with torch.no_grad():
        return features(images)

# %% case="features_rest_forgotten" replaces="features_once" loses="check_features_once"
def features_once(features, images, batch_size):
    with torch.no_grad():
        whole = len(images) // batch_size
        return torch.cat([features(images[i * batch_size : (i + 1) * batch_size]) for i in range(whole)])

# %% case="features_computed_twice" replaces="features_once" loses="check_features_once"
def features_once(features, images, batch_size):
    with torch.no_grad():
        width = features(images[:1]).shape[1]
        return torch.cat([features(part) for part in images.split(batch_size)]).view(-1, width)

# %% case="speedup_by_a_loop" replaces="whole_speedup" loses=""
def whole_speedup(seconds, factors):
    before = after = 0.0
    for part in seconds:
        before += seconds[part]
        after += seconds[part] / factors[part] if part in factors else seconds[part]
    return before / after

# %% case="speedup_mean_of_factors" replaces="whole_speedup" loses="check_whole_speedup"
def whole_speedup(seconds, factors):
    total = sum(seconds.values())
    return sum(s * factors.get(part, 1.0) for part, s in seconds.items()) / total

# %% case="speedup_upside_down" replaces="whole_speedup" loses="check_whole_speedup"
def whole_speedup(seconds, factors):
    return sum(s / factors.get(p, 1.0) for p, s in seconds.items()) / sum(seconds.values())

# %% case="speedup_of_named_parts" replaces="whole_speedup" loses="check_whole_speedup"
def whole_speedup(seconds, factors):
    named = {p: s for p, s in seconds.items() if p in factors}
    return sum(named.values()) / sum(s / factors[p] for p, s in named.items())

# %% case="speedup_rest_for_nothing" replaces="whole_speedup" loses="check_whole_speedup"
def whole_speedup(seconds, factors):
    return sum(seconds.values()) / sum(s / factors.get(p, 1e9) for p, s in seconds.items())
