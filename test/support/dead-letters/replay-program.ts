/** Replays a file of dead letters, to be killed meanwhile: `path place prefix window`. */
import { replayDeadLetters } from '../../../src/dead-letters/replay.ts'
import { BatchFlow } from '../../../src/flow/batch-flow.ts'
import { appends, openStore, upserts } from './stores.ts'

const [path, place, prefix, window] = process.argv.slice(2) as [string, string, string, string]
const store = openStore(place)
const flow = new BatchFlow(store.executor, { flushSize: 50 })
await replayDeadLetters(path, flow, [upserts(prefix), appends(prefix)], { window: Number(window) })
await flow.close()
await store.close()
