"""The operating system's fence around SQL from outside: Landlock and resource limits.

DuckDB 2.0 writes files from a statement that it classifies as SELECT, so no check of the text can
be the defence. Landlock takes the rights from the thread that calls it and from all that it starts
later; it must come before DuckDB's first thread.
"""

from __future__ import annotations

import ctypes
import os
import resource
import sys
from typing import TYPE_CHECKING

from lobdesk.index.errors import FenceError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

SYS_CREATE_RULESET = 444
SYS_ADD_RULE = 445
SYS_RESTRICT_SELF = 446
CREATE_RULESET_VERSION = 1
RULE_PATH_BENEATH = 1
PR_SET_NO_NEW_PRIVS = 38
PR_SET_DUMPABLE = 4

READ_FILE, READ_DIR = 1 << 2, 1 << 3
FILE_RIGHTS = 0b11 | READ_FILE | 1 << 14 | 1 << 15  # what a rule on a file may name
RIGHTS_OF_ABI = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
NET_RIGHTS = 0b11  # bind and connect
SCOPES = 0b11  # abstract sockets and signals

GIB = 1 << 30


class _Ruleset(ctypes.Structure):
    _fields_ = (
        ("handled_access_fs", ctypes.c_uint64),
        ("handled_access_net", ctypes.c_uint64),
        ("scoped", ctypes.c_uint64),
    )


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _layout_ = "ms"
    _fields_ = (("allowed_access", ctypes.c_uint64), ("parent_fd", ctypes.c_int32))


def landlock_abi() -> int:
    """Return the kernel's Landlock version, 0 if there is none."""
    if not sys.platform.startswith("linux"):
        return 0
    version = _libc().syscall(SYS_CREATE_RULESET, None, 0, CREATE_RULESET_VERSION)
    return max(0, int(version))


def confine(*, readable: Iterable[Path], writable: Iterable[Path]) -> None:
    """Take all rights on files except these, and on network, from this process for good.

    Args:
        readable: Files and folders, with what is below them.
        writable: Folders where files may be made, changed and deleted.

    Raises:
        FenceError: The kernel cannot, or threads run already that would stay outside.
    """
    abi = landlock_abi()
    if abi < 1:
        raise FenceError("this system has no Landlock")
    if len(os.listdir("/proc/self/task")) != 1:  # noqa: PTH208 - names only
        raise FenceError("threads were running before the fence")
    libc = _libc()
    rights = max(value for key, value in RIGHTS_OF_ABI.items() if key <= abi)
    ruleset = _Ruleset(rights, NET_RIGHTS if abi >= 4 else 0, SCOPES if abi >= 6 else 0)
    size = 24 if abi >= 6 else 16 if abi >= 4 else 8
    descriptor = libc.syscall(SYS_CREATE_RULESET, ctypes.byref(ruleset), size, 0)
    if descriptor < 0:
        raise FenceError(f"Landlock refused its rules: {os.strerror(ctypes.get_errno())}")
    try:
        for path in readable:
            _allow(libc, descriptor, path, READ_FILE | READ_DIR)
        for path in writable:
            _allow(libc, descriptor, path, rights)
        if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
            raise FenceError("new privileges cannot be given up")
        if libc.syscall(SYS_RESTRICT_SELF, descriptor, 0) != 0:
            raise FenceError(f"Landlock refused: {os.strerror(ctypes.get_errno())}")
    finally:
        os.close(descriptor)


def limit_resources(*, memory_bytes: int, cpu_s: int, file_bytes: int) -> None:
    """Bound address space, processor time, size of files and core dumps of this process."""
    for kind, value in (
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_CPU, cpu_s),
        (resource.RLIMIT_FSIZE, file_bytes),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(kind)
        bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (bound, bound))


def _allow(libc: ctypes.CDLL, ruleset: int, path: Path, rights: int) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        allowed = rights if path.is_dir() else rights & FILE_RIGHTS
        rule = _PathBeneath(allowed, descriptor)
        done = libc.syscall(SYS_ADD_RULE, ruleset, RULE_PATH_BENEATH, ctypes.byref(rule), 0)
        if done != 0:
            raise FenceError(f"Landlock refused {path}: {os.strerror(ctypes.get_errno())}")
    finally:
        os.close(descriptor)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
