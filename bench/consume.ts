/**
 * What it costs when rows go through a log: rows a second and CPU time a row of workers and of the broker, beside `submit` from
 * memory in the same run, and beside consumers and publishers one writes by hand with the log's plain client:
 *
 *     node --import tsx bench/consume.ts [--engine redis|nats|kafka] [--rows 50000] [--repetitions 7] [--json]
 *
 * Into PostgreSQL, appended. The log is filled while its workers are halted, so that publishing and writing are told apart; a turn
 * lasts from the moment they go on until the last row is committed. Contenders take turns, medians are compared. Rates are those
 * of a shared machine; CPU times hold better.
 */
import { randomBytes } from 'node:crypto'
import { cpus, loadavg } from 'node:os'
import { Command, InvalidArgumentError, Option } from 'commander'
import pg from 'pg'
import { needed, servers } from '../test/support/servers/servers.ts'
import { type Turn, turnOf } from './consume/contender.ts'
import { contendersOf, type Place } from './consume/contenders.ts'
import type { Log } from './consume/log.ts'
import { median } from './support/compare.ts'

const ENGINES = ['redis', 'nats', 'kafka']
const PER_MESSAGE = [1, 10]

interface Options {
  readonly engine?: string
  readonly rows: number
  readonly repetitions: number
  readonly json?: true
}

/** Turns by contender. */
type Turns = Map<string, Turn[]>
type Medians = Record<string, { rate: number; cpu: number; broker: number | undefined }>

async function main({ engine, rows, repetitions, json }: Options): Promise<void> {
  const { url } = needed(await servers.postgres())
  const results: Record<string, Record<string, Medians>> = {}
  console.error(`${cpus().length} cores, load before: ${loadavg()[0]!.toFixed(1)}`)
  for (const name of engine === undefined ? ENGINES : [engine]) {
    const { log } = (await import(`./consume/logs/${name}.ts`)) as { log: Log }
    const broker = await log.start()
    if (broker === undefined) continue
    const schema = `bench_${randomBytes(6).toString('hex')}`
    const pool = new pg.Pool({ connectionString: url, options: `-c search_path=${schema}` })
    await pool.query(`CREATE SCHEMA ${schema}`)
    const place = { log, config: broker.config, pool, url, schema }
    try {
      for (const perMessage of PER_MESSAGE) {
        console.error(`\n${name}, ${perMessage === 1 ? 'a row' : `${perMessage} rows`} a message`)
        const medians = await measure(place, broker.pid, { rows, perMessage, repetitions })
        results[name] = { ...results[name], [perMessage]: medians }
      }
    } finally {
      await broker.close()
      await pool.query(`DROP SCHEMA ${schema} CASCADE`)
      await pool.end()
    }
    if (log.note !== undefined) console.error(`  ${log.note}`)
  }
  console.error(`\nload after: ${loadavg()[0]!.toFixed(1)}`)
  if (json) console.log(JSON.stringify(results))
  process.exit() // clients of brokers that are gone may still look for them
}

interface Extent {
  readonly rows: number
  readonly perMessage: number
  readonly repetitions: number
}

/** Lets the contenders take turns, after one unmeasured turn each; prints and returns their medians. */
async function measure(place: Place, broker: number | undefined, extent: Extent): Promise<Medians> {
  const { rows, perMessage, repetitions } = extent
  const { value: contenders, close } = await contendersOf(place, rows, perMessage)
  const writing: Turns = new Map(contenders.map(({ name }) => [name, []]))
  const filling: Turns = new Map()
  for (let turn = 0; turn <= repetitions; turn++) {
    for (const contender of turn % 2 === 0 ? contenders : [...contenders].reverse()) {
      if (!writing.has(contender.name)) continue
      const measured = await turnOf(contender, place.pool, broker)
      if (measured === 'stuck') {
        console.error(`  ${contender.name}: left out, as it did not get through`)
        writing.delete(contender.name)
        continue
      }
      if (turn === 0 || measured === undefined) continue
      writing.get(contender.name)!.push(measured.writing)
      const { filling: by } = contender
      if (by !== undefined) filling.set(by.name, [...(filling.get(by.name) ?? []), measured.filling!])
    }
  }
  await close()
  return { ...printed(writing), ...printed(filling) }
}

/** The first one is what others are compared with. */
function printed(turns: Turns): Medians {
  const medians: Medians = {}
  let reference: number | undefined
  for (const [name, all] of turns) {
    const rates = all.map(({ rate }) => rate)
    const rate = median(rates)
    reference ??= rate
    const cpu = median(all.map((turn) => turn.cpu))
    const ofBroker = all.flatMap((turn) => turn.broker ?? [])
    const broker = ofBroker.length === 0 ? undefined : median(ofBroker)
    medians[name] = { rate: Math.round(rate), cpu: rounded(cpu), broker: broker && rounded(broker) }
    const spread = `(${thousands(Math.min(...rates))} … ${thousands(Math.max(...rates))})`
    const costs = `${cpu.toFixed(2).padStart(7)} µs CPU a row, broker ${broker?.toFixed(2).padStart(6) ?? '     ?'}`
    const ratio = `${(rate / reference).toFixed(2).padStart(5)} ×`
    console.error(`  ${name.padEnd(20)} ${thousands(rate).padStart(6)} rows/s ${ratio}  ${spread.padEnd(16)} ${costs}`)
  }
  return medians
}

function rounded(value: number): number {
  return Math.round(value * 100) / 100
}

function thousands(rate: number): string {
  return `${(rate / 1000).toFixed(rate < 10_000 ? 1 : 0)}k`
}

function positive(value: string): number {
  const parsed = Number(value)
  if (!Number.isInteger(parsed) || parsed < 1) throw new InvalidArgumentError('It must be a positive integer.')
  return parsed
}

/** So that each message and each batch of theirs is a full one. */
function thousandfold(value: string): number {
  const parsed = positive(value)
  if (parsed % 10_000 !== 0) throw new InvalidArgumentError('It must be a multiple of 10000.')
  return parsed
}

await new Command('bench/consume.ts')
  .addOption(new Option('--engine <name>', 'this log alone').choices(ENGINES))
  .option('--json', 'print the medians as one JSON line at the end')
  .option('--rows <n>', 'rows of one turn', thousandfold, 50_000)
  .option('--repetitions <n>', 'turns of each contender', positive, 7)
  .action(main)
  .parseAsync()
