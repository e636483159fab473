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
]
