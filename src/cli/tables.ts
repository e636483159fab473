import type { OnConflict } from 'batchflow-otel'
import { usage } from './errors.ts'

type Conflict = OnConflict<Record<string, unknown>>

/**
 * `error`, `ignore`, `ignore:id`, `update:id`, `replace:tenant,id`.
 *
 * @param newer the column that tells which of two rows is the newer one
 * @throws {CliError}
 */
export function conflictOf(text: string, newer: string | undefined): Conflict {
  const [action, list] = text.split(/:(.*)/s, 2)
  const keys = list === undefined ? [] : list.split(',')
  if (newer !== undefined && action !== 'update' && action !== 'replace') {
    throw usage('--newer goes with --on-conflict update:… or replace:…')
  }
  const versioned = newer === undefined ? {} : { newer }
  switch (action) {
    case 'error':
      if (keys.length === 0) return { action }
      break
    case 'ignore':
      return keys.length === 0 ? { action } : { action, keys }
    case 'update':
    case 'replace':
      if (keys.length > 0) return { action, keys, ...versioned }
  }
  throw usage(`--on-conflict must be error, ignore, ignore:<keys>, update:<keys> or replace:<keys>, as in update:id`)
}
