import { BatchFlow, type Clock, createExecutor, defineTable } from 'batchflow-otel'
import type { Bench } from '../support/case.ts'
import { median } from '../support/compare.ts'
import { instant } from '../support/instant.ts'
import { otelReporter } from '../support/telemetry.ts'

const ROWS = 100_000
const items = defineTable<{ id: number }>('items', { columns: ['id'] })

/** What nobody asked for costs nothing: no clock is read without a reporter, and a row takes the memory of a place in an array. */
export default async (bench: Bench) => {
  const silent = await measure('silent')
  const reporting = await measure('reporting')
  const array = await measure('array')
  bench.say(`without a reporter: ${silent.reads} clock reads, ${silent.bytesPerRow} bytes a row`)
  bench.say(`pushed onto a plain array: ${array.bytesPerRow} bytes a row`)
  bench.say(
    `with the OTel reporter: ${reporting.bytesPerRow} bytes a row, ${reporting.reads} clock reads for ${ROWS} rows`,
  )
  const figures = `${silent.bytesPerRow} against ${array.bytesPerRow} bytes, ${silent.reads} clock reads`
  const ratio = silent.bytesPerRow / array.bytesPerRow
  bench.add({ name: 'silence, bytes a row', target: '≤ 1.1', ratio, spread: 0, cpu: 0, cpuOther: 0, figures })
}

async function measure(what: 'silent' | 'reporting' | 'array'): Promise<{ reads: number; bytesPerRow: number }> {
  const row = { id: 1 }
  const clock = new CountingClock()
  const samples: number[] = []
  for (let turn = 0; turn < 9; turn++) {
    clock.reads = 0
    const flow = flowWith(clock, what === 'reporting')
    const array: object[] = []
    globalThis.gc?.()
    const start = process.memoryUsage().heapUsed
    if (what === 'array') for (let i = 0; i < ROWS; i++) array.push(row)
    else for (let i = 0; i < ROWS; i++) flow.trySubmit(items, row)
    samples.push((process.memoryUsage().heapUsed - start) / ROWS)
    await flow.close()
  }
  return { reads: clock.reads, bytesPerRow: Math.round(median(samples) * 10) / 10 }
}

/** All rows stay in one open batch while memory is measured, so that nothing but `trySubmit` runs. */
function flowWith(clock: Clock, reporting: boolean): BatchFlow {
  const executor = createExecutor(instant)
  const chosen = reporting ? executor.withMetricsReporter(otelReporter()) : executor
  return new BatchFlow(chosen, { flushSize: 2 * ROWS, bufferSize: 4 * ROWS, latencySampling: 32, clock })
}

/** The real clock, with a counter. */
class CountingClock implements Clock {
  reads = 0

  now(): number {
    this.reads++
    return performance.now()
  }

  timer(callback: () => void) {
    let handle: NodeJS.Timeout | undefined
    return {
      start: (milliseconds: number) => {
        handle = setTimeout(callback, milliseconds)
      },
      stop: () => clearTimeout(handle),
    }
  }
}
