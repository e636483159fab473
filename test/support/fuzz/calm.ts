import fc from 'fast-check'
import type { ConflictAction } from '../../../src/contract/table.ts'
import { type Ending, NEVER, type RowKind, type Setup, type Step, setups } from './steps.ts'

const committed: Ending = { ends: 'committed' }

/** Nothing fails, so that which keys are in flight can be seen from outside. */
export const calmSetups: fc.Arbitrary<Setup> = fc
  .record({ setup: setups, flushInterval: fc.constantFrom(100, NEVER) })
  .map(({ setup, flushInterval }) => ({
    ...setup,
    flushInterval,
    overflow: 'wait',
    adaptive: false,
    timeout: 0,
    deadLetters: 'none',
    planning: ['now'],
    endings: [committed],
    silentEnd: false,
  }))

const keyed = fc.record({
  does: fc.constant('submit' as const),
  table: fc.constantFrom<ConflictAction[]>('update', 'replace'),
  row: fc.record({ kind: fc.constant<RowKind>('whole'), key: fc.nat(9) }),
  signal: fc.constant(undefined),
})

const calmStep = fc.oneof<fc.WeightedArbitrary<Step>[]>(
  { weight: 8, arbitrary: keyed },
  { weight: 1, arbitrary: fc.constant({ does: 'flush' }) },
  { weight: 3, arbitrary: fc.record({ does: fc.constant('end'), nth: fc.nat(7), ending: fc.constant(committed) }) },
  { weight: 1, arbitrary: fc.record({ does: fc.constant('advance'), milliseconds: fc.constantFrom(10, 100) }) },
)

export const calmStepLists: fc.Arbitrary<Step[]> = fc.array(calmStep, { maxLength: 60, size: 'max' })
