import { setImmediate as others } from 'node:timers/promises'

/** Milliseconds after which the process gets to other work. */
const SLICE_MS = 4

/** Puts a text together, a few milliseconds at a time; the work is interrupted between pieces, which may be empty. */
export async function inSlices(pieces: Iterable<string>): Promise<Buffer> {
  const slices: Buffer[] = []
  let slice = ''
  let end = performance.now() + SLICE_MS
  for (const piece of pieces) {
    slice += piece
    if (performance.now() < end) continue
    slices.push(Buffer.from(slice))
    slice = ''
    await others()
    end = performance.now() + SLICE_MS
  }
  return Buffer.concat([...slices, Buffer.from(slice)])
}
