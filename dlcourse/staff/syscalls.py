"""The system calls that a program in a sandbox may not make, as a filter for the kernel."""

import ctypes
import platform
import struct

SYSCALLS = {  # refused: name -> number on x86_64, on aarch64
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271),
    "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51),
    "open_tree": (428, 428), "move_mount": (429, 429), "mount_setattr": (442, 442), "fsopen": (430, 430),
    "fsconfig": (431, 431), "fsmount": (432, 432), "fspick": (433, 433),
    "unshare": (272, 97), "setns": (308, 268), "bpf": (321, 280), "perf_event_open": (298, 241),
    "userfaultfd": (323, 282), "keyctl": (250, 219), "add_key": (248, 217), "request_key": (249, 218),
    "kexec_load": (246, 104), "kexec_file_load": (320, 294), "reboot": (169, 142),
    "init_module": (175, 105), "finit_module": (313, 273), "delete_module": (176, 106),
    "name_to_handle_at": (303, 264), "open_by_handle_at": (304, 265), "quotactl": (179, 60), "acct": (163, 89),
    "swapon": (167, 224), "swapoff": (168, 225),
    "memfd_create": (319, 279), "memfd_secret": (447, 447),  # memory that nobody counts
    "shmget": (29, 194), "semget": (64, 190), "msgget": (68, 186), "mq_open": (240, 180),  # outlive their process
    "setpriority": (141, 140), "ioprio_set": (251, 30), "sched_setscheduler": (144, 119), "sched_setparam": (142, 118),
    "sched_setattr": (314, 274), "sched_setaffinity": (203, 122),  # could slow the next one down
    "io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_uring_register": (427, 427),
}  # fmt: skip
PRLIMIT = (302, 261)  # refused for any process but the caller
CLONE = (56, 220)
CLONE3 = (435, 435)
CLONE_NEW_ANY = 0x7E020000  # every CLONE_NEW* flag


def seccomp_filter() -> bytes | None:
    """A classic BPF program for this machine's syscalls; None where the machine is of another kind."""
    machine = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}.get(platform.machine())
    if machine is None:
        return None
    column, arch = machine
    load, equal, at_least, any_bit, back = 0x20, 0x15, 0x35, 0x45, 0x06
    allow, refuse, absent = 0x7FFF0000, 0x00050000 | 1, 0x00050000 | 38  # EPERM, ENOSYS (so that libc takes clone)
    program = [(load, 0, 0, 4), (equal, 1, 0, arch), (back, 0, 0, refuse), (load, 0, 0, 0)]
    if column == 0:  # the x32 numbers of the same calls
        program += [(at_least, 0, 1, 0x40000000), (back, 0, 0, refuse)]
    for number in sorted(n[column] for n in SYSCALLS.values()):
        program += [(equal, 0, 1, number), (back, 0, 0, refuse)]
    program += [
        (equal, 0, 3, PRLIMIT[column]),
        (load, 0, 0, 16),
        (equal, 1, 0, 0),
        (back, 0, 0, refuse),
        (load, 0, 0, 0),
    ]
    program += [(equal, 0, 1, CLONE3[column]), (back, 0, 0, absent)]
    program += [(equal, 0, 3, CLONE[column]), (load, 0, 0, 16), (any_bit, 0, 1, CLONE_NEW_ANY), (back, 0, 0, refuse)]
    program += [(back, 0, 0, allow)]
    return b"".join(struct.pack("<HBBI", *step) for step in program)


def refuse_syscalls() -> None:
    """Take the filter upon this process and all that it will start, for good; OSError where the kernel does not."""
    rules = seccomp_filter()
    if rules is None:
        return
    libc = ctypes.CDLL(None, use_errno=True)
    held = ctypes.create_string_buffer(rules, len(rules))
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(rules) // 8, ctypes.addressof(held)))
    no_new_privileges, set_seccomp, mode_filter = 38, 22, 2
    if libc.prctl(no_new_privileges, 1, 0, 0, 0) or libc.prctl(set_seccomp, mode_filter, program, 0, 0):
        raise OSError(ctypes.get_errno(), "the syscall filter was not taken")
