import { pathOf } from '../../contract/table.ts'
import { type CompanionTables, SWEPT } from '../kit/companions.ts'
import { quotePath } from '../kit/sql.ts'

/** Statements about positions and tokens; times are seconds since 1970. */
export class CompanionSql {
  readonly positions: { readonly name: string; readonly ddl: string }
  readonly tokens: { readonly name: string; readonly ddl: string }
  readonly move: string
  readonly token: string
  readonly know: string
  readonly read: string
  readonly find: string
  readonly sweep: string

  constructor({ positions, tokens }: CompanionTables) {
    const [p, t] = [positions, tokens].map((name) => quotePath(pathOf('companions', name))) as [string, string]
    const now = "integer NOT NULL DEFAULT (strftime('%s', 'now'))"
    this.positions = {
      name: p,
      ddl: `CREATE TABLE IF NOT EXISTS ${p} (scope text PRIMARY KEY NOT NULL, position text NOT NULL, moved_at ${now})`,
    }
    this.tokens = {
      name: t,
      ddl: `CREATE TABLE IF NOT EXISTS ${t} (token text PRIMARY KEY NOT NULL, written_at ${now})`,
    }
    this.move = `UPDATE ${p} SET position = ?, moved_at = strftime('%s', 'now') WHERE scope = ? AND position = ?`
    this.token = `INSERT INTO ${t} (token) VALUES (?)`
    this.know = `INSERT INTO ${p} (scope, position) VALUES (?, '') ON CONFLICT (scope) DO NOTHING`
    this.read = `SELECT position FROM ${p} WHERE scope = ?`
    this.find = `SELECT 1 FROM ${t} WHERE token = ?`
    this.sweep =
      `DELETE FROM ${t} WHERE rowid IN (SELECT rowid FROM ${t} ` +
      `WHERE written_at < strftime('%s', 'now') - ? LIMIT ${SWEPT})`
  }
}
