/** Whose wall clock a date shows where it is stored without a zone. */
export type DateZone = 'local' | 'utc'

/** What `pg` makes of a value; it hands this to every object that says itself what to store (`toPostgres`). */
export type PrepareValue = (value: unknown) => unknown

/** The text of a parameter, and a way to learn how the client at hand prepares values. */
export class AskedParameter {
  readonly #text: string
  /** Absent until `pg` asks; others, instrumentations for one, may ask without it. */
  prepareValue: PrepareValue | undefined

  constructor(text: string) {
    this.#text = text
  }

  toPostgres(prepareValue?: PrepareValue): string {
    this.prepareValue ??= prepareValue
    return this.#text
  }
}

/** A date that notices which of its clocks is read. */
class Probe extends Date {
  zone: DateZone = 'local'

  override getUTCFullYear(): number {
    this.zone = 'utc'
    return super.getUTCFullYear()
  }
}

/** What `pg.defaults.parseInputDatesAsUTC` says now, of the very `pg` that a pool was made with. */
export function dateZoneOf(prepareValue: PrepareValue | undefined): DateZone {
  const probe = new Probe(0)
  prepareValue?.(probe)
  return probe.zone
}
