import { Redis } from 'ioredis'
import { servers } from '../../test/support/servers/servers.ts'
import { clear, contendersOf } from '../redis/contenders.ts'
import { startGoProgram } from '../redis/go-program.ts'
import { events, WORKLOADS } from '../redis/workloads.ts'
import { type Bench, bothWays, type Pair } from '../support/case.ts'
import { BATCH_SIZES } from '../support/postgres.ts'

/** Rows into Redis, against pipelines by hand: in ioredis, and in Go, with go-redis over four connections. */
export default async (bench: Bench) => {
  const server = await servers.redis()
  if (server === undefined) throw new Error('needs Redis: set REDIS_URL')
  const client = new Redis(server.url)
  const go = startGoProgram(server.url)
  const rows = events(bench.settings.rows / 2)
  try {
    for (const size of BATCH_SIZES) {
      for (const [command, workload] of Object.entries(WORKLOADS)) {
        const name = `redis ${command} ${size}`
        await bench.compare(name, contendersOf({ client, go, rows, size }, workload), pairsOf(name, go !== undefined))
      }
    }
  } finally {
    await clear(client)
    client.disconnect()
    go?.stop()
    await server.stop()
  }
}

function pairsOf(name: string, withGo: boolean): Pair[] {
  const byHand: Pair = { name: `${name} / ioredis`, target: '≥ 1.6', of: ['flow', 'ioredis pipeline'] }
  if (!withGo) return [byHand]
  return [byHand, ...bothWays({ name: `${name} / go-redis`, target: '≥ 1', of: ['flow', 'go-redis, 4 connections'] })]
}
