import { thousands } from './progress.ts'

/** What `--json` prints. */
export interface Summary {
  /** Flights committed to `flights`. */
  readonly rows: number
  /** Flights per second, from the first submit until everything is settled; each is two rows submitted. */
  readonly rowsPerSecond: number
  /** Batches settled, both tables. */
  readonly batches: number
  /** Rows of the load that were not committed, both tables. */
  readonly failed: number
  /** Counts and checksums of both tables equal those computed from the input. */
  readonly verified: boolean
  /** Start to end of the verification, the boot of the server included. */
  readonly durationSeconds: number
  readonly peakRssMb: number
  /** The load was ended early by a signal. */
  readonly interrupted: boolean
  /** What is wrong with the tables. */
  readonly differences: readonly string[]
}

/** For people. */
export function describeSummary(
  summary: Summary,
  details: { keys: number; coalesced: number; database: string },
): string {
  const { rows, rowsPerSecond, batches, failed, verified, durationSeconds, peakRssMb } = summary
  const lines = [
    [
      'flights',
      `${thousands(rows)}${summary.interrupted ? ' (interrupted)' : ''}, ${thousands(rowsPerSecond)} per second`,
    ],
    ['daily totals', `${thousands(details.keys)} keys; ${thousands(details.coalesced)} rows merged before writing`],
    ['batches', thousands(batches)],
    ['failed rows', thousands(failed)],
    ['verified', verified ? 'yes: counts and checksums of both tables' : 'NO'],
    ['database', details.database],
    ['took', `${durationSeconds} s in all, ${peakRssMb} MB of memory at most`],
  ]
  return [
    '',
    ...lines.map(([name, value]) => `  ${`${name}`.padEnd(14)}${value}`),
    ...summary.differences.map((difference) => `  ! ${difference}`),
    '',
  ].join('\n')
}
