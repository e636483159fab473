import type { ColumnOf, Row } from './row.ts'

/** The properties that every row has. */
export type RequiredOf<R extends Row> = Extract<
  ColumnOf<R>,
  keyof { [P in keyof R as Record<never, never> extends Pick<R, P> ? never : P]: never }
>

/**
 * A list that names every required property of a row. That `columns` leaves one out shows in its `indexOf`, which could not
 * look for that one: the methods of an array are the only trace that its elements leave where the type of a row is written
 * out, as TypeScript then infers no other type.
 */
export interface NamesEveryRequiredProperty<Required extends string> {
  readonly indexOf: (requiredPropertyThatIsLeftOut: Required) => number
}
