import { bootPostgres } from '../../shared/embedded-postgres.ts'
import type { Store, StoreOptions } from './store.ts'

type Open = (options: StoreOptions) => Promise<Store>

/** By the scheme of the URL. Only the client that is needed is loaded. */
const OPEN: Readonly<Record<string, Open>> = {
  postgres: async (options) => (await import('./postgres.ts')).openPostgres(options),
  postgresql: async (options) => (await import('./postgres.ts')).openPostgres(options),
  mysql: async (options) => (await import('./mysql.ts')).openMysql(options),
  sqlite: async (options) => (await import('./sqlite.ts')).openSqlite(options),
  redis: async (options) => (await import('./redis.ts')).openRedis(options),
  rediss: async (options) => (await import('./redis.ts')).openRedis(options),
}

/** Whether there is a store for it: `postgres://…`, `mysql://…`, `redis://…`, `sqlite:<file>`, `sqlite::memory:`. */
export function isStoreUrl(url: string): boolean {
  const scheme = schemeOf(url)
  if (!Object.hasOwn(OPEN, scheme)) return false
  return scheme === 'sqlite' ? /:.*[^/]$/.test(url) : url.startsWith(`${scheme}://`) && URL.canParse(url)
}

/** Connects and makes empty tables; without a URL, in a PostgreSQL booted for it. */
export async function openStore({
  url,
  ...options
}: Omit<StoreOptions, 'url'> & { url: string | undefined }): Promise<Store> {
  if (url !== undefined) return OPEN[schemeOf(url)]!({ ...options, url })
  const server = await bootPostgres()
  try {
    const store = await OPEN['postgres']!({ ...options, url: server.url })
    const close = async () => {
      await store.close()
      await server.remove()
    }
    return { ...store, label: `${store.label}, embedded`, close }
  } catch (error) {
    await server.remove()
    throw error
  }
}

function schemeOf(url: string): string {
  return url.slice(0, url.indexOf(':'))
}
