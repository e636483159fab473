/**
 * What is committed together with a batch, in its own transaction, or not at all. The driver sends it with the batch's
 * operation; where it does not hold, nothing of the batch is committed and the attempt rejects with a `FencedError`.
 *
 * - `move`: a position goes from `expected` to `value`, compared and set. Equal ones only hold the fence.
 * - `token`: a mark that is there afterwards if, and only if, the operation was committed.
 */
export type Companion =
  | { readonly kind: 'move'; readonly scope: string; readonly expected: string; readonly value: string }
  | { readonly kind: 'token'; readonly token: string }

/** Where a driver keeps positions and tokens: tables of its own beside those that are written. */
export interface Companions {
  /**
   * The position of each of `scopes`, by scope, in the tables made where they are missing. A scope that is not known yet is
   * written down as `''`, so that it can be moved from there.
   */
  claim(scopes: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, string>>
  /** Commits `companion` by itself. Rejects with a `FencedError` where it does not hold. */
  commit(companion: Companion, signal: AbortSignal): Promise<void>
  /** Makes what tokens need where that is missing; called once before the first token is sent. */
  prepare(signal: AbortSignal): Promise<void>
  /** Whether the operation that `token` went with was committed. */
  committed(token: string, signal: AbortSignal): Promise<boolean>
  /** Forgets tokens older than `age` ms; returns how many. */
  sweep(age: number, signal: AbortSignal): Promise<number>
}
