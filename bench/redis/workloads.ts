import { defineTable, type Table } from 'batchflow-otel'
import { args, type CommandMapping, hash, set, stream } from 'batchflow-otel/redis'
import type { Redis } from 'ioredis'

export interface Event {
  id: number
  name: string
  email: string
  score: number
  created: Date
}

/** A row that is a command. */
interface Command {
  cmd: string
  key: string
  value: string
}

export type Add = (pipeline: ReturnType<Redis['pipeline']>, row: Event) => unknown

/** One thing to write, as each contender says it. */
export interface Workload {
  /** What the Go program knows it by. */
  readonly command: 'set' | 'hset' | 'xadd'
  readonly table: Table<Event> | Table<Command>
  readonly mapping: CommandMapping
  /** What the flow is given for an event. */
  readonly row: (event: Event) => Event | Command
  /** The command in a pipeline by hand. */
  readonly add: Add
}

export const NAME = 'bench_redis'

const columns = ['id', 'name', 'email', 'score', 'created'] as const
const keyed = defineTable<Event>(NAME, { columns, onConflict: { action: 'update', keys: ['id'] } })
const entries = defineTable<Event>(NAME, { columns })
const commands = defineTable<Command>(NAME, { columns: ['cmd', 'key', 'value'] })

const same = (event: Event) => event
const addSet: Add = (pipeline, row) => pipeline.set(`${NAME}:${row.id}`, row.email)

export const WORKLOADS: Readonly<Record<string, Workload>> = {
  SET: { command: 'set', table: keyed, mapping: set<Event>({ value: 'email' }), row: same, add: addSet },
  'SET by args()': {
    command: 'set',
    table: commands,
    mapping: args<Command>(),
    row: ({ id, email }) => ({ cmd: 'SET', key: `${NAME}:${id}`, value: email }),
    add: addSet,
  },
  HSET: {
    command: 'hset',
    table: keyed,
    mapping: hash<Event>(),
    row: same,
    add: (pipeline, row) => pipeline.hset(`${NAME}:${row.id}`, ...fieldsOf(row)),
  },
  XADD: {
    command: 'xadd',
    table: entries,
    mapping: stream<Event>(),
    row: same,
    add: (pipeline, row) => pipeline.xadd(NAME, '*', ...fieldsOf(row)),
  },
}

export function events(count: number): Event[] {
  return Array.from({ length: count }, (_, id) => ({
    id,
    name: `event number ${id}`,
    email: `user${id % 1000}@example.org`,
    score: (id % 1000) / 7,
    created: new Date(1_700_000_000_000 + id * 1000),
  }))
}

function fieldsOf({ id, name, email, score, created }: Event): (string | number)[] {
  return ['id', id, 'name', name, 'email', email, 'score', score, 'created', created.toISOString()]
}
