/**
 * Measures BatchFlow on Redis beside pipelines by hand, in ioredis and, where Go is found, in go-redis over four connections:
 *
 *     npm run build && TSX_TSCONFIG_PATH=bench/redis/tsconfig.json node --import tsx --expose-gc bench/redis/main.ts
 *
 * That measures the package as it is published: what tsx makes of the sources costs some more. Contenders take turns within one
 * run; ratios are medians of those of each round. CPU time is that of the client's process.
 */
import { Command, InvalidArgumentError } from 'commander'
import { Redis } from 'ioredis'
import { servers } from '../../test/support/servers/servers.ts'
import { alternate } from '../turns.ts'
import { clear, contendersOf, type Race } from './contenders.ts'
import { startGoProgram } from './go-program.ts'
import { type Figures, Turns } from './turn.ts'
import { events, WORKLOADS } from './workloads.ts'

const SIZES = [500, 2000]

interface Options {
  json?: true
  rows: number
  turns: number
  only?: string
}

async function main(options: Options): Promise<void> {
  const server = await servers.redis()
  if (server === undefined) throw new Error('the bench needs Redis: set REDIS_URL')
  const client = new Redis(server.url)
  const go = startGoProgram(server.url)
  const results: Record<string, Record<string, Figures>> = {}
  try {
    const rows = events(options.rows)
    for (const size of SIZES) {
      for (const name of Object.keys(WORKLOADS).filter((each) => each.startsWith(options.only ?? ''))) {
        results[`${name}, batches of ${size}`] = await race(name, { client, go, rows, size }, options.turns)
      }
    }
  } finally {
    await clear(client)
    client.disconnect()
    go?.stop()
    await server.stop()
  }
  for (const [title, figures] of Object.entries(results)) print(title, figures)
  if (options.json) console.log(JSON.stringify(results))
}

async function race(workload: string, setting: Race, count: number): Promise<Record<string, Figures>> {
  console.error(`\n${workload}, batches of ${setting.size}`)
  const turns = new Turns()
  const contenders = contendersOf(setting, WORKLOADS[workload]!).map((each) => turns.contender(each))
  await alternate(contenders, count)
  return turns.figures()
}

function print(title: string, figures: Record<string, Figures>): void {
  console.error(`\n${title}`)
  for (const [name, { rate, cpu, rateRatio, cpuRatio }] of Object.entries(figures)) {
    console.error(
      `  ${name.padEnd(18)} ${String(Math.round(rate / 1000)).padStart(5)}k rows/s  ${cpu.toFixed(2).padStart(6)} µs CPU a row` +
        `   the flow: ${rateRatio.toFixed(2)} × the rows/s, CPU ÷ ${cpuRatio.toFixed(2)}`,
    )
  }
}

function positive(value: string): number {
  const parsed = Number(value)
  if (!Number.isInteger(parsed) || parsed < 1) throw new InvalidArgumentError('It must be a positive integer.')
  return parsed
}

await new Command('bench-redis')
  .option('--json', 'print the figures as one JSON line')
  .option('--rows <n>', 'rows per turn', positive, 100_000)
  .option('--turns <n>', 'turns of each contender, at least 5 for a median worth its name', positive, 7)
  .option('--only <name>', 'workloads whose name begins so: SET, HSET, XADD')
  .action(main)
  .parseAsync()
