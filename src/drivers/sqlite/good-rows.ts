import { AttemptError, type RowFailure } from '../../contract/driver.ts'
import type { SqliteOperation } from './operation.ts'
import { failureOf, GroupError, groupOf, type Session, type Span } from './session.ts'

/** Those rows of one operation that SQLite takes, as one transaction; the others go to `failures`. */
export class GoodRows {
  readonly #session: Session
  readonly #operation: SqliteOperation
  readonly #failures: RowFailure[]

  constructor(session: Session, operation: SqliteOperation, failures: RowFailure[]) {
    this.#session = session
    this.#operation = operation
    this.#failures = failures
  }

  /**
   * Returns how many of them changed nothing.
   *
   * @param bad the first row at fault, as `Session.send` found it. @param first what else the transaction holds
   */
  send(bad: RowFailure, first: () => void): number {
    this.#failures.push(bad)
    return this.#session.within(() => {
      first()
      const unchanged = this.#insertGood(0, bad.index)
      const rest = { first: bad.index + 1, end: this.#operation.length }
      return unchanged + (this.#mayLeaveRows() ? this.#insertApartFrom(rest, bad.index) : this.#insertAround(rest))
    })
  }

  /**
   * A statement that fails leaves nothing and ends nothing, but for RAISE and OR of triggers and for ON CONFLICT of columns
   * (FAIL and ROLLBACK). Of databases attached nothing is known.
   */
  #mayLeaveRows(): boolean {
    const session = this.#session
    try {
      const isAttached = ({ name }: { name?: unknown }) => name !== 'main' && name !== 'temp'
      return session.read(UNUSUAL, []).length > 0 || session.read('PRAGMA database_list', []).some(isAttached)
    } catch {
      return true
    }
  }

  /** Where failed statements leave nothing: in groups, and the rows of one that fails one by one. */
  #insertAround({ first, end }: Span, most = end - first): number {
    let unchanged = 0
    for (let at = first; at < end; ) {
      const { rows } = groupOf(this.#operation, Math.min(most, end - at))
      const done = this.#tryInsert(at, at + rows)
      if (typeof done === 'number') unchanged += done
      else if (done instanceof GroupError) unchanged += this.#insertAround(done, 1)
      else this.#failures.push(done)
      at += rows
    }
    return unchanged
  }

  #tryInsert(first: number, end: number): number | GroupError | RowFailure {
    try {
      return this.#session.insert(this.#operation, first, end)
    } catch (error) {
      const bad = error instanceof GroupError ? error : failureOf(error)
      if (bad === undefined) throw error
      return bad
    }
  }

  /** Where they may: in spans that are taken back, as many rows at once as there lately were between two bad ones. */
  #insertApartFrom({ first, end }: Span, before: number): number {
    let good = before + 1
    let unchanged = 0
    for (let at = first; at < end; ) {
      const span = { first: at, end: Math.min(at + 2 * good, end) }
      const { bad, done } = this.#insertApart(span)
      if (bad !== undefined) this.#failures.push(bad)
      unchanged += done
      const next = bad === undefined ? span.end : bad.index + 1
      good = next - at
      at = next
    }
    return unchanged
  }

  /** One by one up to the row at fault, of which nothing stays. Returns it, and how many before it changed nothing. */
  #insertApart(span: Span): { bad?: RowFailure; done: number } {
    const session = this.#session
    session.change(SAVEPOINT)
    try {
      const done = session.insert(this.#operation, span.first, span.end, span)
      session.change(RELEASE)
      return { done }
    } catch (error) {
      const bad = failureOf(error)
      if (bad === undefined || !this.#takeBack()) throw error
      const done = this.#insertGood(span.first, bad.index)
      session.change(RELEASE)
      return { bad, done }
    }
  }

  #takeBack(): boolean {
    try {
      this.#session.change(TAKE_BACK)
      return true
    } catch {
      return false
    }
  }

  /** Rows that were taken before: where one is not any more, as somebody else has written meanwhile, nobody knows which. */
  #insertGood(first: number, end: number): number {
    try {
      return this.#session.insert(this.#operation, first, end)
    } catch (error) {
      throw error instanceof GroupError ? new AttemptError(error.cause, {}) : error
    }
  }
}

const UNUSUAL = `SELECT 1 FROM (SELECT type, sql FROM sqlite_master UNION ALL SELECT type, sql FROM sqlite_temp_master)
  WHERE type = 'trigger' OR sql LIKE '%ON%CONFLICT%' LIMIT 1`

const SAVEPOINT = 'SAVEPOINT batchflow'
const TAKE_BACK = 'ROLLBACK TO batchflow'
const RELEASE = 'RELEASE batchflow'
