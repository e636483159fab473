import type { AttemptError } from '../../contract/driver.ts'
import type { ServerError } from './client.ts'
import { bindMessages, type Preparation, prepareMessages } from './messages.ts'

/** Statements that are sent ahead of a batch, in its transaction and in the same write. */
export interface Prelude {
  readonly preparations: readonly Preparation[]
  readonly messages: Uint8Array
  /** How many they are: until the server has completed so many, what it refuses is one of them. */
  readonly statements: number
  /** What it means that the server refused one. */
  failure(refusal: ServerError): AttemptError
}

/** A statement and its parameters. */
export interface Step {
  readonly statement: Preparation
  readonly values: readonly string[]
}

/** They share the implicit transaction of what follows, up to the Sync. */
export function preludeOf(steps: readonly Step[], failure: Prelude['failure']): Prelude {
  const messages = steps.flatMap(({ statement, values }) => {
    const bound = bindMessages(statement, values)
    return statement.name === '' ? [prepareMessages(statement), bound] : [bound]
  })
  const [first] = messages
  const preparations = steps.map(({ statement }) => statement).filter(({ name }) => name !== '')
  return {
    preparations,
    messages: messages.length === 1 ? first! : Buffer.concat(messages),
    statements: steps.length,
    failure,
  }
}
