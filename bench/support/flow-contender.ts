import type { BatchFlow, Row, Table } from 'batchflow-otel'
import type { Contender } from './compare.ts'

/** A flow that serves all turns of a contender; a turn is over when its rows are committed. */
export function flowContender(
  contender: Omit<Contender, 'run' | 'close'>,
  flow: BatchFlow,
  submit: (flow: BatchFlow) => Promise<unknown>,
): Contender {
  return {
    ...contender,
    run: async () => {
      await submit(flow)
      await flow.flush()
    },
    close: async () => {
      const { failed } = await flow.close()
      if (failed > 0) throw new Error(`${contender.name}: ${failed} rows failed`)
    },
  }
}

export async function oneByOne<R extends Row>(flow: BatchFlow, table: Table<R>, rows: readonly R[]): Promise<void> {
  for (const row of rows) await flow.submit(table, row)
}
