import { randomUUID } from 'node:crypto'
import { AppError } from '../../src/domain/errors.ts'
import type {
  DeadLetterStore,
  Letter,
  LetterFilter,
  LetterGroup,
  LetterHead,
  LetterResolution,
  NewLetter,
} from '../../src/ports/dead-letters.ts'
import { type Outage, withOutage } from './outage.ts'

export interface FakeDeadLetterStore extends DeadLetterStore, Outage {
  readonly rows: Map<string, Letter>
  /** As if everything about the letter had happened this much earlier. */
  age(letterId: string, seconds: number): Promise<void>
}

const METHODS = [
  'keep',
  'raise',
  'find',
  'list',
  'group',
  'resolve',
  'discard',
  'prune',
] as const satisfies readonly (keyof DeadLetterStore)[]

/** Dead letters in memory. `now` is its clock, in Unix milliseconds. */
export function createFakeDeadLetterStore({ now = Date.now }: { now?: () => number } = {}): FakeDeadLetterStore {
  const rows = new Map<string, Letter>()
  const put = (letter: Letter) => void rows.set(letter.letterId, letter)
  const earlier = (time: Date, seconds: number) => new Date(+time - seconds * 1000)
  const settle = (letter: Letter, { by, ...rest }: LetterResolution) =>
    put({ ...letter, ...rest, resolvedBy: by, resolvedAt: new Date(now()) })
  const matching = (filter: LetterFilter) => [...rows.values()].filter((letter) => isMatch(letter, filter))
  const open = (filter: LetterFilter) => matching(filter).filter(({ state }) => state === 'open')

  /** At once, as one statement does it: of two that keep a letter one has made it. */
  function raise(letter: Pick<NewLetter, 'source' | 'messageId' | 'receiveCount'>): boolean {
    const known = [...rows.values()].find((row) => row.source === letter.source && row.messageId === letter.messageId)
    if (known === undefined) return false
    const receiveCount = Math.max(known.receiveCount + 1, letter.receiveCount)
    put({ ...known, receiveCount, lastSeenAt: new Date(now()) })
    return true
  }

  const store = {
    rows,
    raise: async (letter: Pick<NewLetter, 'source' | 'messageId' | 'receiveCount'>) => raise(letter),
    keep: async (letter: NewLetter) => {
      if (raise(letter)) return false
      const made = toLetter(letter, new Date(now()))
      put(made)
      const { settled: reason } = letter
      if (reason !== undefined) settle(made, { state: 'discarded', by: 'tonewire', reason, redrivenAttempt: null })
      return true
    },
    find: async (letterId: string) => rows.get(letterId),
    list: async (filter: LetterFilter, { after, limit }: Parameters<DeadLetterStore['list']>[1]) =>
      matching(filter)
        .sort((a, b) => +b.firstSeenAt - +a.firstSeenAt || (a.letterId < b.letterId ? 1 : -1))
        .filter((letter) => after === undefined || comesAfter(letter, after))
        .slice(0, limit)
        .map(({ body, ...head }) => head),
    group: async (filter: LetterFilter, keys: Parameters<DeadLetterStore['group']>[1]) => {
      const pick = (letter: Letter) => ({
        source: keys.includes('source') ? letter.source : null,
        code: keys.includes('code') ? letter.code : null,
        stage: keys.includes('stage') ? letter.stage : null,
      })
      return [...Map.groupBy(matching(filter), (letter) => JSON.stringify(pick(letter))).values()]
        .map((letters) => toGroup(letters, pick(letters[0]!)))
        .sort((a, b) => b.count - a.count || +b.newestAt - +a.newestAt)
    },
    resolve: async (letterId: string, resolution: LetterResolution) => {
      const [letter] = open({ letterId })
      if (letter !== undefined) settle(letter, resolution)
      return letter !== undefined
    },
    discard: async (filter: LetterFilter, { by, reason }: { by: string; reason: string }) => {
      const letters = open(filter)
      for (const letter of letters) settle(letter, { state: 'discarded', by, reason, redrivenAttempt: null })
      return letters.map(({ letterId, jobId, attempt, stage }) => ({ letterId, jobId, attempt, stage }))
    },
    prune: async ({ ageS, limit }: { ageS: number; limit: number }) => {
      const isDue = ({ resolvedAt }: Letter) => resolvedAt !== null && +resolvedAt <= now() - ageS * 1000
      const due = [...rows.values()].filter(isDue).slice(0, limit)
      for (const { letterId } of due) rows.delete(letterId)
      return due.length
    },
    age: async (letterId: string, seconds: number) => {
      const letter = rows.get(letterId)
      if (letter === undefined) return
      const { firstSeenAt, lastSeenAt, resolvedAt } = letter
      put({
        ...letter,
        firstSeenAt: earlier(firstSeenAt, seconds),
        lastSeenAt: earlier(lastSeenAt, seconds),
        resolvedAt: resolvedAt && earlier(resolvedAt, seconds),
      })
    },
  }
  const toError = () => new AppError('database-unavailable', 'The database cannot be reached')
  return withOutage<DeadLetterStore & Pick<FakeDeadLetterStore, 'rows' | 'age'>>(store, METHODS, toError)
}

function toLetter({ settled, ...letter }: NewLetter, at: Date): Letter {
  return {
    ...letter,
    letterId: randomUUID(),
    excerpt: letter.body.slice(0, 200),
    sizeBytes: Buffer.byteLength(letter.body),
    ...{ firstSeenAt: at, lastSeenAt: at },
    ...{ state: 'open', resolvedAt: null, resolvedBy: null, reason: null, redrivenAttempt: null },
  }
}

function toGroup(letters: readonly Letter[], common: Pick<LetterGroup, 'source' | 'code' | 'stage'>): LetterGroup {
  const oldestMs = Math.min(...letters.map(({ firstSeenAt }) => +firstSeenAt))
  const newestMs = Math.max(...letters.map(({ lastSeenAt }) => +lastSeenAt))
  return { ...common, count: letters.length, oldestAt: new Date(oldestMs), newestAt: new Date(newestMs) }
}

function isMatch(letter: Letter, { since, ...equal }: LetterFilter): boolean {
  if (since !== undefined && letter.lastSeenAt < since) return false
  return Object.entries(equal).every(([key, value]) => value === undefined || letter[key as keyof Letter] === value)
}

function comesAfter(letter: LetterHead, place: { readonly createdAt: Date; readonly jobId: string }): boolean {
  const [at, mark] = [+letter.firstSeenAt, +place.createdAt]
  return at < mark || (at === mark && letter.letterId < place.jobId)
}
