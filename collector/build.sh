#!/bin/sh
# Builds the real programs that the monitoring tests and `npm run verify:monitoring` run, into .cache/monitoring:
# prometheus, promtool, the Collector of builder.yaml, the reference loader of compose files, and Jaeger. Needs Go; several
# minutes the first time, nothing afterwards.
#
#     collector/build.sh
set -eu

PROMETHEUS=v0.316.0 # the Go module of Prometheus 3.16.0
COMPOSE=v2.16.2
JAEGER=v1.76.0      # the Go module of Jaeger 2.13.0
BUILDER=v0.155.0    # the Collector Builder; the same version as in builder.yaml

here=$(cd "$(dirname "$0")" && pwd)
cache=$(dirname "$here")/.cache/monitoring
manifest=$(cksum <"$here/builder.yaml" | tr ' ' -)
export GOFLAGS="${GOFLAGS:-} -p=2"
mkdir -p "$cache/bin"

# Whether the program $1 was built from $2 already.
built() { [ -x "$cache/bin/$1" ] && [ "$(cat "$cache/$1.from" 2>/dev/null)" = "$2" ]; }

# Service discoveries are left out: they are most of the build, and static targets are all that is needed.
for program in prometheus promtool; do
  built $program $PROMETHEUS && continue
  echo "building $program $PROMETHEUS ..." >&2
  GOBIN="$cache/bin" nice go install -tags remove_all_sd "github.com/prometheus/prometheus/cmd/$program@$PROMETHEUS"
  echo $PROMETHEUS >"$cache/$program.from"
done

if ! built compose $COMPOSE; then
  echo "building the compose loader $COMPOSE ..." >&2
  GOBIN="$cache/compose" nice go install "github.com/compose-spec/compose-go/v2/cmd@$COMPOSE"
  mv "$cache/compose/cmd" "$cache/bin/compose"
  echo $COMPOSE >"$cache/compose.from"
fi

if ! built otelcol "$manifest"; then
  echo "building the Collector of builder.yaml ..." >&2
  cd "$cache"
  CGO_ENABLED=0 nice go run "go.opentelemetry.io/collector/cmd/builder@$BUILDER" --config="$here/builder.yaml"
  mv otelcol/otelcol-batchflow bin/otelcol
  echo "$manifest" >"$cache/otelcol.from"
fi

# Its module replaces others, which `go install` refuses and a tool of another module does not mind.
if ! built jaeger $JAEGER; then
  echo "building Jaeger $JAEGER ..." >&2
  rm -rf "$cache/jaeger-module"
  mkdir "$cache/jaeger-module"
  cd "$cache/jaeger-module"
  go mod init trace-store 2>/dev/null
  # It lists every module it adds, of which there are hundreds.
  nice go get -tool "github.com/jaegertracing/jaeger/cmd/jaeger@$JAEGER" 2>get.log || { cat get.log >&2 && exit 1; }
  CGO_ENABLED=0 nice go build -o "$cache/bin/jaeger" github.com/jaegertracing/jaeger/cmd/jaeger
  echo $JAEGER >"$cache/jaeger.from"
fi
