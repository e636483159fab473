/**
 * Asks a server what it is in its own protocol, without a client library: a test must be able to tell that a server is
 * there before the client package of its driver is involved.
 */
import { connect, type Socket } from 'node:net'
import pg from 'pg'

/** Resolves with the version, or `undefined` when nothing usable answers within a second. */
export type Probe = (url: string) => Promise<string | undefined>

const PATIENCE_MS = 1000

export const probePostgres: Probe = async (url) => {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: PATIENCE_MS })
  client.on('error', () => {}) // a connection that breaks while we ask is the same as no answer
  try {
    await client.connect()
    const { rows } = await client.query<{ server_version: string }>('SHOW server_version')
    return rows[0]?.server_version
  } catch {
    return undefined
  } finally {
    await client.end().catch(() => {})
  }
}

/** The server speaks first: 3 bytes length, 1 byte sequence, protocol version 10, then its version up to a zero byte. */
export const probeMysql: Probe = (url) =>
  converse(url, 3306, '', (answer) => {
    const end = answer.indexOf(0, 5)
    if (answer.length < 5 || end === -1) return 'incomplete'
    return answer[4] === 10 ? { version: answer.toString('latin1', 5, end) } : 'refused'
  })

/** `INFO server` holds `redis_version:7.0.15`; a password in the URL goes ahead of it. */
export const probeRedis: Probe = (url) => {
  const { username, password } = new URL(url)
  const auth =
    password === '' ? '' : `AUTH ${username === '' ? 'default' : username} ${decodeURIComponent(password)}\r\n`
  return converse(url, 6379, `${auth}INFO server\r\n`, (answer) => {
    const text = answer.toString('latin1')
    if (text.startsWith('-')) return 'refused'
    const version = /^redis_version:(.+)\r$/m.exec(text)?.[1]
    return version === undefined ? 'incomplete' : { version }
  })
}

/** The server speaks first: `INFO {"version":"2.9.10","jetstream":true,…}`. One without JetStream is none for our purposes. */
export const probeNats: Probe = (url) =>
  converse(url, 4222, '', (answer) => {
    const text = answer.toString()
    if (!text.includes('\r\n')) return 'incomplete'
    const version = /^INFO .*"version":"([^"]+)"/.exec(text)?.[1]
    return version === undefined || !text.includes('"jetstream":true') ? 'refused' : { version }
  })

type Reading = { readonly version: string } | 'incomplete' | 'refused'

function converse(url: string, defaultPort: number, question: string, read: (answer: Buffer) => Reading) {
  const { hostname, port } = new URL(url)
  return new Promise<string | undefined>((resolve) => {
    const socket: Socket = connect(Number(port) || defaultPort, hostname, () => socket.write(question))
    const chunks: Buffer[] = []
    const settle = (version?: string) => {
      socket.destroy()
      resolve(version)
    }
    socket.setTimeout(PATIENCE_MS, settle)
    socket.on('error', () => settle())
    socket.on('close', () => settle())
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      const reading = read(Buffer.concat(chunks))
      if (reading === 'refused') settle()
      else if (reading !== 'incomplete') settle(reading.version)
    })
  })
}
