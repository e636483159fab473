import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { settled } from './engine/clock.ts'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** Resolves when what nobody holds has been collected. */
export async function collected(): Promise<void> {
  await settled()
  collect()
  await settled()
}
