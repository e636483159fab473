/** What a database tells of a table, as far as it can be asked, for `executor.check`. */
export interface TableFacts {
  /** In their order. `undefined`: rows may have any. */
  readonly columns?: readonly ColumnFacts[] | undefined
  /** Names that differ in nothing but case are one name. @default false */
  readonly caseless?: boolean
  /**
   * The columns of each unique index that a conflict can be found by, the primary key first. `undefined`: what is unique cannot
   * be told, or is nothing one has to make.
   */
  readonly unique?: readonly (readonly string[])[] | undefined
  /** The rights that writing to it takes. */
  readonly rights?: readonly RightFacts[]
  /** What else was looked at. */
  readonly findings?: readonly Finding[]
}

/** A column, as the database describes it. */
export interface ColumnFacts {
  readonly name: string
  /** As the database calls it: `character varying(40)`. */
  readonly type: string
  /** The database alone makes its values: a generated column, or an identity that always is one. @default false */
  readonly generated?: boolean
  /** A new row has to bring a value: it is NOT NULL, and nothing else fills it. @default false */
  readonly required?: boolean
}

export interface RightFacts {
  /** `INSERT`; what it is a right to, where one has to know: `HSET users:1`. */
  readonly name: string
  /** `undefined`: it could not be told. */
  readonly granted: boolean | undefined
}

/** Something that was looked at. */
export interface Finding {
  readonly about: 'server' | 'table' | 'column' | 'index' | 'right' | 'statement'
  /** `undefined`: it could not be told. */
  readonly ok: boolean | undefined
  /** What was found. Holds no value of a row. */
  readonly text: string
  /** What to do about it; only where it is not right. */
  readonly remedy?: string
}
