import { usage } from '../errors.ts'
import type { Database, OpenOptions } from './database.ts'

type Open = (options: OpenOptions) => Promise<Database>

/** By the scheme of the URL. Only the client that is needed is loaded. */
const OPEN: Readonly<Record<string, Open>> = {
  postgres: async (options) => (await import('./postgres.ts')).openPostgres(options),
  postgresql: async (options) => (await import('./postgres.ts')).openPostgres(options),
  mysql: async (options) => (await import('./mysql.ts')).openMysql(options),
  mariadb: async (options) => (await import('./mysql.ts')).openMysql(options),
  sqlite: async (options) => (await import('./sqlite.ts')).openSqlite(options),
  redis: async (options) => (await import('./redis.ts')).openRedis(options),
  rediss: async (options) => (await import('./redis.ts')).openRedis(options),
}

export const URLS = 'postgres://…, mysql://…, redis://…, sqlite:<file>, or a file that ends in .db, .sqlite or .sqlite3'

/** @throws {CliError} for a URL of no database known here. Its message does not repeat the URL, which may hold a password. */
export function openDatabase({ url, ...options }: OpenOptions): Promise<Database> {
  if (/\.(db|sqlite3?)$/.test(url) && !/^[a-z]+:/.test(url))
    return OPEN['sqlite']!({ ...options, url: `sqlite:${url}` })
  const scheme = url.slice(0, Math.max(0, url.indexOf(':')))
  const isWhole =
    scheme === 'sqlite' ? url.length > 'sqlite:'.length : url.startsWith(`${scheme}://`) && URL.canParse(url)
  if (!Object.hasOwn(OPEN, scheme) || !isWhole) throw usage(`--to must be a URL: ${URLS}`)
  return OPEN[scheme]!({ ...options, url }).catch((error: unknown) => {
    throw error instanceof URIError ? usage('--to must be a URL in which %25 stands for a %') : error
  })
}
