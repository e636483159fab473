#!/bin/sh
# Builds what the bench runs beside us, into .cache/bench-redis. Needs Go; nothing is done when it is there already.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
cache=$(cd "$here/../../.." && pwd)/.cache/bench-redis
from=$(cat "$here/main.go" "$here/go.mod" | cksum)
[ -x "$cache/pipelines" ] && [ "$(cat "$cache/from" 2>/dev/null)" = "$from" ] && exit

echo "building the Go program ..." >&2
mkdir -p "$cache"
cd "$here"
CGO_ENABLED=0 GOFLAGS="-mod=mod -p=2" nice go build -o "$cache/pipelines" .
echo "$from" >"$cache/from"
