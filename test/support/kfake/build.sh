#!/bin/sh
# Builds the stand-in for Kafka that tests talk to where there is no broker, into .cache/kfake. Needs Go; about a minute the
# first time, nothing afterwards.
#
#     test/support/kfake/build.sh
set -eu

here=$(cd "$(dirname "$0")" && pwd)
cache=$(cd "$here/../../.." && pwd)/.cache/kfake
from=$(cat "$here"/*.go "$here/go.mod" | cksum)
[ -x "$cache/kfake" ] && [ "$(cat "$cache/from" 2>/dev/null)" = "$from" ] && exit

echo "building kfake ..." >&2
mkdir -p "$cache"
cd "$here"
CGO_ENABLED=0 GOFLAGS="-mod=mod -p=2" nice go build -o "$cache/kfake" .
echo "$from" >"$cache/from"
