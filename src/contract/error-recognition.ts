import type { KnownReason } from './reasons.ts'

/** Codes of Node's sockets, name look-ups and streams: no driver's own, and the same for each. */
const NO_CONNECTION =
  /^(?:EADDRNOTAVAIL|EAI_AGAIN|ECONN\w+|EHOST\w+|EMFILE|ENET\w+|ENOENT|ENOTFOUND|EPIPE|ERR_STREAM_\w+|ETIMEDOUT)$/

/** The reason of an error that Node raised on the way to a server; `ENOENT` is a unix socket that is not there. */
export function byNodeCode(error: Error): KnownReason | undefined {
  const code: unknown = Reflect.get(error, 'code')
  if (typeof code !== 'string') return undefined
  if (code === 'EACCES') return 'permission'
  return NO_CONNECTION.test(code) ? 'connection' : undefined
}

/** What a client says without any code, and what it means; the last resort. */
export type TextTable = readonly (readonly [RegExp, KnownReason])[]

export function byText(table: TextTable, message: string): KnownReason | undefined {
  return table.find(([pattern]) => pattern.test(message))?.[1]
}
