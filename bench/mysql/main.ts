/**
 * Measures flows into MySQL or MariaDB beside the loop one writes by hand, on a real server (`MYSQL_URL`, `MYSQL_SERVER`):
 *
 *     TSX_TSCONFIG_PATH=bench/mysql/tsconfig.json node --import tsx --expose-gc --max-semi-space-size=64 \
 *       bench/mysql/main.ts [--json] [--rows 100000] [--turns 11]
 *
 * after `npm run build`: that configuration makes it import the package as it is published. The last contender is the
 * loop; ratios are medians over rounds, with least and most.
 */
import { Command, InvalidArgumentError } from 'commander'
import { createPool } from 'mysql2/promise'
import { servers } from '../../test/support/servers/servers.ts'
import type { Contender } from '../support/compare.ts'
import { alternate } from '../turns.ts'
import { appendContenders, CONNECTIONS, TABLES, upsertContenders } from './contenders.ts'
import { type Ratios, Rounds } from './ratios.ts'

const BATCH_SIZES = [500, 2000]

interface Options {
  json?: true
  rows: number
  turns: number
}

async function main({ json, rows, turns }: Options): Promise<void> {
  const server = await servers.mysql()
  if (server === undefined) throw new Error('the bench needs MySQL or MariaDB: set MYSQL_URL or MYSQL_SERVER')
  const pool = createPool({ uri: server.url, connectionLimit: CONNECTIONS, timezone: 'Z' })
  try {
    console.error(server.version)
    await pool.query('SET GLOBAL local_infile = ON')
    const results: Record<string, Record<string, Ratios>> = {}
    for (const size of BATCH_SIZES) {
      for (const [what, contenders] of [
        ['append', appendContenders],
        ['upsert', upsertContenders],
      ] as const) {
        const title = `${what}, batches of ${size}`
        results[title] = await measure(title, await contenders(pool, rows, size), turns)
      }
    }
    if (json) console.log(JSON.stringify({ server: server.version, rows, turns, results }))
  } finally {
    await pool.query(`DROP TABLE IF EXISTS ${TABLES.join(', ')}`)
    await pool.end()
    await server.stop()
  }
}

async function measure(title: string, contenders: readonly Contender[], turns: number) {
  console.error(`\n${title}`)
  const rounds = new Rounds()
  await alternate(
    contenders.map((contender) => rounds.observe(contender)),
    turns,
  )
  const ratios = rounds.ratios()
  for (const [name, { rate, cpu }] of Object.entries(ratios)) {
    console.error(`  ${name.padEnd(18)} ${said(rate)} the rows/s, ${said(cpu)} the CPU time a row`)
  }
  return ratios
}

function said([median, min, max]: Ratios['rate']): string {
  return `${median.toFixed(2)} × (${min.toFixed(2)} … ${max.toFixed(2)})`
}

function positive(value: string): number {
  const parsed = Number(value)
  if (!Number.isInteger(parsed) || parsed < 1) throw new InvalidArgumentError('It must be a positive integer.')
  return parsed
}

await new Command('bench/mysql')
  .option('--json', 'print the ratios as one JSON line')
  .option('--rows <n>', 'rows per turn', positive, 100_000)
  .option('--turns <n>', 'turns of each contender, at least 5 for a median worth its name', positive, 11)
  .action(main)
  .parseAsync()
