import { Command, InvalidArgumentError, Option } from 'commander'
import { ALL_FLIGHTS } from './flights.ts'
import { isStoreUrl } from './stores/open.ts'

export interface DemoOptions {
  readonly rows: number
  readonly exit: boolean
  readonly json: boolean
  readonly to?: string | undefined
  readonly schema: string
  readonly port: number
  readonly concurrency: number
  readonly flushSize: number
}

/**
 * Reads the command line, and `DATABASE_URL` where `--to` is absent.
 *
 * @throws {CommanderError} after saying on stderr which option has which wrong value; also after `--help`, with `exitCode` 0
 */
export function readOptions(argv: readonly string[]): DemoOptions {
  const command = new Command('npm start --')
    .description(
      'Streams real US flights row by row through BatchFlow into a database, checks that the tables hold what they must,' +
        ' and serves the metrics and traces of it until Ctrl-C, with a page to watch them. Traces go to OTEL_EXPORTER_OTLP_ENDPOINT instead, if set.',
    )
    .option('--rows <n|all>', `flights to load, 1 to ${ALL_FLIGHTS}`, rowCount, 1_000_000)
    .option('--exit', 'end after the load: status 0 if both tables are right, 1 and what differs if not', false)
    .option('--json', 'print the summary as one JSON object, the last line of the output', false)
    .addOption(
      new Option('--to <url>', `database to load into: ${URLS}; without it, a PostgreSQL is booted`)
        .argParser(storeUrl)
        .env('DATABASE_URL'),
    )
    .option(
      '--schema <name>',
      'schema (MySQL: database, Redis: key prefix) for the tables; dropped and made anew',
      schemaName,
      'batchflow_demo',
    )
    .option(
      '--port <n>',
      'port of the live page, /metrics and /traces, 0 for any that is free',
      integer(0, 65_535),
      9464,
    )
    .option('--concurrency <n>', 'batches in flight at once', integer(1, 64), 4)
    .option('--flush-size <n>', 'rows per batch', integer(1, 100_000), 2_000)
    .exitOverride()
  return command.parse(argv, { from: 'user' }).opts<DemoOptions>()
}

function rowCount(value: string): number {
  return value === 'all' ? ALL_FLIGHTS : integer(1, ALL_FLIGHTS, ', or all')(value)
}

function integer(min: number, max: number, orElse = '') {
  return (value: string): number => {
    const number = /^\d+$/.test(value) ? Number(value) : Number.NaN
    if (number >= min && number <= max) return number
    throw new InvalidArgumentError(`It must be an integer from ${min} to ${max}${orElse}.`)
  }
}

const URLS = 'postgres://…, mysql://…, redis://…, sqlite:file.db or sqlite::memory:'

function storeUrl(value: string): string {
  if (isStoreUrl(value)) return value
  throw new InvalidArgumentError(`It must be a URL: ${URLS}.`)
}

/** Plain names only: the name also goes into connection options, where quoting is different. */
function schemaName(value: string): string {
  if (/^[a-z_][a-z0-9_]{0,62}$/.test(value)) return value
  throw new InvalidArgumentError('It must be a plain name: small letters, digits and _.')
}
