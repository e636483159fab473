/** What a table of drizzle-orm is made of, as far as it is read. The symbols are those of the registry, so no import is needed. */
export interface Column {
  readonly name: string
  readonly columnType: string
  readonly primary: boolean
  readonly generated?: { readonly type?: string } | undefined
  readonly generatedIdentity?: { readonly type?: string } | undefined
  readonly withTimezone?: boolean
  /** What an array is an array of. */
  readonly baseColumn?: Column
  readonly mapToDriverValue?: unknown
}

function read(table: object, symbol: string): unknown {
  return Reflect.get(table, Symbol.for(`drizzle:${symbol}`))
}

/** The columns by property; `undefined` where it is no such table. */
export function columnsIn(table: unknown): Readonly<Record<string, Column>> | undefined {
  if (typeof table !== 'object' || table === null) return undefined
  return read(table, 'Columns') as Record<string, Column> | undefined
}

/** As `defineTable` takes it. */
export function nameOf(table: object): string {
  const path = [read(table, 'Schema'), read(table, 'Name')].filter((part) => typeof part === 'string')
  return path.map((part) => (/^[^".]+$/.test(part) ? part : `"${part.replaceAll('"', '""')}"`)).join('.')
}

/** Its properties: declared with the column, or with the table where it has several. */
export function primaryKeyOf(table: object, columns: Readonly<Record<string, Column>>): readonly string[] {
  const properties = Object.keys(columns)
  const single = properties.filter((property) => columns[property]!.primary)
  if (single.length > 0) return single
  const build = read(table, 'ExtraConfigBuilder')
  if (typeof build !== 'function') return []
  const extras: unknown = build(read(table, 'ExtraConfigColumns') ?? columns)
  const key = Object.values(extras ?? {}).find(isPrimaryKey)
  const names = key?.columns.map(({ name }) => name) ?? []
  return names.map((name) => properties.find((property) => columns[property]!.name === name) ?? name)
}

function isPrimaryKey(extra: unknown): extra is { readonly columns: readonly Column[] } {
  if (typeof extra !== 'object' || extra === null) return false
  const kind: unknown = Reflect.get(extra.constructor, Symbol.for('drizzle:entityKind'))
  return typeof kind === 'string' && kind.endsWith('PrimaryKeyBuilder')
}

/** Those that have a rule of their own, by which the drivers store values anyway. */
const ALIKE =
  /^(?:PgJsonb?|(?:Pg|SQLite)Numeric(?:Number|BigInt)|SQLiteBoolean|SQLiteTextJson|MySqlJson|MySqlDecimal(?:Number|BigInt))$/

/** Whether the value of a row is stored as Drizzle would store it. A time without a zone is UTC for Drizzle, for clients it depends. */
export function isStoredAlike(column: Column): boolean {
  const { columnType, baseColumn, withTimezone } = column
  if (column.mapToDriverValue === inherited(column)) return true
  if (columnType === 'PgArray' && baseColumn !== undefined) return isStoredAlike(baseColumn)
  return ALIKE.test(columnType) || (columnType === 'PgTimestamp' && withTimezone === true)
}

/** The rule of all columns: the value as it is. */
function inherited(column: object): unknown {
  let rule: unknown
  for (let place: object | null = column; place !== null; place = Object.getPrototypeOf(place) as object | null) {
    if (Object.hasOwn(place, 'mapToDriverValue')) rule = Reflect.get(place, 'mapToDriverValue')
  }
  return rule
}
