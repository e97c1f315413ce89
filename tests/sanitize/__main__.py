"""Build everything native with a sanitizer, then run the native tests and tests in Python on it.

    python -m tests.sanitize address|thread [PYTEST ARGUMENTS]

The build lies in build/sanitize-KIND and does not touch the module in use. Python itself is not
instrumented: the sanitizer's library is loaded before it, and it runs on a copy of the package that
has the instrumented module. Threads are checked with the tests that use them. Needs GCC.
PYTEST ARGUMENTS replace the tests that are usual: name some, or all run, also those that use more
memory than a sanitizer leaves.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SANITIZERS = {"address": "address,undefined", "thread": "thread"}
RUNTIMES = {"address": ("libasan.so", "libstdc++.so"), "thread": ("libtsan.so",)}
# The interpreter keeps memory until it ends and frees nothing then; leaks of our own are the native
# tests' affair.
OPTIONS = {
    "address": {"ASAN_OPTIONS": "detect_leaks=0", "UBSAN_OPTIONS": "halt_on_error=1"},
    "thread": {"TSAN_OPTIONS": "halt_on_error=1 second_deadlock_stack=1"},
}
TESTS = {"address": ("tests/backtest",), "thread": ("tests/backtest/test_threads.py",)}


def build(kind: str) -> Path:
    """Build the engine, its tests and the module; return the folder."""
    folder = ROOT / "build" / f"sanitize-{kind}"
    command = ["cmake", "-S", str(ROOT), "-B", str(folder), "-G", "Ninja"]
    # With -O2 GCC takes many minutes for the bindings under UBSan, with -O1 half a minute each.
    command += ["-DCMAKE_CXX_COMPILER=g++", "-DCMAKE_BUILD_TYPE=RelWithDebInfo"]
    command += ["-DCMAKE_CXX_FLAGS_RELWITHDEBINFO=-O1"]
    command += [f"-DLOBDESK_SANITIZE={SANITIZERS[kind]}", "-DLOBDESK_NATIVE_TESTS=ON"]
    command += [f"-DLOBDESK_MODULE_DIR={folder / 'site' / 'lobdesk'}"]
    command += [f"-DPython_EXECUTABLE={sys.executable}"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["cmake", "--build", str(folder)], check=True)
    return folder


def link(folder: Path) -> Path:
    """Lay out the checkout with the instrumented module instead of the usual one."""
    site = folder / "site"
    names = {path.name: path for path in ROOT.iterdir() if path.name not in ("lobdesk", "build")}
    package = {path.name: path for path in (ROOT / "lobdesk").iterdir() if path.suffix != ".so"}
    for where, entries in ((site, names), (site / "lobdesk", package)):
        for name, target in entries.items():
            if not (where / name).is_symlink():
                (where / name).symlink_to(target)
    return site


def environment(kind: str, site: Path) -> dict[str, str]:
    libraries = [
        subprocess.run(
            ["g++", f"-print-file-name={name}"], check=True, capture_output=True, text=True
        ).stdout.strip()
        for name in RUNTIMES[kind]
    ]
    # Without `site` the editable install's hook, which would find the usual module, stays out.
    paths = [str(site), sysconfig.get_paths()["purelib"]]
    return {
        **os.environ, **OPTIONS[kind], "LD_PRELOAD": " ".join(libraries), "PYTHONMALLOC": "malloc",
        "PYTHONPATH": os.pathsep.join(paths),
    }  # fmt: skip


def main() -> int:
    kind, *arguments = sys.argv[1:] or [""]
    if kind not in SANITIZERS:
        raise SystemExit("usage: python -m tests.sanitize address|thread [PYTEST ARGUMENTS]")
    folder = build(kind)
    natives = {name: value for options in OPTIONS.values() for name, value in options.items()}
    natives.pop("ASAN_OPTIONS")
    command = ["ctest", "--test-dir", str(folder), "--output-on-failure"]
    failed = subprocess.run(command, env={**os.environ, **natives}, check=False).returncode
    site = link(folder)
    # Uncaptured, or a report would end with the process that holds it.
    command = [sys.executable, "-S", "-m", "pytest", "-q", "-s", "-p", "no:cacheprovider"]
    command += arguments or TESTS[kind]
    return (
        failed
        or subprocess.run(command, cwd=site, env=environment(kind, site), check=False).returncode
    )


if __name__ == "__main__":
    sys.exit(main())
