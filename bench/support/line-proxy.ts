import { createServer, connect as dial, type Socket } from 'node:net'

/** How far away a server is, and how much gets through. */
export interface Distance {
  /** ms there and back. */
  readonly roundTrip: number
  /** Bytes per ms that get there, over all connections together; `undefined`: as many as come. */
  readonly capacity?: number
}

/**
 * The process that is the line to a server elsewhere: arguments are its host and port. Tells the parent the port to connect to,
 * and is told by it what it is like from now on. Everything arrives in order; nothing is lost.
 */
const [host, port] = process.argv.slice(2)
let distance: Distance = { roundTrip: 0 }
/** When all that is on its way has gone through the narrow place (ms). */
let isThroughAt = 0

const server = createServer((client) => {
  const upstream = dial({ host: host!, port: Number(port) })
  for (const [from, to, isNarrow] of [
    [client, upstream, true],
    [upstream, client, false],
  ] as const) {
    const deliver = inOrder(to)
    from.setNoDelay(true)
    from.on('data', (bytes) => deliver(() => to.write(bytes), isNarrow ? bytes.length : 0))
    from.on('end', () => deliver(() => to.end(), 0))
    from.on('error', () => to.destroy())
  }
})

/** What is done to a socket is done late, and one after the other. */
function inOrder(to: Socket): (act: () => void, bytes: number) => void {
  const acts: (() => void)[] = []
  return (act, bytes) => {
    acts.push(act)
    setTimeout(() => {
      const next = acts.shift()!
      if (to.writable) next()
    }, lateness(bytes))
  }
}

function lateness(bytes: number): number {
  const { roundTrip, capacity } = distance
  if (capacity === undefined || bytes === 0) return roundTrip / 2
  const now = performance.now()
  isThroughAt = Math.max(now, isThroughAt) + bytes / capacity
  return isThroughAt - now + roundTrip / 2
}

process.on('message', (told) => {
  distance = told as Distance
  process.send!('so it is')
})
process.on('disconnect', () => process.exit())
server.listen(0, '127.0.0.1', () => process.send!(server.address()))
