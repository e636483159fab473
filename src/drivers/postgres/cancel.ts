import { connect, type Socket } from 'node:net'
import type { PgClient } from './client.ts'

/** How long the server may be silent, in ms. In a network that is half open it would be so for ever. */
const PATIENCE = 1000
const CANCEL_REQUEST = (1234 << 16) | 5678

/**
 * Asks the server to stop what the client's connection is running; resolves once this second connection is closed.
 * True: the server closed it after taking the request, so that its signal can no longer hit a later statement.
 *
 * Sixteen bytes in plain text, also where the connection itself is encrypted: the server reads a cancel request before
 * any negotiation, as does libpq's `PQcancel`. The key it carries is worth nothing beyond this connection's statements.
 */
export function cancelStatement(client: PgClient): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = openSocket(client)
    if (socket === undefined) return resolve(false)
    let isLate = false
    socket.setTimeout(PATIENCE, () => {
      isLate = true
      socket.destroy()
    })
    socket.on('error', () => undefined) // 'close' follows
    socket.on('close', (failed) => resolve(!failed && !isLate))
    socket.resume()
    socket.end(cancelRequest(client.processID ?? 0, client.secretKey ?? 0))
  })
}

/** The very machine the client talks to: a host name may stand for several. */
function openSocket({ connection, host, port }: PgClient): Socket | undefined {
  const stream = connection?.stream
  if (stream?.remoteAddress !== undefined && stream.remotePort !== undefined) {
    return connect({ host: stream.remoteAddress, port: stream.remotePort })
  }
  return host?.startsWith('/') ? connect(`${host}/.s.PGSQL.${port ?? 5432}`) : undefined
}

function cancelRequest(processId: number, secretKey: number): Buffer {
  const bytes = Buffer.allocUnsafe(16)
  bytes.writeInt32BE(16, 0)
  bytes.writeInt32BE(CANCEL_REQUEST, 4)
  bytes.writeInt32BE(processId, 8)
  bytes.writeInt32BE(secretKey, 12)
  return bytes
}
