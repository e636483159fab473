import type { Flight } from './flights.ts'

/** Totals of one airport and day, and what one flight adds to them. */
export interface DailyDelays {
  readonly origin: string
  /** `2001-01-31` */
  readonly day: string
  readonly flights: number
  /** Minutes, summed. */
  readonly delay: number
  /** Miles, summed. */
  readonly distance: number
}

/** What is to be known about a table to say that its content is right, whatever the order of its rows. */
export interface Totals {
  readonly rows: number
  readonly flights: number
  readonly delay: number
  readonly distance: number
  /** Sum of the hashes of all rows. */
  readonly hash: number
}

/** Of both tables. */
export interface Contents {
  readonly flights: Totals
  readonly daily: Totals
}

/**
 * The hash of a row is the product, modulo a prime, of its values, each shifted into 1 … prime - 1. A sum of products
 * notices when two rows swap a value, which sums of columns do not. Every intermediate result is below 2^52, so doubles
 * here and `bigint` in SQL agree exactly.
 */
export const PRIME = 67_108_859

/** Added to each value, in the order of `hashFlight` and `hashDaily`. */
export const FLIGHT_SHIFTS = [7, 5_003, 11, 104_729, 3_571] as const
export const DAILY_SHIFTS = [17, 104_729, 29, 20_000_003, 101] as const

const MINUTE_MS = 60_000
const DAY_MS = 86_400_000

/** Adds up rows of one table. */
export class Sums {
  #rows = 0
  #flights = 0
  #delay = 0
  #distance = 0
  #hash = 0

  addFlight(flight: Flight): void {
    this.#add(1, flight.delay, flight.distance, hashFlight(flight))
  }

  addDaily(totals: DailyDelays): void {
    this.#add(totals.flights, totals.delay, totals.distance, hashDaily(totals))
  }

  get totals(): Totals {
    return {
      rows: this.#rows,
      flights: this.#flights,
      delay: this.#delay,
      distance: this.#distance,
      hash: this.#hash,
    }
  }

  #add(flights: number, delay: number, distance: number, hash: number): void {
    this.#rows++
    this.#flights += flights
    this.#delay += delay
    this.#distance += distance
    this.#hash += hash
  }
}

/** What the database must hold, computed from the input while it streams by. */
export class Model {
  readonly #flights = new Sums()
  readonly #days = new Map<number, Map<string, DailyDelays>>()

  /** Takes a flight in, and returns what it adds to the totals of its airport and day. */
  add(flight: Flight): DailyDelays {
    this.#flights.addFlight(flight)
    const airports = this.#airportsOf(Math.floor(flight.date.getTime() / DAY_MS))
    const before = airports.get(flight.origin)
    const totals = {
      origin: flight.origin,
      day: before?.day ?? flight.date.toISOString().slice(0, 10),
      flights: (before?.flights ?? 0) + 1,
      delay: (before?.delay ?? 0) + flight.delay,
      distance: (before?.distance ?? 0) + flight.distance,
    }
    airports.set(flight.origin, totals)
    return { origin: totals.origin, day: totals.day, flights: 1, delay: flight.delay, distance: flight.distance }
  }

  contents(): Contents {
    const daily = new Sums()
    for (const airports of this.#days.values()) for (const totals of airports.values()) daily.addDaily(totals)
    return { flights: this.#flights.totals, daily: daily.totals }
  }

  #airportsOf(day: number): Map<string, DailyDelays> {
    let airports = this.#days.get(day)
    if (airports === undefined) this.#days.set(day, (airports = new Map()))
    return airports
  }
}

function hashFlight({ date, delay, distance, origin, destination }: Flight): number {
  const [a, b, c, d, e] = FLIGHT_SHIFTS
  let hash = (date.getTime() / MINUTE_MS + a) * (delay + b)
  hash = (hash % PRIME) * (distance + c)
  hash = (hash % PRIME) * (airportNumber(origin) + d)
  return ((hash % PRIME) * (airportNumber(destination) + e)) % PRIME
}

function hashDaily({ origin, day, flights, delay, distance }: DailyDelays): number {
  const [a, b, c, d, e] = DAILY_SHIFTS
  let hash = (Date.parse(day) / DAY_MS + a) * (airportNumber(origin) + b)
  hash = (hash % PRIME) * (flights + c)
  hash = (hash % PRIME) * (delay + d)
  return ((hash % PRIME) * (distance + e)) % PRIME
}

/** The three letters as one number, each a byte. */
function airportNumber(code: string): number {
  return (code.charCodeAt(0) << 16) | (code.charCodeAt(1) << 8) | code.charCodeAt(2)
}
