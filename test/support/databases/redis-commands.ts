import type { Table } from '../../../src/contract/table.ts'
import { RedisDriver } from '../../../src/drivers/redis/driver.ts'
import type { CommandMapping } from '../../../src/drivers/redis/options.ts'
import { Outcomes } from '../../../src/drivers/redis/outcome.ts'
import type { Pipeline } from '../../../src/drivers/redis/pipeline.ts'
import { bytesOf } from '../../../src/drivers/redis/request.ts'
import type { AnyRow } from './redis.ts'

/** Stands for a client where nothing is sent: planning only asks for its options. */
export function unconnected(options: { keyPrefix?: string } = {}) {
  const nothing = () => undefined
  return {
    status: 'wait',
    options,
    connect: () => Promise.resolve(),
    on: nothing,
    removeListener: nothing,
    sendCommand: nothing,
    call: async () => undefined,
  }
}

/** The same for a cluster, so that slots are computed. */
export function unconnectedCluster() {
  return { ...unconnected(), slots: [], nodes: () => [], refreshSlotsCache: () => undefined }
}

export function plan(
  table: Table,
  rows: readonly AnyRow[],
  commands?: CommandMapping,
  columns = table.columns,
): Pipeline {
  const driver = new RedisDriver(unconnected(), commands === undefined ? {} : { commands })
  return driver.plan({ table, columns, rows })
}

/** The commands a pipeline would send, each a list of texts. */
export function commandsOf(pipeline: Pipeline): string[][] {
  const entries = [...pipeline.rows.keys()]
  const sent = bytesOf({ pipeline, entries, outcomes: new Outcomes(0), asking: false, joined: false })
  return decode(sent.subarray(pipeline.preamble?.bytes.length ?? 0)).map((command) =>
    command.map((part) => part.toString()),
  )
}

/** Reads the wire protocol: arrays of bulk strings. @throws when the bytes are anything else */
export function decode(bytes: Buffer): Buffer[][] {
  let position = 0
  const head = (kind: string) => {
    const end = bytes.indexOf('\r\n', position)
    const line = bytes.toString('latin1', position, end)
    position = end + 2
    if (line[0] !== kind || !/^\d+$/.test(line.slice(1))) throw new Error(`expected ${kind}, found ${line}`)
    return Number(line.slice(1))
  }
  const bulk = () => {
    const length = head('$')
    const part = bytes.subarray(position, position + length)
    if (bytes.toString('latin1', position + length, position + length + 2) !== '\r\n') throw new Error('no line end')
    position += length + 2
    return part
  }
  const commands: Buffer[][] = []
  while (position < bytes.length) commands.push(Array.from({ length: head('*') }, bulk))
  return commands
}
