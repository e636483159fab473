import { MeterProvider } from '@opentelemetry/sdk-metrics'
import { BatchFlow, type Clock, createExecutor } from 'batchflow-otel'
import { OtelMetricsReporter } from 'batchflow-otel/otel'
import { instant, items } from './engine.ts'
import { NullReader } from './null-reader.ts'
import { median } from './turns.ts'

/** What a row costs in memory on its way into the engine, and how often anybody asks for the time. */
export interface TelemetryCost {
  /** Without a reporter, from the first row to the closed flow. */
  readonly clockReads: number
  /** Allocated by `trySubmit` without a reporter. */
  readonly bytesPerRow: number
  /** Allocated by pushing the same rows onto a plain array: all that `bytesPerRow` should be. */
  readonly arrayBytesPerRow: number
  readonly reporterClockReadsPerRow: number
  readonly reporterBytesPerRow: number
}

const ROWS = 100_000

export async function telemetryCost(): Promise<TelemetryCost> {
  const silent = await measure('silent')
  const reporting = await measure('reporting')
  const array = await measure('array')
  return {
    clockReads: silent.reads,
    bytesPerRow: silent.bytesPerRow,
    arrayBytesPerRow: array.bytesPerRow,
    reporterClockReadsPerRow: reporting.reads / ROWS,
    reporterBytesPerRow: reporting.bytesPerRow,
  }
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
  const meterProvider = new MeterProvider({ readers: [new NullReader()] })
  const reporter = new OtelMetricsReporter({ meterProvider })
  const chosen = reporting ? executor.withMetricsReporter(reporter) : executor
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
