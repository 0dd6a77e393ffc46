/** The dead letters of a job that wait for a decision, in a sentence each: for its owner, and for who decides. */
import type { LetterSource } from './dead-letter.ts'
import type { Job, JobStatus } from './job.ts'
import { formatSpan, formatTime } from './time-words.ts'

/** What is told of a letter: never its payload, nor where that came from, nor a sentence that may quote it. */
export interface OpenLetter {
  readonly letterId: string
  readonly source: LetterSource
  readonly attempt: number | null
  readonly code: string
  /** The status the job was in; null of a letter that never touched it. */
  readonly stage: JobStatus | null
  readonly receiveCount: number
  readonly firstSeenAt: Date
}

export interface LetterReading {
  readonly job: Job
  /** Newest first; one more than `MAX_TOLD` when there are more. */
  readonly letters: readonly OpenLetter[]
  /** False tells the owner, who can do nothing about a letter, of code and time alone. */
  readonly forOperator: boolean
  readonly now: Date
}

/** Of more letters it is said that there are more. */
export const MAX_TOLD = 3

/** Sentences, newest letter first. */
export function explainLetters(reading: LetterReading): string[] {
  const { job, letters, forOperator } = reading
  const told = letters.slice(0, MAX_TOLD).map((letter) => tellLetter(letter, reading))
  if (letters.length <= MAX_TOLD) return told
  const more = 'The job has more open dead letters.'
  return [...told, forOperator ? `${more} npm run dead-letters -- list --job ${job.jobId}` : more]
}

function tellLetter(letter: OpenLetter, { job, forOperator, now }: LetterReading): string {
  const { letterId, source, code, firstSeenAt, receiveCount } = letter
  const since = `since ${formatTime(firstSeenAt)}, ${formatSpan(+now - +firstSeenAt)} ago`
  const what = `${code}${placeOf(letter)}`
  if (!forOperator) return `Open dead letter ${since}: ${what}. It is kept until an operator has decided about it.`
  const command = (verb: string): string => `npm run dead-letters -- ${verb}`
  return (
    `Open dead letter ${letterId} (${source}, receive ${receiveCount}) ${since}: ${what}. ` +
    `Mend the cause first; then ${effectOf(letter, job)}: ${command(`redrive --id ${letterId}`)}; ` +
    `or close it: ${command(`discard --id ${letterId} --reason "…"`)}. All of it: ${command(`explain ${letterId}`)}`
  )
}

function placeOf({ attempt, stage }: OpenLetter): string {
  const parts = [stage === null ? '' : `while ${stage}`, attempt === null ? '' : `in attempt ${attempt}`]
  const place = parts.filter((part) => part !== '').join(', ')
  return place === '' ? '' : ` (${place})`
}

/** What a redrive comes to, by the rules of redrive-letters.ts. */
function effectOf({ stage, attempt, source }: OpenLetter, job: Job): string {
  if (stage === null) {
    return source === 'forward' ? 'a redrive is refused, for there is nothing to send' : 'a redrive sends it again'
  }
  if (attempt !== null && job.attempt > attempt) return `a redrive only closes it, for attempt ${job.attempt} has begun`
  const canRestart = job.status === 'failed' && job.error?.retryable === true && job.purgedAt === null
  if (canRestart) return `a redrive begins attempt ${job.attempt + 1} while the recording is kept`
  return 'a redrive is refused, for the job cannot be retried'
}
