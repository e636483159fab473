import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { uvu } from 'uvu'
import { RowFailedError } from '../../../src/contract/errors.ts'
import { letterOf } from '../../../src/dead-letters/letter-line.ts'
import type { DeadLetter } from '../../../src/flow/dead-letters.ts'
import { user } from '../engine/tables.ts'

/** A folder that is there while the tests of a suite run. */
export function temporaryFolder<C>(test: uvu.Test<C>): { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), 'batchflow-letters-'))
  test.after(() => rmSync(path, { recursive: true, force: true }))
  return { path }
}

/** The letter of the user `id`. */
export function letter(id: number, more: Partial<DeadLetter> = {}): DeadLetter {
  const details = { reason: 'constraint', attempts: 1, cause: new Error('no'), fault: 'row', ambiguous: false } as const
  const error = new RowFailedError(more.table ?? 'users', details)
  return { table: 'users', row: user(id), error, ambiguous: false, ...more }
}

export function letters(first: number, count: number): DeadLetter[] {
  return Array.from({ length: count }, (_, i) => letter(first + i))
}

/** Ids of the rows in a file, in order; what is no letter is left out. */
export function idsIn(file: string): number[] {
  const ids = readFileSync(file, 'utf8').split('\n').map(idOf)
  return ids.filter((id) => id !== undefined)
}

/** Id of the row of a line, where that is a letter. */
export function idOf(line: string): number | undefined {
  const stored = letterOf(line)
  return typeof stored === 'string' ? undefined : (stored.row as { id: number }).id
}
