import fc from 'fast-check'
import type { ConflictAction } from '../../../src/contract/table.ts'
import type { OverflowPolicy } from '../../../src/flow/options.ts'

/** How an attempt ends that the driver was called for. */
export type Ending =
  | { readonly ends: 'committed' }
  | { readonly ends: 'committed in part'; readonly failed: readonly number[]; readonly reason: string }
  | { readonly ends: 'failed'; readonly reason: string }
  | { readonly ends: 'failed in detail'; readonly reason: string; readonly details: FailureDetails }
  /** The driver breaks its contract. */
  | { readonly ends: 'in nonsense' }

interface FailureDetails {
  readonly ambiguous: boolean
  readonly rowIndex: number | undefined
  readonly stale: boolean
  readonly unreachable: boolean
}

/** What a call of `plan` does: it answers at once, when a step says so, or rejects. */
export type Planning = 'now' | 'late' | 'rejects'

/** What a sign of life that is asked for comes to; `hangs`: to nothing. */
export type Ping = 'answers' | 'fails' | 'throws' | 'hangs'

export type DeadLetters = 'none' | 'taken' | 'taken later' | 'throw' | 'hang'

/** A flow, its executor and its database. */
export interface Setup {
  readonly concurrencyLimit: number
  readonly timeout: number
  readonly maxAttempts: number
  readonly maxOutage: number
  readonly onAmbiguous: 'retry' | 'fail'
  readonly isolation: boolean
  readonly flushSize: number
  /** `bufferSize` beyond `flushSize`. */
  readonly spare: number
  readonly flushBytes: number
  /** `bufferBytes` beyond `flushBytes`. */
  readonly spareBytes: number
  readonly adaptive: boolean
  readonly latencySampling: number
  readonly flushInterval: number
  readonly overflow: OverflowPolicy
  readonly ownReporter: boolean
  readonly deadLetters: DeadLetters
  /** Taken in turn by the calls of `plan`. */
  readonly planning: readonly Planning[]
  readonly releaseThrows: boolean
  /** Taken in turn by the attempts that no step has ended. */
  readonly endings: readonly Ending[]
  /** The database does not answer while the flow is closed. */
  readonly silentEnd: boolean
  /** Taken in turn when the database is asked for a sign of life; none: it cannot be asked. */
  readonly pings: readonly Ping[]
}

/** `unreadable…`: a getter throws. `submitting`: one hands over another row. The last three are no rows at all. */
export type RowKind =
  | 'whole'
  | 'partial'
  | 'large'
  | 'without key'
  | 'unreadable key'
  | 'unreadable column'
  | 'submitting'
  | 'none'
  | 'hole'
  | 'number'

export interface RowSpec {
  readonly kind: RowKind
  readonly key: number
}

/** How rows come that are handed over by one call. */
export type Source = 'array' | 'generator'

export interface Target {
  readonly table: ConflictAction
  /** Which of a few signals that many calls share. */
  readonly signal: number | undefined
}

export type Step =
  | (Target & { readonly does: 'submit' | 'write'; readonly row: RowSpec })
  | (Target & { readonly does: 'deliver'; readonly row: RowSpec; readonly insists: boolean })
  | (Target & { readonly does: 'writeMany'; readonly rows: readonly RowSpec[]; readonly source: Source })
  | (Target & {
      readonly does: 'submitMany'
      readonly rows: readonly RowSpec[]
      readonly source: Source
      readonly breaksAt: number | undefined
    })
  | { readonly does: 'trySubmit'; readonly table: ConflictAction; readonly row: RowSpec }
  | { readonly does: 'flush' }
  /** As a flow does that finds its own `flushSize`. */
  | { readonly does: 'resize'; readonly rows: number }
  | { readonly does: 'end'; readonly nth: number; readonly ending: Ending }
  | { readonly does: 'plan'; readonly nth: number }
  | { readonly does: 'advance'; readonly milliseconds: number }
  | { readonly does: 'abort'; readonly signal: number }
  | { readonly does: 'observe'; readonly reporter: boolean; readonly tracing: boolean }
  | { readonly does: 'close'; readonly timeout: number }
  | { readonly does: 'abort flow' }
  /** Another flow over the same executor gets a row, or is made; or it is closed. */
  | { readonly does: 'neighbour'; readonly key: number }
  | { readonly does: 'close neighbour'; readonly timeout: number }
  | { readonly does: 'pause' }

export const SIGNALS = 3

/** ms; longer than any round, so that no row leaves because of it. */
export const NEVER = 1e9

const reason = fc.constantFrom('deadlock', 'connection', 'constraint', 'permission', 'out_of_space', 'unknown')
const index = fc.nat(5)

const details: fc.Arbitrary<FailureDetails> = fc.record({
  ambiguous: fc.boolean(),
  rowIndex: fc.option(index, { nil: undefined }),
  stale: fc.boolean(),
  unreachable: fc.boolean(),
})

const ending = fc.oneof<fc.WeightedArbitrary<Ending>[]>(
  { weight: 10, arbitrary: fc.constant({ ends: 'committed' }) },
  {
    weight: 3,
    arbitrary: fc.record({
      ends: fc.constant('committed in part'),
      failed: fc.uniqueArray(index, { minLength: 1, maxLength: 3 }),
      reason,
    }),
  },
  { weight: 3, arbitrary: fc.record({ ends: fc.constant('failed'), reason }) },
  { weight: 4, arbitrary: fc.record({ ends: fc.constant('failed in detail'), reason, details }) },
  { weight: 1, arbitrary: fc.constant({ ends: 'in nonsense' }) },
)

export const setups: fc.Arbitrary<Setup> = fc.record({
  concurrencyLimit: fc.nat(3),
  timeout: fc.constantFrom(0, 50, 500),
  maxAttempts: fc.integer({ min: 1, max: 3 }),
  maxOutage: fc.constantFrom(0, 100, 1000),
  onAmbiguous: fc.constantFrom('retry', 'fail'),
  isolation: fc.constantFrom(true, true, true, false),
  flushSize: fc.oneof({ weight: 3, arbitrary: fc.integer({ min: 1, max: 6 }) }, fc.integer({ min: 20, max: 40 })),
  spare: fc.nat(11),
  flushBytes: fc.constantFrom(1e6, 1e6, 1, 100, 300),
  spareBytes: fc.constantFrom(1e6, 1e6, 0, 100, 400),
  adaptive: fc.boolean(),
  latencySampling: fc.constantFrom(1, 1, 4),
  flushInterval: fc.constantFrom(0, 10, 100, NEVER),
  overflow: fc.constantFrom<OverflowPolicy[]>('wait', 'wait', 'reject', 'drop-oldest'),
  ownReporter: fc.boolean(),
  deadLetters: fc.constantFrom('none', 'taken', 'taken later', 'throw', 'hang'),
  planning: fc.oneof(
    fc.constant<Planning[]>(['now']),
    fc.array(fc.constantFrom<Planning[]>('now', 'late', 'late', 'rejects'), { minLength: 1, maxLength: 8 }),
  ),
  releaseThrows: fc.constantFrom(false, false, false, true),
  endings: fc.array(ending, { minLength: 1, maxLength: 12, size: 'max' }),
  silentEnd: fc.boolean(),
  pings: fc.array(fc.constantFrom<Ping[]>('answers', 'answers', 'fails', 'throws', 'hangs'), { maxLength: 4 }),
})

const table = fc.constantFrom<ConflictAction[]>('error', 'ignore', 'update', 'replace', 'sql')
const signal = fc.option(fc.nat(SIGNALS - 1), { nil: undefined })
const row: fc.Arbitrary<RowSpec> = fc.record({
  kind: fc.oneof<fc.WeightedArbitrary<RowKind>[]>(
    { weight: 10, arbitrary: fc.constant('whole') },
    { weight: 10, arbitrary: fc.constant('partial') },
    { weight: 2, arbitrary: fc.constantFrom('large', 'submitting') },
    {
      weight: 2,
      arbitrary: fc.constantFrom('without key', 'unreadable key', 'unreadable column', 'none', 'hole', 'number'),
    },
  ),
  key: fc.nat(4),
})
const rows = fc.oneof(
  { weight: 3, arbitrary: fc.array(row, { maxLength: 8 }) },
  fc.array(row, { maxLength: 40, size: 'max' }),
)
const source = fc.constantFrom<Source[]>('array', 'array', 'generator')

const step = fc.oneof<fc.WeightedArbitrary<Step>[]>(
  { weight: 50, arbitrary: fc.record({ does: fc.constant('submit'), table, row, signal }) },
  { weight: 50, arbitrary: fc.record({ does: fc.constant('write'), table, row, signal }) },
  {
    weight: 12,
    arbitrary: fc.record({ does: fc.constant('deliver'), table, row, insists: fc.boolean(), signal }),
  },
  { weight: 8, arbitrary: fc.record({ does: fc.constant('writeMany'), table, rows, source, signal }) },
  {
    weight: 8,
    arbitrary: fc.record({
      does: fc.constant('submitMany'),
      table,
      rows,
      source,
      breaksAt: fc.option(fc.nat(11), { nil: undefined, freq: 3 }),
      signal,
    }),
  },
  { weight: 12, arbitrary: fc.record({ does: fc.constant('trySubmit'), table, row }) },
  { weight: 10, arbitrary: fc.constant({ does: 'flush' }) },
  { weight: 4, arbitrary: fc.record({ does: fc.constant('resize'), rows: fc.integer({ min: 1, max: 6 }) }) },
  { weight: 58, arbitrary: fc.record({ does: fc.constant('end'), nth: fc.nat(7), ending }) },
  { weight: 12, arbitrary: fc.record({ does: fc.constant('plan'), nth: fc.nat(7) }) },
  {
    weight: 12,
    arbitrary: fc.record({ does: fc.constant('advance'), milliseconds: fc.constantFrom(1, 10, 100, 600, 6000) }),
  },
  { weight: 8, arbitrary: fc.record({ does: fc.constant('abort'), signal: fc.nat(SIGNALS - 1) }) },
  { weight: 5, arbitrary: fc.record({ does: fc.constant('observe'), reporter: fc.boolean(), tracing: fc.boolean() }) },
  {
    weight: 1,
    arbitrary: fc.record({
      does: fc.constant('close'),
      timeout: fc.constantFrom(0, 50, 1000, Number.POSITIVE_INFINITY),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ does: 'abort flow' }) },
  { weight: 8, arbitrary: fc.record({ does: fc.constant('neighbour'), key: fc.nat(4) }) },
  {
    weight: 2,
    arbitrary: fc.record({ does: fc.constant('close neighbour'), timeout: fc.constantFrom(0, 50, 1000) }),
  },
  { weight: 15, arbitrary: fc.constant({ does: 'pause' }) },
)

export const stepLists: fc.Arbitrary<Step[]> = fc.array(step, { maxLength: 150, size: 'max' })
