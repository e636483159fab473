import type { Register } from '../register.ts'
import { badRows } from './bad-rows.ts'
import { check } from './check.ts'
import { combined } from './combine.ts'
import { companions } from './companions.ts'
import { concurrency } from './concurrency.ts'
import { conflicts } from './conflicts.ts'
import { defaults } from './defaults.ts'
import { deletes } from './deletes.ts'
import { cancellation, faults, restart } from './faults.ts'
import { names } from './names.ts'
import { newest } from './newest.ts'
import { ownClause } from './own-clause.ts'
import { values } from './values.ts'
import { volume } from './volume.ts'

/** What must be stored, and what must not. */
export const CASES: readonly Register[] = [
  conflicts,
  combined,
  defaults,
  newest,
  ownClause,
  deletes,
  values,
  names,
  volume,
  badRows,
  concurrency,
  companions,
  check,
]

/** What goes wrong, and how it is told. */
export const FAULT_CASES: readonly Register[] = [faults, cancellation, restart]
