/**
 * Three workers on a log while everything goes wrong: one is killed with -9 and replaced, 2 s later the next, one is added, the log's
 * server is killed and comes back, answers of the database are cut.
 *
 *     npm run test:scale
 *     SCALE_ROWS=20000 SCALE_ENGINES=redis-streams SCALE_MODES=database npm run test:scale
 *
 * `SCALE_ROWS` (200,000) rows go to 2,000 keys, where the last one wins, and half as many are only added. Ends with status 1
 * where a row is lost, an older one has won, one is in the log twice, one is doubled though the database remembers what was read,
 * or all is not through after `SCALE_SECONDS` (300). Things go wrong by the clock: on a busy machine, where a batch takes as long as from one cut to the
 * next, `SCALE_PACE=5` has them happen five times more rarely.
 */
import { readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { needed, servers } from '../support/servers/servers.ts'
import { bundledWorker } from './bundle.ts'
import type { Engine } from './engine.ts'
import { type Mode, type Outcome, run } from './run.ts'

const rows = Number(process.env['SCALE_ROWS'] ?? 200_000)
const patience = Number(process.env['SCALE_SECONDS'] ?? 300) * 1000
const pace = Number(process.env['SCALE_PACE'] ?? 1)
const modes = (process.env['SCALE_MODES'] ?? 'broker,database').split(',') as Mode[]
const { url } = needed(await servers.postgres())
const program = await bundledWorker()
const COLUMNS = [
  'published',
  'seconds',
  'kills',
  'cuts',
  'restarts',
  'lost',
  'loggedTwice',
  'doubled',
  'stale',
] as const

function engineNames(): string[] {
  const all = readdirSync(join(import.meta.dirname, 'engines')).map((file) => basename(file, '.ts'))
  return process.env['SCALE_ENGINES']?.split(',') ?? all.sort()
}

/** Where nothing went wrong, nothing was shown. */
function isAsPromised(mode: Mode, { lost, loggedTwice, doubled, stale, kills, cuts }: Outcome): boolean {
  if (kills === 0 || cuts === 0) return false
  return lost === 0 && loggedTwice === 0 && stale === 0 && (mode === 'broker' || doubled === 0)
}

console.log(['engine'.padEnd(16), 'mode'.padEnd(10), ...COLUMNS.map((name) => name.padStart(12))].join(''))
let failed = 0
for (const name of engineNames()) {
  const { engine } = (await import(`./engines/${name}.ts`)) as { engine: Engine }
  for (const mode of modes) {
    const outcome = await run({ engine, mode, program, rows, keys: Math.min(2000, rows), patience, pace, url })
    if (outcome === undefined) {
      if (process.env['CI'] === 'true') failed++
      break
    }
    const figures = COLUMNS.map((column) => String(Math.round(outcome[column])).padStart(12))
    const isRight = isAsPromised(mode, outcome)
    console.log([name.padEnd(16), mode.padEnd(10), ...figures, isRight ? '' : '  NOT AS PROMISED'].join(''))
    if (!isRight) {
      failed++
      console.log(outcome.complaints.join('').slice(-4000))
    }
  }
  if (engine.note !== undefined) console.log(`${name}: ${engine.note}`)
}
console.log(failed === 0 ? 'as promised' : `${failed} not as promised`)
process.exit(failed === 0 ? 0 : 1)
