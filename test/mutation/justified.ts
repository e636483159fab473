/** Survivors that no test can tell from what they came of, or that are as right. */
export interface Justification {
  readonly where: RegExp
  readonly what: RegExp
  readonly why: string
}

export const JUSTIFIED: readonly Justification[] = []
