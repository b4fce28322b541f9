"""The global random generators of a process, and how two processes that do not trust each other keep them alike.

A test that says `torch.manual_seed(0)` and then calls the student's function means the numbers of that seed, and goes
on drawing where the function stopped. So a state travels with each message where it changed. The judge sends its
states; of the box's it believes only that they were drawn on from a state of its own, or from a seed of torch, which
it follows itself: a state made by hand (all zeros, say) would make a hidden test's random inputs all alike.

The three are Mersenne twisters of 624 words. Imports the standard library only; torch and NumPy where they are loaded.
"""

import ctypes
import math
import random
import struct
import sys

WORDS = 624
TWISTS = 1024  # how far a stream is followed: 640,000 draws in one call
TORCH_HEAD, TORCH_WORDS, TORCH_TAIL = struct.Struct("<QiiQ"), slice(24, 24 + 8 * WORDS), struct.Struct("<dddi4xf?3x")
TORCH_SIZE = 5056
NUMPY_SIZE, PYTHON_SIZE = 4 * WORDS + 4 + 9, 4 * WORDS + 4 + 9
END = struct.Struct("<I?d")  # place among the words, whether a normal number is kept, which


def _known(name: str) -> bool:
    return name == "random" or name in sys.modules


def read(name: str) -> bytes | None:
    """The state of the generator of "torch", "numpy" or "random"; None where there is none of the ordinary kind."""
    if not _known(name):
        return None
    if name == "torch":
        state = sys.modules["torch"].get_rng_state().numpy().tobytes()
        return state if len(state) == TORCH_SIZE else None
    if name == "numpy":
        kind, words, at, kept, normal = sys.modules["numpy"].random.get_state()
        return words.astype("<u4").tobytes() + END.pack(at, bool(kept), normal) if kind == "MT19937" else None
    _, words, normal = random.getstate()
    return struct.pack(f"<{WORDS}I", *words[:-1]) + END.pack(words[-1], normal is not None, normal or 0.0)


def glance(name: str):
    """Something that changes when the state does, and costs less than reading it; None where that is not known."""
    if name == "torch":
        return read(name)
    if name == "random":
        return random.getstate()
    twister = sys.modules["numpy"].random.get_bit_generator()
    if type(twister).__name__ != "MT19937":
        return None
    return ctypes.string_at(twister.ctypes.state_address, 4 * WORDS + 4)  # the words and the place among them


def write(name: str, state: bytes) -> None:
    if name == "torch":
        import torch

        torch.set_rng_state(torch.frombuffer(bytearray(state), dtype=torch.uint8))
        return
    at, kept, normal = END.unpack(state[4 * WORDS :])
    if name == "numpy":
        import numpy

        words = numpy.frombuffer(state[: 4 * WORDS], "<u4").astype("uint32")
        numpy.random.set_state(("MT19937", words, at, int(kept), normal))
    else:
        random.setstate((3, (*struct.unpack(f"<{WORDS}I", state[: 4 * WORDS]), at), normal if kept else None))


def is_sound(name: str, state: bytes) -> bool:
    """Whether places and kept numbers are in range; of the words it says nothing."""
    if name == "torch":
        if len(state) != TORCH_SIZE:
            return False
        _, left, seeded, at = TORCH_HEAD.unpack_from(state)
        x, y, rho, _, sample, _ = TORCH_TAIL.unpack_from(state, TORCH_WORDS.stop)
        kept = (x, y, rho, sample)
        placed = seeded == 1 and ((left, at) == (1, 0) or (1 <= left <= WORDS and left + at == WORDS + 1))
        return placed and all(math.isfinite(v) and abs(v) < 40 for v in kept)
    if len(state) != 4 * WORDS + END.size:
        return False
    at, _, normal = END.unpack(state[4 * WORDS :])
    return 0 <= at <= WORDS and math.isfinite(normal) and abs(normal) < 40


def is_reached(name: str, begin: bytes, claim: bytes) -> bool:
    """Whether drawing on from `begin`, or from the seed that `claim` names (torch), comes to the words of `claim`."""
    if not is_sound(name, claim):
        return False
    if name == "torch":
        import torch

        def words(generator):
            return generator.get_state().numpy().tobytes()[TORCH_WORDS]

        seeded = torch.Generator().manual_seed(TORCH_HEAD.unpack_from(claim)[0])
        going = torch.Generator()
        going.set_state(torch.frombuffer(bytearray(begin), dtype=torch.uint8))
        target, once = claim[TORCH_WORDS], torch.empty(WORDS, dtype=torch.int32)
        for _ in range(TWISTS):
            if words(going) == target or words(seeded) == target:
                return True
            once.random_(generator=going)
            once.random_(generator=seeded)
        return False
    target = claim[: 4 * WORDS]
    if name == "numpy":
        import numpy

        going = numpy.random.MT19937()
        state = going.state
        state["state"] = {"key": numpy.frombuffer(begin[: 4 * WORDS], "<u4").astype("uint32"), "pos": WORDS}
        going.state = state
        for _ in range(TWISTS):
            if going.state["state"]["key"].astype("<u4").tobytes() == target:
                return True
            going.random_raw(WORDS, output=False)
        return False
    going = random.Random()
    going.setstate((3, (*struct.unpack(f"<{WORDS}I", begin[: 4 * WORDS]), WORDS), None))
    for _ in range(TWISTS // 2):  # slower than the other two
        if struct.pack(f"<{WORDS}I", *going.getstate()[1][:-1]) == target:
            return True
        going.getrandbits(32 * WORDS)
    return False


class Streams:
    """One side's view: which states the other side has."""

    def __init__(self, is_judge: bool):
        self.is_judge, self.told, self.seen = is_judge, {}, {}

    def changes(self) -> dict[str, str]:
        """name -> state in hex, of the generators that moved since the last message."""
        found = {}
        for name in filter(_known, ("torch", "numpy", "random")):
            seen = glance(name)
            same = seen is not None and seen == self.seen.get(name)
            if same and not (name == "numpy" and self.told[name][-9]):  # a normal number that is kept can go unseen
                continue
            self.seen[name], state = seen, read(name)
            if state is not None and state != self.told.get(name):
                self.told[name] = state
                found[name] = state.hex()
        return found

    def apply(self, changes) -> None:
        for name in ("torch", "numpy", "random"):
            if not isinstance(changes, dict) or not isinstance(changes.get(name), str) or not _known(name):
                continue
            try:
                state = bytes.fromhex(changes[name])
            except ValueError:
                continue
            if not is_sound(name, state):
                continue
            if self.is_judge and (name not in self.told or not is_reached(name, self.told[name], state)):
                continue
            write(name, state)
            self.seen[name], self.told[name] = glance(name), read(name)
