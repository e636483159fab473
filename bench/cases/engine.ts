import { BatchFlow, createExecutor, type Driver, defineTable } from 'batchflow-otel'
import DataLoader from 'dataloader'
import { flowContender } from './flow-contender.ts'
import type { Contender } from './turns.ts'

interface Item {
  id: number
}

const SIZE = 500
/** Rows between two waits where nobody waits for single rows. */
const GROUP = 10_000

/** A database that takes everything at once, so that only the engine is measured. */
export const instant: Driver = {
  name: 'instant',
  plan: () => ({ name: 'INSERT', text: '' }),
  run: async () => undefined,
  classify: () => undefined,
}

export const items = defineTable<Item>('items', { columns: ['id'] })

/**
 * Ways into the engine, and dataloader, which batches and acknowledges as `write` does: as it comes (the last contender)
 * and without its cache, which a writer has no use for.
 */
export function engineContenders(rows: number): Contender[] {
  const contender = (name: string, run: () => Promise<unknown>): Contender => ({ name, rows, run })
  const throughFlow = (name: string, submit: (flow: BatchFlow) => Promise<unknown>) => {
    const executor = createExecutor(instant).withConcurrencyLimit(8)
    return flowContender({ name, rows }, new BatchFlow(executor, { flushSize: SIZE, bufferSize: 2 * GROUP }), submit)
  }
  return [
    throughFlow('trySubmit', async (flow) => {
      for (let id = 0; id < rows; id++) {
        if (!flow.trySubmit(items, { id })) await flow.submit(items, { id })
      }
    }),
    throughFlow('submit', async (flow) => {
      for (let id = 0; id < rows; id++) await flow.submit(items, { id })
    }),
    throughFlow('write', (flow) => inGroups(rows, (id) => flow.write(items, { id }))),
    contender('dataloaderUncached', () => {
      const loader = new DataLoader<number, number>(async (keys) => [...keys], { cache: false, maxBatchSize: SIZE })
      return inGroups(rows, (id) => loader.load(id))
    }),
    contender('dataloader', () => {
      const loader = new DataLoader<number, number>(async (keys) => [...keys], { maxBatchSize: SIZE })
      return inGroups(rows, (id) => loader.load(id))
    }),
  ]
}

async function inGroups(rows: number, start: (id: number) => Promise<unknown>): Promise<void> {
  for (let first = 0; first < rows; first += GROUP) {
    await Promise.all(Array.from({ length: Math.min(GROUP, rows - first) }, (_, i) => start(first + i)))
  }
}
