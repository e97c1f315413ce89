"""Build and run the fuzzers under ASan and UBSan: python -m tests.fuzz [SECONDS]; needs clang."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
BUILD = ROOT / "build" / "fuzz"
KINDS = ("frame", "line")
MAX_BYTES = 8192


def build() -> None:
    compiler = shutil.which(os.environ.get("CLANGXX", "clang++"))
    if compiler is None:
        raise SystemExit("error: no clang++ (Debian: clang, libclang-rt-dev); or set CLANGXX")
    command = ["cmake", "-S", str(ROOT), "-B", str(BUILD), "-G", "Ninja"]
    command += [f"-DCMAKE_CXX_COMPILER={compiler}", "-DCMAKE_BUILD_TYPE=RelWithDebInfo"]
    command += ["-DLOBDESK_FUZZERS=ON", "-DLOBDESK_SANITIZE=address,undefined"]
    command += [f"-DPython_EXECUTABLE={sys.executable}"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    targets = [f"{kind}_fuzzer" for kind in KINDS]
    subprocess.run(["cmake", "--build", str(BUILD), "--target", *targets], check=True)


def fuzz(kind: str, seconds: int) -> int:
    """Fuzz one kind of input; whatever is found lies in the build folder, with how to repeat it."""
    findings = BUILD / f"{kind}-findings"
    findings.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as fresh, tempfile.TemporaryDirectory() as seeds:
        with zipfile.ZipFile(HERE / f"{kind}s.zip") as corpus:
            corpus.extractall(seeds)
        command = [str(BUILD / f"{kind}_fuzzer"), f"-max_total_time={seconds}", "-timeout=10"]
        command += [f"-max_len={MAX_BYTES}", f"-dict={HERE / 'tokens.dict'}", "-verbosity=1"]
        command += [f"-artifact_prefix={findings}/", "-print_final_stats=1", fresh, seeds]
        done = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)
    lines = done.stderr.splitlines()
    wanted = ("Done", "stat::number", "stat::average", "SUMMARY", "artifact_prefix")
    covered = [line for line in lines if "cov: " in line][-1:]
    for line in [*covered, *(line for line in lines if line.startswith(wanted))]:
        sys.stdout.write(f"{kind}: {line}\n")
    return done.returncode


def main() -> int:
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 600
    build()
    return max(fuzz(kind, seconds // len(KINDS)) for kind in KINDS)


if __name__ == "__main__":
    sys.exit(main())
