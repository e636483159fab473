import { type Check, refuse } from '../support/validate.ts'

/** What a placeholder in `onConflict.sql` stands for; `property` is one of the table's columns. */
export type SqlName = { readonly is: 'table' } | { readonly is: 'column' | 'new' | 'old'; readonly property: string }

/** The text of `onConflict.sql` in pieces: as it is, or what stands for a name. */
export type ConflictSql = readonly (string | SqlName)[]

export const sqlText: Check<string> = (option, value) =>
  typeof value === 'string' && value.trim() !== '' && !value.includes('\0')
    ? value
    : refuse(option, 'a conflict clause, as ON CONFLICT ({id}) DO UPDATE SET {hits} = {new.hits}', value)

const PIECE = /\{\{|\}\}|\{[^{}]*\}|[{}]|[^{}]+/g

/** @throws {OptionError} for a placeholder that stands for nothing */
export function conflictSql(option: string, text: string, columns: readonly string[]): ConflictSql {
  return text.match(PIECE)!.map((piece) => {
    if (piece === '{{' || piece === '}}') return piece[0]!
    if (!/[{}]/.test(piece)) return piece
    const name = piece.length > 1 ? nameIn(piece.slice(1, -1), columns) : undefined
    const wanted = 'of text and {name}, {new.name}, {old.name} of columns, or {table}, with {{ and }} for braces'
    return name ?? refuse(option, wanted, piece)
  })
}

function nameIn(name: string, columns: readonly string[]): SqlName | undefined {
  if (name === 'table') return { is: 'table' }
  const [, row, rest] = /^(new|old)\.(.*)$/s.exec(name) ?? []
  const property = rest ?? name
  return columns.includes(property) ? { is: (row as 'new' | 'old' | undefined) ?? 'column', property } : undefined
}

/** The same with columns in place of properties. */
export function sqlInColumns(sql: ConflictSql, columnOf: (property: string) => string): ConflictSql {
  return sql.map((piece) =>
    typeof piece === 'string' || piece.is === 'table' ? piece : { ...piece, property: columnOf(piece.property) },
  )
}
