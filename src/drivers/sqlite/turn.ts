import { withoutEffect } from '../kit/without-effect.ts'

/** The event loop has its turn before each transaction, however many follow each other. @throws {AttemptError} after an abort */
export async function ourTurn(signal: AbortSignal): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve))
  if (signal.aborted) throw withoutEffect(signal.reason)
}
