# Shared by the shell programs of tests/: where things are, how to speak, how to wait.
# Sourced, never run. Sets ROOT, TOOLS and PATH; installs nothing and starts nothing.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# Not CHRONIK_...: that prefix is the gateway's, which refuses settings it does not know.
TOOLS=${TESTS_TOOLS:-$ROOT/tests/.tools}
KAFKA_VERSION=4.3.1
export TOOLS
export PATH="$TOOLS/bin:$PATH"
export GOTOOLCHAIN=local GOBIN="$TOOLS/bin"

say() { printf '%s\n' "$*"; }
die() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

# The explicit, sorted class path of the Kafka tools: a class archive is bound to this very list.
kafka_classpath() { printf '%s:' "$TOOLS"/kafka/libs/*.jar; }

# free_ports N: different TCP ports of the loopback that were free a moment ago, on one line.
free_ports() {
  python3 -c '
import socket, sys
held = [socket.create_server(("127.0.0.1", 0)) for _ in range(int(sys.argv[1]))]
print(*(s.getsockname()[1] for s in held))' "$1"
}

# wait_port PORT PID SECONDS: until the port answers; fails when the process ends or time is up.
wait_port() {
  local end=$((SECONDS + $3))
  until (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; do
    kill -0 "$2" 2>/dev/null || return 1
    [ $SECONDS -lt $end ] || return 1
    sleep 0.05
  done
}

# stop_pid PID SECONDS: TERM, then KILL when it has not gone in time (and fails then).
# Returns the exit code of a child of this shell; 0 for any other process.
stop_pid() {
  local pid=$1 end=$((SECONDS + $2)) rc=0
  kill -TERM "$pid" 2>/dev/null || true
  while kill -0 "$pid" 2>/dev/null; do
    if [ $SECONDS -ge $end ]; then kill -KILL "$pid" 2>/dev/null; wait "$pid" 2>/dev/null; return 137; fi
    sleep 0.05
  done
  wait "$pid" 2>/dev/null || rc=$?
  [ $rc = 127 ] && rc=0
  return $rc
}
