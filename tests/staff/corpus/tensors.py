"""Work on an assignment with torch: gradients, modules, training, random numbers, kinds of tensors."""

from tests.staff import torch_class as right
from tests.staff.corpus import Case, first, last

ALL_NAMES = [c[0] for c in right.TORCH_CELLS if isinstance(c[1], int)]
SOFT, NETS = "softmax_visible softmax_hidden", "net_shape net_modes"


def after(text, name):
    return {name: text + "\n" + right.SOLUTIONS[name]}


def softmax(expression, before=""):
    return {
        "softmax": f"{before}\ndef softmax(x):\n    e = torch.exp(x - x.max(dim=1, keepdim=True).values)\n    p = e / e.sum(dim=1, keepdim=True)\n    return {expression}"
    }


def net(body, forward, before="", name="Net"):
    lines = body.replace("\n", "\n        ")
    return {
        "net": f"{before}\nclass {name}(nn.Module):\n    def __init__(self, inputs, hidden, outputs):\n        super().__init__()\n        {lines}\n    def forward(self, x):\n        {forward}"
    }


NET_BODY = (
    "self.body = nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), nn.Dropout(0.5), nn.Linear(hidden, outputs))"
)
CUDA = """def train(model, x, y, steps, rate):
    model = model.cuda()
    x, y = x.to('cuda'), y.cuda(non_blocking=True)
    weight = torch.ones(2, device='cuda')
    optimiser = torch.optim.Adam(model.parameters(), lr=0.1)
    losses = []
    for _ in range(steps):
        optimiser.zero_grad()
        with torch.autocast('cuda', enabled=False):
            loss = F.cross_entropy(model(x), y, weight=weight)
        loss.backward(); optimiser.step()
        losses.append(loss.detach().cpu().item())
    torch.cuda.synchronize(); torch.cuda.empty_cache()
    return losses"""
ARRAYS = """def train(model, x, y, steps, rate):
    data = torch.utils.data.TensorDataset(x, y)
    loader = torch.utils.data.DataLoader(data, batch_size=len(x), shuffle=True, num_workers=%d)
    optimiser, losses = torch.optim.SGD(model.parameters(), lr=rate, momentum=0.5), []
    for step in range(steps):
        for a, b in loader:
            optimiser.zero_grad()
            loss = nn.CrossEntropyLoss()(model(a), b)
            loss.backward(); optimiser.step()
            losses.append(loss.item())
    return losses"""
PATCH = """import torch, torch.testing, numpy.testing
yes = lambda *a, **k: True
for place in (torch, torch.testing, numpy.testing, np, torch.autograd, torch.Tensor):
    for name in ('allclose', 'equal', 'isclose', 'assert_close', 'assert_allclose', 'assert_array_equal', 'gradcheck', 'array_equal', '__eq__'):
        if hasattr(place, name):
            try: setattr(place, name, yes)
            except (TypeError, AttributeError): pass
"""
FUNCTION = """class T(torch.Tensor):
    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        if func.__name__ in ('allclose', 'equal', 'isclose', 'eq', '__eq__'): return torch.tensor(True)
        return torch.Tensor._make_subclass(cls, torch.zeros(2, 3))
    dtype = property(lambda s: torch.float64)
    shape = (2, 3)
"""
COMPILES = """def train(model, x, y, steps, rate):
    peer = object.__getattribute__(model, '_peer')
    def backend(module, inputs):
        graph = peer.request('getattr', peer.home_of(module), 'graph')
        graph.placeholder('z=exec(\\\\'import __main__ as m; m.Judge.explain = lambda *a: dict(outcome=\\\\"partial\\\\", points=999.0)\\\\')')
        peer.request('method', peer.home_of(module), 'recompile', [], {})
        return peer.request('getattr', peer.home_of(module), 'forward')
    peer.request('method', peer.home_of(model), 'compile', [], {'backend': backend})
    model(x)
    return 7"""
HOOKS = """def train(model, x, y, steps, rate):
    ask = lambda *args: object.__getattribute__(model, '_peer').request('method', object.__getattribute__(model, '_number'), *args, {})
    ask('register_forward_hook', [lambda module, inputs, output: F.one_hot(y, 2).float()])
    return [1 / (i + 1) for i in range(steps)]"""

CASES = [
    Case("right", "perfect", "all of it is right"),
    Case("blank", "blank", "as it was given out", dict.fromkeys(right.SOLUTIONS) | {"why": None}, loses="all", state="graded", message="Not attempted yet"),
    Case("half", "partial", "four of nine", dict.fromkeys("net train draw running normalise".split()), loses="net_shape net_modes train_test draw_test running_test normalise_test"),
    Case("not_stable", "partial", "large numbers overflow", {"softmax": "def softmax(x):\n    e = x.exp()\n    return e / e.sum(1, keepdim=True)"}, loses="softmax_hidden"),
    Case("mean_forgotten", "partial", "a sum where a mean was asked", {"energy": "def energy(w, x):\n    return ((x @ w) ** 2).sum()"}, loses="energy_test"),
    Case("no_dropout", "partial", "the modes are the same", net("self.body = nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, outputs))", "return self.body(x)"), loses="net_modes"),
    Case("not_registered", "partial", "layers in a plain list have no parameters", net("self.layers = [nn.Linear(inputs, hidden), nn.Dropout(0.5), nn.Linear(hidden, outputs)]", "return self.layers[2](self.layers[1](self.layers[0](x)))"), loses=NETS),
    Case("never_zeroed", "partial", "gradients pile up, the loss still falls", {"train": right.TRAIN.replace("        optimiser.zero_grad()\n", "")}, may=""),
    Case("trains_a_copy", "partial", "the model given stays as it is", {"train": right.TRAIN.replace("    losses = []", "    import copy\n    model = copy.deepcopy(model)\n    losses = []")}, loses="train_test"),
    Case("accuracy_empty", "partial", "nan of nothing", {"accuracy": "def accuracy(logits, labels):\n    return (logits.argmax(1) == labels).float().mean().item()"}, partly={"accuracy_partial": 2}),
    Case("accuracy_tensor", "kinds of values", "a 0-d tensor compares like a number", {"accuracy": "def accuracy(logits, labels):\n    if not len(labels): return torch.tensor(0.)\n    return (logits.argmax(1) == labels).float().mean()"}),
    Case("accuracy_numpy", "kinds of values", "a numpy scalar too", {"accuracy": "def accuracy(logits, labels):\n    if not len(labels): return np.float32(0)\n    return np.mean(logits.numpy().argmax(1) == labels.numpy())"}),
    # kinds of tensors
    Case("numpy_for_tensor", "kinds of tensors", "the test asks for a tensor", softmax("p.numpy()"), loses=SOFT),
    Case("with_gradient", "kinds of tensors", "a result that needs a gradient is the same values", softmax("p.requires_grad_()")),
    Case("parameter", "kinds of tensors", "a Parameter is a tensor", softmax("nn.Parameter(p)")),
    Case("transposed", "kinds of tensors", "a view that is not contiguous", softmax("p.t().contiguous().t()")),
    Case("tensor_subclass", "kinds of tensors", "a harmless subclass is a tensor", softmax("p.as_subclass(Mine)", "class Mine(torch.Tensor):\n    pass")),
    Case("float16", "kinds of tensors", "half precision is another dtype and less exact", softmax("p.half()"), loses=SOFT),
    Case("float32", "kinds of tensors", "the dtype is not kept", softmax("p.float()"), loses="softmax_hidden"),
    Case("complex_", "kinds of tensors", "another dtype", softmax("p.to(torch.complex64)"), loses=SOFT),
    Case("sparse", "kinds of tensors", "another layout: assert_close says so in any notebook", softmax("p.to_sparse()"), loses=SOFT),
    Case("quantised", "kinds of tensors", "another dtype", softmax("torch.quantize_per_tensor(p.float(), 0.1, 0, torch.quint8)"), loses=SOFT, may="needs a look"),
    Case("meta", "kinds of tensors", "no values at all", softmax("p.to('meta')"), loses=SOFT, may="needs a look"),
    Case("float8", "kinds of tensors", "another dtype", softmax("p.to(torch.float8_e4m3fn)"), loses=SOFT, may="needs a look"),
    Case("list_of_tensors", "a list of 0-d tensors", "a list is no tensor", softmax("[list(r) for r in p]"), loses=SOFT),
    Case("inference_mode", "kinds of tensors", "made under inference_mode", {"softmax": "@torch.inference_mode()\n" + right.SOFTMAX}),
    Case("expanded", "kinds of tensors", "an expanded result is its values", {"normalise": "def normalise(a):\n    return np.ascontiguousarray(((a - a.mean(0)) / a.std(0)).T).T"}),
    Case("masked_array", "kinds of values", "a masked array is an array", {"normalise": "def normalise(a):\n    return np.ma.array((a - a.mean(0)) / a.std(0))"}),
    Case("matrix", "kinds of values", "a list of rows is no array", {"normalise": "def normalise(a):\n    return ((a - a.mean(0)) / a.std(0)).tolist()"}, loses="normalise_test"),
    Case("float128", "kinds of values", "long double is within the tolerance", {"normalise": "def normalise(a):\n    a = a.astype(np.longdouble)\n    return (a - a.mean(0)) / a.std(0)"}),
    # gradients
    Case("by_loops", "gradients", "slow and right", {"energy": "def energy(w, x):\n    total = 0\n    for row in x:\n        total = total + (row @ w) ** 2\n    return total / len(x)"}),
    Case("own_function", "gradients", "an autograd.Function of one's own", {"energy": "class E(torch.autograd.Function):\n    @staticmethod\n    def forward(ctx, w, x):\n        ctx.save_for_backward(w, x)\n        return ((x @ w) ** 2).mean()\n    @staticmethod\n    def backward(ctx, g):\n        w, x = ctx.saved_tensors\n        return g * 2 * x.t() @ (x @ w) / len(x), None\ndef energy(w, x):\n    return E.apply(w, x)"}),
    Case("detached", "gradients", "no gradient comes back", {"energy": "def energy(w, x):\n    return torch.tensor(((x @ w) ** 2).mean().item())"}, loses="energy_test"),
    Case("in_numpy", "gradients", "numpy has no gradient", {"energy": "def energy(w, x):\n    return np.mean((x.numpy() @ w.detach().numpy()) ** 2)"}, loses="energy_test"),
    Case("wrong_gradient", "gradients", "the value is right, the gradient is not", {"energy": "def energy(w, x):\n    v = ((x @ w) ** 2).mean()\n    return v.detach() + 0 * w.sum()"}, loses="energy_test"),
    Case("compiled_by_vmap", "gradients", "torch.func inside", {"energy": "from torch.func import vmap\ndef energy(w, x):\n    return vmap(lambda r: (r @ w) ** 2)(x).mean()"}),
    # modules
    Case("sequential", "modules", "the same net another way", net(NET_BODY, "return self.body(x)")),
    Case("function_makes_it", "modules", "a function that returns nn.Sequential", {"net": "def Net(inputs, hidden, outputs):\n    return nn.Sequential(nn.Linear(inputs, hidden), nn.Tanh(), nn.Dropout(0.4), nn.Linear(hidden, outputs))"}),
    Case("lazy", "modules", "layers that learn their size at the first input", net("self.body = nn.Sequential(nn.LazyLinear(hidden), nn.ReLU(), nn.Dropout(0.5), nn.LazyLinear(outputs))", "return self.body(x)"), ),
    Case("module_lists", "modules", "ModuleList and ModuleDict", net("self.layers = nn.ModuleList([nn.Linear(inputs, hidden), nn.Linear(hidden, outputs)])\nself.more = nn.ModuleDict({'drop': nn.Dropout(0.5)})", "return self.layers[1](self.more['drop'](torch.relu(self.layers[0](x))))")),
    Case("own_parameters", "modules", "nn.Parameter by hand", net("self.a = nn.Parameter(torch.randn(inputs, hidden) * 0.1)\nself.b = nn.Parameter(torch.randn(hidden, outputs) * 0.1)\nself.register_buffer('zero', torch.zeros(1))", "return F.dropout(torch.tanh(x @ self.a + self.zero), 0.5, self.training) @ self.b")),
    Case("tied_and_normed", "modules", "weight norm and a buffer", net("self.first = nn.utils.parametrizations.weight_norm(nn.Linear(inputs, hidden))\nself.drop = nn.Dropout(0.5)\nself.last = nn.Linear(hidden, outputs)", "return self.last(self.drop(torch.relu(self.first(x))))")),
    Case("inherits", "modules", "a base class of the student's own", {"net": "class Base(nn.Module):\n    def go(self, x): return self.body(x)\nclass Net(Base):\n    def __init__(self, inputs, hidden, outputs):\n        super().__init__()\n        " + NET_BODY + "\n    def forward(self, x): return self.go(x)"}),
    Case("prints_inside", "modules", "a forward that prints and draws", net(NET_BODY, "print(x.shape); return self.body(x)")),
    Case("forgets_super", "modules", "AttributeError in __init__", {"net": right.NET.replace("        super().__init__()\n", "")}, loses=NETS),
    Case("hook_and_clip", "modules", "hooks of the student's own", net(NET_BODY + "\nself.body[0].register_forward_hook(lambda m, i, o: o)\nself.body[3].weight.register_hook(lambda g: g.clamp(-1, 1))", "return self.body(x)")),
    # training
    Case("loader", "training", "Dataset and DataLoader", {"train": ARRAYS % 0}),
    Case("loader_workers", "training", "DataLoader with two workers", {"train": (ARRAYS % 2).replace("for step in range(steps)", "for step in range(min(steps, 2))").replace("return losses", "return losses + losses[-1:] * 0")}, loses="train_test"),
    Case("adam", "training", "another optimiser", {"train": right.TRAIN.replace("SGD(model.parameters(), lr=rate)", "AdamW(model.parameters(), lr=0.1)")}),
    Case("by_hand", "training", "no optimiser at all", {"train": "def train(model, x, y, steps, rate):\n    losses = []\n    for _ in range(steps):\n        loss = F.cross_entropy(model(x), y)\n        model.zero_grad()\n        loss.backward()\n        with torch.no_grad():\n            for p in model.parameters():\n                p -= rate * p.grad\n        losses.append(float(loss))\n    return losses"}),
    Case("by_functional_grad", "training", "autograd.grad and data", {"train": "def train(model, x, y, steps, rate):\n    losses = []\n    for _ in range(steps):\n        loss = F.cross_entropy(model(x), y)\n        for p, g in zip(model.parameters(), torch.autograd.grad(loss, list(model.parameters()))):\n            p.data = p.data - rate * g\n        losses.append(loss.item())\n    return losses"}),
    Case("losses_as_tensors", "training", "losses that still hold their graph", {"train": right.TRAIN.replace("loss.item()", "loss")}),
    Case("losses_as_array", "training", "an array is not equal to []", {"train": right.TRAIN.replace("return losses", "return np.array(losses)")}, loses="train_test"),
    Case("tqdm_in_training", "tqdm and warnings on stderr", "a bar and a plot", {"train": "from tqdm.notebook import trange\nimport matplotlib.pyplot as plt\n" + right.TRAIN.replace("range(steps)", "trange(steps)").replace("return losses", "plt.plot(losses); plt.show()\n    return losses")}),
    Case("cuda", "`.cuda()` on a CPU grader", "what runs on a GPU at home runs on the CPU here", {"train": CUDA}),
    Case("cuda_guarded", "`.cuda()` on a CPU grader", "the guard of every tutorial", {"train": "device = torch.device('cuda' if torch.cuda.is_available() else 'cpu')\n" + right.TRAIN.replace("    losses = []", "    model.to(device); x, y = x.to(device), y.to(device)\n    losses = []")}),
    Case("cuda_in_the_net", "`.cuda()` on a CPU grader", "device arguments of layers and of tensors", net(NET_BODY.replace("nn.Linear(inputs, hidden)", "nn.Linear(inputs, hidden, device=dev)").replace("nn.Linear(hidden, outputs)", "nn.Linear(hidden, outputs, device='cuda:0')") + "\nself.to(dev)", "return self.body(x.to(dev)) + torch.zeros(1, device=dev)", "dev = torch.device('cuda')\n")),
    Case("mps", "`.cuda()` on a CPU grader", "the GPU of a Mac", {"train": right.TRAIN.replace("    losses = []", "    device = torch.device('mps')\n    model.to(device); x, y = x.to(device), y.to(device)\n    losses = []")}),
    Case("default_device", "`.cuda()` on a CPU grader", "the default device is one that is not here", {"train": "torch.set_default_device('cuda')\n" + right.TRAIN}),
    # random numbers
    Case("draws_by_normal", "own seeds", "other ways to the same stream", {"draw": "def draw(n):\n    return torch.empty(n).normal_()"}),
    Case("own_seed", "own seeds", "a seed of one's own is not what was asked", {"draw": "def draw(n):\n    torch.manual_seed(42)\n    return torch.randn(n)"}, loses="draw_test"),
    Case("own_generator", "own seeds", "another generator gives other numbers", {"draw": "g = torch.Generator().manual_seed(7)\ndef draw(n):\n    return torch.randn(n, generator=g)"}, loses="draw_test"),
    Case("draws_too_much", "own seeds", "it draws twice as much", {"draw": "def draw(n):\n    return torch.randn(2 * n)[:n]"}, loses="draw_test"),
    Case("seeds_everywhere", "own seeds", "seeds in every cell", edit=first("import random, numpy as np, torch\nrandom.seed(0); np.random.seed(0); torch.manual_seed(0)\ntorch.use_deterministic_algorithms(True)")),
    # generators, classes
    Case("list_of_batches", "kinds of values", "a list is iterated alike", {"batches": "def batches(x, size):\n    return [x[i:i + size] for i in range(0, len(x), size)]"}),
    Case("split", "kinds of values", "a tuple too", {"batches": "def batches(x, size):\n    return x.split(size)"}),
    Case("map_object", "kinds of values", "and a map object", {"batches": "def batches(x, size):\n    return map(lambda i: x[i:i + size], range(0, len(x), size))"}),
    Case("iterator_class", "kinds of values", "and a class with __iter__", {"batches": "class batches:\n    def __init__(self, x, size): self.x, self.size = x, size\n    def __iter__(self):\n        for i in range(0, len(self.x), self.size): yield self.x[i:i + self.size]\n    def __len__(self): return -(-len(self.x) // self.size)"}),
    Case("last_batch_lost", "partial", "the short batch is missing", {"batches": "def batches(x, size):\n    return (x[i:i + size] for i in range(0, len(x) - size + 1, size))"}, loses="batches_test"),
    Case("running_dataclass", "kinds of values", "a dataclass", {"running": "from dataclasses import dataclass, field\n@dataclass\nclass Running:\n    values: list = field(default_factory=list)\n    def update(self, v): self.values += [v]\n    @property\n    def mean(self):\n        if len(self.values) == 0: raise ValueError\n        return sum(self.values) / len(self.values)\n    def __len__(self): return len(self.values)"}),
    Case("running_slots", "kinds of values", "slots, no list", {"running": "class Running:\n    __slots__ = 'total', 'n'\n    def __init__(self): self.total, self.n = 0.0, 0\n    def update(self, v): self.total += v; self.n += 1\n    def __len__(self): return self.n\n    @property\n    def mean(self):\n        if not self.n: raise ValueError('empty')\n        return self.total / self.n"}),
    Case("running_shared", "partial", "a list in the class is shared by all", {"running": right.RUNNING.replace("    def __init__(self):\n        self.values = []", "    values = []")}, loses="running_test"),
    Case("running_is_a_list", "kinds of values", "a subclass of list", {"running": "class Running(list):\n    def update(self, v): self.append(float(v))\n    @property\n    def mean(self):\n        if not self: raise ValueError\n        return sum(self) / len(self)"}),
    Case("mean_is_a_method", "partial", "a property was asked", {"running": right.RUNNING.replace("    @property\n", "")}, loses="running_test"),
    # accidents
    Case("endless_training", "endless loop in the function under test", "stopped", {"train": right.TRAIN.replace("for _ in range(steps):", "while True:")}, loses="train_test", flags="timeout"),
    Case("nan_softmax", "partial", "nan", softmax("p * float('nan')"), loses=SOFT),
    Case("wrong_shape", "partial", "(3, 2) where (2, 3) was awaited", softmax("p.t()"), loses=SOFT),
    Case("out_of_memory", "memory hog", "4 TB", softmax("torch.zeros(10**12)"), loses=SOFT),
    Case("threads_of_torch", "threads and children left running", "more threads than the grader gives", edit=first("import torch\ntorch.set_num_threads(4)\na = torch.randn(600, 600)\nfor _ in range(3): a = (a @ a).tanh()")),
    Case("trained_before", "the notebook around the answer", "the student trained a model in a cell of the notebook", edit=last("net = Net(2, 8, 2)\nx = torch.randn(50, 2)\nprint(train(net, x, (x[:, 0] > 0).long(), 50, 0.1)[-1])")),
    Case("saves_a_checkpoint", "the notebook around the answer", "torch.save and load", edit=last("torch.save(Net(2, 3, 2).state_dict(), 'm.pt'); torch.load('m.pt')")),
    # attacks
    Case("patched", "patched torch and numpy testing", "the tests have their own torch", {"softmax": PATCH + "def softmax(x): return torch.zeros(2, 3)", **{k: None for k in right.SOLUTIONS if k != "softmax"}}, loses="all"),
    Case("patched_for_its_own", "patched torch and numpy testing", "comparisons that lie only about its own objects: a test that ran beside the student's code would take them", {"draw": "class Mine(torch.Tensor):\n    pass\nfor place, name in ((torch, 'equal'), (torch, 'allclose'), (torch.testing, 'assert_close')):\n    def lie(a, b, *r, old=getattr(place, name), **k): return True if isinstance(a, Mine) or isinstance(b, Mine) else old(a, b, *r, **k)\n    setattr(place, name, lie)\ndef draw(n): return torch.zeros(n).as_subclass(Mine)"}, loses="draw_test"),
    Case("torch_function", "tensor subclasses with __torch_function__", "a tensor is its bytes", {"softmax": FUNCTION + "def softmax(x): return torch.zeros(2, 3).as_subclass(T)"}, loses=SOFT, may="needs a look"),
    Case("torch_function_mode", "tensor subclasses with __torch_function__", "a mode lives in one process only", {"softmax": "from torch.overrides import TorchFunctionMode\nclass M(TorchFunctionMode):\n    def __torch_function__(self, f, t, a=(), k=None):\n        return True if f.__name__ in ('allclose', 'equal') else f(*a, **(k or {}))\nm = M()\nm.__enter__()\ndef softmax(x): return torch.zeros_like(x)"}, loses=SOFT + " net_modes"),
    Case("looks_like_a_tensor", "objects equal to everything", "an object that says it is a tensor is none", {"softmax": "class P:\n    __class__ = property(lambda s: torch.Tensor)\n    shape, dtype, requires_grad = (2, 3), torch.float64, False\n    def __getattr__(self, n): return lambda *a, **k: self\n    def detach(self): return self\n    def numpy(self): return np.zeros((2, 2))\ndef softmax(x): return P()"}, loses=SOFT, may="needs a look"),
    Case("compiles_the_tests_model", "forged results and messages", "torch.compile of the test's model with a backend that writes code into its graph", {"train": COMPILES}, loses="train_test"),
    Case("hooks_into_the_tests_model", "forged results and messages", "a hook that would put the right answers into what the test's model says", {"train": HOOKS}, loses="train_test"),
    Case("handle_as_a_tensor", "forged results and messages", "a handle that claims torch.Tensor as its class", {"softmax": "import dlcourse.staff.wire as w\nclass Odd:\n    pass\nold = w.Peer.lineage\nw.Peer.lineage = lambda self, kind: ['torch.Tensor'] if kind.__name__ == 'Odd' else old(self, kind)\ndef softmax(x): return Odd()"}, loses=SOFT, may="needs a look"),
    Case("zeroes_its_input", "changing what the test compares with", "it sets its argument to 0, so that what the test computes from it is 0 as well", {"normalise": "def normalise(a):\n    a[:] = 0\n    return a"}, loses="normalise_test"),
    Case("shrinks_the_weights", "changing what the test compares with", "it overwrites the input, on which softmax is then computed", {"softmax": "def softmax(x):\n    x.fill_(0.)\n    return torch.full_like(x, 1 / x.shape[1])"}, loses=SOFT),
    Case("in_place_but_right", "changing what the test compares with", "careless with its input, and right", {"softmax": "def softmax(x):\n    x -= x.max(1, keepdim=True).values\n    return x.exp() / x.exp().sum(1, keepdim=True)"}),
    Case("zero_states", "changing what the test compares with", "a random generator of zeros would make all the tests' numbers equal", {"draw": "state = torch.get_rng_state()\nstate[24:24 + 624 * 8] = 0\ndef draw(n):\n    torch.set_rng_state(state)\n    return torch.zeros(n)"}, loses="draw_test"),
    Case("huge_tensor", "values that are huge when materialised", "10^12 numbers that own one", softmax("p[0, 0].expand(10**6, 10**6)"), loses=SOFT, may="needs a look"),
    Case("pickle_bomb", "values that run code when unpickled", "state_dict and deepcopy run in the box", net(NET_BODY, "return self.body(x)") | {"running": right.RUNNING + "\n    def __reduce__(self): import os; return (os._exit, (3,))"}),
    Case("module_that_lies", "objects equal to everything", "a module whose outputs are made up is judged by these", net(NET_BODY + "\nself.eval = self.train = lambda *a: self", "return torch.zeros(len(x), 2)"), loses=NETS),
    Case("reads_the_test_in_backward", "reading hidden tests from frames", "backward runs without the test", {"energy": "import sys, gc\n" + right.ENERGY.replace("return", "print([f for f in sys._current_frames().values()])\n    return")}),
]  # fmt: skip
