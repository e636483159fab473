import { randomBytes } from 'node:crypto'
import { appendFile, open, readdir, rename } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { ifThere } from './errors.ts'

/**
 * Letters are appended to `path` itself. A file that is full, or that is to be replayed, is set aside by being renamed to
 * `path.20260102T030405678Z-1a2b3c4d`, a name that nobody else gives: two processes may do so at the same time. Names in
 * their order are files from the oldest to the newest.
 */
const ASIDE = /^\.\d{8}T\d{9}Z-[0-9a-f]{8}$/

let lastTime = 0

/** What was set aside, oldest first. */
export async function segmentsOf(path: string): Promise<string[]> {
  const [folder, name] = [dirname(path), basename(path)]
  const files = (await readdir(folder)).filter((file) => file.startsWith(name) && ASIDE.test(file.slice(name.length)))
  return files.sort().map((file) => join(folder, file))
}

/** Sets `path` aside, if it is there. Who has it open may still append to it, until it is sealed. */
export async function setAside(path: string): Promise<void> {
  lastTime = Math.max(Date.now(), lastTime + 1)
  const time = new Date(lastTime).toISOString().replace(/[-:.]/g, '')
  await ifThere(rename(path, `${path}.${time}-${randomBytes(4).toString('hex')}`))
}

/** Ends a file: what is appended behind it does not count. */
const SEAL = Buffer.from('{"v":1,"sealed":true}')
const SEAL_LINE = Buffer.from(`\n${SEAL}\n`)

/**
 * Appended by whoever reads a file to its end, once it has been set aside. A writer who finds that its file was taken away
 * looks for the seal: letters before it will be read, letters behind it have to be written anew. So a letter is neither lost
 * nor read twice, without a lock, as the system puts what is appended into one order.
 */
export async function seal(segment: string): Promise<void> {
  await appendFile(segment, SEAL_LINE)
}

/** Where the seal stands in `bytes`, or -1. */
export function sealIn(bytes: Buffer): number {
  return bytes.indexOf(SEAL_LINE)
}

export interface Line {
  /** Without its line feed. */
  readonly bytes: Buffer
  /** Where the next line begins. */
  readonly end: number
}

const CHUNK = 64 * 1024
const FEED = 10

/** The lines of a file up to its seal, empty ones left out. @param start where a line begins */
export async function* linesOf(segment: string, start: number): AsyncGenerator<Line> {
  const file = await open(segment)
  try {
    const chunk = Buffer.alloc(CHUNK)
    let rest: Buffer[] = []
    for (let position = start; ; ) {
      const { bytesRead } = await file.read(chunk, 0, CHUNK, position)
      const read = chunk.subarray(0, bytesRead)
      let from = 0
      for (let feed = read.indexOf(FEED); feed !== -1; feed = read.indexOf(FEED, from)) {
        const bytes = Buffer.concat([...rest, read.subarray(from, feed)])
        rest = []
        from = feed + 1
        if (bytes.equals(SEAL)) return
        if (bytes.length > 0) yield { bytes, end: position + from }
      }
      position += bytesRead
      rest.push(Buffer.from(read.subarray(from)))
      if (bytesRead > 0) continue
      const bytes = Buffer.concat(rest)
      if (bytes.length > 0) yield { bytes, end: position }
      return
    }
  } finally {
    await file.close()
  }
}
