import type { Table } from '../../contract/table.ts'
import { OptionError } from '../../support/batchflow-error.ts'
import { type OptionsOf, optional, parse, refuse, show, unchecked } from '../../support/validate.ts'
import { commandsBy } from './commands.ts'
import { hash } from './hash.ts'
import { type CommandFunction, Mapping } from './mapping.ts'
import { stream } from './stream.ts'

/** A ready-made mapping, or a function that returns the commands of a row. */
export type CommandMapping = Mapping | CommandFunction

export interface RedisOptions {
  /**
   * How rows become commands: one mapping for all tables, or one by the name of each, where `'*'` stands for the tables
   * not named. A table without a mapping is refused.
   *
   * @default `hash()` for a table with conflict keys, `stream()` for one without
   */
  readonly commands?: CommandMapping | Readonly<Record<string, CommandMapping>>
}

/** @throws {OptionError} when the table has no mapping */
export type MappingOf = (table: Table) => Mapping

const OPTIONS = {
  commands: optional(unchecked<NonNullable<RedisOptions['commands']>>()),
} satisfies OptionsOf<RedisOptions>

/** @throws {OptionError} naming the option and the value it received */
export function validOptions(options: RedisOptions): MappingOf {
  const { commands } = parse('redisExecutor', OPTIONS, options)
  if (commands === undefined) return byKeys()
  const single = asMapping(commands)
  return single === undefined ? byName(commands as Readonly<Record<string, CommandMapping>>) : () => single
}

function byKeys(): MappingOf {
  const [hashes, streams] = [hash(), stream()]
  return (table) => (table.keys.length > 0 ? hashes : streams)
}

function byName(commands: Readonly<Record<string, CommandMapping>>): MappingOf {
  if (typeof commands !== 'object' || commands === null) {
    refuse('redisExecutor: commands', 'a mapping, a function or an object of them', commands)
  }
  const mappings = new Map<string, Mapping>()
  for (const [name, given] of Object.entries(commands)) {
    const mapping = asMapping(given)
    if (mapping === undefined) {
      return refuse(`redisExecutor: commands[${show(name)}]`, 'a mapping or a function', given)
    }
    mappings.set(name, mapping)
  }
  return (table) => {
    const mapping = mappings.get(table.name) ?? mappings.get('*')
    if (mapping !== undefined) return mapping
    throw new OptionError(
      `redisExecutor: commands has no mapping for table ${show(table.name)}; there are ${[...mappings.keys()]}`,
    )
  }
}

function asMapping(given: unknown): Mapping | undefined {
  if (given instanceof Mapping) return given
  return typeof given === 'function' ? commandsBy(given as CommandFunction) : undefined
}
