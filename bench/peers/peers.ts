/** What users write rows with else, each as its documentation says rows are inserted many at a time. */
import { PrismaPg } from '@prisma/adapter-pg'
import { bigint, doublePrecision, pgTable, text, timestamp } from 'drizzle-orm/pg-core'
import { drizzle } from 'drizzle-orm/postgres-js'
import createKnex from 'knex'
import pgPromise from 'pg-promise'
import postgres from 'postgres'
import { DataSource, EntitySchema } from 'typeorm'
import { COLUMNS, type Event } from '../support/events.ts'
import { PrismaClient } from './generated/client.ts'

export interface Peer {
  readonly name: string
  write(batch: Event[]): Promise<unknown>
  close(): Promise<unknown>
}

/** @param url of a PostgreSQL that has `table` */
export async function peersFor(url: string, table: string, connections: number): Promise<Peer[]> {
  return [
    postgresJs(url, table, connections),
    knex(url, table, connections),
    pgPromiseHelpers(url, table, connections),
    drizzleOrm(url, table, connections),
    prisma(url, connections),
    await typeOrm(url, table, connections),
  ]
}

function postgresJs(url: string, table: string, max: number): Peer {
  const sql = postgres(url, { max })
  return {
    name: 'postgres.js',
    write: (batch) => sql`INSERT INTO ${sql(table)} ${sql(batch, ...COLUMNS)}`,
    close: () => sql.end(),
  }
}

function knex(url: string, table: string, max: number): Peer {
  const client = createKnex({ client: 'pg', connection: url, pool: { min: max, max } })
  return {
    name: 'knex batchInsert',
    write: (batch) => client.batchInsert(table, batch, batch.length),
    close: () => client.destroy(),
  }
}

function pgPromiseHelpers(url: string, table: string, max: number): Peer {
  const pgp = pgPromise()
  const db = pgp({ connectionString: url, max })
  const columns = new pgp.helpers.ColumnSet([...COLUMNS], { table })
  return {
    name: 'pg-promise',
    write: (batch) => db.none(pgp.helpers.insert(batch, columns)),
    close: () => db.$pool.end(),
  }
}

function drizzleOrm(url: string, table: string, max: number): Peer {
  const client = postgres(url, { max })
  const db = drizzle(client)
  const rows = pgTable(table, {
    id: bigint('id', { mode: 'number' }),
    name: text('name'),
    email: text('email'),
    score: doublePrecision('score'),
    created: timestamp('created', { withTimezone: true }),
  })
  return { name: 'Drizzle', write: (batch) => db.insert(rows).values(batch), close: () => client.end() }
}

/** Its table is the one of `schema.prisma`. */
function prisma(url: string, max: number): Peer {
  const client = new PrismaClient({ adapter: new PrismaPg({ connectionString: url, max }) })
  return {
    name: 'Prisma createMany',
    write: (batch) => client.benchAlternatives.createMany({ data: batch }),
    close: () => client.$disconnect(),
  }
}

async function typeOrm(url: string, table: string, max: number): Promise<Peer> {
  const entity = new EntitySchema<Event>({
    name: table,
    tableName: table,
    columns: {
      id: { type: 'bigint', primary: true },
      name: { type: 'text' },
      email: { type: 'text' },
      score: { type: 'float8' },
      created: { type: 'timestamptz' },
    },
  })
  const source = new DataSource({ type: 'postgres', url, entities: [entity], extra: { max } })
  await source.initialize()
  const insert = (batch: Event[]) =>
    source.createQueryBuilder().insert().into(entity).values(batch).updateEntity(false).execute()
  return { name: 'TypeORM', write: insert, close: () => source.destroy() }
}
