"""A small torch assignment in nbgrader's format, as any course may have it, for the corpus."""

SOFTMAX = """def softmax(x):
    e = torch.exp(x - x.max(dim=1, keepdim=True).values)
    return e / e.sum(dim=1, keepdim=True)"""
ENERGY = """def energy(w, x):
    return ((x @ w) ** 2).mean()"""
NET = """class Net(nn.Module):
    def __init__(self, inputs, hidden, outputs):
        super().__init__()
        self.first = nn.Linear(inputs, hidden)
        self.norm = nn.BatchNorm1d(hidden)
        self.drop = nn.Dropout(0.5)
        self.last = nn.Linear(hidden, outputs)
    def forward(self, x):
        return self.last(self.drop(torch.relu(self.norm(self.first(x)))))"""
TRAIN = """def train(model, x, y, steps, rate):
    losses = []
    optimiser = torch.optim.SGD(model.parameters(), lr=rate)
    for _ in range(steps):
        optimiser.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return losses"""
DRAW = """def draw(n):
    return torch.randn(n)"""
BATCHES = """def batches(x, size):
    for start in range(0, len(x), size):
        yield x[start:start + size]"""
RUNNING = """class Running:
    def __init__(self):
        self.values = []
    def update(self, value):
        self.values.append(float(value))
    @property
    def mean(self):
        if not self.values:
            raise ValueError('no value yet')
        return sum(self.values) / len(self.values)
    def __len__(self):
        return len(self.values)"""
NORMALISE = """def normalise(a):
    return (a - a.mean(axis=0)) / a.std(axis=0)"""
ACCURACY = """def accuracy(logits, labels):
    if len(labels) == 0:
        return 0.0
    return (logits.argmax(1) == labels).float().mean().item()"""
SOLUTIONS = {
    "softmax": SOFTMAX, "energy": ENERGY, "net": NET, "train": TRAIN, "draw": DRAW, "batches": BATCHES,
    "running": RUNNING, "normalise": NORMALISE, "accuracy": ACCURACY,
}  # fmt: skip
IMPORTS = "import math\nimport numpy as np\nimport torch\nimport torch.nn as nn\nimport torch.nn.functional as F\nfrom helper import close_to"
TORCH_CELLS = [
    (None, "text", "# Networks"),
    ("imports", "locked", IMPORTS),
    ("softmax", "solution", SOFTMAX),
    ("softmax_visible", 1,
     "_x = torch.tensor([[1.0, 2.0, 3.0], [0.0, 0.0, 0.0]])\n_p = softmax(_x)\nassert isinstance(_p, torch.Tensor), 'a tensor was awaited'\n"
     "assert _p.shape == (2, 3), f'shape (2, 3), yours {tuple(_p.shape)}'\ntorch.testing.assert_close(_p, torch.softmax(_x, 1))"),
    ("softmax_hidden", 2,
     "### BEGIN HIDDEN TESTS\n_big = torch.tensor([[1000.0, 1001.0], [-1000.0, -7331.0]], dtype=torch.float64)\n"
     "_p = softmax(_big)\nassert _p.dtype == torch.float64, 'the dtype of the input is kept'\n"
     "np.testing.assert_allclose(_p.detach().numpy(), torch.softmax(_big, 1).numpy(), atol=1e-7, err_msg='large numbers')\n"
     "assert torch.allclose(softmax(torch.randn(4, 7)).sum(1), torch.ones(4)), 'rows add up to 1'\n### END HIDDEN TESTS"),
    ("energy", "solution", ENERGY),
    ("energy_test", 2,
     "_w = torch.tensor([1.0, -2.0], requires_grad=True)\n_x = torch.tensor([[1.0, 0.0], [3.0, 1.0]])\n_e = energy(_w, _x)\n"
     "assert abs(_e.item() - 1.0) < 1e-6, f'1 was awaited, yours {_e.item()}'\n_e.backward()\n"
     "torch.testing.assert_close(_w.grad, torch.tensor([4.0, 1.0]))\n"
     "### BEGIN HIDDEN TESTS\n_v = torch.randn(3, dtype=torch.float64, requires_grad=True)\n_y = torch.randn(5, 3, dtype=torch.float64)\n"
     "assert torch.autograd.gradcheck(lambda v: energy(v, _y), (_v,))\n### END HIDDEN TESTS"),
    ("net", "solution", NET),
    ("net_shape", 2,
     "torch.manual_seed(0)\n_net = Net(4, 8, 3)\nassert isinstance(_net, nn.Module)\n_out = _net(torch.randn(5, 4))\nassert _out.shape == (5, 3)\n"
     "assert sum(p.numel() for p in _net.parameters()) >= 4 * 8 + 8 * 3\n_out.sum().backward()\n"
     "assert all(p.grad is not None for p in _net.parameters()), 'every parameter has a gradient'"),
    ("net_modes", 2,
     "### BEGIN HIDDEN TESTS\n_net = Net(6, 16, 2)\n_net.train()\n_x = torch.randn(32, 6)\nassert not torch.equal(_net(_x), _net(_x)), 'dropout while training'\n"
     "_net.eval()\nassert torch.equal(_net(_x), _net(_x)), 'no dropout when evaluated'\n"
     "_copy = Net(6, 16, 2)\n_copy.load_state_dict(_net.state_dict())\n_copy.eval()\ntorch.testing.assert_close(_copy(_x), _net(_x))\n"
     "_net = _net.double()\nassert _net(_x.double()).dtype == torch.float64\n### END HIDDEN TESTS"),
    ("train", "solution", TRAIN),
    ("train_test", 2,
     "torch.manual_seed(1)\n_x = torch.randn(60, 2)\n_y = (_x[:, 0] > _x[:, 1]).long()\n_model = nn.Linear(2, 2)\n_before = [p.detach().clone() for p in _model.parameters()]\n"
     "_losses = train(_model, _x, _y, 40, 1.0)\nassert len(_losses) == 40\nassert _losses[-1] < 0.6 * _losses[0], 'the loss falls'\n"
     "assert any(not torch.equal(a, b) for a, b in zip(_before, _model.parameters())), 'the model is trained in place'\n"
     "### BEGIN HIDDEN TESTS\nassert (_model(_x).argmax(1) == _y).float().mean() > 0.9, 'it predicts'\n"
     "assert train(nn.Linear(2, 2), _x, _y, 0, 1.0) == [], 'no step, no loss'\n### END HIDDEN TESTS"),
    ("draw", "solution", DRAW),
    ("draw_test", 1,
     "torch.manual_seed(7)\n_want = torch.randn(5)\ntorch.manual_seed(7)\ntorch.testing.assert_close(draw(5), _want)\n_next = torch.randn(3)\n"
     "### BEGIN HIDDEN TESTS\ntorch.manual_seed(7)\ntorch.randn(5)\nassert torch.equal(_next, torch.randn(3)), 'it draws what it needs and no more'\n### END HIDDEN TESTS"),
    ("batches", "solution", BATCHES),
    ("batches_test", 1,
     "_x = torch.arange(7)\n_found = list(batches(_x, 3))\nassert [len(b) for b in _found] == [3, 3, 1]\ntorch.testing.assert_close(torch.cat(_found), _x)\n"
     "assert next(iter(batches(_x, 2))).tolist() == [0, 1]"),
    ("running", "solution", RUNNING),
    ("running_test", 2,
     "_r = Running()\ntry:\n    _r.mean\nexcept ValueError:\n    pass\nelse:\n    assert False, 'no value has no mean'\n"
     "for _v in (1, 2.0, torch.tensor(6.0)):\n    _r.update(_v)\nassert math.isclose(_r.mean, 3.0)\nassert len(_r) == 3\n"
     "_other = Running()\n_other.update(5)\nassert _r.mean == 3 and _other.mean == 5, 'two objects keep their own values'"),
    ("normalise", "solution", NORMALISE),
    ("normalise_test", 1,
     "_a = np.array([[1.0, 10.0], [3.0, 30.0]])\nnp.testing.assert_allclose(normalise(_a), [[-1, -1], [1, 1]])\n"
     "### BEGIN HIDDEN TESTS\n_rng = np.random.default_rng(3)\n_b = _rng.normal(size=(50, 4)) * 9 + 2\n_n = normalise(_b)\n"
     "np.testing.assert_allclose(_n.mean(0), 0, atol=1e-9)\nnp.testing.assert_allclose(_n.std(0), 1)\nassert isinstance(_n, np.ndarray)\n### END HIDDEN TESTS"),
    ("accuracy", "solution", ACCURACY),
    ("accuracy_partial", 3,
     "_points = 0\n_logits = torch.tensor([[2.0, 1.0], [0.0, 3.0], [5.0, 4.0]])\nif accuracy(_logits, torch.tensor([0, 1, 0])) == 1:\n    _points += 1\n"
     "if abs(accuracy(_logits, torch.tensor([0, 1, 1])) - 2 / 3) < 1e-6:\n    _points += 1\n"
     "if accuracy(torch.zeros(0, 2), torch.zeros(0, dtype=torch.long)) == 0:\n    _points += 1\n_points"),
    ("why", "answer", "Since exp(1000) is inf."),
]  # fmt: skip
