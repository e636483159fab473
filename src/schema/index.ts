export { type DrizzleConflict, type DrizzleOptions, type DrizzleTable, fromDrizzle } from './drizzle.ts'
export { fromKysely, type KyselyRow } from './kysely.ts'
export { fromPrisma, type PrismaRow } from './prisma.ts'
