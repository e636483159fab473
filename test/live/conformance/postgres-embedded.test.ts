import { suite } from 'uvu'
import { servers } from '../../support/servers/servers.ts'
import { PostgresDatabase, postgres } from './backends/postgres.ts'
import { CASES } from './cases/index.ts'
import { register } from './register.ts'

/** The newest PostgreSQL there is as a package, beside whichever server is shared. */
const conformance = suite('postgres, embedded')
const server = await servers.embeddedPostgres()
if (server !== undefined) {
  await register({ ...postgres, open: async () => new PostgresDatabase(server.url) }, conformance, CASES)
  conformance.after(() => server.remove())
}
conformance.run()
