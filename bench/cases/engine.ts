import { BatchFlow, createExecutor, defineTable } from 'batchflow-otel'
import DataLoader from 'dataloader'
import type { Bench } from '../support/case.ts'
import type { Contender } from '../support/compare.ts'
import { flowContender } from '../support/flow-contender.ts'
import { instant } from '../support/instant.ts'

interface Item {
  id: number
}

const SIZE = 500
/** Rows between two waits where nobody waits for single rows. */
const GROUP = 10_000

const items = defineTable<Item>('items', { columns: ['id'] })

/** Ways into the engine, against dataloader, which batches and acknowledges as `write` does, without its cache. */
export default async (bench: Bench) => {
  const rows = bench.settings.rows * 5
  await bench.compare(`the engine alone, batches of ${SIZE}`, contenders(rows), [
    { name: 'engine trySubmit', target: '≥ 6', of: ['trySubmit', 'dataloader'] },
    { name: 'engine submit', target: '≥ 2', of: ['submit', 'dataloader'] },
    { name: 'engine write', target: '≥ 0.9', of: ['write', 'dataloader'] },
    { name: 'engine writeMany', target: '≥ 5', of: ['writeMany', 'dataloader'] },
  ])
}

function contenders(rows: number): Contender[] {
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
    throughFlow('writeMany', (flow) =>
      inGroups(rows, (first, end) => {
        const group: Item[] = []
        for (let id = first; id < end; id++) group.push({ id })
        return flow.writeMany(items, group)
      }),
    ),
    throughFlow('write', (flow) =>
      inGroups(rows, (first, end) => {
        const group: Promise<unknown>[] = []
        for (let id = first; id < end; id++) group.push(flow.write(items, { id }))
        return Promise.all(group)
      }),
    ),
    {
      name: 'dataloader',
      rows,
      run: () => {
        const loader = new DataLoader<Item, Item>(async (keys) => [...keys], { cache: false, maxBatchSize: SIZE })
        return inGroups(rows, (first, end) => {
          const group: Promise<unknown>[] = []
          for (let id = first; id < end; id++) group.push(loader.load({ id }))
          return Promise.all(group)
        })
      },
    },
  ]
}

async function inGroups(rows: number, act: (first: number, end: number) => Promise<unknown>): Promise<void> {
  for (let first = 0; first < rows; first += GROUP) await act(first, Math.min(first + GROUP, rows))
}
