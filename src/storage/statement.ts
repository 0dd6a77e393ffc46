/**
 * Statements whose text is written once, when their module is loaded, and from then on only given values. Building a
 * text again for each call takes longer than PostgreSQL needs to run it; and a text that never varies is one that the
 * server keeps prepared (postgres.ts). For statements on every upload's way; elsewhere Kysely's builder reads better.
 */
import { CompiledQuery } from 'kysely'
import type { Database } from './database.ts'

/** One value of a statement: the name it has in the text, its SQL type, and how it is read from what is given. */
export type Given<Input, Name extends string = string> = readonly [
  name: Name,
  type: string,
  read: (input: Input) => unknown,
]

/**
 * A statement for one input. `write` gets its values as a table `c` of one row, to be put wherever a table may stand,
 * more than once if need be; the planner sees through it to the bare parameters. `undefined` is written as null.
 */
export function prepareForOne<Input, Row>(
  given: readonly Given<Input>[],
  write: (source: string) => string,
): (db: Database, input: Input) => Promise<Row[]> {
  const values = given.map(([name, type], index) => `$${index + 1}::${type} as ${name}`)
  const text = write(`(select ${values.join(', ')}) as c`)
  return (db, input) =>
    runText(
      db,
      text,
      given.map(([, , read]) => read(input) ?? null),
    )
}

/** The same for any number of inputs, with a row each: one array per value, so that one text serves every number. */
export function prepareForMany<Input, Row>(
  given: readonly Given<Input>[],
  write: (source: string) => string,
): (db: Database, inputs: readonly Input[]) => Promise<Row[]> {
  // Behind a `select` the planner does not see how long they are, so its plan for any number costs what one made anew
  // for these would, and it keeps that one instead of planning every time.
  const arrays = given.map(([, type], index) => `(select $${index + 1}::${type}[])`)
  const text = write(`unnest(${arrays.join(', ')}) as c(${given.map(([name]) => name).join(', ')})`)
  return (db, inputs) =>
    runText(
      db,
      text,
      given.map(([, , read]) => inputs.map((input) => read(input) ?? null)),
    )
}

/** A statement for a single value, `$1` in the text. */
export function prepareForValue<Value, Row>(text: string): (db: Database, value: Value) => Promise<Row[]> {
  return (db, value) => runText(db, text, [value])
}

async function runText<Row>(db: Database, text: string, values: unknown[]): Promise<Row[]> {
  return (await db.executeQuery<Row>(CompiledQuery.raw(text, values))).rows
}
