/** Survivors that no test can tell from what they came of, or that are as right. */
export interface Justification {
  readonly where: RegExp
  readonly what: RegExp
  readonly why: string
}

/** Panels in which two sums by the same labels meet. */
const RATIO =
  /^(Time to drain|Slots in use|Rows per batch|Rows per batch by database|Failures by database|Retry share of failures by table|Tail amplification by table|Tables) /

export const JUSTIFIED: readonly Justification[] = [
  {
    where: RATIO,
    what: /^(job|database|table)=~".*", → nothing/,
    why: 'the other side is selected by the same variable and joined by this label',
  },
  {
    where: /^Tables that stand still /,
    what: /→ nothing/,
    why: 'three sides are joined by these labels, and each of them is selected',
  },
  {
    where:
      /^(Attempts that were retried|Caller gave up, or our own timeout|Failures by database|Tables|Tables that stand still) /,
    what: /^(\w+=~.* → nothing|=~ → !~|\* → \/|sum → max|rate → increase|batchflow_batches_total → .*|\$__rate_interval → \$__range)/,
    why: 'in the fallback, which is 0 whatever is multiplied by it',
  },
  {
    where:
      /(Execute P99|Execute P95|Tail|latency|duration|Wait for the batch|Backpressure|Tables|quantile|p9[59]_rate5m)/,
    what: /^rate → increase/,
    why: 'a quantile does not depend on the scale',
  },
  {
    where: /^Retry share of failures by table /,
    what: /^type=~/,
    why: 'a failure is either retried or final',
  },
  {
    where: /^(Tail amplification by table|Where the time goes) /,
    what: /^> → >=/,
    why: 'no median is 0, and the other side of a difference is filtered as well',
  },
  {
    where: /^Batchflow(Stalled|OldestRowTooOld|SourceStalled)$/,
    what: /^2m → 4m|^sum → max at (?:141|34\d)/,
    why: 'the sides are joined, and the others still end after 2 minutes; of executors that wait, one is as good as several',
  },
  {
    where: /^Batchflow(FinalFailures|DeadLetters|SubmitsRejected|SourceDeadLetters)$/,
    what: /→ nothing|^10m → 20m/,
    why: 'three sides are joined by all labels, so it takes only one of them to select, or to look back for 10 minutes',
  },
  {
    where: /^BatchflowSourceStalled$/,
    what: /^last_over_time → min_over_time/,
    why: 'while nothing is settled the lag does not fall, so that its last value is above 0 for as long as its least is',
  },
  {
    where: /^BatchflowSourceStalled$/,
    what: /^2m → 60s at 423/,
    why: 'whether the executor waits is asked for a little longer than a scrape may fail; between one minute and two that alone tells',
  },
  {
    where: /^BatchflowTargetDown$/,
    what: /^(group → min|last_over_time → min_over_time)/,
    why: 'only whether there is a value matters',
  },
  {
    where: /^src\//,
    what: /^StringLiteral .*\b[a-z]+ [a-z]+ [a-z]+\b.* → (?:""|``)$/i,
    why: 'a text for people: several words',
  },
  {
    where: /^src\/prometheus\/(?:families|metrics-server)\.ts/,
    what: /^OptionalChaining (?:target|request\.url)\?/,
    why: 'never undefined where it is asked',
  },
  {
    where:
      /^src\/(?:prometheus\/(?:families|text-format)|telemetry\/metrics\/(?:executor-cell|instruments|otel-reporter|table-recorder)|telemetry\/tracing\/otel-tracing)\.ts/,
    what: /^ConditionalExpression (?:(?:!labels\.has\('le'\)|LEGAL\.test\(name\)|!\/.*\/\.test\(text\)|executor\.outages\.size === 0|known\.has\(attributes\)|known !== undefined) → false|active !== this\.#context → true)$/,
    why: 'what is done without it comes to the same, and costs more',
  },
  {
    where: /^src\/prometheus\/text-format\.ts/,
    what: /^Regex \/\^\[a-z\]\(_\?\[a-z0-9\]\)\*\$\/i → (?!.*\[\^)/,
    why: 'it lets fewer names by, and the others come out the same',
  },
  {
    where: /^src\/prometheus\/text-format\.ts/,
    what: /^StringLiteral '' → "Stryker was here!"$/,
    why: 'there always is an exponent',
  },
  {
    where: /^src\/prometheus\/families\.ts:\d+:(?:54|86|96)$/,
    what: /^StringLiteral '' → "Stryker was here!"$/,
    why: 'the SDK says none of a version itself; a unit that the name of the resource does not end with is not written',
  },
  {
    where: /^src\/prometheus\/families\.ts:\d+:69$/,
    what: /^ConditionalExpression sum !== undefined → true$/,
    why: 'whoever reads the sum asks whether there is one',
  },
  {
    where: /^src\/prometheus\/families\.ts/,
    what: /^(?:ConditionalExpression first === second → false|EqualityOperator first < second → first <= second)$/,
    why: 'of scopes that are equal no order is better',
  },
  {
    where: /^src\/prometheus\/negotiate\.ts/,
    what: /^(?:StringLiteral '' → "Stryker was here!"|ObjectLiteral \{ quality: 0 \} → \{\}|Regex .* → \/\^\(0\(\\\.\\d\*\)\|)/,
    why: 'no type, version or quality either',
  },
  {
    where: /^src\/prometheus\/exporter\.ts/,
    what: /^ObjectLiteral \{ aggregationTemporalitySelector/,
    why: 'the SDK would choose the same',
  },
  {
    where: /^src\/prometheus\/exporter\.ts/,
    what: /^(?:ConditionalExpression typeof page === 'boolean' → false|StringLiteral 'boolean' → "")$/,
    why: 'neither true nor false has a title',
  },
  {
    where: /^src\/prometheus\/start-prometheus\.ts/,
    what: /^ConditionalExpression (?:resource|views) !== undefined → true$/,
    why: 'to the SDK an option that is undefined is none',
  },
  {
    where: /^src\/prometheus\/metrics-server\.ts/,
    what: /^(?:StringLiteral 'error' → ""|ArrowFunction \(error\) => diag\.error)/,
    why: 'a server that listens fails of the system alone',
  },
  {
    where: /^src\/prometheus\/metrics-server\.ts/,
    what: /^BooleanLiteral true → false$/,
    why: 'a port is shared by the processes of a cluster alone',
  },
  {
    where: /^src\/prometheus\/scrapes\.ts/,
    what: /^ObjectLiteral \{ level: constants\.Z_BEST_SPEED \} → \{\}$/,
    why: 'how fast and how small, not what',
  },
  {
    where: /^src\/prometheus\/slices\.ts/,
    what: /^(?:EqualityOperator performance\.now\(\) < end → performance\.now\(\) <= end|ArithmeticOperator performance\.now\(\) \+ SLICE_MS → performance\.now\(\) - SLICE_MS)$/,
    why: 'how often the work is interrupted, not what comes of it',
  },
  {
    where: /^src\/telemetry\/metrics\/(?:exemplars|shared-meter)\.ts/,
    what: /^StringLiteral `\$\{SCOPE\.name\}@/,
    why: 'only a copy of another version would tell',
  },
  {
    where: /^src\/telemetry\/api-copies\.ts/,
    what: /^OptionalChaining /,
    why: 'own registration is there; where none is, what throws is caught, and nobody listens',
  },
  {
    where: /^src\/telemetry\/api-copies\.ts:\d+:40$/,
    what: /^BooleanLiteral false → true$/,
    why: 'whoever asks what it returns was refused, so something is registered',
  },
  {
    where: /^src\/telemetry\/metrics\/counters\.ts/,
    what: /^EqualityOperator value > this\.#value → value >= this\.#value$/,
    why: 'where both are equal nothing changes',
  },
  {
    where: /^src\/telemetry\/tracing\/batch-trace\.ts/,
    what: /^ConditionalExpression code !== undefined → true$/,
    why: 'the SDK takes no attribute that is undefined',
  },
  {
    where: /^src\/telemetry\/tracing\/(?:otel-tracing|process-trace)\.ts/,
    what: /^(?:ConditionalExpression only !== undefined → true|BooleanLiteral true → false)$/,
    why: 'one of one is there; a root in the root context is one already',
  },
]
