import type { DriverTarget } from '../../contract/driver.ts'
import type { PgPool } from './client.ts'

/** Where `pg` will connect to, for spans: from a connection string, the pool's options, or libpq's variables. */
export function targetOf({ options = {} }: PgPool, env: NodeJS.ProcessEnv = process.env): DriverTarget {
  const { hostname = '', port, pathname = '' } = parsed(options.connectionString)
  return {
    address: decoded(hostname) || options.host || env['PGHOST'] || 'localhost',
    port: Number(port || options.port || env['PGPORT'] || 5432),
    namespace: decoded(pathname.slice(1)) || options.database || env['PGDATABASE'],
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** `pg` takes forms that are no URL (a bare path of a socket): those say nothing. */
function parsed(connectionString: string | undefined): Partial<URL> {
  return connectionString !== undefined && URL.canParse(connectionString) ? new URL(connectionString) : {}
}
