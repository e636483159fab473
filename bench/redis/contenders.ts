import { BatchFlow } from 'batchflow-otel'
import { redisExecutor } from 'batchflow-otel/redis'
import type { Redis } from 'ioredis'
import type { Contender } from '../support/compare.ts'
import { flowContender } from '../support/flow-contender.ts'
import type { GoProgram } from './go-program.ts'
import { type Add, type Event, NAME, type Workload } from './workloads.ts'

export interface Race {
  readonly client: Redis
  readonly go: GoProgram | undefined
  readonly rows: readonly Event[]
  readonly size: number
}

export function contendersOf({ client, go, rows, size }: Race, workload: Workload): Contender[] {
  const { command, table, mapping, row, add } = workload
  const turn = { rows: rows.length, before: () => clear(client) }
  const flow = new BatchFlow(redisExecutor(client, { commands: mapping }).withConcurrencyLimit(2), { flushSize: size })
  const given = rows.map(row)
  const contenders = [
    flowContender({ name: 'flow', ...turn }, flow, async () => {
      for (const one of given)
        if (!flow.trySubmit(table as never, one as never)) await flow.submit(table as never, one as never)
    }),
    { name: 'ioredis pipeline', ...turn, run: () => pipelines(client, rows, size, add) },
  ]
  const inGo = go && { name: 'go-redis, 4 connections', ...turn, run: () => go.run(command, rows.length, size) }
  return inGo === undefined ? contenders : [...contenders, inGo]
}

/** Two batches at a time, as the flow has. */
async function pipelines(client: Redis, rows: readonly Event[], size: number, add: Add): Promise<void> {
  let running: Promise<unknown> = Promise.resolve()
  for (let start = 0; start < rows.length; start += size) {
    const pipeline = client.pipeline()
    for (const row of rows.slice(start, start + size)) add(pipeline, row)
    const before = running
    running = pipeline.exec()
    await before
  }
  await running
}

export async function clear(client: Redis): Promise<void> {
  for await (const keys of client.scanStream({ match: `${NAME}*`, count: 5000 })) {
    if ((keys as string[]).length > 0) await client.unlink(...(keys as string[]))
  }
}
