/** A row as the engine sees it: an object whose properties are named like columns, or stand for them. */
export type Row = object

export type ColumnOf<R extends Row> = keyof R & string
