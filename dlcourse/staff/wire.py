"""How the judge and the student box talk: values as bytes, everything else by handle, nothing ever pickled.

Two processes that do not trust each other hold the two ends of a channel. A number, a string, a list, an array or a
tensor crosses as what it is (kind, shape, bytes), is measured before anything is allocated, and becomes a plain new
object on the other side. Everything else stays where it was made: the other side gets a proxy that can call it, ask
for a public attribute, index it or iterate over it, and each answer is decoded with the same distrust.

Both ends run this file. What it keeps true across the gap:
  - a list, dict, array or tensor that the callee changed in place is changed at the caller too;
  - a tensor that needs a gradient gets it: `backward()` here runs the other side's own graph there;
  - an nn.Module is mirrored as an nn.Module; its parameters, buffers and gradients agree at every message;
  - the global random generators (torch, NumPy, Python) agree at every message, so that a seed set here holds there; of
    the box's the judge believes only how far they were drawn on (streams.py);
  - an exception crosses as a name and a short text, and never as an AssertionError; one of a class that the test knows
    by name is of that class here.

Imports the standard library only; NumPy and torch are used where the process has them loaded already.
"""

import base64
import builtins
import collections
import contextlib
import datetime
import decimal
import fractions
import functools
import importlib
import inspect
import json
import math
import operator
import pathlib
import random
import socket
import struct
import sys
import types

from dlcourse.staff.streams import Streams

MAX_JSON = 16 << 20  # bytes of structure in one message
MAX_BLOB = 256 << 20  # bytes of tensors, arrays and bytes in one message
MAX_NODES = 1_000_000
MAX_DEPTH = 40
MAX_DIGITS = 4000  # of one integer
MAX_TEXT = 4_000_000
MAX_HANDLES = 200_000

HEAD = struct.Struct(">BHII")  # kind, session, bytes of JSON, bytes of blob
TO_DRIVER, TO_BOX, FROM_BOX, DEAD = range(4)

UNARY = "neg pos abs invert".split()
BINARY = "add sub mul truediv floordiv mod pow matmul and or xor lshift rshift lt le gt ge eq ne".split()
ARITHMETIC = BINARY[:13]  # those with a reflected and an in-place form
SPECIALS = [
    *("__call__", "__getitem__", "__setitem__", "__delitem__", "__len__", "__iter__", "__next__", "__contains__"),
    *("__reversed__", "__enter__", "__exit__", "__bool__", "__float__", "__int__", "__round__"),
]
COMPARISONS = "lt le gt ge eq ne".split()
SAFE_BUILTINS = "int float str bool complex bytes list tuple dict set frozenset object type slice range".split()
DTYPES = (
    "float32 float64 float16 bfloat16 int8 uint8 int16 int32 int64 bool complex64 complex128 "
    "uint16 uint32 uint64 complex32 float8_e4m3fn float8_e5m2 float8_e4m3fnuz float8_e5m2fnuz"
).split()
ARRAY_KINDS = "biufcSUMm"  # of NumPy's dtypes, those that are plain bytes
# What the judge keeps to itself of libraries' objects: attributes by which a text becomes code or a file is written ...
CLOSED = {
    "torch": "compile save define".split(),
    "matplotlib": "savefig canvas".split(),
    "pandas": "eval query apply agg aggregate transform pipe map".split(),
}
CONTAINERS_CHANGE = "append extend insert pop popitem update clear setdefault".split()  # of modules in modules
# ... and objects that are programs themselves: a callback of the student's may be called with them
PROGRAMS = tuple(
    "torch.fx torch._dynamo torch._inductor torch.export sympy ast code codeop inspect importlib pickle _pickle "
    "subprocess multiprocessing ctypes _ctypes socket _socket sqlite3".split()
)


class WireError(Exception):
    """What came over the channel is not a message this program would send, or a value may not cross."""


class StudentError(Exception):
    """The student's code raised something that has no counterpart among the built-in exceptions."""


class BoxDied(BaseException):
    """The student's process is gone (time, memory, exit, crash): nothing a test's `except Exception` may swallow."""


# ---------------------------------------------------------------------------------------------------- frames


def frame(kind: int, session: int, head: bytes, blob=b"") -> list:
    """The pieces of a frame, to be sent one after the other: a large blob is not copied."""
    return [HEAD.pack(kind, session, len(head), len(blob)) + head, *([blob] if blob else [])]


def send_frame(sock: socket.socket, kind: int, session: int, head: bytes, blob=b"") -> None:
    for piece in frame(kind, session, head, blob):
        sock.sendall(piece)


def recv_exactly(sock: socket.socket, size: int) -> bytearray:
    data = bytearray(size)
    view, got = memoryview(data), 0
    while got < size:
        n = sock.recv_into(view[got:])
        if not n:
            raise EOFError("the other side closed the channel")
        got += n
    return data


def recv_frame(sock: socket.socket) -> tuple[int, int, bytearray, bytearray]:
    kind, session, n_head, n_blob = HEAD.unpack(recv_exactly(sock, HEAD.size))
    if n_head > MAX_JSON or n_blob > MAX_BLOB:
        raise WireError(f"a message of {n_head + n_blob} bytes: too large")
    return kind, session, recv_exactly(sock, n_head), recv_exactly(sock, n_blob)


# ---------------------------------------------------------------------------------------------------- helpers


def _torch():
    return sys.modules.get("torch")


def _numpy():
    return sys.modules.get("numpy")


def _builtin_exception(names) -> type:
    """The first of `names` that is a harmless built-in exception."""
    for name in names:
        found = getattr(builtins, str(name), None)
        if (
            isinstance(found, type)
            and issubclass(found, Exception)
            and found is not Exception
            and not issubclass(found, (AssertionError, StopIteration, StopAsyncIteration, UnicodeError))
        ):
            return found
    return StudentError


def _library_path(obj) -> str | None:
    """'torch.nn.functional.relu' where `obj` is exactly that public object of a library both sides have."""
    name = getattr(obj, "__qualname__", None) or getattr(obj, "__name__", None)
    module = getattr(obj, "__module__", None)
    if not isinstance(name, str) or "<" in name:
        return None
    places = [module] if isinstance(module, str) else []
    for place in [
        *places,
        "torch",
        "torch.nn.functional",
        "torch.nn",
        "torch.optim",
        "numpy",
        "math",
        "operator",
        "builtins",
    ]:
        if place.split(".")[0] in {"torch", "numpy", "math", "operator", "builtins"} and place in sys.modules:
            path = f"{place}.{name}"
            if _library_object(path) is obj:
                return path
    return None


def _library_object(path: str):
    parts = path.split(".")
    for cut in range(len(parts) - 1, 0, -1):
        module = sys.modules.get(".".join(parts[:cut]))
        if module is not None:
            obj = module
            for part in parts[cut:]:
                obj = getattr(obj, part, None)
            return obj
    return None


def _is_trusted_path(path: str) -> bool:
    """What the judge lets a student's value stand for: layer, loss and optimiser classes, functional, plain types."""
    if not all(part.isidentifier() and not part.startswith("__") for part in path.split(".")):
        return False
    root, _, name = path.rpartition(".")
    if root == "builtins":
        return name in SAFE_BUILTINS
    obj = _library_object(path)
    if root.startswith(("torch.nn.modules", "torch.optim", "torch.utils.data", "torch.distributions")) or root in (
        "torch.nn",
        "torch",
    ):
        return isinstance(obj, type)
    return root == "torch.nn.functional" and isinstance(obj, (types.FunctionType, types.BuiltinFunctionType))


FUNCTIONS = (types.FunctionType, types.MethodType, types.BuiltinFunctionType, type(functools.cache(len)))


def _signature(obj) -> list | None:
    try:
        parameters = inspect.signature(obj).parameters.values()
    except (ValueError, TypeError):
        return None
    return [[p.name, int(p.kind), p.default is not p.empty] for p in parameters][:64]


# ---------------------------------------------------------------------------------------------------- values


class Encoder:
    """Turn one message's values into JSON and blobs. Objects seen twice become references."""

    def __init__(self, peer):
        self.peer, self.blobs, self.size, self.nodes = peer, [], 0, 0
        self.seen: dict[int, int] = {}  # id of a mutable -> its number, in the order of first sight
        self.keep: list = []  # keeps what `seen` names alive
        self.grads: list = []  # tensors that need a gradient, in order

    def blob(self, data) -> list:
        data = memoryview(data).cast("B")
        if self.size + len(data) > MAX_BLOB:
            raise WireError(f"the values take more than {MAX_BLOB >> 20} MiB: too large to hand over")
        self.blobs.append(data)
        self.size += len(data)
        return [self.size - len(data), len(data)]

    def remember(self, value) -> dict | None:
        if id(value) in self.seen:
            return {"ref": self.seen[id(value)]}
        self.seen[id(value)] = len(self.keep)
        self.keep.append(value)
        return None

    def encode(self, value, depth=0):
        self.nodes += 1
        if depth > MAX_DEPTH or self.nodes > MAX_NODES:
            raise WireError("the value is nested too deeply or has too many parts to hand over")
        kind = type(value)
        if value is None or kind is bool or kind is float:
            return value
        if kind is str:
            if len(value) > MAX_TEXT:
                raise WireError(f"a text of {len(value)} characters: too long to hand over")
            return value
        if kind is int:
            if value.bit_length() > 3.3 * MAX_DIGITS:
                raise WireError(f"an integer of {value.bit_length()} bits: too large to hand over")
            return value if abs(value) < 1 << 53 else {"i": hex(value)}
        if kind is complex:
            return {"c": [value.real, value.imag]}
        if kind in (bytes, bytearray):
            return {"b": self.blob(value), "m": kind is bytearray}
        if kind in (range, slice):
            return {"r": kind is range, "v": [self.encode(x, depth + 1) for x in (value.start, value.stop, value.step)]}
        if value is Ellipsis:
            return {"e": 1}
        if kind in (tuple, set, frozenset):
            return {kind.__name__[0]: [self.encode(x, depth + 1) for x in list(value)]}
        if kind in (list, dict):
            if again := self.remember(value):
                return again
            if kind is list:
                return {"l": [self.encode(x, depth + 1) for x in value]}
            return {"d": [[self.encode(k, depth + 1), self.encode(v, depth + 1)] for k, v in list(value.items())]}
        return self.encode_special(value, kind, depth)

    def encode_special(self, value, kind, depth):
        home = self.peer.home_of(value)
        if home is not None:
            return {"mine": home}
        if not self.peer.is_judge and kind.__name__ in self.peer.classes:  # the assignment asks for this class
            return self.peer.export(value)
        torch, numpy = _torch(), _numpy()
        if self.peer.is_judge and isinstance(value, pathlib.PurePosixPath):  # not a hand on the judge's own files
            return {"x": kind.__name__, "v": str(value)}
        if kind in VALUE_TYPES:
            return {"x": kind.__name__, "v": self.encode(VALUE_TYPES[kind](value), depth + 1)}
        state = _generator_state(value)
        if state is not None:
            return self.remember(value) or {"gen": type(value).__name__, "v": self.encode(state, depth + 1)}
        if kind.__module__ == "torch.return_types":
            return {"rt": kind.__name__, "v": [self.encode(x, depth + 1) for x in tuple(value)]}
        if numpy is not None:
            if isinstance(value, numpy.generic):
                if value.dtype.kind in ARRAY_KINDS:
                    return {"n": value.dtype.str, "b": self.blob(value.tobytes())}
            elif isinstance(value, numpy.ndarray):
                return self.encode_array(value, numpy, depth)
        if torch is not None:
            if isinstance(value, torch.Tensor):
                return self.encode_tensor(value, torch, depth)
            if isinstance(value, torch.Size):
                return {"z": [int(x) for x in value]}
            if isinstance(value, (torch.dtype, torch.device)):
                return {"dt" if isinstance(value, torch.dtype) else "dv": str(value)}
        if isinstance(value, tuple) and hasattr(kind, "_fields"):
            return {"nt": kind.__name__, "k": list(kind._fields), "v": [self.encode(x, depth + 1) for x in value]}
        if kind in MAPPINGS:
            if again := self.remember(value):
                return again
            factory = getattr(value, "default_factory", None)
            named = next((n for n in SAFE_BUILTINS if factory is getattr(builtins, n)), None)
            items = [[self.encode(k, depth + 1), self.encode(v, depth + 1)] for k, v in list(value.items())]
            return {"d": items, "of": kind.__name__, "by": named}
        for base in (bool, int, float, str, list, dict, set, tuple):  # IntEnum, a float with odd operators ...
            if isinstance(value, base) and not _has_public_names(kind, base):
                return self.encode(_as_base(base, value), depth + 1)
        if isinstance(value, (type({}.keys()), type({}.values()), type({}.items()))):
            return self.encode(list(value), depth + 1)
        if isinstance(value, (type, types.FunctionType, types.BuiltinFunctionType, types.MethodType)) or callable(
            value
        ):
            path = _library_path(value)
            if path and (self.peer.is_judge or _is_trusted_path(path)):
                return {"lib": path}
        return self.peer.export(value)

    def encode_array(self, value, numpy, depth):
        if again := self.remember(value):
            return again
        if value.dtype.kind == "O":
            return {"ao": self.encode(value.reshape(-1).tolist(), depth + 1), "s": list(value.shape)}
        if value.dtype.kind not in ARRAY_KINDS:
            raise WireError(f"an array of dtype {value.dtype} cannot be handed over")
        if value.size * value.itemsize > MAX_BLOB:
            raise WireError(f"an array of shape {value.shape}: too large to hand over")
        return {"a": value.dtype.str, "s": list(value.shape), "b": self.blob(numpy.ascontiguousarray(value).tobytes())}

    def encode_tensor(self, value, torch, depth):
        shared = self.peer.shared_keys.get(id(value))
        if shared is not None:
            return {"sh": {"key": shared}}
        if value.requires_grad and value.is_leaf:
            return {"sh": self.peer.share(value), "p": isinstance(value, torch.nn.Parameter)}
        if again := self.remember(value):
            return again
        node = self.raw_tensor(value, torch)
        if value.requires_grad:
            node["rg"] = len(self.grads)
            self.grads.append(value)
        return node

    def raw_tensor(self, value, torch):
        if value.is_meta:  # it has a shape and a dtype, and no values
            return {"T": str(value.dtype).removeprefix("torch."), "s": list(value.shape), "meta": 1}
        if value.layout is torch.sparse_coo:
            if value.numel() * value.element_size() > MAX_BLOB:
                raise WireError(f"a sparse tensor of shape {tuple(value.shape)}: too large to hand over")
            with torch._C.DisableTorchFunctionSubclass():
                parts = [self.raw_tensor(t, torch) for t in (value.detach()._indices(), value.detach()._values())]
            return {"T": parts[1]["T"], "s": list(value.shape), "coo": parts, "once": value.is_coalesced()}
        if value.layout is not torch.strided or value.is_quantized:
            raise WireError(f"a tensor of layout {value.layout} cannot be handed over: hand over value.to_dense()")
        if value.numel() * value.element_size() > MAX_BLOB:  # before anything is copied: it may own a single number
            raise WireError(f"a tensor of shape {tuple(value.shape)}: too large to hand over")
        dtype = str(value.dtype).removeprefix("torch.")
        if dtype not in DTYPES:
            raise WireError(f"a tensor of {dtype} cannot be handed over")
        with torch._C.DisableTorchFunctionSubclass():
            flat = value.detach().resolve_conj().resolve_neg().cpu().contiguous().reshape(-1)
            data = flat.view(torch.uint8).numpy() if flat.numel() else b""
        return {"T": dtype, "s": list(value.shape), "b": self.blob(data)}

    def pack(self, message) -> tuple[bytes, bytes]:
        head = json.dumps(message, separators=(",", ":")).encode("utf-8", "surrogatepass")
        if len(head) > MAX_JSON:
            raise WireError(f"a value with {len(head)} bytes of structure: too large to hand over")
        return head, b"".join(self.blobs)


class Decoder:
    """Build plain new objects from a message that somebody else wrote."""

    def __init__(self, peer, blob):
        self.peer, self.blob, self.nodes = peer, memoryview(blob), 0
        self.mutables: list = []
        self.grads: list = []
        self.graph: dict[
            int, object
        ] = {}  # number of a result that needs a gradient -> tensor tied to this side's graph

    def bytes(self, place) -> memoryview:
        at, size = (int(x) for x in place)
        if at < 0 or size < 0 or at + size > len(self.blob):
            raise WireError("a value lies outside its message")
        return self.blob[at : at + size]

    def shape(self, dims, itemsize, have) -> list[int]:
        dims = [int(x) for x in dims]
        if len(dims) > 32 or any(x < 0 for x in dims) or math.prod(dims) * itemsize != have:
            raise WireError("a tensor's shape and bytes do not agree")
        return dims

    def decode(self, node, depth=0):
        self.nodes += 1
        if depth > MAX_DEPTH + 5 or self.nodes > MAX_NODES + 1000:
            raise WireError("a value is nested too deeply")
        if node is None or isinstance(node, (bool, int, float, str)):
            return node
        if not isinstance(node, dict):
            raise WireError("a value of no known kind")
        many = lambda items: [self.decode(x, depth + 1) for x in items]  # noqa: E731
        if "i" in node:
            if len(node["i"]) > MAX_DIGITS:
                raise WireError("an integer too large")
            return int(node["i"], 16)
        if "c" in node:
            return complex(*(float(x) for x in node["c"]))
        if "t" in node:
            return tuple(many(node["t"]))
        if "s" in node and len(node) == 1:
            return set(many(node["s"]))
        if "f" in node:
            return frozenset(many(node["f"]))
        if "ref" in node:
            return self.mutables[int(node["ref"])]
        if "l" in node:
            self.mutables.append(made := [])
            made.extend(many(node["l"]))
            return made
        if "d" in node:
            self.mutables.append(made := _mapping_of(node))
            for k, v in node["d"]:
                made[self.decode(k, depth + 1)] = self.decode(v, depth + 1)
            return made
        return self.decode_special(node, depth, many)

    def decode_special(self, node, depth, many):
        torch, numpy = _torch(), _numpy()
        if "T" in node:
            return self.tensor(node)
        if "sh" in node:
            return self.peer.adopt(node["sh"], parameter=bool(node.get("p")))
        if "a" in node or "n" in node:
            import numpy

            dtype = numpy.dtype(str(node.get("a") or node["n"]))
            if dtype.kind not in ARRAY_KINDS:
                raise WireError("an array of a dtype that may not cross")
            data = self.bytes(node["b"])
            if "n" in node:
                self.shape([], dtype.itemsize, len(data))
                return numpy.frombuffer(data, dtype)[0]
            shape = self.shape(node["s"], dtype.itemsize, len(data))
            made = numpy.frombuffer(data, dtype).reshape(shape).copy()
            self.mutables.append(made)
            return made
        if "ao" in node:
            import numpy

            at = len(self.mutables)
            self.mutables.append(None)
            items = self.decode(node["ao"], depth + 1)
            self.shape(node["s"], 1, len(items))
            made = numpy.empty(len(items), dtype=object)
            made[:] = items
            made = self.mutables[at] = made.reshape([int(x) for x in node["s"]])
            return made
        if "b" in node:
            return bytearray(self.bytes(node["b"])) if node.get("m") else bytes(self.bytes(node["b"]))
        if "r" in node:
            parts = many(node["v"])
            return range(*(operator.index(x) for x in parts)) if node["r"] else slice(*parts)
        if "e" in node:
            return Ellipsis
        if "z" in node:
            return torch.Size([int(x) for x in node["z"]])
        if "dt" in node:
            name = str(node["dt"]).removeprefix("torch.")
            return getattr(torch, name) if isinstance(getattr(torch, name, None), torch.dtype) else None
        if "dv" in node:
            return torch.device(str(node["dv"])[:16])
        if "nt" in node:
            fields = [str(k) for k in node["k"]]
            if not all(f.isidentifier() and not f.startswith("_") for f in fields):
                raise WireError("a named tuple with odd names")
            name = str(node["nt"]) if str(node["nt"]).isidentifier() else "Tuple"
            return collections.namedtuple(name, fields)(*many(node["v"]))
        if "x" in node:
            return _value_of(str(node["x"]), self.decode(node["v"], depth + 1))
        if "gen" in node:
            at = len(self.mutables)
            self.mutables.append(None)
            self.mutables[at] = _generator_of(str(node["gen"]), self.decode(node["v"], depth + 1))
            return self.mutables[at]
        if "rt" in node:
            made = getattr(torch.return_types, str(node["rt"]), None)
            parts = many(node["v"])
            return made(parts) if isinstance(made, type) and issubclass(made, tuple) else tuple(parts)
        if "lib" in node and "h" not in node:
            path = str(node["lib"])
            if self.peer.is_judge and not _is_trusted_path(path):
                raise WireError(f"{path!r} may not stand for a value")
            if not self.peer.is_judge:
                importlib.import_module(path.split(".")[0])
            return _library_object(path)
        if "mine" in node:
            return self.peer.own(node["mine"])
        if "h" in node:
            return self.peer.proxy(node, self)
        raise WireError("a value of no known kind")

    def raw_tensor(self, node):
        import torch

        name = str(node["T"])
        if name not in DTYPES:
            raise WireError(f"a tensor of {name[:20]!r}")
        dtype = getattr(torch, name)
        if node.get("meta"):
            return torch.empty([int(x) for x in node["s"]][:32], dtype=dtype, device="meta")
        if "coo" in node:
            if any("coo" in part for part in node["coo"]):
                raise WireError("a sparse tensor of sparse tensors")
            indices, values = (self.raw_tensor(part) for part in node["coo"])
            size = [int(x) for x in node["s"]]
            if math.prod(size) * dtype.itemsize > MAX_BLOB:
                raise WireError("a sparse tensor that is too large")
            made = torch.sparse_coo_tensor(indices, values, size, check_invariants=True)
            return made.coalesce() if node.get("once") else made
        data = self.bytes(node["b"])
        shape = self.shape(node["s"], torch.empty((), dtype=dtype).element_size(), len(data))
        if not len(data):
            return torch.empty(shape, dtype=dtype)
        return torch.frombuffer(bytearray(data), dtype=dtype).reshape(shape)

    def tensor(self, node):
        number = node.get("rg")
        if number is not None and number in self.graph:
            made = self.graph[number]
        else:
            made = self.raw_tensor(node)
            if number is not None and (made.is_floating_point() or made.is_complex()):
                made.requires_grad_(True)
                self.grads.append(made)
        self.mutables.append(made)
        return made


def _value_of(name: str, parts):
    """One of VALUE_TYPES from its plain parts."""
    if name == "Fraction":
        return fractions.Fraction(*(operator.index(x) for x in parts))
    if name == "Decimal":
        return decimal.Decimal(str(parts)[:MAX_DIGITS])
    if name in ("datetime", "date", "time"):
        return getattr(datetime, name).fromisoformat(str(parts)[:64])
    if name == "timedelta":
        return datetime.timedelta(*(operator.index(x) for x in parts))
    if name == "deque":
        return collections.deque(*parts)
    if name in ("PosixPath", "PurePosixPath"):
        return getattr(pathlib, name)(str(parts)[:4096])
    raise WireError("a value of no known kind")


def _mapping_of(node) -> dict:
    """The empty dictionary, of whatever kind, that a node describes."""
    kind = MAPPINGS_BY_NAME.get(node.get("of"), dict)
    if kind is not collections.defaultdict:
        return kind()
    return kind(getattr(builtins, node["by"]) if node.get("by") in SAFE_BUILTINS else None)


MAPPINGS = (collections.OrderedDict, collections.Counter, collections.defaultdict)
MAPPINGS_BY_NAME = {kind.__name__: kind for kind in MAPPINGS}
VALUE_TYPES = {  # library values that cross as what they are: type -> its plain parts
    fractions.Fraction: lambda x: [x.numerator, x.denominator],
    decimal.Decimal: str,
    datetime.datetime: datetime.datetime.isoformat,
    datetime.date: datetime.date.isoformat,
    datetime.time: datetime.time.isoformat,
    datetime.timedelta: lambda x: [x.days, x.seconds, x.microseconds],
    collections.deque: lambda x: [list(x), x.maxlen],
}


def _generator_state(value):
    """The state of a random generator that both sides can have; None for anything else."""
    torch, numpy = _torch(), _numpy()
    if torch is not None and type(value) is torch.Generator:
        return value.get_state()
    if numpy is not None and type(value) is numpy.random.Generator:
        return value.bit_generator.state
    if numpy is not None and type(value) is numpy.random.RandomState:
        return list(value.get_state())
    return value.getstate() if type(value) is random.Random else None


def _generator_of(name: str, state):
    if name == "Random":
        made = random.Random()
        made.setstate(state)
        return made
    if name == "RandomState":
        import numpy

        made = numpy.random.RandomState()
        made.set_state(tuple(state))
        return made
    if name == "Generator" and isinstance(state, dict):
        import numpy

        kind = state.get("bit_generator")
        if kind not in ("PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64"):
            raise WireError("a random generator of no known kind")
        bits = getattr(numpy.random, kind)()
        bits.state = state
        return numpy.random.Generator(bits)
    if name == "Generator":
        import torch

        return torch.Generator().set_state(state)
    raise WireError("a random generator of no known kind")


def _set_generator(old, new) -> None:
    torch, numpy = _torch(), _numpy()
    if torch is not None and type(old) is torch.Generator:
        old.set_state(new.get_state())
    elif numpy is not None and type(old) is numpy.random.Generator:
        if old.bit_generator.state["bit_generator"] == new.bit_generator.state["bit_generator"]:
            old.bit_generator.state = new.bit_generator.state
    elif type(old) is random.Random:
        old.setstate(new.getstate())
    else:
        old.set_state(new.get_state())


def merge(old, new):
    """Make the mutable `old` hold what `new` holds, in place and at every depth; returns what stands for it now."""
    torch, numpy = _torch(), _numpy()
    if torch is not None and isinstance(old, torch.Tensor) and isinstance(new, torch.Tensor):
        with torch.no_grad():
            if old.shape == new.shape and old.dtype == new.dtype:
                if not _same_bytes(old, new):
                    old.copy_(new)
            else:
                old.data = new.data
        return old
    if numpy is not None and isinstance(old, numpy.ndarray) and isinstance(new, numpy.ndarray):
        if old.shape != new.shape or old.dtype != new.dtype:
            return new
        if old.flags.writeable:
            old[...] = new
        return old
    if type(old) is list and type(new) is list:
        old[:] = [merge(o, n) for o, n in zip(old, new, strict=False)] + new[len(old) :]
        return old
    if type(old) is type(new) and type(old) in (dict, *MAPPINGS):
        fresh = {k: merge(old[k], v) if k in old else v for k, v in new.items()}
        old.clear()
        old.update(fresh)
        return old
    if type(old) is tuple and type(new) is tuple and len(old) == len(new):
        return tuple(merge(o, n) for o, n in zip(old, new, strict=True))
    if type(old) is type(new) and _generator_state(old) is not None:
        _set_generator(old, new)
        return old
    if type(old) in (set, bytearray) and type(new) is type(old):
        old.clear()
        (old.update if type(old) is set else old.extend)(new)
        return old
    return new


def _differs(old, new) -> bool:
    """Whether a value that came back is another one than was sent, by what `merge` would take over."""
    torch, numpy = _torch(), _numpy()
    if old is new or (callable(old) and callable(new)):  # a function comes back as a proxy of itself
        return False
    if torch is not None and isinstance(old, torch.Tensor) and isinstance(new, torch.Tensor):
        return not _same_bytes(old, new)
    if numpy is not None and isinstance(old, numpy.ndarray) and isinstance(new, numpy.ndarray):
        if old.dtype.kind == "O" and new.dtype.kind == "O":
            return _differs(old.tolist(), new.tolist())
        return old.shape != new.shape or old.dtype != new.dtype or old.tobytes() != new.tobytes()
    if type(old) is not type(new):
        return True
    if type(old) in (list, tuple):
        return len(old) != len(new) or any(map(_differs, old, new))
    if type(old) in (dict, *MAPPINGS):
        return list(old) != list(new) or any(_differs(old[k], new[k]) for k in old)
    if type(old) in (set, bytearray):
        return old != new
    return isinstance(old, (bool, int, float, complex, str, bytes)) and old != new and old == old


def _copied(value, copies: dict):
    """A copy of plain values at every depth, each object once; `copies` says which stands for which."""
    torch, numpy = _torch(), _numpy()
    if id(value) in copies:
        return copies[id(value)]
    made = value
    if type(value) in (list, dict, *MAPPINGS):
        made = copies[id(value)] = value.copy()
        for key, part in enumerate(value) if type(value) is list else list(value.items()):
            made[key] = _copied(part, copies)
    elif type(value) is tuple:
        made = tuple(_copied(part, copies) for part in value)
    elif type(value) in (set, bytearray) or (numpy is not None and isinstance(value, numpy.ndarray)):
        made = value.copy()
    elif torch is not None and isinstance(value, torch.Tensor) and not isinstance(value, torch.nn.Parameter):
        made = value.detach().clone().requires_grad_(value.requires_grad)
    copies[id(value)] = made
    return made


def _same_bytes(a, b) -> bool:
    if a.shape != b.shape or a.dtype != b.dtype or a.layout != b.layout or a.is_meta != b.is_meta:
        return False
    if a.is_meta:
        return True
    if a.is_sparse:
        return all(map(_same_bytes, (a._indices(), a._values()), (b._indices(), b._values())))
    torch = _torch()
    with torch._C.DisableTorchFunctionSubclass():  # by bytes: not every dtype can be compared, and nan is equal to nan
        one, other = (t.detach().cpu().contiguous().reshape(-1).view(torch.uint8) for t in (a, b))
        return torch.equal(one, other)


# ---------------------------------------------------------------------------------------------------- the peer


class Peer:
    """One end. `exchange(head, blob) -> (head, blob)` sends a message and waits for the other side's next one."""

    def __init__(self, exchange, is_judge: bool):
        self.exchange, self.is_judge = exchange, is_judge
        self.own_objects: dict[int, object] = {}  # what the other side may reach, by number
        self.numbers: dict[int, int] = {}  # id -> number
        self.proxies: dict[int, object] = {}  # number at the other side -> proxy here
        self.homes: dict[int, tuple[int, object]] = {}  # id of a proxy here -> number at the other side
        self.shared: dict[str, list] = {}  # key -> [tensor, data at the last message, grad at the last message]
        self.shared_keys: dict[int, str] = {}
        self.graphs: dict[int, tuple[list, list]] = {}
        self.n_graphs = self.n_shared = 0
        # of a module of the other side that is mirrored here: table, name in it, the shared tensor that belongs there
        self.mirrored: dict[tuple, tuple] = {}
        self.placed: dict[tuple, tuple] = {}  # of a module of this side: table, name, key of the shared tensor there
        self.classes: set[str] = set()  # the judge sets this: classes that the assignment asks the student to write
        self.names = None  # the box sets this: (item, name) -> value
        self.streams = Streams(is_judge)
        self.structures: dict[int, tuple] = {}  # number of a module of this side -> what it was made of when described
        self.keep_arguments = False  # the judge may say: what the student does to the test's values is not taken over
        self.changed_arguments = False  # whether the student's code changed values of the test

    # ---- asking

    def request(self, op: str, *args, **kwargs):
        """Ask the other side to do `op`; returns the decoded answer, or raises what was raised there."""
        torch = _torch()
        encoder = Encoder(self)
        body = {"op": op, "a": encoder.encode(list(args)), "k": encoder.encode(kwargs)}
        originals = (list(args), kwargs)
        if torch is not None:
            body["grad"] = torch.is_grad_enabled()
        body["drop"] = self.forget_unused()
        body["sync"] = self.changes(encoder)
        body["streams"] = self.streams.changes()
        head, blob = encoder.pack(body)
        while True:
            head, blob = self.exchange(head, blob)
            message = self.parse(head)
            if "op" not in message:
                return self.answer(message, blob, encoder, originals)
            head, blob = self.serve(message, blob)

    def answer(self, message, blob, encoder, originals):
        decoder = Decoder(self, blob)
        self.apply_changes(message.get("sync"), decoder)
        self.streams.apply(message.get("streams"))
        for node in message.get("modules") or []:
            self.proxy(node, decoder)
        copies: dict[int, object] = {}
        if "after" in message:  # the callee changed an argument in place
            after = Decoder(self, blob)
            args, kwargs = after.decode(message["after"][0]), after.decode(message["after"][1])
            self.changed_arguments |= _differs(originals, (args, kwargs))
            if self.keep_arguments:  # a result that is the changed argument is a changed copy of it
                originals = _copied(originals, copies)
            merge(originals[0], args)
            merge(originals[1], kwargs)
        if "error" in message:
            raise self.exception(message["error"], is_next=originals[0][1:2] == ["__next__"])
        for value in encoder.keep:  # so that a result that *is* an argument comes back as that argument
            decoder.mutables.append(copies.get(id(value), value))
        flagged = message.get("graph")
        if flagged is not None:
            self.tie(message, decoder, encoder.grads)
        return decoder.decode(message.get("ok"))

    def tie(self, message, decoder, arguments: list) -> None:
        """Make the results that need a gradient part of this side's graph."""
        import torch

        keys = [str(k) for k in message["leaves"]]
        places = [i for i, k in enumerate(keys) if k in self.shared]
        leaves = [self.shared[keys[i]][0] for i in places]
        picks = [*range(len(arguments)), *(len(arguments) + i for i in places)]
        results = [decoder.raw_tensor(node) for node in message["flagged"]]
        anchor = torch.zeros((), requires_grad=True)  # so that the result needs a gradient even where no input does
        with torch.enable_grad():
            tied = _remote_graph().apply(
                self, int(message["graph"]), picks, len(results), *results, *arguments, *leaves, anchor
            )
        decoder.graph = dict(enumerate(tied))

    def exception(self, error, is_next: bool = False) -> Exception:
        names, text = [str(n)[:100] for n in error["names"]][:20], str(error["text"])[:2000]
        if is_next and names[:1] == ["StopIteration"]:  # anywhere else it would end a loop of the test unseen
            return StopIteration()
        kind = _builtin_exception(names)
        with contextlib.suppress(TypeError, ValueError):
            mine = self.proxies.get(int(error.get("of")))
            kind = mine if isinstance(mine, type) and issubclass(mine, Exception) else kind
        try:
            made = kind(text if kind is not StudentError else f"{names[0]}: {text}")
        except Exception:  # an exception that wants other arguments
            made = StudentError(f"{names[0]}: {text}")
        made.from_other_side = names[0]
        return made

    # ---- answering

    def parse(self, head) -> dict:
        try:
            message = json.loads(bytes(head).decode("utf-8", "surrogatepass"))
        except (ValueError, RecursionError) as err:
            raise WireError(f"a message that is not JSON: {type(err).__name__}") from None
        if not isinstance(message, dict):
            raise WireError("a message that is not an object")
        return message

    def serve(self, message, blob) -> tuple[bytes, bytes]:
        """Do what the other side asks; the answer, packed."""
        torch = _torch()
        decoder, encoder = Decoder(self, blob), Encoder(self)
        try:
            self.drop(message.get("drop") or [])
            self.apply_changes(message.get("sync"), decoder)
            self.streams.apply(message.get("streams"))
            args, kwargs = decoder.decode(message["a"]), decoder.decode(message["k"])
            handler = getattr(self, "do_" + str(message["op"]), None)
            if handler is None:
                raise WireError(f"no operation {str(message['op'])[:40]!r}")
            grad = torch.set_grad_enabled(bool(message.get("grad", True))) if torch is not None else None
            before = self.versions()
            result = self.finish(handler, args, kwargs, grad)
            # what a call of theirs does to weights here, as optimizer.step() does, is a change as one made over there
            now = self.versions()
            self.changed_arguments |= any(now.get(key, version) != version for key, version in before.items())
            reply = {"ok": None}
            if again := self.changed_modules():
                reply["modules"] = again
            mutables = list(decoder.mutables)
            for value in mutables:
                encoder.remember(value)
            reply["ok"] = encoder.encode(result)
            if encoder.grads:
                reply |= self.keep_graph(encoder, decoder)
        except BoxDied:
            raise
        except BaseException as err:
            encoder = Encoder(self)
            names = [k.__name__ for k in type(err).__mro__]
            reply = {"error": {"names": names, "text": _text(err)[:2000]}}
            if isinstance(err, WireError):
                reply["error"]["names"] = ["ValueError", *names]
            known = (self.numbers.get(id(k)) for k in type(err).__mro__)
            reply["error"]["of"] = next((n for n in known if n is not None), None)  # a class that the other side has
            args = kwargs = None
        if args is not None and decoder.mutables:
            self.report_mutations(message, blob, args, kwargs, encoder, reply)
        reply["sync"] = self.changes(encoder)
        reply["streams"] = self.streams.changes()
        return encoder.pack(reply)

    def versions(self) -> dict:
        """How often each shared tensor was changed in place so far, at the judge."""
        tensors = {key: entry[0] for key, entry in self.shared.items()} if self.is_judge else {}
        return {key: tensor._version for key, tensor in tensors.items() if not tensor.is_inference()}

    @staticmethod
    def finish(handler, args, kwargs, grad):
        if grad is None:
            return handler(*args, **kwargs)
        with grad:
            return handler(*args, **kwargs)

    def report_mutations(self, message, blob, args, kwargs, encoder, reply) -> None:
        again = Encoder(self)
        after = [again.encode(args), again.encode(kwargs)]
        head, now = again.pack(after)
        before = json.dumps([message["a"], message["k"]], separators=(",", ":")).encode("utf-8", "surrogatepass")
        if head != before or bytes(now) != bytes(memoryview(blob)[: len(now)]):
            shift = encoder.size
            encoder.blobs += again.blobs
            encoder.size += again.size
            if encoder.size > MAX_BLOB:
                raise WireError("the arguments grew too large to hand back")
            reply["after"] = _shifted(after, shift)

    def keep_graph(self, encoder, decoder) -> dict:
        leaves = {k: e[0] for k, e in self.shared.items() if e[0].requires_grad and e[0].is_leaf}
        self.graphs[self.n_graphs] = (list(encoder.grads), [*decoder.grads, *leaves.values()])
        self.graphs.pop(self.n_graphs - 200, None)  # a loop of a thousand steps keeps the last ones
        flagged = [encoder.raw_tensor(t, _torch()) for t in encoder.grads]
        self.n_graphs += 1
        return {"graph": self.n_graphs - 1, "flagged": flagged, "leaves": list(leaves)}

    def do_vjp(self, graph, grads):
        """Gradients of a kept graph's results, weighted by `grads`, with respect to its inputs."""
        import torch

        outputs, inputs = self.graphs[graph]
        wanted = [(o, g) for o, g in zip(outputs, grads, strict=True) if g is not None]
        if not wanted or not inputs:
            return [None] * len(inputs)
        found = torch.autograd.grad(
            [o for o, _ in wanted], inputs, [g for _, g in wanted], retain_graph=True, allow_unused=True
        )
        return [None if g is None else g.detach() for g in found]

    def do_name(self, item, name):
        return self.names(item, name)

    def do_call(self, number, args, kwargs):
        return self.own(number)(*args, **kwargs)

    def do_getattr(self, number, name):
        obj = self.own(number)
        if not isinstance(name, str) or name.startswith("_"):
            raise AttributeError(f"{type(obj).__name__!r} object has no public attribute {name!r}")
        if self.is_judge and _is_closed(obj, name):
            raise AttributeError("not an attribute that a test shows")
        value = getattr(obj, name)
        if self.is_judge:
            self.check_public(obj, value)
        return value

    @staticmethod
    def check_public(obj, value) -> None:
        """What the judge shows of its own objects: values and methods, never a way into a module or a frame."""
        if isinstance(value, (types.ModuleType, type, types.FrameType, types.CodeType, types.TracebackType, property)):
            raise AttributeError("not an attribute that a test shows")

    def do_setattr(self, number, name, value):
        obj = self.own(number)
        if not isinstance(name, str) or name.startswith("__"):
            raise AttributeError(f"cannot set {name}")
        if (
            self.is_judge
        ):  # the fields of plain objects that the test made, such as a list's node: nothing that is called
            fields = getattr(obj, "__dict__", {})
            ours = isinstance(obj, (type, types.ModuleType, types.FunctionType)) or _is_library(type(obj))
            if ours or name.startswith("_") or name not in fields or callable(fields[name]) or callable(value):
                raise AttributeError(f"cannot set {name}")
            self.changed_arguments = True
            if self.keep_arguments:
                return
        setattr(obj, name, value)

    def do_method(self, number, name, args, kwargs):
        return self.do_getattr(number, name)(*args, **kwargs)

    def do_special(self, number, name, args):
        obj = self.own(number)
        if name in ("__repr__", "__str__"):
            return (repr if name == "__repr__" else str)(obj)[:100_000]
        if name == "__hash__":
            return hash(obj)
        plain = name.strip("_")
        if name not in SPECIALS and plain not in UNARY and plain not in BINARY and not _is_variant(plain):
            raise WireError(f"no operation {name!r}")
        changes = name in ("__setitem__", "__delitem__") or (_is_variant(plain) and plain.startswith("i"))
        torch = _torch()
        if self.is_judge and changes and torch is not None and isinstance(obj, torch.nn.Module):
            raise AttributeError("a module of the test stays as it is")
        return getattr(type(obj), name)(obj, *args)

    def do_isinstance(self, value, number):
        return isinstance(value, self.own(number))

    def do_deepcopy(self, number):
        import copy

        return copy.deepcopy(self.own(number))

    def do_wait(self, number):
        import asyncio

        async def wait(value):
            return await value

        return asyncio.run(wait(self.own(number)))

    def do_mode(self, number, training):
        self.own(number).train(training)

    # ---- objects

    def own(self, number):
        try:
            return self.own_objects[int(number)]
        except (KeyError, ValueError, TypeError):
            raise WireError("a handle that was never given out") from None

    def home_of(self, value) -> int | None:
        found = self.homes.get(id(value))
        return found[0] if found is not None else None

    def export(self, value) -> dict:
        """A handle for `value`, with what the other side needs to build a proxy that looks like it."""
        if self.is_judge and _is_program(value):
            raise WireError(f"a {type(value).__name__} cannot be handed over")
        number = self.numbers.get(id(value))
        if number is None:
            if len(self.own_objects) >= MAX_HANDLES:
                raise WireError("too many objects handed over")
            number = len(self.own_objects)
            self.own_objects[number] = value
            self.numbers[id(value)] = number
        torch = _torch()
        node = {"h": number, "q": type(value).__name__[:80]}
        if isinstance(value, (types.ModuleType, types.FrameType, types.CodeType)):
            raise WireError(f"a {type(value).__name__} cannot be handed over")
        if isinstance(value, type):
            if issubclass(value, Exception):
                node["raises"] = [k.__name__ for k in value.__mro__]
            node |= {
                "k": "class",
                "q": value.__name__[:80],
                "sig": _signature(value),
                "doc": _doc(value),
                "lib": self.lineage(value),
            }
        elif isinstance(value, FUNCTIONS):
            node |= {"k": "function", "q": value.__name__[:80], "sig": _signature(value), "doc": _doc(value)}
        elif torch is not None and isinstance(value, torch.nn.Module):
            self.structures[number] = _structure(value)
            node |= self.describe_module(value, torch)
        else:
            has = [s for s in SPECIALS if hasattr(type(value), s)]
            ops = [o for o in UNARY + BINARY if _defines(type(value), f"__{o}__")]
            ops += [way + o for way in "ri" for o in ARITHMETIC if _defines(type(value), f"__{way}{o}__")]
            own = _library_path(type(value))
            lineage = [*([own] if own else []), *self.lineage(type(value))]
            node |= {"k": "object", "has": has, "ops": ops, "lib": lineage}
            if hasattr(type(value), "__await__"):
                node["wait"] = 1
        return node

    def lineage(self, kind) -> list[str]:
        found = [p for k in kind.__mro__[1:] if (p := _library_path(k))]
        if self.is_judge and not _is_library(kind):  # the student's process has the instructor's classes too
            found = [f"{kind.__module__}.{kind.__qualname__}", *found]
        return [p for p in found if not p.startswith("builtins.")][:20]

    def describe_module(self, module, torch) -> dict:
        kind = type(module)
        own_path = _library_path(kind)
        plain = {
            k: v
            for k, v in vars(module).items()
            if not k.startswith("_")
            and (type(v) in (int, float, bool, str) or (type(v) is tuple and all(type(x) is int for x in v)))
        }
        return {
            "k": "module",
            "q": kind.__name__[:80],
            "own": bool(own_path) and kind.__getattr__ is torch.nn.Module.__getattr__,  # torch.compile's looks inside
            "lib": ([own_path] if own_path else []) + self.lineage(kind),
            "vars": {k: list(v) if type(v) is tuple else v for k, v in plain.items()},
            "training": bool(module.training),
            "params": {k: self.share_of(module, k) for k, p in module._parameters.items() if _is_ready(p)},
            "buffers": {k: self.share_of(module, k) for k, b in module._buffers.items() if _is_ready(b)},
            "children": {k: self.export(c) for k, c in module._modules.items() if c is not None},
            "lazy": any(torch.nn.parameter.is_lazy(p) for p in module.parameters()),
        }

    def changed_modules(self) -> list:
        """Descriptions of this side's modules whose parts are others than the other side was told."""
        return [
            self.export(self.own_objects[n])
            for n, was in list(self.structures.items())
            if _structure(self.own_objects[n]) != was
        ]

    def proxy(self, node, decoder):
        number = int(node["h"])
        if number in self.proxies and node.get("k") != "module":
            return self.proxies[number]
        made = _make_proxy(self, number, node, decoder)
        self.proxies[number] = made
        self.homes[id(made)] = (number, made)
        return made

    # ---- tensors that live on both sides

    def share(self, tensor) -> dict:
        """Register `tensor` as living on both sides; its first description carries its data."""
        key = self.shared_keys.get(id(tensor))
        if key is not None:
            return {"key": key}
        key = f"{'j' if self.is_judge else 'b'}{self.n_shared}"
        self.n_shared += 1
        inline = Encoder(self)
        node = inline.raw_tensor(tensor, _torch())
        node["b64"] = base64.b64encode(b"".join(inline.blobs)).decode()
        if tensor.grad is not None:
            inline = Encoder(self)
            node["grad"] = inline.raw_tensor(tensor.grad, _torch())
            node["grad"]["b64"] = base64.b64encode(b"".join(inline.blobs)).decode()
        self.hold(key, tensor)
        return {"key": key, "new": node, "needs": bool(tensor.requires_grad)}

    def share_of(self, module, name) -> dict:
        """`share` of a parameter or buffer of this side's module; the twin follows what takes its place there."""
        table = module._parameters if name in module._parameters else module._buffers
        told = self.share(table[name])
        self.placed.setdefault((id(table), name), (table, name, told["key"]))
        return told

    def hold(self, key, tensor) -> None:
        grad = None if tensor.grad is None else tensor.grad.detach().clone()
        self.shared[key] = [tensor, tensor.detach().clone(), grad, tensor.requires_grad]
        self.shared_keys[id(tensor)] = key

    def adopt(self, node, parameter: bool):
        """The local twin of a tensor that the other side shares (or this side's own, come home)."""
        import torch

        key = str(node["key"])[:20]
        if key not in self.shared:
            if "new" not in node:
                raise WireError("a shared tensor that was never given out")
            made = self.inline_tensor(node["new"])
            if parameter:
                made = torch.nn.Parameter(made, requires_grad=False)
            made.requires_grad_(bool(node.get("needs")))
            if "grad" in node["new"]:
                made.grad = self.inline_tensor(node["new"]["grad"])
            self.hold(key, made)
        return self.shared[key][0]

    def inline_tensor(self, node):
        data = base64.b64decode(node["b64"])
        return Decoder(self, data).raw_tensor({"T": node["T"], "s": node["s"], "b": [0, len(data)]})

    def forget_unused(self) -> list:
        """Own shared tensors that nothing else here holds any more, so that a long loop does not pile them up."""
        if len(self.shared) < 64:
            return []
        mine = "j" if self.is_judge else "b"
        gone = [k for k, e in self.shared.items() if k[0] == mine and sys.getrefcount(e[0]) <= 2]
        self.drop(gone)
        return gone

    def drop(self, keys) -> None:
        for key in keys:
            entry = self.shared.pop(str(key), None)
            if entry is not None:
                self.shared_keys.pop(id(entry[0]), None)

    def changes(self, encoder) -> list:
        """What this side changed in shared tensors since the last message: [key, data, grad or False, needs grad]."""
        found = []
        torch = _torch()
        self.take_rebound()
        for key, entry in self.shared.items():
            tensor, data, grad, needs = entry
            now = tensor.detach()
            new_data = not _same_bytes(now, data)
            new_grad = (tensor.grad is None) != (grad is None) or (
                grad is not None and not _same_bytes(tensor.grad, grad)
            )
            if not (new_data or new_grad or needs != tensor.requires_grad):
                continue
            if new_data:
                entry[1] = now.clone()
            if new_grad:
                entry[2] = None if tensor.grad is None else tensor.grad.detach().clone()
            entry[3] = tensor.requires_grad
            told = entry[2] if new_grad else None
            found.append([
                key,
                encoder.raw_tensor(now, torch) if new_data else None,
                (None if told is None else encoder.raw_tensor(told, torch)) if new_grad else False,
                bool(tensor.requires_grad),
            ])  # fmt: skip
        return found

    def take_rebound(self) -> None:
        """`layer.weight = nn.Parameter(...)` on a mirrored module puts in a new tensor: the old one takes its data."""
        for table, name, twin in self.mirrored.values():
            now = _in_table(table, name)
            if now is not None and now is not twin:
                twin.data = now.detach().clone()
                table[name] = twin
        for table, name, key in self.placed.values():
            now = _in_table(table, name)
            entry = self.shared.get(key)
            if now is not None and entry is not None and now is not entry[0] and id(now) not in self.shared_keys:
                self.shared_keys.pop(id(entry[0]), None)
                self.shared_keys[id(now)] = key
                entry[0] = now

    def apply_changes(self, changes, decoder) -> None:
        if not changes:
            return
        import torch

        for key, data, grad, needs in changes:
            entry = self.shared.get(str(key))
            if entry is None:
                continue  # forgotten here while the other side was still changing it
            tensor = entry[0]
            if data is not None and str(key)[:1] == "j" and self.is_judge:
                self.changed_arguments = True
                data = None if self.keep_arguments else data
            with torch.no_grad():
                if data is not None:
                    fresh = decoder.raw_tensor(data)
                    if fresh.shape == tensor.shape and fresh.dtype == tensor.dtype:
                        tensor.data.copy_(fresh)  # not a change that a graph of this side must refuse to go through
                    else:
                        tensor.data = fresh
                    entry[1] = tensor.detach().clone()
                if grad is not False:
                    tensor.grad = (
                        None if grad is None else decoder.raw_tensor(grad).reshape(tensor.shape).to(tensor.dtype)
                    )
                    entry[2] = None if grad is None else tensor.grad.clone()
                if tensor.is_leaf and bool(needs) != tensor.requires_grad and tensor.is_floating_point():
                    tensor.requires_grad_(bool(needs))
                entry[3] = tensor.requires_grad


def _is_ready(tensor) -> bool:
    """Whether a parameter or buffer is there and has its shape (a lazy layer's comes with its first input)."""
    return tensor is not None and not _torch().nn.parameter.is_lazy(tensor)


def _structure(module) -> tuple:
    parts = (module._parameters, module._buffers)
    own = tuple(tuple(k for k, t in table.items() if _is_ready(t)) for table in parts)
    return (*own, tuple((k, id(c)) for k, c in module._modules.items()), type(module))


def _text(err) -> str:
    try:
        return str(err)
    except Exception:
        return "(an exception whose text cannot be made)"


def _is_library(kind) -> bool:
    return kind.__module__.partition(".")[0] in {*sys.stdlib_module_names, "torch", "numpy", "builtins"} - {"__main__"}


def _is_closed(obj, name: str) -> bool:
    """Whether a library's class (not one of the test's own) gives `obj` an attribute that the judge keeps to itself."""
    kind, torch = obj if isinstance(obj, type) else type(obj), _torch()
    gives = next((k for k in kind.__mro__ if name in vars(k)), None)
    packages = {k.__module__.partition(".")[0] for k in ([gives] if gives else kind.__mro__)}  # a field: any of them
    module = gives is not None and "torch" in packages and issubclass(kind, torch.nn.Module)
    if module and (gives is torch.nn.Module or name in CONTAINERS_CHANGE):
        # the student's side has a mirror of it, with all of its methods: here they could only put things in
        return name not in ("forward", "load_state_dict")
    if "torch" in packages and name.startswith("register_"):
        return True
    to_file = name.startswith("to_") and name not in ("to_numpy", "to_list", "to_dict", "to_frame")
    return any(name in CLOSED.get(package, ()) for package in packages) or ("pandas" in packages and to_file)


def _is_program(value) -> bool:
    kinds = value.__mro__ if isinstance(value, type) else type(value).__mro__
    return any(f"{k.__module__}.".startswith(tuple(f"{name}." for name in PROGRAMS)) for k in kinds)


def _has_public_names(kind, base) -> bool:
    """Whether `kind` adds methods that a test may want; then it stays an object."""
    if kind.__module__ in ("collections", "builtins"):
        return False
    own = (n for k in kind.__mro__[: kind.__mro__.index(base)] for n in vars(k))
    return base in (list, dict, set, tuple) and any(not n.startswith("_") for n in own)


def _as_base(base, value):
    """The value as its built-in type holds it, whatever the subclass says about itself."""
    if base is dict:
        return dict(dict.items(value))
    if base in (list, tuple, set):
        return base(base.__iter__(value))
    return base.__add__(value, base()) if base in (int, float, str) else bool(value)


def _doc(value) -> str:
    doc = getattr(value, "__doc__", None)
    return doc[:4000] if isinstance(doc, str) else ""


def _defines(kind, name) -> bool:
    found = getattr(kind, name, None)
    return found is not None and found is not getattr(object, name, None)


def _in_table(table, name):
    try:
        return table[name]  # the table of a module of TorchScript has no get
    except KeyError:
        return None


def _is_variant(op: str) -> bool:
    """Whether it is the reflected or the in-place form of an operator: radd, iadd."""
    return op[:1] in ("r", "i") and op[1:] in ARITHMETIC


def _shifted(node, by):
    """The same tree with its blobs `by` bytes further on."""
    if isinstance(node, list):
        return [_shifted(x, by) for x in node]
    if isinstance(node, dict):
        return {k: [v[0] + by, v[1]] if k == "b" and isinstance(v, list) else _shifted(v, by) for k, v in node.items()}
    return node


# ---------------------------------------------------------------------------------------------------- proxies

_graph_class = None


def _remote_graph():
    """The autograd function whose backward pass runs at the other side (made on first use: torch comes late)."""
    global _graph_class
    if _graph_class is None:
        import torch

        class RemoteGraph(torch.autograd.Function):
            @staticmethod
            def forward(ctx, peer, graph, picks, n, *tensors):
                ctx.peer, ctx.graph, ctx.picks, ctx.n = peer, graph, picks, n
                ctx.set_materialize_grads(False)
                return tuple(t.view_as(t) for t in tensors[:n])

            @staticmethod
            def backward(ctx, *grads):
                found = ctx.peer.request("vjp", ctx.graph, [None if g is None else g.detach() for g in grads])
                return (None, None, None, None, *[None] * ctx.n, *(found[i] for i in ctx.picks), None)

        _graph_class = RemoteGraph
    return _graph_class


def _make_proxy(peer, number, node, decoder):
    kind, name = node.get("k"), str(node.get("q", "object"))[:80]
    name = name if name.isidentifier() else "object_" if kind != "function" else "function_"
    if kind == "function":
        return _function_proxy(peer, number, name, node)
    if kind == "class" and isinstance(node.get("raises"), list):
        base = _builtin_exception(node["raises"][:20])
        return type(name, (base,), {"__doc__": str(node.get("doc", ""))[:4000]})
    if kind == "class":
        return RemoteClass(peer, number, name, node)
    if kind == "module":
        return _module_proxy(peer, number, name, node, decoder)
    if kind == "object":
        return _object_proxy(peer, number, name, node)
    raise WireError("a handle of no known kind")


def _dress(proxy, name, node) -> None:
    proxy.__name__ = proxy.__qualname__ = name
    proxy.__doc__ = str(node.get("doc", ""))[:4000]
    if isinstance(node.get("sig"), list):
        with contextlib.suppress(ValueError, TypeError):
            proxy.__signature__ = inspect.Signature(
                [
                    inspect.Parameter(
                        str(n), inspect._ParameterKind(int(k)), default=None if has else inspect.Parameter.empty
                    )
                    for n, k, has in node["sig"]
                ]
            )


def _function_proxy(peer, number, name, node):
    def remote(*args, **kwargs):
        return peer.request("call", number, list(args), kwargs)

    _dress(remote, name, node)
    return remote


def _library_bases(peer, node) -> list[type]:
    found = []
    for path in node.get("lib") or []:
        if isinstance(path, str) and (not peer.is_judge or _is_trusted_path(path)):
            obj = _library_object(path)
            if isinstance(obj, type):
                found.append(obj)
    return found


class RemoteClass:
    """Stands for a class of the other side: calling it makes an instance there."""

    def __init__(self, peer, number, name, node):
        vars(self).update(_peer=peer, _number=number, __bases__=tuple(_library_bases(peer, node)))
        _dress(self, name, node)

    def __call__(self, *args, **kwargs):
        return self._peer.request("call", self._number, list(args), kwargs)

    def __instancecheck__(self, value):
        return self._peer.home_of(value) is not None and self._peer.request("isinstance", value, self._number)

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        return self._peer.request("getattr", self._number, name)

    __class__ = property(lambda self: type)  # isinstance(proxy, type) and inspect.isclass(proxy) hold

    def __repr__(self):
        return f"<class {self.__name__!r} of the student>"


class RemoteObject:
    """Stands for an object of the other side. `_special` methods are added to a subclass for what it really has."""

    def __init__(self, peer, number):
        vars(self).update(_peer=peer, _number=number)

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        return self._peer.request("getattr", self._number, name)

    def __setattr__(self, name, value):
        self._peer.request("setattr", self._number, name, value)

    def __repr__(self):
        return self._peer.request("special", self._number, "__repr__", [])

    def __str__(self):
        return self._peer.request("special", self._number, "__str__", [])

    def __hash__(self):
        return self._peer.request("special", self._number, "__hash__", [])

    def __deepcopy__(self, memo):
        return self._peer.request("deepcopy", self._number)

    def __reduce__(self):
        raise TypeError("the student's object cannot be pickled")


# Only of these may a proxy claim the class: torch's own code takes what claims to be a Tensor for one, and crashes.
LOOKS = ("torch.nn.", "torch.optim", "torch.utils.data", "torch.distributions")
RESULTS = {  # what Python itself insists on
    "__len__": operator.index, "__bool__": bool, "__float__": float, "__int__": int, "__contains__": bool,
}  # fmt: skip


def _special(name):
    plain_name = name.strip("_")
    is_binary = plain_name in BINARY or _is_variant(plain_name)

    def method(self, *args):
        """Do it there. The judge does not let an object with odd operators stand in for a number or a list.

        An object that says it is equal to everything, or whose difference from anything is 0, would pass any test.
        So the student's objects are compared with each other only, and calculate with plain values only where the
        assignment asks for such a class; what comes of that must be such an object again.
        """
        peer = self._peer
        outside = peer.is_judge and any(peer.home_of(a) is None for a in args)
        if outside and plain_name in COMPARISONS:
            return NotImplemented
        if outside and (is_binary or name == "__contains__") and type(self).__name__ not in peer.classes:
            if is_binary:
                return NotImplemented
            raise WireError(f"an object of the class {type(self).__name__} where a plain value was awaited")
        found = peer.request("special", self._number, name, list(args))
        if name == "__exit__" and peer.is_judge and isinstance(args[1], AssertionError):
            return False  # the test has found something: nobody swallows that
        judged = is_binary and not outside and plain_name in COMPARISONS  # two objects of the student's own
        if (peer.is_judge and is_binary and outside) or (vars(self).get("_tainted") and not judged):
            if peer.home_of(found) is None:
                raise WireError(f"an object of the class {type(self).__name__} where a plain number was awaited")
            if isinstance(found, RemoteObject):
                vars(found)["_tainted"] = True
        if name == "__iter__":
            return found if hasattr(type(found), "__next__") else iter(found)
        return RESULTS.get(name, lambda x: x)(found)

    return method


def _object_proxy(peer, number, name, node):
    if node.get("wait"):

        async def remote():
            return peer.request("wait", number)

        return remote()
    space = {}
    for special in node.get("has") or []:
        if special in SPECIALS:
            space[special] = _special(special)
    for op in node.get("ops") or []:
        if op in UNARY or op in BINARY or (isinstance(op, str) and _is_variant(op)):
            space[f"__{op}__"] = _special(f"__{op}__")
    if "__eq__" in space:
        space["__hash__"] = RemoteObject.__hash__
    if "__call__" in space:
        space["__call__"] = lambda self, *args, **kwargs: self._peer.request("call", self._number, list(args), kwargs)
    bases = [b for b in _library_bases(peer, node) if not peer.is_judge or b.__module__.startswith(LOOKS)]
    if bases:  # isinstance(proxy, torch.utils.data.Dataset) looks at __class__ when the type itself says no
        try:
            looks = type(name, tuple(bases[:1]), {})
            space["__class__"] = property(lambda self: looks)
        except TypeError:
            pass
    return type(name, (RemoteObject,), space)(peer, number)


def _module_proxy(peer, number, name, node, decoder):
    """An nn.Module here whose parameters, buffers and forward pass are those of the module there."""
    import torch

    known = peer.proxies.get(number)
    if known is not None:
        made = known
        for table in (made._modules, made._parameters, made._buffers):
            table.clear()
    else:
        base = next((b for b in _library_bases(peer, node) if issubclass(b, torch.nn.Module)), torch.nn.Module)
        space = {
            "__call__": _module_call,
            "forward": _module_call,
            "train": _module_train,
            "load_state_dict": _module_load,
            "__deepcopy__": _module_copy,
        }
        if not node.get("own"):
            space["__getattr__"] = _module_getattr
        if node.get("own") and not peer.is_judge and base is not torch.nn.Module:
            # the student may ask `type(m) == nn.Linear`, slice a Sequential or hang a hook into a layer of the test's
            made = base.__new__(base)
            torch.nn.Module.__init__(made)
            del space["__call__"]  # torch's own, which calls the hooks and then `forward`
            for key, method in space.items():
                object.__setattr__(made, key, functools.partial(method, made))
        else:
            kind = type(name, (base,), space)
            made = kind.__new__(kind)
            torch.nn.Module.__init__(made)
        object.__setattr__(made, "_peer", peer)
        object.__setattr__(made, "_number", number)
        for k, v in (node.get("vars") or {}).items():
            if (
                isinstance(k, str)
                and k.isidentifier()
                and not k.startswith("_")
                and k != "training"
                and not hasattr(torch.nn.Module, k)
            ):
                if isinstance(v, list):
                    v = tuple(int(x) for x in v)
                if isinstance(v, (int, float, bool, str, tuple)):
                    object.__setattr__(made, k, v)
    for k, child in (node.get("children") or {}).items():
        made._modules[str(k)] = peer.proxy(child, decoder)
    for k, p in (node.get("params") or {}).items():
        made._parameters[str(k)] = peer.adopt(p, parameter=True)
    for k, b in (node.get("buffers") or {}).items():
        made._buffers[str(k)] = peer.adopt(b, parameter=False)
    for table in (made._parameters, made._buffers):
        for k, tensor in table.items():
            peer.mirrored[id(table), k] = (table, k, tensor)
    object.__setattr__(made, "_lazy", bool(node.get("lazy")))
    object.__setattr__(made, "training", bool(node.get("training", True)))
    return made


def _module_call(self, *args, **kwargs):
    return self._peer.request("call", self._number, list(args), kwargs)


def _module_train(self, mode=True):
    self._peer.request("mode", self._number, bool(mode))
    for part in self.modules():
        object.__setattr__(part, "training", bool(mode))
    return self


def _module_load(self, state_dict, *args, **kwargs):
    import torch

    if self._lazy:  # its parameters are made there, by what is loaded
        return self._peer.request("method", self._number, "load_state_dict", [dict(state_dict), *args], kwargs)
    return torch.nn.Module.load_state_dict(self, state_dict, *args, **kwargs)


def _module_copy(self, memo):
    return self._peer.request("deepcopy", self._number)


def _module_getattr(self, name):
    import torch

    try:
        return torch.nn.Module.__getattr__(self, name)
    except AttributeError:
        if name.startswith("_"):
            raise
        return self._peer.request("getattr", self._number, name)
