import { BEGINNING, type Entry, type Input, RecordError } from './entry.ts'

/** The first records of a file, those that can be read. */
export async function sampleOf(input: Input, most: number): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const rows: Readonly<Record<string, unknown>>[] = []
  for await (const entries of input.read(BEGINNING, { peek: true })) {
    for (const entry of entries) {
      if (rows.length === most) return rows
      const row = readable(input, entry)
      if (row !== undefined) rows.push(row)
    }
  }
  return rows
}

function readable(input: Input, entry: Entry): Readonly<Record<string, unknown>> | undefined {
  try {
    return input.parse(entry)
  } catch (error) {
    if (error instanceof RecordError) return undefined
    throw error
  }
}
