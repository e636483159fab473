export interface Survivor {
  readonly where: string
  readonly what: string
}

export interface Tally {
  readonly tried: number
  readonly survivors: readonly Survivor[]
}

/** At once: a run takes long, and may be interrupted. */
export function tell({ where, what }: Survivor): void {
  console.error(`survives ${where}: ${what}`)
}
