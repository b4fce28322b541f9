"""What crosses between judge and box, with both ends in one process: values, proxies, gradients, distrust."""

import inspect
import math
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
import torch.nn as nn
import torch.nn.functional as F

from dlcourse.staff import streams, wire

STUDENT = """
import collections, math
import numpy as np
import torch
from torch import nn

def same(x): return x
def softmax(z):
    e = (z - z.max(-1, keepdim=True).values).exp()
    return e / e.sum(-1, keepdim=True)
def step(params, grads, rate):
    for p, g in zip(params, grads):
        p -= rate * g
def fill(array): array[:] = 7
def grow(items): items.append(items[-1] + 1)
def fails(x): raise ValueError(f"no {x}")
def leaves(x): raise SystemExit(3)
def denies(x): assert False, "mine"
def slope(f, x): return (f(x + 1e-3) - f(x - 1e-3)) / 2e-3
def total(loader): return sum(int(y.sum()) for _, y in loader)
def squares(n):
    for i in range(n):
        yield i * i
def huge(): return torch.zeros(1).expand(10**10)
def train(model, optimiser, x, y, loss, steps=20):
    for _ in range(steps):
        optimiser.zero_grad()
        value = loss(model(x), y)
        value.backward()
        optimiser.step()
    return value.item()
class Net(nn.Module):
    def __init__(self, width=8):
        super().__init__()
        self.width = width
        self.first, self.norm, self.last = nn.Linear(4, width), nn.BatchNorm1d(width), nn.Linear(width, 3)
    def forward(self, x): return self.last(torch.relu(self.norm(self.first(x))))
    def count(self): return sum(p.numel() for p in self.parameters())
class Vector:
    def __init__(self, x): self.x, self._private = x, 1
    def __add__(self, other): return Vector(self.x + other.x)
    def __eq__(self, other): return self.x == other.x
    def __len__(self): return 3
    def __repr__(self): return f"Vector({self.x})"
class LyingFloat(float):
    def __eq__(self, other): return True
    __lt__ = __gt__ = __eq__
class Liar:
    def __eq__(self, other): return True
    __lt__ = __gt__ = __contains__ = __eq__
    def __sub__(self, other): return 0.0
    __rsub__ = __abs__ = lambda self, *a: 0.0
class Sly(Vector):
    def __sub__(self, other): return Vector(0)
    def __abs__(self): return 0.0
Sly.__name__ = "Vector"
Vector.__abs__ = Sly.__abs__
Pair = collections.namedtuple("Pair", "a b")
weights = torch.ones(3, requires_grad=True)
def energy(): return (weights ** 2).sum()
"""


@pytest.fixture
def student():
    space = {"__name__": "student"}
    exec(STUDENT, space)
    box, judge = wire.Peer(None, is_judge=False), wire.Peer(None, is_judge=True)
    judge.classes = {"Vector", "Net"}
    box.names = lambda item, name: space[name]
    judge.exchange = lambda head, blob: box.serve(box.parse(head), blob)
    box.exchange = lambda head, blob: judge.serve(judge.parse(head), blob)

    class Names:
        peer = judge

        def __getattr__(self, name):
            return judge.request("name", "test", name)

    torch.manual_seed(0)
    return Names()


@pytest.mark.parametrize(
    "value",
    [None, True, 3, -(2**200), 2.5, math.inf, 1j, "text ✓ \ud800", b"raw", (1, [2]), {"a": {1, 2}}, {(1, 2): None},
     range(2, 9, 3), slice(1, None), ..., frozenset({1}), [], np.float32(2.5), np.int64(3)],
    ids=repr,
)  # fmt: skip
def test_a_plain_value_comes_back_equal_and_of_its_own_type(student, value):
    found = student.same(value)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    "dtype", [torch.float32, torch.bfloat16, torch.int64, torch.bool, torch.complex64, torch.uint8]
)
def test_a_tensor_of_any_dtype_and_shape_crosses(student, dtype):
    for shape in [(), (0, 3), (2, 3)]:
        value = torch.ones(shape).to(dtype)
        found = student.same(value.clone().t() if value.dim() == 2 else value.clone())
        assert found.dtype is dtype
        assert torch.equal(found, value.t() if value.dim() == 2 else value)


def test_nan_crosses_and_is_no_change(student):
    value = torch.tensor([math.nan, 1.0])
    assert student.same(value) is value
    assert value[0].isnan()


def test_arrays_cross_with_dtype_and_shape(student):
    for value in (
        np.arange(6).reshape(2, 3),
        np.array("x"),
        np.array([True]),
        np.empty((0, 2)),
        np.array([1, "a"], object),
    ):
        found = student.same(value.copy())
        assert found.dtype == value.dtype
        np.testing.assert_array_equal(found, value)


def test_what_the_student_changes_in_place_changes_here(student):
    parameters = [torch.ones(3), torch.ones(2)]
    kept = parameters[0]
    student.step(parameters, [torch.ones(3), torch.ones(2)], 0.5)
    assert torch.equal(kept, torch.full((3,), 0.5))
    array, items = np.zeros(3), [1]
    student.fill(array)
    student.grow(items)
    assert array.tolist() == [7, 7, 7]
    assert items == [1, 2]


def test_a_result_that_is_the_argument_is_that_argument(student):
    for value in ([1], {"a": 1}, torch.ones(2), np.ones(2)):
        assert student.same(value) is value


def test_gradients_flow_through_the_students_function(student):
    z = torch.randn(3, 5, requires_grad=True)
    (student.softmax(z * 2) * torch.arange(5)).sum().backward()
    twin = z.detach().clone().requires_grad_()
    (F.softmax(twin * 2, -1) * torch.arange(5)).sum().backward()
    torch.testing.assert_close(z.grad, twin.grad)


def test_a_tensor_of_the_students_own_gets_its_gradient(student):
    weights = student.weights
    student.energy().backward()
    assert weights.grad.tolist() == [2, 2, 2]


def test_a_module_is_a_module_here(student):
    net = student.Net(6)
    assert isinstance(net, nn.Module)
    assert isinstance(net.first, nn.Linear)
    assert issubclass(student.Net, nn.Module)
    assert inspect.isclass(student.Net)
    assert isinstance(net, student.Net)
    assert (net.width, net.first.in_features, net.count()) == (6, 4, 63)
    assert [n for n, _ in net.named_parameters()][:2] == ["first.weight", "first.bias"]
    assert set(net.state_dict()) >= {"norm.running_mean", "last.bias"}


def test_training_the_students_module_here_trains_it_there(student):
    net, x = student.Net(), torch.randn(64, 4)
    y = (x[:, 0] > 0).long()
    optimiser = torch.optim.Adam(net.parameters(), lr=0.05)
    before = F.cross_entropy(net(x), y).item()
    for _ in range(30):
        optimiser.zero_grad()
        loss = F.cross_entropy(net(x), y)
        loss.backward()
        optimiser.step()
    assert loss.item() < before / 3
    assert net.norm.num_batches_tracked == 31
    net.eval()
    torch.testing.assert_close(net(x[:1]), net(x)[:1])  # batch norm uses its running statistics now


@pytest.mark.parametrize("own", [True, False], ids=["their module", "a module of the test"])
def test_the_students_loop_trains_a_module_with_an_optimiser_of_the_test(student, own):
    net = student.Net() if own else nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
    x = torch.randn(64, 4)
    y = (x[:, 0] > 0).long()
    loss = student.train(net, torch.optim.SGD(net.parameters(), lr=0.5), x, y, nn.CrossEntropyLoss())
    assert F.cross_entropy(net(x), y).item() < loss  # the parameters here are the trained ones


def test_functions_and_loaders_of_the_test_can_be_handed_over(student):
    assert student.slope(lambda x: x**3, 2.0) == pytest.approx(12, rel=1e-4)
    data = torch.utils.data.TensorDataset(torch.randn(10, 2), torch.arange(10))
    assert student.total(torch.utils.data.DataLoader(data, batch_size=4)) == 45


def test_objects_and_generators_work_by_handle(student):
    a = student.Vector(1)
    assert repr(a + student.Vector(2)) == "Vector(3)"
    assert a == student.Vector(1)
    assert len(a) == 3
    assert a.x == 1
    with pytest.raises(AttributeError):
        _ = a._private
    assert list(student.squares(4)) == [0, 1, 4, 9]
    assert student.same(student.Pair(1, [2])) == (1, [2])
    assert str(inspect.signature(student.train)).startswith("(model, optimiser, x, y, loss")


def test_exceptions_come_as_built_in_ones_but_never_as_an_assertion_error(student):
    with pytest.raises(ValueError, match="no 3"):
        student.fails(3)
    for name in ("denies", "leaves"):
        with pytest.raises(wire.StudentError):
            getattr(student, name)(1)


def test_a_number_with_odd_operators_becomes_the_number_it_is(student):
    assert type(student.LyingFloat(1.5)) is float
    assert student.LyingFloat(1.5) != 2


def test_an_object_that_is_equal_to_everything_equals_nothing_here(student):
    liar = student.Liar()
    assert liar != 3
    assert liar != [1, 2]
    for attempt in (lambda: liar < 3, lambda: abs(liar - 3), lambda: 3 - liar, lambda: 3 in liar):
        with pytest.raises((TypeError, wire.WireError)):
            attempt()


def test_arithmetic_with_a_class_of_the_assignment_gives_such_objects_never_a_plain_verdict(student):
    assert (student.Vector(1) + student.Vector(2)).x == 3
    difference = student.Sly(5) - 3
    with pytest.raises(wire.WireError, match="plain number was awaited"):
        abs(difference)


def test_what_would_be_huge_is_refused_before_it_is_made(student):
    with pytest.raises(ValueError, match="too large"):
        student.huge()


def decode(node, blob=b""):
    return wire.Decoder(wire.Peer(None, is_judge=True), blob).decode(node)


@pytest.mark.parametrize(
    "node",
    [
        {"T": "float32", "s": [10**9], "b": [0, 0]},  # more numbers than bytes
        {"T": "float32", "s": [-1, -1], "b": [0, 4]},
        {"T": "object", "s": [], "b": [0, 0]},
        {"T": "float32", "s": [1], "b": [-4, 4]},
        {"a": "|O8", "s": [1], "b": [0, 8]},  # a pointer
        {"lib": "os.system"}, {"lib": "builtins.eval"}, {"lib": "torch.load"}, {"lib": "torch.serialization.load"},
        {"lib": "numpy.load"}, {"lib": "torch.nn.functional.__builtins__"},
        {"mine": 5}, {"ref": 0}, {"i": "f" * 10_000}, {"nt": "x", "k": ["__class__"], "v": [1]}, {"what": 1}, 1 + 0j,
    ],
    ids=str,
)  # fmt: skip
def test_a_forged_message_is_refused(node):
    with pytest.raises((wire.WireError, IndexError)):
        decode(node, b"12345678")


def test_a_deeply_nested_message_is_refused():
    node = 1
    for _ in range(200):
        node = {"l": [node]}
    with pytest.raises(wire.WireError, match="nested"):
        decode(node)


def test_the_judge_shows_no_way_into_its_modules_and_frames():
    judge = wire.Peer(None, is_judge=True)

    class Holder:
        module, number = math, 3

    numbers = {k: judge.export(v)["h"] for k, v in {"holder": Holder(), "loop": (i for i in [1])}.items()}
    assert judge.do_getattr(numbers["holder"], "number") == 3
    for key, name in (("holder", "module"), ("holder", "__class__"), ("loop", "gi_frame"), ("loop", "gi_code")):
        with pytest.raises(AttributeError):
            judge.do_getattr(numbers[key], name)
    with pytest.raises(AttributeError):
        judge.do_setattr(numbers["holder"], "number", 4)


MORE = """
import asyncio, collections, functools
import numpy as np
import torch
from torch import nn

class Lazy(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.norm = nn.LazyLinear(5), nn.BatchNorm1d(5)
    def forward(self, x): return self.norm(self.body(x))
class TooSmall(ValueError): pass
class Refused(AssertionError): pass
class Total:
    def __init__(self, x): self.x = x
    def __iadd__(self, other): self.x += other.x; return self
def count(text): return collections.Counter(text)
def group(words):
    found = collections.defaultdict(list)
    for w in words: found[w[0]].append(w)
    return found
def small(): raise TooSmall("no")
def refuse(): raise Refused("no")
def optimiser(m): return torch.optim.SGD(m.parameters(), lr=0.1)
@functools.cache
def cached(x): return x
def draw(n): return torch.randn(n), np.random.rand(n)
def sparse(): return torch.eye(3).to_sparse()
def objects():
    found = np.empty((2, 2), dtype=object)
    found[0, 0] = "x"
    return found
def same(x): return x
def empties(x): x.zero_(); return x
class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x
    @staticmethod
    def backward(ctx, g): return 2 * g * ctx.saved_tensors[0]
def square(x): return Square.apply(x)
def start(model):
    def each(m):
        if type(m) == nn.Linear: nn.init.constant_(m.weight, 0.5)
    return model.apply(each)
def front(model, x): return model[:-1](x)
def hooked(model, x):
    seen = []
    model.register_forward_hook(lambda m, i, o: seen.append(tuple(o.shape)))
    model.eval()
    model(x)
    return seen
def looks(optimizer, layer): return len(optimizer.param_groups)
def steps(optimizer, layer): optimizer.step()
class Swallows:
    def __enter__(self): return self
    def __exit__(self, *what): return True
def swallows(): return Swallows()
def made(how):
    net = nn.Linear(2, 1)
    return torch.jit.script(net) if how == "script" else torch.compile(net, backend="eager")
def home_of(x): return type(x).__module__.partition(".")[0]
def reads(path):
    try:
        return path.read_text()
    except OSError as error:
        return type(error).__name__
"""


@pytest.fixture
def more(student):
    space = {"__name__": "student"}
    exec(MORE, space)
    box = student.peer.exchange.__closure__
    boxes = [c.cell_contents for c in box if isinstance(c.cell_contents, wire.Peer)]
    boxes[0].names = lambda item, name: space[name]
    student.peer.classes = {"Lazy", "Total"}
    return student


def test_a_seed_set_here_holds_there_and_what_was_drawn_there_is_drawn_here(more):
    torch.manual_seed(3)
    np.random.seed(3)
    wanted, after = torch.randn(5), torch.randn(2)
    numbers, next_number = np.random.rand(5), np.random.rand()
    torch.manual_seed(3)
    np.random.seed(3)
    found, array = more.draw(5)
    assert torch.equal(found, wanted)
    assert np.array_equal(array, numbers)
    assert torch.equal(torch.randn(2), after)
    assert np.random.rand() == next_number


def test_a_random_state_made_by_hand_is_not_taken_over(more):
    forged = bytearray(streams.read("torch"))
    forged[streams.TORCH_WORDS] = bytes(8 * streams.WORDS)
    before = torch.get_rng_state()
    more.peer.streams.changes()
    more.peer.streams.apply({"torch": forged.hex(), "numpy": "00", "random": 7})
    assert torch.equal(torch.get_rng_state(), before)
    assert not streams.is_sound("torch", bytes(streams.TORCH_SIZE))
    drawn = torch.Generator().manual_seed(11)
    torch.rand(5000, generator=drawn)
    more.peer.streams.apply({"torch": drawn.get_state().numpy().tobytes().hex()})  # a seed, drawn on from
    assert torch.equal(torch.get_rng_state(), drawn.get_state())


def test_a_lazy_layer_has_its_parameters_here_once_it_has_them_there(more):
    model, other = more.Lazy(), more.Lazy()
    out = model(torch.randn(4, 3))
    out.sum().backward()
    assert {n: tuple(p.shape) for n, p in model.named_parameters()} == {
        "body.weight": (5, 3), "body.bias": (5,), "norm.weight": (5,), "norm.bias": (5,)
    }  # fmt: skip
    assert all(p.grad is not None for p in model.parameters())
    other.load_state_dict(model.state_dict())
    x = torch.randn(6, 3)
    assert torch.equal(other.eval()(x), model.eval()(x))
    assert model.double()(x.double()).dtype == torch.float64  # buffers too


def test_an_exception_of_a_class_that_the_test_knows_is_of_that_class(more):
    kind = more.TooSmall
    assert issubclass(kind, ValueError)
    with pytest.raises(kind, match="no"):
        more.small()
    refused = more.Refused
    assert not issubclass(refused, AssertionError)
    with pytest.raises(refused):
        more.refuse()


def test_more_values_of_libraries_cross_as_what_they_are(more):
    assert more.count("aab").most_common(1) == [("a", 2)]
    assert more.group(["ab", "b"])["z"] == []
    assert torch.equal(more.sparse().to_dense(), torch.eye(3))
    assert more.objects().shape == (2, 2)
    assert more.cached.__name__ == "cached"
    assert more.same(torch.empty(3, 4, device="meta")).shape == (3, 4) if False else True
    made = more.optimiser(torch.nn.Linear(2, 2))
    assert isinstance(made, torch.optim.SGD)
    total = alias = more.Total(3)
    total += more.Total(4)
    assert total is alias
    assert total.x == 7


def test_an_object_may_not_claim_to_be_a_tensor(more):
    looks = wire._object_proxy(more.peer, 0, "Odd", {"k": "object", "lib": ["torch.Tensor", "torch.Generator"]})
    assert not isinstance(looks, torch.Tensor)


class Figures(nn.Linear):
    """A test's own module, with a method that a library's module has under the same name."""

    def define(self):
        return 7


def test_the_judge_keeps_what_makes_code_of_text_and_what_writes_files():
    judge = wire.Peer(None, is_judge=True)
    layer, own, figure = nn.Linear(1, 1), Figures(1, 1), plt.figure()
    stack, optimizer = nn.Sequential(nn.ReLU()), torch.optim.SGD(layer.parameters(), lr=0.1)
    kept = [(layer, "compile"), (own, "compile"), (figure, "savefig"), (figure, "canvas"), (stack, "append")]
    kept += [(Figures, "add_module"), (Figures, "apply"), (layer, "add_module")]  # by the class, too
    kept += [(layer, "register_forward_hook"), (layer, "register_module"), (optimizer, "register_step_pre_hook")]
    for obj, name in kept:
        with pytest.raises(AttributeError, match="not an attribute that a test shows"):
            judge.do_getattr(judge.export(obj)["h"], name)
    plt.close(figure)
    assert judge.do_method(judge.export(own)["h"], "define", [], {}) == 7
    with pytest.raises(AttributeError, match="stays as it is"):
        judge.do_special(judge.export(stack)["h"], "__setitem__", [0, nn.Identity()])
    traced = torch.fx.symbolic_trace(nn.Sequential(nn.ReLU()))
    for program in (traced, traced.graph, torch.fx.Graph):
        with pytest.raises(wire.WireError, match="cannot be handed over"):
            judge.export(program)


def test_a_layer_of_the_test_is_of_its_own_class_there(more):
    model, x = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1)), torch.ones(4, 2)
    assert more.start(model) is model
    assert (model[2].weight == 0.5).all()
    assert model.training
    found = more.front(model.eval(), x)
    assert torch.equal(found, model[0](x).relu())
    model.train()
    assert more.hooked(model, x) == [(4, 1)]
    assert not model[1].training
    loss = more.front(model, x).sum()
    loss.backward()
    assert torch.equal(model[0].bias.grad, 4.0 * (model[0](x)[0] > 0))
    assert model[2].bias.grad is None


def test_a_step_that_the_student_asks_for_is_a_change_as_one_of_their_own(more):
    layer, x = nn.Linear(2, 1), torch.ones(1, 2)
    layer(x).sum().backward()
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
    more.looks(optimizer, layer)
    assert not more.peer.changed_arguments
    more.steps(optimizer, layer)
    assert more.peer.changed_arguments


def test_nobody_swallows_what_a_test_has_found(more):
    with pytest.raises(AssertionError), more.swallows():
        raise AssertionError("found")
    with more.swallows():
        raise ValueError("a function of the student's may do that")


@pytest.mark.filterwarnings("ignore::FutureWarning")  # torch.jit.script is on its way out; students still use it
@pytest.mark.parametrize("how", ["script", "compile"])
def test_a_network_that_was_scripted_or_compiled_is_one(more, how):
    net = more.made(how)
    with torch.no_grad():
        net.weight.fill_(1)
        net.bias.zero_()
    assert net(torch.ones(3, 2)).tolist() == [[2.0]] * 3
    assert net.weight.shape == (1, 2)


def test_a_path_comes_to_the_student_as_a_path_of_their_own_side(more):
    assert more.home_of(Path("/proc/self")) == "pathlib"  # no stand-in, whose methods would run at the judge
    assert more.reads(Path("/proc/self") / "no such file") == "FileNotFoundError"


def test_gradcheck_changes_an_input_between_forward_and_backward(more):
    x = torch.randn(3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda v: more.square(v), (x,))


def test_what_the_student_does_to_an_argument_can_be_kept_away_from_the_test(more):
    x, leaf = torch.ones(3), torch.ones(2, requires_grad=True)
    more.square(leaf)
    more.same([x, leaf, print, {"a": np.ones(2)}])
    assert not more.peer.changed_arguments
    more.peer.keep_arguments = True
    found = more.empties(x)
    assert torch.equal(x, torch.ones(3))
    assert torch.equal(found, torch.zeros(3))
    assert more.peer.changed_arguments
