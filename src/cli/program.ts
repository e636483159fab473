import { Command, InvalidArgumentError, Option } from 'commander'
import { type ExitCode, usage } from './errors.ts'
import { FORMATS } from './input/open.ts'
import { Output } from './output.ts'
import { stopOnSignal } from './stop-signal.ts'
import { conflictOf } from './tables.ts'

const URL_HELP = 'database: postgres://…, mysql://…, redis://…, sqlite:<file>'
const EXITS = `
Exit codes: 0 all rows are written · 1 some are not, or check found something · 2 the command line is wrong ·
3 it could not go on · 130 interrupted`

/** @param done told how it ended */
export function programOf(version: string, done: (code: ExitCode) => void): Command {
  const program = new Command('batchflow-otel')
    .description(
      'Loads files into PostgreSQL, MySQL, SQLite and Redis; brings back dead letters; looks at tables and flows.',
    )
    .version(version)
    .addHelpText('after', EXITS)
    .exitOverride()
  for (const command of [loadCommand(done), replayCommand(done), checkCommand(done), tailCommand(done)]) {
    program.addCommand(command.exitOverride())
  }
  return program
}

function loadCommand(done: (code: ExitCode) => void): Command {
  return withConflict(new Command('load'))
    .description('writes the rows of a file to a table')
    .argument('<file>', 'file.ndjson, file.csv, file.tsv, file.parquet, or - for standard input')
    .addOption(target())
    .requiredOption('-t, --table <name>', 'table, as in users or app.users')
    .addOption(new Option('--format <format>', 'what the file holds, where its name does not say').choices(FORMATS))
    .option('--columns <list>', 'columns to be written, a,b,c; all fields without it', list)
    .option(
      '--map <field=column>',
      'a field whose column has another name; may be repeated',
      pair,
      new Map<string, string>(),
    )
    .option('--no-header', 'the CSV file has no head: --columns names its fields')
    .option('--delimiter <text>', 'between the fields of a CSV file')
    .option('--null <text>', 'a text of a CSV file that stands for NULL, beside an empty field')
    .option('--create', 'makes the table if it is not there, with types that the file suggests', false)
    .option(
      '--type <column=type>',
      'a type of the database for a column of --create; may be repeated',
      pair,
      new Map<string, string>(),
    )
    .option('--sample <n>', 'records looked at for columns and types', integer(1), 10_000)
    .option('--dead-letter <file>', 'keeps rows that fail, for replay')
    .option('--resume', 'goes on where the last load of this file stopped, each row once (Redis: at least once)', false)
    .option('--resume-as <name>', 'as --resume, under a name instead of the path of the file')
    .option(
      '--batch <n>',
      'rows of one batch (default: 5000; where one is under way at a time, 10000)',
      integer(1, 100_000),
    )
    .option('--concurrency <n>', 'batches at once; with --resume one', integer(1, 64), 4)
    .option('--rate <n>', 'rows a second at most', integer(1))
    .option('--metrics-port <port>', 'serves http://127.0.0.1:<port>/metrics while it runs', integer(0, 65_535))
    .option('--otlp <url>', 'sends metrics over OTLP, as to http://localhost:4318/v1/metrics')
    .option('--dry-run', 'shows columns, types and the statement; writes nothing', false)
    .option('--json', 'the summary as one JSON object', false)
    .option('-q, --quiet', 'no progress', false)
    .action(async (path: string, given) => {
      const { load } = await import('./load.ts')
      const { onConflict, newer, null: nullText, type, header, quiet, resume, resumeAs, ...options } = given
      if (!header && options.columns === undefined) throw usage('--no-header needs --columns')
      const fields = header ? undefined : options.columns
      const position = resumeAs ?? (resume || undefined)
      const plan = {
        ...options,
        fields,
        types: type,
        nullText,
        resume: position,
        conflict: conflictOf(onConflict, newer),
      }
      done(await load(path, plan, new Output(process.stderr, quiet), stopOnSignal()))
    })
}

function replayCommand(done: (code: ExitCode) => void): Command {
  return withConflict(new Command('replay'))
    .description('writes the rows of a dead-letter file again, and takes those out of it that are committed')
    .argument('<file>', 'as given to --dead-letter or deadLetterFile()')
    .addOption(target())
    .option('-t, --table <name>', 'only letters of this table; others stay (default: all)')
    .option(
      '--map <property=column>',
      'a property of rows whose column has another name; may be repeated',
      pair,
      new Map<string, string>(),
    )
    .option('--concurrency <n>', 'batches at once', integer(1, 64), 4)
    .addOption(
      new Option('--ambiguous <what>', 'rows that may be in the table already')
        .choices(['keep', 'submit'])
        .default('keep'),
    )
    .option('--json', 'the summary as one JSON object', false)
    .option('-q, --quiet', 'no progress', false)
    .action(async (path: string, given) => {
      const { replay } = await import('./replay.ts')
      const { onConflict, newer, quiet, ...options } = given
      const plan = { ...options, conflict: conflictOf(onConflict, newer) }
      done(await replay(path, plan, new Output(process.stderr, quiet), stopOnSignal()))
    })
}

function checkCommand(done: (code: ExitCode) => void): Command {
  return withConflict(new Command('check'))
    .description('looks whether rows could be written to a table: columns, types, unique index, rights')
    .addOption(target())
    .requiredOption('-t, --table <name>', 'table, as in users or app.users')
    .option('--columns <list>', 'columns that are to be written; all without it', list)
    .option('--deletes', 'rows are to be deleted, too', false)
    .action(async (given) => {
      const { check } = await import('./check.ts')
      const { onConflict, newer, ...options } = given
      done(await check({ ...options, conflict: conflictOf(onConflict, newer) }))
    })
}

function tailCommand(done: (code: ExitCode) => void): Command {
  return new Command('tail')
    .description('follows the metrics page of a flow: rows a second, queue, p95 of a batch, errors by reason')
    .argument('[page]', 'its address', 'http://127.0.0.1:9464/metrics')
    .option('--interval <seconds>', 'between two looks', seconds, 2)
    .option('--count <n>', 'looks; without it, until Ctrl-C', integer(1))
    .action(async (page: string, options) => {
      const { tail } = await import('./tail.ts')
      done(await tail(page, options, stopOnSignal()))
    })
}

function target(): Option {
  return new Option('--to <url>', URL_HELP).env('DATABASE_URL').makeOptionMandatory()
}

function withConflict(command: Command): Command {
  return command
    .option('--on-conflict <action>', 'error, ignore, ignore:<keys>, update:<keys>, replace:<keys>', 'error')
    .option('--newer <column>', 'with update and replace: a row that is not newer by this column changes nothing')
}

function list(value: string): readonly string[] {
  const names = value.split(',').map((name) => name.trim())
  if (names.includes('')) throw new InvalidArgumentError('It must be names with commas between them.')
  return names
}

function pair(value: string, before: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  const at = value.indexOf('=')
  if (at < 1 || at === value.length - 1) throw new InvalidArgumentError('It must have an = between two names.')
  return new Map(before).set(value.slice(0, at), value.slice(at + 1))
}

function integer(min: number, max = Number.MAX_SAFE_INTEGER) {
  return (value: string): number => {
    const number = /^\d+$/.test(value) ? Number(value) : Number.NaN
    if (number >= min && number <= max) return number
    const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`
    throw new InvalidArgumentError(`It must be an integer ${range}.`)
  }
}

function seconds(value: string): number {
  const number = Number(value)
  if (number > 0 && number <= 3600) return number
  throw new InvalidArgumentError('It must be a number of seconds above 0.')
}
