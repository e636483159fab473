/** What `defineTable` promises to whoever compiles against it. Nothing here is run: `tsc` is the test. */
import {
  type ColumnUpdates,
  type Combine,
  type ConflictAction,
  columnOf,
  defineTable,
  type Row,
  type Table,
  type TableOptions,
} from 'batchflow-otel'
import { expectTypeOf } from 'expect-type'

interface User {
  id: number
  name: string
  email?: string
}

interface Order {
  id: string
  total: number
}

// A table carries the type of its rows, in `columns` as in keys.
const users = defineTable<User>('users', { columns: ['id', 'name', 'email'] })
expectTypeOf(users).toEqualTypeOf<Table<User>>()
expectTypeOf(users.columns).toEqualTypeOf<readonly string[]>()
expectTypeOf(users.action).toEqualTypeOf<ConflictAction>()
const columns = ['id', 'name'] as const
defineTable<User>('users', { columns })
defineTable<Record<string, unknown>>('anything', { columns: ['any', 'name'] })
defineTable<{ [name: string]: unknown; id: number }>('anything', { columns: ['id', 'name'] })
expectTypeOf(defineTable('inferred', { columns: ['id', 'name'] }).columns).toEqualTypeOf<readonly string[]>()

// Every required property is a column; what is not to be written goes from the type.
defineTable<User>('users', { columns: ['name', 'id'] })
defineTable<Omit<User, 'name'>>('users', { columns: ['id'] })
defineTable<Partial<User>>('users', { columns: ['id'] })
// @ts-expect-error name is required
defineTable<User>('users', { columns: ['id'] })
// @ts-expect-error and the optional one does not stand for it
defineTable<User>('users', { columns: ['id', 'email'] })
const some = ['id'] as const
// @ts-expect-error nor in a list of one's own
defineTable<User>('users', { columns: some })
// @ts-expect-error or in options that are made before
const options: TableOptions<User> = { columns: ['id'] }
defineTable<User>('users', options)
defineTable<User>('users', { columns: Object.keys({}) as (keyof User)[] })
function tableOf<R extends Row>(columns: readonly (keyof R & string)[]): Table<R> {
  return defineTable<R>('any', { columns })
}
expectTypeOf(tableOf<User>).returns.toEqualTypeOf<Table<User>>()

// Properties may have columns of other names; all else names properties.
defineTable<User>('users', { columns: { id: 'user_id', name: 'user_name' } })
defineTable<Record<string, unknown>>('anything', { columns: { any: 'name' } })
const named = { columns: { id: 'user_id', name: 'user_name' } } as const
defineTable<User>('users', { ...named, onConflict: { action: 'update', keys: ['id'], set: ['name'], newer: 'name' } })
expectTypeOf(columnOf(users, 'id')).toEqualTypeOf<string>()

// @ts-expect-error a property that rows do not have
defineTable<User>('users', { columns: { id: 'user_id', name: 'user_name', nmae: 'user_name' } })
// @ts-expect-error a required property that is left out
defineTable<User>('users', { columns: { id: 'user_id' } })
// @ts-expect-error a column is called by a text
defineTable<User>('users', { columns: { id: 1, name: 'name' } })
// @ts-expect-error keys are properties, not columns
defineTable<User>('users', { ...named, onConflict: { action: 'ignore', keys: ['user_id'] } })
// @ts-expect-error a column is a property of the row
defineTable<User>('users', { columns: ['id', 'nmae'] })
// @ts-expect-error columns have to be named
defineTable<User>('users', {})
// @ts-expect-error options have to be given
defineTable<User>('users')
// @ts-expect-error no other options
defineTable<User>('users', { columns, colums: ['name'] })
// @ts-expect-error a row is an object
defineTable<string>('users', { columns: ['length'] })
// @ts-expect-error the name comes first
defineTable<User>({ columns: ['id'] })

// What happens on a conflict.
defineTable<User>('users', { columns, onConflict: { action: 'error' } })
defineTable<User>('users', { columns, onConflict: { action: 'ignore' } })
defineTable<User>('users', { columns, onConflict: { action: 'ignore', keys: ['id'] } })
defineTable<User>('users', { columns, onConflict: { action: 'replace', keys: ['id'] } })
defineTable<User>('users', { columns, onConflict: { action: 'update', keys: ['id'], set: ['name'] } })

defineTable<User>('users', { columns, onConflict: { action: 'update', keys: ['id'], newer: 'name' } })
defineTable<User>('users', { columns, onConflict: { action: 'replace', keys: ['id'], newer: 'name' } })
expectTypeOf(users.newer).toEqualTypeOf<string | undefined>()

// What stands for a property that a row does not have.
defineTable<User>('users', { columns: ['id', 'name', 'email'], absent: 'default' })
defineTable<User>('users', { columns: ['id', 'name', 'email'], absent: { email: 'default', id: 'null' } })
// @ts-expect-error nothing else
defineTable<User>('users', { columns, absent: 'zero' })
// @ts-expect-error of a property
defineTable<User>('users', { columns, absent: { mail: 'default' } })

// What an update does to a column, as far as its values allow.
interface Visit {
  page: string
  hits: number
  bytes?: bigint | null
  amount: string
  last: Date
  tags: string[]
}
const visited = ['page', 'hits', 'bytes', 'amount', 'last', 'tags'] as const
const updated = <const S extends ColumnUpdates<Visit>>(set: S) =>
  defineTable<Visit>('visits', { columns: visited, onConflict: { action: 'update', keys: ['page'], set } })
updated({ hits: 'add', bytes: 'add', amount: 'add', last: 'max', tags: 'keep' })
updated({ hits: 'max', amount: 'min', tags: 'replace' })
defineTable<Record<string, unknown>>('any', {
  columns: ['id', 'n'],
  onConflict: { action: 'update', keys: ['id'], set: { n: 'add' } },
})
expectTypeOf(users.combine).toEqualTypeOf<ReadonlyMap<string, Combine> | undefined>()

// @ts-expect-error dates are not added
updated({ last: 'add' })
// @ts-expect-error nor is an array
updated({ tags: 'add' })
// @ts-expect-error or the greatest of some
updated({ tags: 'max' })
// @ts-expect-error no other updates
updated({ hits: 'append' })
// @ts-expect-error what is updated are columns
updated({ hitz: 'add' })

// @ts-expect-error a version is a column
defineTable<User>('users', { columns, onConflict: { action: 'update', keys: ['id'], newer: 'version' } })
// @ts-expect-error the first row stays, whatever its version
defineTable<User>('users', { columns, onConflict: { action: 'ignore', keys: ['id'], newer: 'name' } })
// A clause of one's own.
const own = { action: 'sql', sql: 'ON CONFLICT ({id}) DO UPDATE SET {name} = {new.name}' } as const
defineTable<User>('users', { columns, onConflict: { ...own, keys: ['id'] } })
// @ts-expect-error whose keys are known
defineTable<User>('users', { columns, onConflict: own })
// @ts-expect-error and are columns
defineTable<User>('users', { columns, onConflict: { ...own, keys: ['uid'] } })
// @ts-expect-error and which alone says what is set
defineTable<User>('users', { columns, onConflict: { ...own, keys: ['id'], set: ['name'] } })

// @ts-expect-error an action has to be one of the five
defineTable<User>('users', { columns, onConflict: { action: 'upsert', keys: ['id'] } })
// @ts-expect-error update needs to know what makes a conflict
defineTable<User>('users', { columns, onConflict: { action: 'update' } })
// @ts-expect-error and so does replace
defineTable<User>('users', { columns, onConflict: { action: 'replace' } })
// @ts-expect-error keys are columns
defineTable<User>('users', { columns, onConflict: { action: 'update', keys: ['uid'] } })
// @ts-expect-error keys of ignore, too
defineTable<User>('users', { columns, onConflict: { action: 'ignore', keys: ['uid'] } })
// @ts-expect-error what is set are columns
defineTable<User>('users', { columns, onConflict: { action: 'update', keys: ['id'], set: ['nmae'] } })
// @ts-expect-error replace sets all of them
defineTable<User>('users', { columns, onConflict: { action: 'replace', keys: ['id'], set: ['name'] } })
// @ts-expect-error nothing to tell apart where every conflict is an error
defineTable<User>('users', { columns, onConflict: { action: 'error', keys: ['id'] } })

// Which properties tell what is to be deleted, where the type says so.
expectTypeOf(
  defineTable<User, 'id'>('users', { columns, onConflict: { action: 'ignore', keys: ['id'] }, deletes: true }),
).toEqualTypeOf<Table<User, 'id'>>()
expectTypeOf<Table<User, 'id'>>().toExtend<Table<User>>()
expectTypeOf(users.deletes).toEqualTypeOf<readonly string[] | undefined>()
// @ts-expect-error a slip in an option
defineTable<User>('users', { columns, delete: true })

// Tables of different rows are different; any of them is a table.
expectTypeOf<Table<User>>().not.toExtend<Table<Order>>()
expectTypeOf<Table<Order>>().not.toExtend<Table<User>>()
expectTypeOf<Table<User>>().toExtend<Table>()
expectTypeOf<User>().toExtend<Row>()
// A table that asks for less serves rows that have more.
expectTypeOf<Table<{ id: number }>>().toExtend<Table<User>>()
expectTypeOf<Table<User>>().not.toExtend<Table<{ id: number }>>()

// A table does not change.
// @ts-expect-error its columns are read-only
users.columns = []
// @ts-expect-error to the last one
users.columns[0] = 'name'
