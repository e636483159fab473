import { AttemptError } from '../../contract/driver.ts'
import { property } from '../kit/strangers.ts'
import type { Chunk } from './chunks.ts'
import type { MysqlConnection } from './client.ts'

/** What `mysql2` calls a packet, as far as its `writePacket` wants it. */
interface Packet {
  readonly buffer: Buffer
  length(): number
  writeHeader(sequenceId: number): void
}

interface Sender {
  writePacket(packet: Packet): void
}

/**
 * Carries out a prepared statement with the parameters as they were encoded. `mysql2` makes an object of each parameter, and
 * encodes it on its own: that costs more than all the rest of a batch. So it is given none, and they are put into the packet
 * where it hands it over to be sent. Everything else stays its business: preparing, sequence numbers, compression, answers,
 * and what instrumentations see.
 */
export function execute(connection: MysqlConnection, sql: string, chunk: Chunk): Promise<readonly [unknown, unknown]> {
  const outlet = outletOf(connection.connection)
  if (outlet === undefined) return connection.execute(sql, chunk.bound())
  outlet.next = chunk
  return connection.execute(sql, []).finally(() => {
    outlet.next = undefined
  })
}

/** Keyed by the connection itself, which outlives the views of it that a pool hands out. */
const outlets = new WeakMap<object, Outlet>()

function outletOf(connection: object): Outlet | undefined {
  const known = outlets.get(connection)
  if (known !== undefined) return known.isFit ? known : undefined
  if (!isSender(connection)) return undefined
  const outlet = new Outlet(connection)
  outlets.set(connection, outlet)
  return outlet
}

/** Our texts are UTF-8, so its have to be. */
function isSender(connection: object): connection is Sender {
  const encoding = property(connection, 'clientEncoding')
  return typeof property(connection, 'writePacket') === 'function' && (encoding === 'utf8' || encoding === 'utf-8')
}

/** Where a connection hands over its packets. */
class Outlet {
  /** Whose parameters the next statement to be executed has. */
  next: Chunk | undefined
  /** Packets look as they are known to. */
  isFit = true

  constructor(connection: Sender) {
    const { writePacket } = connection
    connection.writePacket = (packet) => Reflect.apply(writePacket, connection, [this.#complete(packet)])
  }

  #complete(packet: Packet): Packet {
    const chunk = this.next
    if (chunk === undefined || packet.buffer[COMMAND_AT] !== EXECUTE) return packet
    this.next = undefined
    const completed = completedBy(packet.buffer, chunk)
    if (completed !== undefined) return new ExecutePacket(completed)
    this.isFit = false
    throw new AttemptError(new Error('mysql2 sends parameters in a way that is not known'), { stale: true })
  }
}

const COMMAND_AT = 4
const EXECUTE = 0x17
const FLAGS_AT = 9
/** The number of parameters is told: so it is where client and server know query attributes. */
const COUNTED = 8
/** The end of what comes before the parameters, and before their number where that is told. */
const HEAD = 14

/** @param empty the packet without parameters; `undefined`: it is none */
function completedBy(empty: Buffer, chunk: Chunk): Buffer | undefined {
  const isCounted = empty.length === HEAD + 1 && empty[FLAGS_AT] === COUNTED && empty[HEAD] === 0
  if (!isCounted && (empty.length !== HEAD || empty[FLAGS_AT] !== 0)) return undefined
  const count = chunk.rows * chunk.width
  const isShort = count < 251
  const buffer = chunk.parameters(HEAD + (isCounted ? (isShort ? 1 : 3) : 0), isCounted)
  empty.copy(buffer, 0, 0, HEAD)
  if (isCounted) {
    buffer[HEAD] = isShort ? count : 0xfc
    if (!isShort) buffer.writeUInt16LE(count, HEAD + 1)
  }
  return buffer
}

const HEADER = 4

/** A packet in the eyes of `mysql2`. */
class ExecutePacket implements Packet {
  readonly buffer: Buffer

  constructor(buffer: Buffer) {
    this.buffer = buffer
  }

  /** One more than there are: from 16 MiB on `mysql2` sends pieces, the last of them empty, if need be, where this says so. */
  length(): number {
    return this.buffer.length - HEADER + 1
  }

  writeHeader(sequenceId: number): void {
    this.buffer.writeUIntLE(this.buffer.length - HEADER, 0, 3)
    this.buffer[3] = sequenceId
  }
}
