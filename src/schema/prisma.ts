import { defineTable, type Row, type Table, type TableOptions } from '../contract/table.ts'

/**
 * What only Prisma's own engine understands: lists as `{ set: […] }`, its signs for the NULLs of JSON, which are objects without
 * content, and decimals as objects.
 */
type OnlyPrismas =
  | { readonly set: unknown }
  | { _getNamespace(): string }
  | { readonly d: number[]; readonly e: number; readonly s: number }

type Value<T> = T extends readonly unknown[] | Date | Uint8Array ? T : T extends OnlyPrismas ? never : T

/** The rows of `Prisma.UserCreateManyInput`: scalars alone, foreign keys among them. */
export type PrismaRow<Input> = { [Field in keyof Input]: Value<Input[Field]> }

/**
 * A table by the type that Prisma generates for `createMany`, which has the scalars of a model and what it requires. The model's
 * name is not the table's where it has an `@@map`.
 *
 * ```ts
 * const users = fromPrisma<Prisma.UserCreateManyInput>('User', { columns: ['id', 'name'] })
 * ```
 *
 * @throws {OptionError} as `defineTable` does
 */
export function fromPrisma<Input extends Row>(
  name: string,
  options: TableOptions<PrismaRow<Input>>,
): Table<PrismaRow<Input>> {
  return defineTable<PrismaRow<Input>>(name, options)
}
