import { execFileSync, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { BatchFlow } from 'batchflow-otel'
import type pg from 'pg'
import type { Bench } from '../support/case.ts'
import type { Contender } from '../support/compare.ts'
import { COLUMNS, type Event, events } from '../support/events.ts'
import { flowContender, oneByOne } from '../support/flow-contender.ts'
import { CONNECTIONS, eventTable, executorFor, inBatches, withPostgres } from '../support/postgres.ts'

const TABLE = 'bench_alternatives'
const SIZE = 500
const HERE = join(import.meta.dirname, '..')
/** Where Go puts the program of `bench/go`. */
const PGX = join(HERE, '../.cache/bench/pgx')

/** Of `peers`, which has packages of its own: types of those are not at hand where they are not installed. */
interface Peers {
  peersFor(
    url: string,
    table: string,
    connections: number,
  ): Promise<{ readonly name: string; write(batch: Event[]): Promise<unknown>; close(): Promise<unknown> }[]>
}

/** The same rows over as many connections with what a user has else, and with pgx from Go. */
export default (bench: Bench) =>
  withPostgres([TABLE], async (pool, url) => {
    const table = await eventTable(pool, TABLE)
    const rows = events(bench.settings.rows)
    const before = () => pool.query(`TRUNCATE ${TABLE}`)
    const turn = { rows: rows.length, before }
    const flow = new BatchFlow(executorFor(pool), { flushSize: SIZE })
    const ours = flowContender({ name: 'flow', ...turn }, flow, () => oneByOne(flow, table, rows))
    const pgx = pgxContender(bench, url, turn)
    const few = { rows: Math.ceil(rows.length / 20), before }
    const others: Contender[] = [
      { name: 'pg, row by row', ...few, run: () => rowByRow(pool, rows.slice(0, few.rows)) },
      ...(await peers(bench, url, rows, turn)),
    ]
    const pair = (name: string, target: string) => ({
      name: `alternatives ${name}`,
      target,
      of: ['flow', name] as const,
    })
    await bench.compare(
      `append to PostgreSQL over ${CONNECTIONS} connections, batches of ${SIZE}`,
      [...others, ours, ...pgx],
      [...others.map(({ name }) => pair(name, '≥ 1')), ...pgx.map(({ name }) => pair(name, '≥ 0.9'))],
    )
  })

async function rowByRow(pool: pg.Pool, rows: readonly Event[]): Promise<void> {
  const text = `INSERT INTO ${TABLE} (${COLUMNS.join(', ')}) VALUES ($1, $2, $3, $4, $5)`
  const values = ({ id, name, email, score, created }: Event) => [id, name, email, score, created]
  await inBatches(rows, 1, ([row]) => pool.query({ name: TABLE, text, values: values(row!) }))
}

/** Their packages are no dependencies of this repository: installed here, when they are wanted for the first time. */
async function peers(
  bench: Bench,
  url: string,
  rows: readonly Event[],
  turn: Pick<Contender, 'rows' | 'before'>,
): Promise<Contender[]> {
  const folder = join(HERE, 'peers')
  if (!existsSync(join(folder, 'generated'))) install(bench, folder)
  const { peersFor } = (await import(`${folder}/peers.ts`)) as Peers
  const all = await peersFor(url, TABLE, CONNECTIONS)
  return all.map(({ name, write, close }) => ({ name, ...turn, run: () => inBatches(rows, SIZE, write), close }))
}

function install(bench: Bench, folder: string): void {
  bench.say(`npm ci --prefix ${folder}`)
  const run = (program: string, args: string[], env: object = {}) =>
    execFileSync(program, args, { cwd: folder, stdio: ['ignore', 2, 2], env: { ...process.env, ...env } })
  run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'])
  // Prisma's command would fetch a program for migrations first, which generating a client has no use for.
  run('npx', ['prisma', 'generate', '--schema', 'schema.prisma'], { PRISMA_SCHEMA_ENGINE_BINARY: process.execPath })
}

/** Its CPU time is not of this process: 0. */
function pgxContender(bench: Bench, url: string, turn: Pick<Contender, 'rows' | 'before'>): Contender[] {
  try {
    if (!existsSync(PGX))
      execFileSync('go', ['build', '-o', PGX, '.'], { cwd: join(HERE, 'go'), stdio: ['ignore', 2, 2] })
  } catch {
    bench.say('pgx is left out: Go could not build bench/go')
    return []
  }
  const program = spawn(PGX, [url, TABLE, `${turn.rows}`, `${SIZE}`, `${CONNECTIONS}`], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const answers = createInterface(program.stdout)[Symbol.asyncIterator]()
  return [
    {
      name: 'pgx CopyFrom',
      ...turn,
      run: async () => {
        program.stdin.write('\n')
        if ((await answers.next()).done) throw new Error('the Go program has ended')
      },
      close: async () => program.stdin.end(),
    },
  ]
}
