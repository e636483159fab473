import { setTimeout as sleep } from 'node:timers/promises'
import { BatchFlow, type BatchInput, createExecutor, type Driver, defineTable, type Operation } from 'batchflow-otel'

const ROWS_PER_SECOND = 100_000

interface Rows extends Operation {
  readonly rows: number
}

/** Takes batches one after the other, at that rate. */
class SlowDatabase implements Driver<Rows> {
  readonly name = 'slow'
  #free = 0

  plan({ rows }: BatchInput): Rows {
    return { name: 'INSERT', text: '', rows: rows.length }
  }

  async run({ rows }: Rows) {
    this.#free = Math.max(this.#free, performance.now()) + (rows * 1000) / ROWS_PER_SECOND
    const wait = this.#free - performance.now()
    if (wait > 1) await sleep(wait)
    return undefined
  }

  classify() {
    return undefined
  }
}

const rows = Number(process.argv[2])
const table = defineTable<{ id: number; text: string }>('events', { columns: ['id', 'text'] })
const flow = new BatchFlow(createExecutor(new SlowDatabase()).withConcurrencyLimit(8))
for (let id = 0; id < rows; id++) await flow.submit(table, { id, text: `event number ${id}` })
await flow.close()
const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage()
process.send!({ peak: maxRSS, cpu: (userCPUTime + systemCPUTime) / rows })
process.disconnect()
