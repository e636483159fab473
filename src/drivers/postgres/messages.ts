/** Messages of the wire protocol, version 3.0 (PostgreSQL documentation, "Message Formats"). */

export const BIND = 0x42
const CLOSE = 0x43
export const COPY_DATA = 0x64
export const COPY_DONE = 0x63
const PARSE = 0x50
const QUERY = 0x51

/** Execute the unnamed portal, all of its rows. */
export const EXECUTE = Buffer.from([0x45, 0, 0, 0, 9, 0, 0, 0, 0, 0])
export const SYNC = Buffer.from([0x53, 0, 0, 0, 4])

/** A statement the server keeps under a name; an empty name stands for the unnamed one, made new each time. */
export interface Preparation {
  readonly name: string
  readonly text: string
}

/** Several statements, divided by semicolons, are one transaction. */
export function queryMessage(text: string): Buffer {
  return message(QUERY, `${text}\0`)
}

/**
 * Prepares a statement, whether or not the connection has one of that name: to close one that is not there is no error.
 * The text itself names the type of every parameter, so none are declared.
 */
export function prepareMessages({ name, text }: Preparation): Buffer {
  return Buffer.concat([closeMessage(name), message(PARSE, `${name}\0${text}\0\0\0`)])
}

/** Forgets a prepared statement; one that is not there is no error. */
export function closeMessage(name: string): Buffer {
  return message(CLOSE, `S${name}\0`)
}

/** Carries out a prepared statement without parameters. */
export function executeMessages(statement: Preparation): Buffer {
  return bindMessages(statement, [])
}

/** Carries out a prepared statement with parameters, all of them as texts. */
export function bindMessages({ name }: Preparation, values: readonly string[]): Buffer {
  const lengths = values.map((value) => Buffer.byteLength(value))
  const length = lengths.reduce((sum, own) => sum + 4 + own, 12 + name.length)
  const bytes = Buffer.allocUnsafe(1 + length + EXECUTE.length)
  bytes[0] = BIND
  bytes.writeInt32BE(length, 1)
  let at = 5 + bytes.write(`\0${name}\0\0\0`, 5)
  at = bytes.writeInt16BE(values.length, at)
  values.forEach((value, i) => {
    at = bytes.writeInt32BE(lengths[i]!, at)
    at += bytes.write(value, at)
  })
  at = bytes.writeInt16BE(0, at) // formats of the result
  EXECUTE.copy(bytes, at)
  return bytes
}

function message(kind: number, body: string): Buffer {
  const bytes = Buffer.allocUnsafe(5 + Buffer.byteLength(body))
  bytes[0] = kind
  bytes.writeInt32BE(bytes.length - 1, 1)
  bytes.write(body, 5)
  return bytes
}
