import { isTable, type Table } from '../contract/table.ts'
import type { Executor } from '../executor/executor.ts'
import type { BatchFlowOptions } from '../flow/options.ts'
import { OptionError } from '../support/batchflow-error.ts'
import { type Clock, MAX_DELAY, systemClock } from '../support/clock.ts'
import {
  type Check,
  callback,
  implementing,
  integer,
  type Option,
  type OptionsOf,
  oneOf,
  optional,
  parse,
  refuse,
  required,
  show,
  unchecked,
} from '../support/validate.ts'
import type { UnknownTables } from './decode.ts'
import { decodeMessage, type MessageDecoder } from './message-format.ts'
import type { DeadLetterReason, Message, Source } from './source.ts'
import type { TroubleHandler } from './troubles.ts'

/**
 * Puts a message aside; resolves when that is durable. Where it rejects, or takes longer than 30 s, it is called again, and the
 * partition waits. `signal` is aborted when nobody waits for this call any longer: its time is over, or the worker's is.
 */
export type DeadLetterMessage = (
  partition: string,
  message: Message,
  why: DeadLetterReason,
  options: { readonly signal: AbortSignal },
) => Promise<void>

/** Those of a flow that a worker over a log leaves to its user. */
type FlowOptions = Pick<
  BatchFlowOptions,
  | 'bufferSize'
  | 'bufferBytes'
  | 'flushSize'
  | 'flushBytes'
  | 'flushInterval'
  | 'latencySampling'
  | 'check'
  | 'log'
  | 'clock'
>

export interface WorkerOptions extends FlowOptions {
  /** Where rows may go: a message names the table by its name. */
  readonly tables: readonly Table[]
  /** Reads a message. @default the format of this package's publishers: `{"v":1,"t":"<table>","r":[{…},…]}` */
  readonly decode?: MessageDecoder
  /** Puts aside what cannot be read or written. @default the source's own dead letters */
  readonly deadLetter?: DeadLetterMessage
  /**
   * What becomes of rows whose table is not among `tables`: their message is put aside with the reason `unknown_table`
   * (`dead-letter`), its partition waits for a worker that knows it (`pause`), or they are left out, as somebody else's
   * (`drop`). @default 'dead-letter'
   */
  readonly unknownTables?: UnknownTables
  /**
   * `refuse`: with `acks: 'broker'`, a table whose last row wins (`update`, `replace`) needs a source that keeps the order of
   * what it delivers again, or `newer` in its `onConflict`; else an old row that comes again might win over a new one. One with
   * `deletes` needs such a source in any case, as a row that was deleted might come back. `allow`: that is known, and wanted. @default 'refuse'
   */
  readonly staleUpserts?: 'refuse' | 'allow'
  /** Messages held at most: read, and not acknowledged. Half of it is shared out among partitions. @default 10000 */
  readonly maxMessages?: number
  /** Bytes of their bodies at most. @default 64 MiB */
  readonly maxBytes?: number
  /** How often the log is asked how far behind the worker is, in ms; 0: never. @default 10000 */
  readonly lagInterval?: number
  /** Hears when something keeps the worker from going on, and when that is over. @default `diag` is told */
  readonly onTrouble?: TroubleHandler
}

/** Who remembers what was read; exactly one of the two is given. */
export type Remembering =
  | {
      /** The log: messages are acknowledged after commit, and delivered again after a crash (at least once). */
      readonly acks: 'broker'
      readonly position?: undefined
    }
  | {
      /** The database: how far the log was read is committed together with the rows (exactly once). PostgreSQL, MySQL, SQLite. */
      readonly position: 'database'
      readonly acks?: undefined
    }

export type ConsumeOptions = WorkerOptions & Remembering

const MEBIBYTE = 1024 * 1024

const tableList: Check<readonly Table[]> = (name, value) => {
  if (!Array.isArray(value) || value.length === 0) return refuse(name, 'a non-empty array of tables', value)
  const seen = new Set<string>()
  for (const table of value) {
    const { name: own } = isTable(name, table)
    if (seen.has(own)) throw new OptionError(`${name} has two tables named ${show(own)}; a message could mean either`)
    seen.add(own)
  }
  return [...value]
}

/** Checked by the flow that is made of them. */
const FLOW = {
  bufferSize: optional(unchecked<number>()),
  bufferBytes: optional(unchecked<number>()),
  flushSize: optional(integer(1, 1_000_000), 500),
  flushBytes: optional(unchecked<number>()),
  flushInterval: optional(unchecked<number>()),
  latencySampling: optional(unchecked<number>()),
  check: optional(unchecked<boolean>()),
  log: optional(unchecked<NonNullable<FlowOptions['log']>>()),
  clock: optional(implementing<Clock>('a clock', 'now', 'timer'), systemClock),
} satisfies OptionsOf<FlowOptions>

interface Remembered {
  readonly acks?: 'broker' | undefined
  readonly position?: 'database' | undefined
}

const OPTIONS = {
  ...FLOW,
  tables: required(tableList),
  acks: optional(oneOf('broker')),
  position: optional(oneOf('database')),
  decode: optional(callback<MessageDecoder>(), decodeMessage),
  deadLetter: optional(callback<DeadLetterMessage>()),
  unknownTables: optional(oneOf('dead-letter', 'pause', 'drop'), 'dead-letter'),
  staleUpserts: optional(oneOf('refuse', 'allow'), 'refuse'),
  maxMessages: optional(integer(1), 10_000),
  maxBytes: optional(integer(1), 64 * MEBIBYTE),
  lagInterval: optional(integer(0, MAX_DELAY), 10_000),
  onTrouble: optional(callback<TroubleHandler>()),
} satisfies OptionsOf<WorkerOptions & Remembered>

type Parsed = { readonly [K in keyof typeof OPTIONS]: (typeof OPTIONS)[K] extends Option<infer T> ? T : never }

export interface Settings extends Omit<Parsed, keyof FlowOptions | 'acks' | 'position'> {
  readonly mode: 'broker' | 'database'
  readonly flushSize: number
  readonly flushBytes: number
  readonly clock: Clock
  readonly flow: BatchFlowOptions
}

/** What is sent in one batch at most, where it is not given. */
const FLUSH_BYTES = 16 * MEBIBYTE

const isSource = implementing<Source>('a source', 'compare', 'start', 'acknowledge', 'deadLetter', 'lag', 'stop')
const isExecutor = implementing<Executor>('made by postgresExecutor() or the like,', 'withMetricsReporter')

/** @throws {OptionError} naming the option, the value received and what is allowed */
export function workerSettings(source: Source, executor: Executor, options: ConsumeOptions): Settings {
  isSource('consume: source', source)
  isExecutor('consume: executor', executor)
  const { acks, position, bufferSize, bufferBytes, flushBytes, flushInterval, latencySampling, check, log, ...given } =
    parse('consume', OPTIONS, options)
  const { flushSize, clock } = given
  if ((acks === undefined) === (position === undefined)) {
    throw new OptionError("consume: give exactly one of acks: 'broker' and position: 'database'")
  }
  const mode = acks === undefined ? 'database' : 'broker'
  if (mode === 'database') checkPosition(source, executor)
  else if (given.staleUpserts === 'refuse') for (const table of given.tables) checkOrder(source, table)
  const flow = { bufferSize, bufferBytes, flushSize, flushBytes, flushInterval, latencySampling, check, log, clock }
  return { ...given, mode, flushBytes: flushBytes ?? FLUSH_BYTES, flow: withoutAbsent(flow) }
}

function checkPosition(source: Source, { driver }: Executor): void {
  if (driver.companions === undefined) {
    throw new OptionError(
      `consume: position: 'database' needs a database with transactions, which the driver ${show(driver.name)} does not have; ` +
        "use acks: 'broker'",
    )
  }
  if (!source.ordered) {
    throw new OptionError(
      `consume: position: 'database' needs a source that delivers in order, which ${show(source.name)} does not as it is set up`,
    )
  }
}

function checkOrder(source: Source, table: Table): void {
  const lastWins = table.action === 'update' || table.action === 'replace' || table.action === 'sql'
  const isGuarded = 'newer' in table && table.newer !== undefined
  if (source.ordered) return
  if ('deletes' in table && table.deletes !== undefined) {
    throw new OptionError(
      `consume: tables: the source ${show(source.name)} may deliver a message again after newer ones, and in ` +
        `table ${show(table.name)}, which takes deletions, a row that was deleted would come back: say staleUpserts: 'allow'`,
    )
  }
  if (!lastWins || isGuarded) return
  const remedy = table.action === 'sql' ? 'say' : 'give it onConflict.newer, or say'
  throw new OptionError(
    `consume: tables: the source ${show(source.name)} may deliver a message again after newer ones, and in ` +
      `table ${show(table.name)} (onConflict ${table.action}) the last row wins: ${remedy} ` +
      "staleUpserts: 'allow'",
  )
}

function withoutAbsent(options: Record<string, unknown>): BatchFlowOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
}
