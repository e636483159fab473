import * as assert from 'uvu/assert'
import type { TableMetrics } from '../../../src/contract/metrics-reporter.ts'
import type { CloseSummary } from '../../../src/flow/outcomes.ts'
import type { RecordingReporter } from '../engine/recording-reporter.ts'
import type { FuzzRow } from './driver.ts'
import type { Submitted } from './ledger.ts'
import type { FuzzRig } from './rig.ts'
import { NEVER } from './steps.ts'

/** What holds of every flow that is closed, whatever happened to it. @throws when anything does not */
export function checkClosed(rig: FuzzRig, summary: CloseSummary): void {
  checkRest(rig)
  checkFates(rig, summary)
  checkLastStats(rig, summary)
  checkReporters(rig)
  if (rig.setup.ownReporter) checkMetrics(rig, summary)
}

/** An interval has passed: whatever is held back is held back by its own key, if there is a slot for everything. */
export function checkPunctual({ driver, ledger, setup }: FuzzRig): void {
  if (setup.concurrencyLimit > 0 || setup.flushInterval === NEVER) return
  const late = ledger.rows.filter(
    ({ told, table, key, version }) =>
      told === 'accepted' && version > driver.latest(table, key) && !driver.isInFlight(table, key),
  )
  assert.is(late.length, 0, 'no row waits for the key of another')
}

/** At every moment each row is in one place, however one adds up. */
export function checkStats({ flow, ledger, setup }: FuzzRig): void {
  const { state, room, bytes, tables, lastCommitAt, outage, ...all } = flow.stats()
  const { accepted, committed, failed, abandoned, unsettled, deadLettered, rejected } = all
  assert.is(accepted, committed + failed + abandoned + unsettled)
  assert.ok(Object.values(all).every((count) => count >= 0))
  assert.ok(deadLettered <= failed)
  assert.ok(bytes >= 0)
  assert.ok(accepted + rejected <= ledger.rows.length)
  if (room > 0) assert.is(room + unsettled, setup.flushSize + setup.spare, 'the door and the lanes agree')
  for (const key of Object.keys(all) as (keyof typeof all)[]) {
    const sum = Object.values(tables).reduce((total, table) => total + table[key], 0)
    assert.is(sum, all[key], `${key} by table and in all`)
  }
}

/** Nothing is left behind. */
function checkRest({ clock, executor, driver }: FuzzRig): void {
  assert.is(clock.running, 0, 'no timer runs')
  assert.is(executor.slots.inflight, 0, 'no slot is taken')
  const kept = driver.operations.filter(({ released, leftBehind }) => released !== (leftBehind ? 0 : 1))
  assert.is(kept.length, 0, 'every operation was released, unless the driver was left with it')
}

/** What callers were told is what the database knows, and adds up to what `close()` says. */
function checkFates(rig: FuzzRig, summary: CloseSummary): void {
  const { ledger, driver, letters } = rig
  assert.is(
    summary.committed + summary.failed + summary.abandoned,
    ledger.accepted,
    'all accepted rows are accounted for',
  )
  for (const entry of ledger.rows) {
    assert.is.not(entry.told, 'nothing', 'everybody is told')
    if (entry.told === 'committed') assert.ok(isWritten(rig, entry), 'a row said to be committed is')
    if (entry.told !== 'accepted' && entry.told !== 'committed') {
      assert.not(driver.committed.has(entry.version), `a row said to have ${entry.told} is not committed`)
    }
  }
  for (const { row } of [...letters, ...summary.abandonedRows]) {
    assert.not(driver.committed.has(versionOf(row)), 'a row handed back is not committed')
  }
  if (rig.setup.deadLetters === 'taken' || rig.setup.deadLetters === 'taken later') {
    const taken = new Set(letters.map(({ row }) => row))
    assert.not(
      summary.abandonedRows.some(({ row }) => taken.has(row)),
      'no row is handed back twice',
    )
  }
  assert.ok(summary.abandonedRows.length <= summary.abandoned)
}

function checkLastStats({ flow, ledger }: FuzzRig, summary: CloseSummary): void {
  const { state, accepted, rejected, unsettled, bytes, committed, failed, abandoned } = flow.stats()
  assert.equal([state, unsettled, bytes], ['closed', 0, 0])
  assert.equal([accepted, rejected], [ledger.accepted, ledger.rows.length - ledger.accepted])
  assert.equal([committed, failed, abandoned], [summary.committed, summary.failed, summary.abandoned])
}

/** By itself, or by the row it was merged into. */
function isWritten({ driver }: FuzzRig, { table, key, version }: Submitted): boolean {
  if (driver.committed.has(version)) return true
  if (table === 'error' || key === null) return false
  const isCarrier = (row: FuzzRow) => (table === 'ignore' ? row.version < version : row.version > version)
  return [...driver.committed.values()].some(
    (written) => written.table === table && written.row.id === key && isCarrier(written.row),
  )
}

function versionOf(row: object): number {
  return (row as FuzzRow).version
}

/** A reporter is opened and closed as its contract says, and told nothing that is no measurement. */
function checkReporters({ setup, ownReporter, hubReporter }: FuzzRig): void {
  assert.is(ownReporter.probes.length, setup.ownReporter ? 1 : 0)
  for (const reporter of [ownReporter, hubReporter]) {
    assert.is(reporter.closed, reporter.probes.length, 'what was opened is closed')
    for (const call of reporter.calls) {
      const numbers = call.filter((argument) => typeof argument === 'number')
      assert.ok(
        numbers.every((value) => value >= 0 && value < 1e7),
        `${call} is a measurement`,
      )
    }
  }
}

function checkMetrics({ ledger, letters, setup, ownReporter }: FuzzRig, summary: CloseSummary): void {
  const rows = ledger.accepted
  const failed = summary.failed + summary.abandoned
  const count = (verb: keyof TableMetrics, ...first: string[]) => callsOf(ownReporter, verb, ...first).length
  const sum = (verb: keyof TableMetrics, first?: string) =>
    callsOf(ownReporter, verb, first).reduce((total, args) => total + numberIn(args), 0)

  assert.is(sum('countRecords', 'success'), summary.committed)
  assert.is(sum('countRecords', 'fail'), failed)
  assert.is(sum('countAccepted'), rows)
  const left = sum('observeBatchSize') + sum('countCoalesced')
  const drops = count('countError', 'final', 'overflow')
  if (drops === 0) assert.is(left, rows)
  else assert.ok(left < rows, 'dropped rows are in no batch')
  assert.ok(drops === 0 || setup.overflow === 'drop-oldest')
  if (drops === 0 && setup.latencySampling === 1) assert.is(count('observeDequeueLatency'), rows)
  else assert.ok(count('observeDequeueLatency') <= left)
  for (const verb of ['countFlush', 'observeBatchSize', 'observeExecuteDuration', 'observeProcessDuration'] as const) {
    assert.is(count(verb), count('countBatch'), `${verb}, once for each batch`)
  }
  assert.is(count('countError', 'final') - drops, count('countBatch', 'fail'))
  assert.is(sum('countRejected'), ledger.rows.length - rows, 'who was refused was counted')
  if (setup.deadLetters === 'taken') assert.is(sum('countDeadLetters'), letters.length)
  else if (setup.deadLetters !== 'taken later') assert.is(count('countDeadLetters'), 0)
  for (const [, length] of ownReporter.probes[0]!.queueLengths()) assert.is(length, 0, 'no row is queued')
}

function callsOf(reporter: RecordingReporter, verb: keyof TableMetrics, ...first: (string | undefined)[]): unknown[][] {
  return reporter.of(verb).filter((args) => first.every((value, i) => value === undefined || args[i] === value))
}

function numberIn(args: readonly unknown[]): number {
  return args.find((argument) => typeof argument === 'number') ?? Number.NaN
}
