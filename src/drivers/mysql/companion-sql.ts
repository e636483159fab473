import { pathOf } from '../../contract/table.ts'
import { type CompanionTables, SWEPT } from '../kit/companions.ts'
import { quotingWith } from '../kit/sql.ts'

const { quotePath } = quotingWith('`')

/** One of our tables: what it is called in SQL, what makes it, and which rights it takes. */
export interface CompanionTable {
  readonly name: string
  readonly ddl: string
  readonly rights: string
}

/**
 * Statements about positions and tokens. All texts are bytes: no collation then takes two for one, and no character set of
 * a connection changes them.
 */
export class CompanionSql {
  readonly positions: CompanionTable
  readonly tokens: CompanionTable
  /** Changes a row whenever it finds it: what a client counts as affected are then the rows found, whatever its flags. */
  readonly move: string
  readonly token: string
  readonly find: string
  readonly lookAt: string
  readonly sweep: string
  readonly #positions: string

  constructor({ positions, tokens }: CompanionTables) {
    const [p, t] = [positions, tokens].map((name) => quotePath(pathOf('companions', name))) as [string, string]
    this.#positions = p
    this.positions = {
      name: p,
      ddl:
        `CREATE TABLE IF NOT EXISTS ${p} (scope varbinary(760) NOT NULL PRIMARY KEY, position blob NOT NULL, ` +
        'moves bigint unsigned NOT NULL DEFAULT 0, moved_at timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP) ENGINE = InnoDB',
      rights: `GRANT SELECT, INSERT, UPDATE ON ${p}`,
    }
    this.tokens = {
      name: t,
      ddl:
        `CREATE TABLE IF NOT EXISTS ${t} (token varbinary(64) NOT NULL PRIMARY KEY, ` +
        'written_at timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP, KEY (written_at)) ENGINE = InnoDB',
      rights: `GRANT SELECT, INSERT, DELETE ON ${t}`,
    }
    this.move =
      `UPDATE ${p} SET position = ?, moves = moves + 1, moved_at = CURRENT_TIMESTAMP ` +
      'WHERE scope = ? AND position = ?'
    this.token = `INSERT INTO ${t} (token) VALUES (?)`
    this.find = `SELECT 1 FROM ${t} WHERE token = ?`
    this.lookAt = `SELECT 1 FROM ${t} LIMIT 0`
    this.sweep = `DELETE FROM ${t} WHERE written_at < CURRENT_TIMESTAMP - INTERVAL ? SECOND ORDER BY written_at LIMIT ${SWEPT}`
  }

  read(scopes: number): string {
    return `SELECT scope, position FROM ${this.#positions} WHERE scope IN (${list('?', scopes)})`
  }

  /** Somebody else may have written one of them down meanwhile. */
  know(scopes: number): string {
    return `INSERT INTO ${this.#positions} (scope, position) VALUES ${list("(?, '')", scopes)} ON DUPLICATE KEY UPDATE scope = scope`
  }
}

function list(item: string, times: number): string {
  return Array.from({ length: times }, () => item).join(', ')
}
