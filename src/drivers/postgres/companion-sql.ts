import type { Companion } from '../../contract/companion.ts'
import { pathOf } from '../../contract/table.ts'
import type { CompanionTables } from '../kit/companions.ts'
import { SWEPT } from '../kit/companions.ts'
import { quotePath } from '../kit/sql.ts'

/** One of our tables: what it is called in SQL, what makes it, and which rights it takes. */
export interface CompanionTable {
  readonly name: string
  readonly ddl: string
  readonly rights: string
}

/** Statements about positions and tokens. */
export class CompanionSql {
  readonly positions: CompanionTable
  readonly tokens: CompanionTable
  /** A position that is not as expected ends the transaction: by a cast that fails, in words the server's log will show. */
  readonly move: string
  readonly token: string
  readonly know: string
  readonly read: string
  readonly find: string
  readonly lookAt: string
  readonly sweep: string

  constructor({ positions, tokens }: CompanionTables) {
    const [p, t] = [positions, tokens].map((name) => quotePath(pathOf('companions', name))) as [string, string]
    const now = 'timestamptz NOT NULL DEFAULT pg_catalog.now()'
    this.positions = {
      name: p,
      ddl: `CREATE TABLE IF NOT EXISTS ${p} (scope text PRIMARY KEY, position text NOT NULL, moved_at ${now})`,
      rights: `GRANT SELECT, INSERT, UPDATE ON ${p}`,
    }
    this.tokens = {
      name: t,
      ddl: `CREATE TABLE IF NOT EXISTS ${t} (token text PRIMARY KEY, written_at ${now})`,
      rights: `GRANT SELECT, INSERT, DELETE ON ${t}`,
    }
    this.move =
      `WITH moved AS (UPDATE ${p} SET position = $3::pg_catalog.text, moved_at = pg_catalog.now() ` +
      'WHERE scope = $1::pg_catalog.text AND position = $2::pg_catalog.text RETURNING 1) ' +
      "SELECT CASE WHEN pg_catalog.count(*) = 1 THEN 1 ELSE pg_catalog.concat('batchflow: the position was moved by " +
      "somebody else, rows ', pg_catalog.count(*))::pg_catalog.int4 END FROM moved"
    this.token = `INSERT INTO ${t} (token) VALUES ($1::pg_catalog.text)`
    this.know =
      `INSERT INTO ${p} (scope, position) SELECT s, '' FROM pg_catalog.unnest($1::pg_catalog.text[]) AS s ` +
      'ON CONFLICT (scope) DO NOTHING'
    this.read = `SELECT scope, position FROM ${p} WHERE scope = ANY($1::pg_catalog.text[])`
    this.find = `SELECT 1 FROM ${t} WHERE token = $1::pg_catalog.text`
    this.lookAt = `SELECT 1 FROM ${t} LIMIT 0`
    this.sweep =
      `WITH gone AS (DELETE FROM ${t} WHERE ctid = ANY(ARRAY(SELECT ctid FROM ${t} ` +
      `WHERE written_at < pg_catalog.now() - pg_catalog.make_interval(secs => $1::float8) LIMIT ${SWEPT})) RETURNING 1) ` +
      'SELECT pg_catalog.count(*)::int4 AS count FROM gone'
  }

  /** The statement that goes with a batch, and its parameters. */
  of(companion: Companion): { readonly text: string; readonly values: readonly string[] } {
    if (companion.kind === 'token') return { text: this.token, values: [companion.token] }
    const { scope, expected, value } = companion
    return { text: this.move, values: [scope, expected, value] }
  }
}
