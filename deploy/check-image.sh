#!/usr/bin/env bash
# Build the daemon's image and check it in use, on a Debian machine without a Docker engine.
#
#   apt-get install buildah debootstrap
#   sudo deploy/check-image.sh [FOLDER]
#
# FOLDER (default: a temporary one, removed at the end) keeps the base for the next time. PYTHON
# names an interpreter that runs lobdesk on this machine (default: .venv/bin/python, else python3),
# MIRROR a Debian mirror (default: debootstrap's own), WITHOUT is handed to the build. Packages come
# from the index that pip is configured for here: its settings go into the build through a mount, none
# into the image.
#
# buildah's chroot isolation starts no container. What an engine would do with `--read-only`,
# `--cap-drop ALL`, `no-new-privileges`, `-v …:/data`, `--tmpfs /tmp` and its own process numbers is
# done here by unshare, mount and setpriv on the image's own files; the network is the host's.
set -euo pipefail

here=$(cd "$(dirname "$0")/.." && pwd)
work=${1:-$(mktemp -d)}
mkdir -p "$work"
work=$(cd "$work" && pwd)
python=${PYTHON:-$here/.venv/bin/python}
[ -x "$python" ] || python=python3
suite=${SUITE:-bookworm}
image=localhost/lobdesk-daemon
export CONTAINERS_STORAGE_CONF=$work/storage.conf BUILDAH_ISOLATION=chroot
export PYTHONPATH=$here
unset LOBDESK_DATA_DIR LOBDESK_HOME LOBDESK_CONFIG
failed=0
simulator=""
box=""

say() { printf '%-34s %s\n' "$1" "$2"; }
check() { # NAME TEXT COMMAND...: print the name, whether the command succeeded, and a text
    local name=$1 text=$2
    shift 2
    if "$@"; then say "ok    $name" "$text"; else say "FAIL  $name" "$text"; failed=1; fi
}
since() { "$python" -c "import time; print(f'{time.monotonic() - $1:.2f}')"; }
clock() { "$python" -c 'import time; print(time.monotonic())'; }
megabytes() { du -sm --apparent-size --one-file-system "$1" | cut -f1; }
until_true() { # SECONDS COMMAND...
    local deadline=$((SECONDS + $1))
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$deadline" ] || return 1
        read -rt 0.2 <> <(:) || true
    done
}

leaf() { # the process that everything else only waits for
    local pid=$1 child
    while child=$(pgrep -P "$pid" | head -1) && [ -n "$child" ]; do pid=$child; done
    echo "$pid"
}

clean_up() {
    if [ -n "$box" ]; then kill "$(leaf "$box")" 2> /dev/null || true; wait "$box" || true; fi
    if [ -n "$simulator" ]; then kill "$simulator" 2> /dev/null || true; fi
    buildah rm --all > /dev/null 2>&1 || true
    if [ -z "${1:-}" ]; then
        rm -rf "$work"
    else
        rm -rf "$work/data" "$work/storage" "$work/run"
    fi
}
trap 'clean_up "${1:-}"' EXIT

need() {
    [ "$(id -u)" = 0 ] || { echo "error: chroot isolation needs root" >&2; exit 2; }
    for tool in buildah debootstrap unshare setpriv; do
        command -v "$tool" > /dev/null \
            || { echo "error: $tool is missing; run: apt-get install buildah debootstrap" >&2; exit 2; }
    done
    "$python" -m lobdesk --version > /dev/null \
        || { echo "error: $python does not run lobdesk; set PYTHON" >&2; exit 2; }
}

make_base() {
    printf '[storage]\ndriver = "vfs"\ngraphroot = "%s"\nrunroot = "%s"\n' \
        "$work/storage" "$work/run" > "$CONTAINERS_STORAGE_CONF"
    if [ ! -d "$work/rootfs" ]; then
        debootstrap --variant=minbase --include=python3,python3-venv,ca-certificates \
            "$suite" "$work/rootfs.part" ${MIRROR:+"$MIRROR"} > "$work/debootstrap.log"
        rm -rf "$work/rootfs.part"/var/{cache/apt/archives,lib/apt/lists}/*
        mv "$work/rootfs.part" "$work/rootfs"
    fi
    local container
    container=$(buildah from scratch)
    buildah add --quiet "$container" "$work/rootfs" / > /dev/null
    buildah commit --quiet --rm "$container" localhost/base > /dev/null
}

pip_settings() { # what this machine's pip uses to reach its index, without its local folders
    "$python" - << 'PY'
import os, subprocess, sys
listed = subprocess.run([sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True)
found = {}
for line in listed.stdout.splitlines():
    key, _, value = line.partition("=")
    name = key.rpartition(".")[2].lower().replace("_", "-")
    words = [word for word in value.strip("'\"").replace("\\n", " ").split() if not word.startswith("file:")]
    if name in {"index-url", "extra-index-url", "trusted-host", "proxy", "timeout"} and words:
        found[name] = " ".join(words)
print("[global]\ncert = /etc/ssl/certs/ca-certificates.crt")
for name, value in found.items():
    print(f"{name} = {value}")
PY
}

build() {
    pip_settings > "$work/pip.conf"
    buildah build --format docker --build-arg BASE=localhost/base \
        ${WITHOUT+--build-arg "WITHOUT=$WITHOUT"} \
        --volume "$work/pip.conf:/etc/pip.conf:ro" \
        --volume /etc/ssl/certs:/etc/ssl/certs:ro \
        --file "$here/Dockerfile.daemon" --tag "$image" "$here" > "$work/build.log" 2>&1 \
        || { tail -20 "$work/build.log" >&2; echo "error: the image was not built" >&2; exit 1; }
}

# Shell words of the image's configuration: ENTRY, HEALTH, USER_ID, ENVIRONMENT, …
configuration() {
    buildah inspect --type image "$image" | "$python" -c '
import json, shlex, sys
c = json.load(sys.stdin)["Docker"]["config"]
say = lambda name, words: print(f"{name}=({shlex.join(words)})")
say("ENTRY", (c.get("Entrypoint") or []) + (c.get("Cmd") or []))
test = (c.get("Healthcheck") or {}).get("Test") or []
say("HEALTH", test[1:])
say("ENVIRONMENT", c.get("Env") or [])
say("VOLUMES", list(c.get("Volumes") or {}))
say("USER_ID", (c.get("User") or "0:0").split(":"))
say("STOP", [c.get("StopSignal") or "SIGTERM"])'
}

# in_box MODE COMMAND...: run as an engine would; MODE is the mode of /data, rw or ro.
in_box() {
    local mode=$1
    shift
    unshare --mount --pid --fork --kill-child ${NET:+--net} bash -ec '
        root=$1 data=$2 mode=$3 uid=$4 gid=$5
        shift 5
        mount --bind "$root" "$root"
        mount -o remount,bind,ro "$root"
        mount -t proc proc "$root/proc"
        mount -t tmpfs tmpfs "$root/tmp"
        mount --rbind /dev "$root/dev"
        mount --bind "$data" "$root/data"
        mount -o "remount,bind,$mode" "$root/data"
        exec chroot "$root" setpriv --reuid "$uid" --regid "$gid" --clear-groups --no-new-privs \
            --inh-caps=-all --bounding-set=-all env -i --chdir=/data "$@"
    ' box "$root" "$work/data" "$mode" "${USER_ID[0]}" "${USER_ID[1]:-${USER_ID[0]}}" \
        "${ENVIRONMENT[@]}" ${EXTRA[@]+"${EXTRA[@]}"} "$@"
}

lines() { cat "$work"/data/l2/events/*/*.jsonl 2> /dev/null | wc -l; }
has_lines() { [ "$(lines)" -ge "$1" ]; }
is_within() { "$python" -c "import sys; sys.exit(not $1 < $2)"; }

need
made=$(clock)
make_base
say "base" "debootstrap $suite: $(since "$made") s"
built=$(clock)
build
say "build" "$(since "$built") s"
eval "$(configuration)"
EXTRA=()
container=$(buildah from "$image")
root=$(buildah mount "$container")
base_mb=$(megabytes "$work/rootfs")
all_mb=$(megabytes "$root")
say "size" "$all_mb MB = base $base_mb MB + own $((all_mb - base_mb)) MB (/opt/lobdesk $(megabytes "$root/opt/lobdesk") MB)"
du -sm --apparent-size "$root"/opt/lobdesk/lib/python3*/site-packages/* | sort -rn | head -5 \
    | sed 's|\t.*/| MB |; s/^/                                   /'
say "size, compressed (gzip)" "own $(tar -C "$root/opt" -c lobdesk | gzip | wc -c | awk '{printf "%d", $1/1e6}') MB, base $(tar -C "$work/rootfs" -c . | gzip | wc -c | awk '{printf "%d", $1/1e6}') MB"

rm -rf "$work/data"
mkdir "$work/data"
chown "${USER_ID[0]}" "$work/data"
who=$(buildah run "$container" -- id -u)
check "user" "runs as $who (buildah run)" test "$who" != 0
check "volume" "${VOLUMES[*]}" test "${VOLUMES[*]}" = /data
owner=$(stat -c %u "$root/data")
check "volume's owner" "$owner" test "$owner" = "${USER_ID[0]}"
check "lobdesk --help" "(buildah run)" \
    grep -q "Record, audit" <(buildah run "$container" -- lobdesk --help)
found=$(buildah run "$container" -- sh -c \
    'cd /opt/lobdesk/lib/python3*/site-packages && ls -d torch lightning textual plotext pip 2> /dev/null; true')
check "core dependencies only" "${found:-no torch, lightning, textual, plotext, pip}" test -z "$found"
compilers=$(buildah run "$container" -- sh -c 'command -v g++ gcc make || true')
check "no compiler" "${compilers:-none}" test -z "$compilers"

refuses_writing() { ! in_box rw touch /file 2> /dev/null && in_box rw touch /data/file /tmp/file; }
has_no_rights() { in_box rw grep -q '^CapBnd:	0*$' /proc/self/status; }
check "read-only root" "only /data and /tmp can be written (unshare)" refuses_writing
check "no capabilities" "bounding set is empty (setpriv)" has_no_rights
rm -f "$work/data/file"

"$python" -m lobdesk simulate --activity 20 > "$work/simulator.log" 2>&1 &
simulator=$!
until_true 30 grep -q ws:// "$work/simulator.log"
port=$("$python" -c 'import socket; s = socket.socket(); s.bind(("", 0)); print(s.getsockname()[1])')
EXTRA=("KRAKEN_WS_URL=$(grep -om1 'ws://[^ ]*' "$work/simulator.log")" KRAKEN_SYMBOLS=BTC,ETH
    HOME=/nonexistent "L2_METRICS=127.0.0.1:$port")
started=$(clock)
in_box rw "${ENTRY[@]}" 2> "$work/daemon.log" &
box=$!
check "records from a simulator" "" until_true 30 has_lines 2000
say "" "$(lines) frames after $(since "$started") s"
check "health check" "${HEALTH[*]} (own process numbers, /data rw)" \
    until_true 30 in_box rw "${HEALTH[@]}"
took=$(clock)
in_box rw "${HEALTH[@]}" > /dev/null || true
say "" "takes $(since "$took") s"
NET=1 check "health, no network, /data ro" "" in_box ro lobdesk daemon health
NET=1 check "status, no network, /data ro" "" in_box ro lobdesk daemon status
mkdir -p "$work/data/logs-only/l2"
ln -s ../../l2/events ../../l2/snapshots "$work/data/logs-only/l2/"
NET=1 check "status from the journal alone" "" \
    in_box ro lobdesk daemon status --data-dir /data/logs-only
NET=1 check "health from the journal alone" "" \
    in_box ro lobdesk daemon health --data-dir /data/logs-only
answers() { "$python" -c '
import sys, urllib.request
for path, word in (("health", "true"), ("metrics", "lobdesk_frames_total")):
    with urllib.request.urlopen(f"http://127.0.0.1:{sys.argv[1]}/{path}", timeout=10) as answer:
        assert word in answer.read().decode(), path' "$port"; }
check "metrics and /health on loopback" "" answers
check "indexer, second container" "lobdesk index" in_box rw lobdesk index
check "gap report, /data ro" "" in_box ro lobdesk gaps
daemon=$(leaf "$box")
say "memory of the daemon" "$(awk '/VmRSS/ {printf "%d MB", $2 / 1e3}' "/proc/$daemon/status")"
stopped=$(clock)
kill -s "${STOP[0]#SIG}" "$daemon"
code=0
wait "$box" || code=$?
took=$(since "$stopped")
box=""
check "${STOP[0]}" "exit $code after $took s" test "$code" = 0
check "${STOP[0]} in less than 2 s" "$took s" is_within "$took" 2
check "log is JSON, one object a line" "$(wc -l < "$work/daemon.log") lines" \
    "$python" -c 'import json, sys; [json.loads(line) for line in open(sys.argv[1]) if line[:1] == "{"]' \
    "$work/daemon.log"
check "closing record is written" "" \
    grep -q 'kind\\":\\"stop' <(tail -n 1 "$(ls "$work"/data/l2/events/*/*.jsonl | tail -1)")
verified=$("$python" -m lobdesk verify --data-dir "$work/data" --json --progress none) || failed=1
check "verify, from outside" "$verified" "$python" -c '
import json, sys
total = json.loads(sys.argv[1])["total"]
good = total["chain_ok"] and total["rederived_equal"] and total["verified"] == total["book_frames"] > 0
sys.exit(not good)' "$verified"
code=0
in_box ro "${ENTRY[@]}" > /dev/null 2> "$work/refused.log" || code=$?
check "/data that cannot be written" "exit $code: $(tail -1 "$work/refused.log" | cut -c1-80)" \
    test "$code" = 1
say "whole run" "$(since "$made") s"
exit "$failed"
