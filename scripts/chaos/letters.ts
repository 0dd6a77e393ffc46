/** Which dead letters there are, and which there should be: none, but for those that the drill causes on purpose. */
import type { Pool } from 'pg'

/** What is told of a letter, and compared. */
export interface Letter {
  readonly source: string
  readonly code: string
  readonly state: string
  /** The payload, whole. */
  readonly body: string
  /** The status its job was in; null of one that touched no job. */
  readonly stage: string | null
}

export interface ExpectedLetter extends Omit<Letter, 'stage' | 'state'> {
  /** Any of these. */
  readonly states: readonly string[]
  readonly touchesJob: boolean
}

/**
 * Everybody's letters, which are gone then: the next cell finds its own alone. Only once the queues of dead letters are
 * empty, or a repeat makes another.
 */
export async function takeLetters(database: Pool): Promise<Letter[]> {
  const { rows } = await database.query<Letter>('delete from dead_letters returning source, code, state, body, stage')
  return rows
}

/** Each letter that was expected is there once, and no other. */
export function faultsOfLetters(expected: readonly ExpectedLetter[], letters: readonly Letter[]): string[] {
  const left = [...letters]
  const faults: string[] = []
  for (const wanted of expected) {
    const at = left.findIndex((letter) => isSame(wanted, letter))
    if (at >= 0) left.splice(at, 1)
    else faults.push(`there is no letter ${describeExpected(wanted)}`)
  }
  return [...faults, ...left.map((letter) => `a dead letter: ${describe(letter)}`)]
}

function isSame({ touchesJob, ...wanted }: ExpectedLetter, letter: Letter): boolean {
  return (
    touchesJob === (letter.stage !== null) &&
    wanted.source === letter.source &&
    wanted.code === letter.code &&
    wanted.states.includes(letter.state) &&
    wanted.body === letter.body
  )
}

const SHOWN_CHARACTERS = 120

function describeExpected({ states, touchesJob, ...wanted }: ExpectedLetter): string {
  return describe({ ...wanted, state: states.join(' or '), stage: touchesJob ? 'of its job' : null })
}

function describe({ source, code, state, stage, body }: Letter): string {
  return `${source} ${code} ${state} ${stage ?? 'of no job'} ${body.slice(0, SHOWN_CHARACTERS)}`
}
