import { createExecutor, type Executor } from '../../../src/executor/executor.ts'
import { BatchFlow } from '../../../src/flow/batch-flow.ts'
import type { BatchFlowOptions } from '../../../src/flow/options.ts'
import { ManualClock } from './clock.ts'
import { MemoryDriver } from './memory-driver.ts'

export interface Rig {
  readonly flow: BatchFlow
  readonly executor: Executor
  readonly driver: MemoryDriver
  readonly clock: ManualClock
}

/** A flow over a memory database, on a clock that stands still. */
export function rig(
  options: BatchFlowOptions = {},
  configure: (executor: Executor) => Executor = (executor) => executor,
  driver: MemoryDriver = new MemoryDriver(),
): Rig {
  const clock = new ManualClock()
  const executor = configure(createExecutor(driver))
  const flow = new BatchFlow(executor, { clock, ...options })
  return { flow, executor, driver, clock }
}
