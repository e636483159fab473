/** What the helpers for schemas promise to whoever compiles against them. Nothing here is run: `tsc` is the test. */
import type { Table } from 'batchflow-otel'
import { fromDrizzle, fromKysely, fromPrisma } from 'batchflow-otel/schema'
import { bigint, jsonb, pgTable, text, timestamp } from 'drizzle-orm/pg-core'
import { expectTypeOf } from 'expect-type'
import type { ColumnType, Generated, GeneratedAlways, Insertable } from 'kysely'

type RowOf<T> = T extends Table<infer R> ? R : never

// Drizzle: rows as `$inferInsert`, without what is left out.
const users = pgTable('users', {
  id: bigint({ mode: 'number' }).primaryKey(),
  name: text().notNull(),
  note: text(),
  at: timestamp({ withTimezone: true }).defaultNow(),
  data: jsonb().$type<{ a: number }>(),
})
expectTypeOf<RowOf<ReturnType<typeof fromDrizzle<typeof users>>>>().toEqualTypeOf<typeof users.$inferInsert>()
const some = fromDrizzle(users, { omit: ['at'], onConflict: { action: 'update', set: ['name'] } })
expectTypeOf<RowOf<typeof some>>().toEqualTypeOf<Omit<typeof users.$inferInsert, 'at'>>()
fromDrizzle(users, { onConflict: { action: 'ignore' } })
fromDrizzle(users, { onConflict: { action: 'replace', keys: ['id'], newer: 'at' } })
// @ts-expect-error no such column
fromDrizzle(users, { omit: ['nmae'] })
// @ts-expect-error no such column
fromDrizzle(users, { onConflict: { action: 'update', set: ['nmae'] } })
// @ts-expect-error one that is left out is not set
fromDrizzle(users, { omit: ['at'], onConflict: { action: 'update', set: ['at'] } })
// @ts-expect-error a table of Drizzle
fromDrizzle('users')

// Kysely: rows as `Insertable`.
interface Person {
  id: Generated<number>
  number: GeneratedAlways<number>
  name: string
  note: string | null
  at: ColumnType<Date, string, never>
}
interface Database {
  person: Person
}
const person = fromKysely<Database, 'person'>('person', {
  columns: ['id', 'name', 'at'],
  onConflict: { action: 'update', keys: ['id'] },
})
expectTypeOf<RowOf<typeof person>>().branded.toEqualTypeOf<Insertable<Person>>()
// @ts-expect-error what Kysely requires is a column
fromKysely<Database, 'person'>('person', { columns: ['id', 'name'] })
// @ts-expect-error the database alone writes it
fromKysely<Database, 'person'>('person', { columns: ['id', 'name', 'at', 'number'] })
// @ts-expect-error no such table
fromKysely<Database, 'people'>('people', { columns: ['id'] })

// Prisma: the input of `createMany`, as far as databases understand it.
interface DecimalObject {
  d: number[]
  e: number
  s: number
}
interface UserCreateManyInput {
  id?: number
  name: string
  joined?: Date | string
  balance: DecimalObject | number | string
  tags?: { set: string[] } | string[]
  data?: { _getNamespace(): string } | { readonly [key: string]: string | null } | string
}
const accounts = fromPrisma<UserCreateManyInput>('Account', { columns: ['id', 'name', 'balance', 'tags'] })
expectTypeOf<RowOf<typeof accounts>['balance']>().toEqualTypeOf<number | string>()
expectTypeOf<RowOf<typeof accounts>['tags']>().toEqualTypeOf<string[] | undefined>()
expectTypeOf<RowOf<typeof accounts>['data']>().toEqualTypeOf<
  { readonly [key: string]: string | null } | string | undefined
>()
expectTypeOf<RowOf<typeof accounts>['joined']>().toEqualTypeOf<Date | string | undefined>()
// @ts-expect-error what the model requires is a column
fromPrisma<UserCreateManyInput>('Account', { columns: ['id', 'name'] })
