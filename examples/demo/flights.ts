import { asyncBufferFromFile, type FileMetaData, parquetMetadataAsync, parquetRead } from 'hyparquet'
import { compressors } from 'hyparquet-compressors'

export interface Flight {
  /** Scheduled departure. The source has local wall-clock time without a zone; it is taken as UTC. */
  readonly date: Date
  /** Minutes late; negative is early. */
  readonly delay: number
  /** Miles. */
  readonly distance: number
  /** IATA code: three capital letters. */
  readonly origin: string
  readonly destination: string
}

/** Flights in the whole file. */
export const ALL_FLIGHTS = 3_000_000

const SOURCE = new URL('../data/flights-3m.parquet', import.meta.resolve('vega-datasets'))

/** Flights that arrive together, at most. */
export const PORTION = 100

/**
 * The first `limit` flights of the US Bureau of Transportation Statistics' records of 2001 in `vega-datasets`, in order
 * of departure, by portions. One row group (272,727 rows) is in memory at a time, in buffers that the next one overwrites.
 */
export async function* readFlights(limit: number = ALL_FLIGHTS): AsyncGenerator<Flight[], void, undefined> {
  const file = await asyncBufferFromFile(SOURCE.pathname)
  const metadata = await parquetMetadataAsync(file)
  const columns = allocate(metadata, limit)
  let rowStart = 0
  for (const group of metadata.row_groups) {
    const rowEnd = Math.min(rowStart + Number(group.num_rows), limit)
    if (rowStart >= rowEnd) return
    for (const [name, target] of Object.entries(columns)) {
      await fill(target, { file, metadata, columns: [name], rowStart, rowEnd })
    }
    yield* portions(columns, rowEnd - rowStart)
    rowStart = rowEnd
  }
}

type Columns = ReturnType<typeof allocate>

function allocate(metadata: FileMetaData, limit: number) {
  const rows = Math.min(limit, Math.max(...metadata.row_groups.map((group) => Number(group.num_rows))))
  return {
    date: new Float64Array(rows),
    delay: new Int16Array(rows),
    distance: new Int16Array(rows),
    origin: new Array<string>(rows),
    destination: new Array<string>(rows),
  }
}

function* portions({ date, delay, distance, origin, destination }: Columns, count: number): Generator<Flight[]> {
  let departure = new Date(0)
  for (let start = 0; start < count; start += PORTION) {
    const flights: Flight[] = []
    for (let i = start; i < Math.min(start + PORTION, count); i++) {
      if (date[i]! !== departure.getTime()) departure = new Date(date[i]!)
      flights.push({
        date: departure,
        delay: delay[i]!,
        distance: distance[i]!,
        origin: origin[i]!,
        destination: destination[i]!,
      })
    }
    yield flights
  }
}

interface Selection extends Pick<Parameters<typeof parquetRead>[0], 'file' | 'metadata' | 'columns'> {
  readonly rowStart: number
  readonly rowEnd: number
}

/** Copies one column of the selected rows; a chunk may hold rows outside the selection. */
async function fill(target: Columns[keyof Columns], selection: Selection): Promise<void> {
  const { rowStart, rowEnd } = selection
  await parquetRead({
    ...selection,
    compressors,
    parsers: { timestampFromMicroseconds: (micros) => Number(micros / 1000n) },
    onChunk: (chunk) => {
      const end = Math.min(chunk.rowEnd, rowEnd)
      for (let row = Math.max(chunk.rowStart, rowStart); row < end; row++) {
        const value: unknown = chunk.columnData[row - chunk.rowStart]
        if (value === null || value === undefined) throw new Error(`${chunk.columnName} of flight ${row} is missing`)
        target[row - rowStart] = typeof value === 'bigint' ? Number(value) : (value as string | number)
      }
    },
  })
}
