/** Small mistakes in PromQL: each is one a person could make, in one place. */

export interface Mutant {
  /** What was done. */
  readonly what: string
  readonly text: string
}

type Replacement = string | ((found: string, ...groups: string[]) => string)

interface Mutator {
  readonly pattern: RegExp
  readonly replacements: readonly Replacement[]
}

const factor = (by: number) => (found: string) => String(Number((Number(found) * by).toPrecision(6)))
const longer = (by: number) => (_: string, amount: string, unit: string) => `${Number(amount) * by}${unit}`
/** Half of 1h is 30m, of 5m 150s. */
const shorter = (_: string, amount: string, unit: string) => {
  const seconds = Number(amount) * { s: 1, m: 60, h: 3600, d: 86400 }[unit as 's' | 'm' | 'h' | 'd']
  return `${seconds / 2}s`
}

const MUTATORS: readonly Mutator[] = [
  // Thresholds, quantiles, factors.
  {
    pattern: /(?<=[><=] )\d+(?:\.\d+)?\b/g,
    replacements: [factor(2), factor(0.5), (found) => (found === '0' ? '1' : '0')],
  },
  { pattern: /(?<=histogram_quantile\()[\d.]+/g, replacements: ['0.5', '0.9', '0.95', '0.99'] },
  { pattern: /(?<=topk\()\d+/g, replacements: ['4', '6'] },
  // Windows and offsets.
  { pattern: /(?<=[[ ])(\d+)([smhd])(?=[\]\n )]|$)/g, replacements: [longer(2), shorter] },
  { pattern: /\$__rate_interval/g, replacements: ['$__range'] },
  { pattern: /\$__range/g, replacements: ['$__rate_interval'] },
  { pattern: / offset \w+/g, replacements: [''] },
  // Selectors: left out, inverted.
  { pattern: /\w+(?:=~|!~|!=|=)"(?:[^"\\]|\\.)*"(?:, ?)?/g, replacements: [''] },
  { pattern: /(?<=\w)(?:=~|!~|!=|=)(?=")/g, replacements: [(found) => INVERSE[found] ?? found] },
  // Groups: a label less.
  { pattern: /(?<=(?:by|on) \((?:\w+, )*)\w+(?:, )?(?=[^()]*\))/g, replacements: [''] },
  { pattern: / group_left \(\)/g, replacements: [''] },
  // Comparisons and operators.
  {
    pattern: / (?:>=|>|<|==) /g,
    replacements: [(found) => COMPARISONS[found] ?? found, (found) => (found === ' > ' ? ' >= ' : found)],
  },
  { pattern: /(?<=[\s)])[/*+-](?=\s)/g, replacements: [(found) => OPERATORS[found] ?? found] },
  { pattern: /(?<=[\s)])(?:and|or|unless)(?=\s)/g, replacements: [(found) => (found === 'and' ? 'unless' : 'and')] },
  // Functions and metrics taken for one another.
  { pattern: /\b(?:sum|max|group)(?= ?(?:by|\())/g, replacements: [(found) => (found === 'sum' ? 'max' : 'min')] },
  { pattern: /\b(?:rate|increase)(?=\()/g, replacements: [(found) => (found === 'rate' ? 'increase' : 'rate')] },
  { pattern: /\blast_over_time(?=\()/g, replacements: ['min_over_time'] },
  { pattern: /\b(?:clamp_min|abs)(?=\()/g, replacements: [(found) => (found === 'abs' ? '' : 'clamp_max')] },
  { pattern: /_(?:sum|count)(?={)/g, replacements: [(found) => (found === '_sum' ? '_count' : '_sum')] },
  {
    pattern: /\bbatchflow_\w+?(?=(?:_bucket|_sum|_count)?[{[ )])/g,
    replacements: [(found) => SIBLINGS[found] ?? found],
  },
]

const INVERSE: Readonly<Record<string, string>> = { '=': '!=', '!=': '=', '=~': '!~', '!~': '=~' }
const COMPARISONS: Readonly<Record<string, string>> = { ' > ': ' < ', ' >= ': ' <= ', ' < ': ' > ', ' == ': ' != ' }
const OPERATORS: Readonly<Record<string, string>> = { '/': '*', '*': '/', '+': '-', '-': '+' }

/** What a metric is easily taken for. */
const SIBLINGS: Readonly<Record<string, string>> = {
  batchflow_batches_total: 'batchflow_records_total',
  batchflow_records_total: 'batchflow_batches_total',
  batchflow_accepted_records_total: 'batchflow_records_total',
  batchflow_dead_letters_total: 'batchflow_submit_rejected_total',
  batchflow_submit_rejected_total: 'batchflow_dead_letters_total',
  batchflow_execute_duration_seconds: 'batchflow_pipeline_process_duration_seconds',
  batchflow_pipeline_process_duration_seconds: 'batchflow_execute_duration_seconds',
  batchflow_enqueue_latency_seconds: 'batchflow_pipeline_dequeue_latency_seconds',
  batchflow_pipeline_dequeue_latency_seconds: 'batchflow_enqueue_latency_seconds',
  batchflow_pipeline_queue_length: 'batchflow_unsettled_records',
  batchflow_unsettled_records: 'batchflow_pipeline_queue_length',
  batchflow_inflight_batches: 'batchflow_executor_concurrency',
  batchflow_executor_concurrency: 'batchflow_inflight_batches',
  batchflow_executor_paused: 'batchflow_inflight_batches',
}

/** Every mutant of the query that has another text. */
export function mutants(query: string): readonly Mutant[] {
  const found = new Map<string, Mutant>()
  for (const { pattern, replacements } of MUTATORS) {
    for (const match of query.matchAll(pattern)) {
      for (const replacement of replacements) {
        const [old, ...groups] = match
        const now = typeof replacement === 'string' ? replacement : replacement(old, ...groups)
        const text = query.slice(0, match.index) + now + query.slice(match.index + old.length)
        const what = `${old.trim()} → ${now.trim() || 'nothing'} at ${match.index}`
        if (text !== query && !found.has(text)) found.set(text, { what, text })
      }
    }
  }
  return [...found.values()]
}
