import type { Table } from '../../contract/table.ts'
import { quoteList, quotePath } from '../kit/sql.ts'
import { conflictSql, deleteSql, insertSql, parametersOf, quoteLiteral, type UnnestColumn } from './sql.ts'

/** Rows fetched at once: to cut a piece out of an array the server walks through it from the start. */
const FETCHED = 256
/** Most rows inserted at once. */
const GROUP = 64
/** Refusals in a row that may pass by themselves, locks that are not had in time above all: then there is no hope. */
const MOST_PASSING = 3

/** Puts the arrays of a batch where {@link salvageSql} finds them: a DO block takes no parameters. HOLD, as there is no BEGIN. */
export function rowsSql(columns: readonly UnnestColumn[]): string {
  const parameters = parametersOf(columns)
  const pieces = parameters.map((parameter) => `(${parameter})[i:i + ${FETCHED - 1}]`)
  return (
    `DECLARE batchflow_rows NO SCROLL CURSOR WITH HOLD FOR SELECT ${pieces.join(', ')} ` +
    `FROM pg_catalog.generate_series(1, pg_catalog.cardinality(${parameters[0]}), ${FETCHED}) AS i`
  )
}

export const CLOSE_ROWS = 'CLOSE batchflow_rows'

/** How many rows were inserted or updated, and what was refused: an array of arrays, see `Refused`. */
export const OUTCOME = "SELECT pg_catalog.current_setting('batchflow.outcome')"

/** Statements for the rows from `first` up to `last` of the arrays `b0`, `b1` …, one for each column. */
interface Pieces {
  /** Where there is one. */
  readonly one: string
  readonly several: string
}

export function insertPieces(table: Table, columns: readonly UnnestColumn[]): Pieces {
  const names = columns.map(({ name }) => name)
  const into = `INSERT INTO ${quotePath(table.path)} (${quoteList(names)})`
  const one = columns.map(({ cast }, i) => `b${i}[first]${cast === undefined ? '' : `::${cast}`}`)
  return {
    one: `${into} VALUES (${one.join(', ')})${conflictSql(table, columns)}`,
    several: insertSql(table, columns, piecesOf(columns)),
  }
}

export function deletePieces(table: Table, columns: readonly UnnestColumn[]): Pieces {
  const sql = deleteSql(table, columns, piecesOf(columns))
  return { one: sql, several: sql }
}

function piecesOf(columns: readonly UnnestColumn[]): string[] {
  return columns.map((_, i) => `b${i}[first:last]`)
}

/**
 * Writes what the table takes. Rows go singly after a bad one, and the more at once the longer there was none; to take back a
 * group and try its rows costs far less than a message for each row. An EXCEPTION clause is a savepoint. A clause of one's own may
 * end in a comment, which ends with its line.
 */
export function salvageSql({ one, several }: Pieces, columns: readonly UnnestColumn[]): string {
  return `DO ${quoteLiteral(`#variable_conflict use_column
DECLARE
  source refcursor := 'batchflow_rows';
  ${columns.map(({ parameter }, i) => `b${i} ${parameter}[];`).join(' ')}
  failures json[] := '{}'; earlier int := 0; many int; first int; last int;
  written bigint := 0; more bigint; size int; good int := ${2 * GROUP}; passing int := 0;
  ${DIAGNOSTICS.map((_, i) => `d${i} text;`).join(' ')}
BEGIN
  LOOP
    FETCH source INTO ${columns.map((_, i) => `b${i}`).join(', ')};
    EXIT WHEN NOT FOUND;
    many := pg_catalog.cardinality(b0);
    first := 1;
    WHILE first <= many LOOP
      size := CASE WHEN good < 16 THEN 1 WHEN good < ${2 * GROUP} THEN 8 ELSE ${GROUP} END;
      last := least(first + size - 1, many);
      BEGIN
        IF first = last THEN
          ${one}
          ;
        ELSE
          ${several}
          ;
        END IF;
        GET DIAGNOSTICS more = ROW_COUNT;
        written := written + more;
        good := good + last - first + 1;
        passing := 0;
        first := last + 1;
      EXCEPTION WHEN OTHERS OR ASSERT_FAILURE THEN
        passing := CASE WHEN ${IS_PASSING} THEN passing + 1 ELSE 0 END;
        IF passing > ${MOST_PASSING} THEN RAISE; END IF;
        good := size / 4;
        IF first = last THEN
          GET STACKED DIAGNOSTICS ${DIAGNOSTICS.map((item, i) => `d${i} = ${item}`).join(', ')};
          failures := pg_catalog.array_append(failures, pg_catalog.json_build_array(earlier + first - 1, ${DIAGNOSTICS.map((_, i) => `d${i}`).join(', ')}));
          first := first + 1;
        END IF;
      END;
    END LOOP;
    earlier := earlier + many;
  END LOOP;
  PERFORM pg_catalog.set_config('batchflow.outcome', pg_catalog.json_build_array(written, pg_catalog.array_to_json(failures))::text, true);
END`)}`
}

const IS_PASSING = "pg_catalog.left(sqlstate, 2) IN ('08', '40', '53', '57', '58') OR sqlstate IN ('55006', '55P03')"

/** What the server tells about an error, in the order of `Refused`. */
const DIAGNOSTICS = [
  'RETURNED_SQLSTATE',
  'MESSAGE_TEXT',
  'PG_EXCEPTION_DETAIL',
  'PG_EXCEPTION_HINT',
  'SCHEMA_NAME',
  'TABLE_NAME',
  'COLUMN_NAME',
  'PG_DATATYPE_NAME',
  'CONSTRAINT_NAME',
  'PG_EXCEPTION_CONTEXT',
]
