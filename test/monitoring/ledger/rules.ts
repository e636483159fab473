/**
 * One rule per metric of the catalogue: what the load's own books say each of its series must be. Nothing here reads what
 * the library reports.
 */
import type { AttributeName, MetricSpec } from '../../../src/telemetry/metrics/catalogue.ts'
import type { BatchEntry, Books, HeldEntry, Range, TableBook } from './books.ts'

export type RuleLabels = Readonly<Partial<Record<AttributeName, string>>>

/** One series as the books have it; where they know a value only roughly, the bounds of it. */
export interface Expected {
  readonly labels: RuleLabels
  readonly low: number
  readonly high: number
}

/** One histogram: each single observation, by the load's own clock or count. */
export interface Observations {
  readonly labels: RuleLabels
  readonly values: readonly Range[]
}

/** How far what is reported may be from the load's own, in the metric's unit. */
export interface Slack {
  /** Part of the value. */
  readonly relative: number
  /** On average. */
  readonly each: number
  /** At most, for a single observation. */
  readonly once: number
  /** As many observations may be that far off for one reason. */
  readonly together: number
}

export type Rule =
  | {
      readonly kind: 'number'
      /** @param now when it is asked, in seconds since 1970 */
      of(books: Books, now: number): Expected[]
      /** Attributes only the library knows the values of: summed away before the comparison. */
      readonly without?: readonly AttributeName[]
    }
  | { readonly kind: 'histogram'; slack(books: Books): Slack; of(books: Books): Observations[] }

const exact = (): Slack => ({ relative: 0, each: 0, once: 0, together: 0 })
/** Both clocks are read within a few calls of each other, but then the machine may do something else: it was late so often. */
const perBatchClock = ({ late }: Books): Slack => ({
  relative: 0.02,
  each: 0.002 + late.reduce((sum, seconds) => sum + seconds, 0) / Math.max(1, late.length),
  once: Math.max(0.05, ...late),
  together: 1,
})
/** Rows of a batch leave at the same time. */
const perRowClock = (books: Books): Slack => ({ ...perBatchClock(books), together: 40 })
/** What every route may be behind when it is asked. */
const LAG_S = 4
/** Tables with a label of their own. */
const TABLES = 60
const OTHER = '_other'

export const RULES: Readonly<Record<MetricSpec['name'], Rule>> = {
  'batchflow.enqueue.latency.seconds': histogram(perRowClock, (books) =>
    perTable(books, ({ enqueue }) => enqueue).map(([labels, values]) => ({ labels, values })),
  ),
  'batchflow.pipeline.dequeue.latency.seconds': histogram(perRowClock, (books) =>
    perTable(books, ({ dequeue }) => dequeue.map(exactly)).map(([labels, values]) => ({ labels, values })),
  ),
  'batchflow.batch.assemble.duration.seconds': histogram(perBatchClock, (books) =>
    perBatch(books, ({ plans }) => plans),
  ),
  'batchflow.execute.duration.seconds': histogram(perBatchClock, (books) =>
    perBatch(
      books,
      ({ executed }) => [executed],
      (batch) => ({ ...statusOf(batch), ...(batch.reason !== undefined && { 'error.type': batch.reason }) }),
    ),
  ),
  'batchflow.pipeline.process.duration.seconds': histogram(perBatchClock, (books) =>
    perBatch(books, ({ executed, settled }) => [Math.max(executed, settled)], statusOf),
  ),
  'batchflow.batch.size': histogram(exact, (books) => perBatch(books, ({ rows }) => [rows])),

  'batchflow.pipeline.queue.length': held(({ queued }) => queued),
  'batchflow.unsettled.records': held(({ unsettled }) => unsettled),
  'batchflow.oldest.record.age.seconds': {
    kind: 'number',
    of: ({ tables, held }, now) => [
      ...tables.map(({ database, table }) => ({ labels: { table, database }, low: 0, high: 0 })),
      ...held.map(({ database, table, since }) => ({
        labels: { table, database },
        low: now - since - LAG_S,
        high: now - since + 0.5,
      })),
    ],
  },
  'batchflow.table.inflight.batches': held(({ inflight }) => inflight),
  'batchflow.executor.slots': held(({ limit }) => limit, ['table']),
  'batchflow.executor.slots.used': held(({ inflight }) => inflight, ['table']),
  'batchflow.inflight.batches': held(({ inflight }) => inflight, ['table']),
  'batchflow.executor.concurrency': held(({ limit }) => limit, ['table']),
  'batchflow.executor.paused': held(() => 0, ['table']),

  'batchflow.batches': number(({ batches }) => batches.map((batch) => [{ ...of(batch), ...statusOf(batch) }, 1])),
  'batchflow.records': number(({ batches }) =>
    batches.flatMap((batch): Count[] => [
      [{ ...of(batch), status: 'success' }, batch.committed + (batch.reason === undefined ? batch.quiet : 0)],
      [{ ...of(batch), status: 'fail' }, batch.failed],
    ]),
  ),
  'batchflow.accepted.records': number(({ tables }) => tables.map((table) => [of(table), table.accepted])),
  'batchflow.sent.bytes': number(({ batches }) => batches.map((batch) => [of(batch), batch.bytes])),
  'batchflow.errors': number(({ batches }) =>
    batches.flatMap((batch): Count[] => [
      ...batch.retries.map((reason): Count => [{ ...of(batch), ...errorOf('retry', reason) }, 1]),
      ...(batch.reason === undefined ? [] : [[{ ...of(batch), ...errorOf('final', batch.reason) }, 1] as const]),
    ]),
  ),
  'batchflow.submit.rejected': number(({ tables }) =>
    tables.flatMap((table) => each(table.rejected, (reason, rows) => [{ ...of(table), reason }, rows])),
  ),
  'batchflow.dead.letters': number(({ tables }) =>
    tables.flatMap((table) => each(table.deadLetters, (reason, rows) => [{ ...of(table), reason }, rows])),
  ),
  'batchflow.executor.outages': number(({ outages }) =>
    Object.entries(outages).flatMap(([database, reasons]) =>
      each(reasons, (reason, begun) => [{ database, reason }, begun]),
    ),
  ),
  'batchflow.pipeline.flushes': number(({ batches }) => batches.map((batch) => [of(batch), 1]), ['trigger']),
  'batchflow.coalesced.records': number((books) =>
    books.tables.filter(isKeyed).map((table) => coalesced(books, table)),
  ),
  'batchflow.superseded.records': number(() => []), // no table of the load has versions
  'batchflow.deleted.records': number(() => []), // nor does it delete
}

type Count = readonly [labels: RuleLabels, value: number]

function number(counts: (books: Books) => readonly Count[], without: readonly AttributeName[] = []): Rule {
  return {
    kind: 'number',
    without,
    of: (books) => sums(books, counts(books)).map(([labels, value]) => ({ labels, low: value, high: value })),
  }
}

/** What is 0 except while the load stands still. */
function held(amount: (entry: HeldEntry) => number, without: readonly AttributeName[] = []): Rule {
  const labelsOf = (entry: Pick<HeldEntry, 'database' | 'table'>) =>
    without.includes('table') ? { database: entry.database } : of(entry)
  return number((books) => [
    ...books.tables.map((table): Count => [labelsOf(table), 0]),
    ...books.held.map((entry): Count => [labelsOf(entry), amount(entry)]),
  ])
}

function histogram(slack: (books: Books) => Slack, observed: (books: Books) => Observations[]): Rule {
  return { kind: 'histogram', slack, of: observed }
}

function exactly(value: number): Range {
  return [value, value]
}

function perTable(books: Books, valuesOf: (table: TableBook) => readonly Range[]): [RuleLabels, readonly Range[]][] {
  return grouped(
    books,
    books.tables.map((table) => [of(table), valuesOf(table)]),
  )
}

function perBatch(
  books: Books,
  valuesOf: (batch: BatchEntry) => readonly number[],
  more: (batch: BatchEntry) => RuleLabels = () => ({}),
): Observations[] {
  const observed = books.batches.map(
    (batch) => [{ ...of(batch), ...more(batch) }, valuesOf(batch).map(exactly)] as const,
  )
  return grouped(books, observed).map(([labels, values]) => ({ labels, values }))
}

function sums(books: Books, counts: readonly Count[]): Count[] {
  const values = grouped(
    books,
    counts.map(([labels, value]) => [labels, [value]] as const),
  )
  return values.map(([labels, numbers]) => [labels, numbers.reduce((sum, value) => sum + value, 0)])
}

/** Puts what has the same labels together, past the cap of tables, too. */
function grouped<Value>(
  { tables }: Books,
  entries: readonly (readonly [RuleLabels, readonly Value[]])[],
): [RuleLabels, Value[]][] {
  const named = new Set([...new Set(tables.map(({ table }) => table))].slice(0, TABLES))
  const groups = new Map<string, [RuleLabels, Value[]]>()
  for (const [given, values] of entries) {
    const { table } = given
    const labels = table === undefined || named.has(table) ? given : { ...given, table: OTHER }
    const key = identityOf(labels)
    const group = groups.get(key) ?? [labels, []]
    groups.set(key, group)
    group[1].push(...values)
  }
  return [...groups.values()]
}

/** The same for the same labels, in whatever order. */
export function identityOf(labels: Readonly<Record<string, string | undefined>>): string {
  return JSON.stringify(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)))
}

function of({ database, table }: { readonly database: string; readonly table: string }): RuleLabels {
  return { table, database }
}

function statusOf({ failed }: BatchEntry): RuleLabels {
  return { status: failed > 0 ? 'fail' : 'success' }
}

function errorOf(kind: 'retry' | 'final', reason: string): RuleLabels {
  return { type: `${kind}:${reason}`, 'error.type': reason }
}

function each(counts: Readonly<Record<string, number>>, count: (key: string, value: number) => Count): Count[] {
  return Object.entries(counts).map(([key, value]) => count(key, value))
}

function isKeyed({ strategy }: TableBook): boolean {
  return strategy !== 'error'
}

function coalesced({ batches }: Books, { database, table, strategy, accepted }: TableBook): Count {
  const written = batches.filter((batch) => batch.database === database && batch.table === table)
  return [{ table, database, strategy }, accepted - written.reduce((sum, { rows }) => sum + rows, 0)]
}
