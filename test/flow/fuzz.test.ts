/**
 * Drives whole flows through anything that can happen to them, over a database in memory: only there the order and the
 * moment of every answer are the test's to choose. `FUZZ_ROUNDS` sets how many, for a longer hunt.
 */
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { hub } from '../../src/contract/hub.ts'
import { settled } from '../support/engine/clock.ts'
import { calmSetups, calmStepLists } from '../support/fuzz/calm.ts'
import { checkClosed, checkPunctual } from '../support/fuzz/checks.ts'
import { FuzzRig, OBSERVER } from '../support/fuzz/rig.ts'
import { type Setup, type Step, setups, stepLists } from '../support/fuzz/steps.ts'

const test = suite('a flow, whatever happens')

const rounds = Number(process.env['FUZZ_ROUNDS'] ?? 2000)

/** What nobody caught, and what Node warns of. */
const unheard: string[] = []
process.on('unhandledRejection', (error) => unheard.push(`unhandled: ${error}`))
process.removeAllListeners('warning') // failed rows that nobody awaits are the rule here
process.on('warning', ({ name, message }) => {
  if (name !== 'BatchFlowWarning') unheard.push(`${name}: ${message}`)
})

async function round(
  setup: Setup,
  steps: readonly Step[],
  between?: (rig: FuzzRig, step: Step) => void,
): Promise<void> {
  unheard.length = 0
  const rig = new FuzzRig(setup)
  try {
    for (const step of steps) {
      await rig.take(step)
      between?.(rig, step)
    }
    const summary = await rig.finish()
    await settled()
    checkClosed(rig, summary)
    assert.equal(unheard, [])
  } finally {
    hub.unobserve(OBSERVER)
  }
}

test('every promise settles with the truth, in order, and nothing is left', async () => {
  const property = fc.asyncProperty(setups, stepLists, (setup, steps) => round(setup, steps))
  await fc.assert(property, { numRuns: rounds, includeErrorInReport: true })
})

test('a key that is held back holds back no other key, and no flush', async () => {
  const property = fc.asyncProperty(calmSetups, calmStepLists, (setup, steps) =>
    round(setup, steps, (rig, step) => {
      if (step.does === 'advance' && step.milliseconds >= setup.flushInterval) checkPunctual(rig)
    }),
  )
  await fc.assert(property, { numRuns: rounds, includeErrorInReport: true })
})

test.run()
