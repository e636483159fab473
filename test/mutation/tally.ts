export interface Survivor {
  readonly where: string
  readonly what: string
}

export interface Tally {
  readonly tried: number
  readonly survivors: readonly Survivor[]
}
