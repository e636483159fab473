/** The columns of each index, from an answer with a row for each of them, in the order of the answer. */
export function indexesOf(rows: Iterable<readonly [index: unknown, column: unknown]>): string[][] {
  const indexes = new Map<unknown, string[]>()
  for (const [index, column] of rows) {
    const columns = indexes.get(index)
    if (columns === undefined) indexes.set(index, [String(column)])
    else columns.push(String(column))
  }
  return [...indexes.values()]
}
