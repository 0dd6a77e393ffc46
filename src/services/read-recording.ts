/**
 * A recording as it comes in: known by its first bytes, refused when its head says that it is too long, and counted
 * and hashed as it passes, never held whole.
 */
import { createHash } from 'node:crypto'
import type { Readable } from 'node:stream'
import { AppError } from '../domain/errors.ts'
import type { SniffedAudio } from '../ports/sniff.ts'
import type { Ports } from '../ports.ts'
import { ANY_PACE, type Pace } from './pace.ts'
import { createTurns } from './turns.ts'

export interface IncomingRecording {
  readonly audio: SniffedAudio
  /**
   * The bytes, once; fails with `upload-too-large` at the first one over the limit, and with `recording-too-long`. The
   * body is destroyed when whoever reads stops.
   */
  read(onBytes?: (sizeBytes: number) => void): AsyncGenerator<Buffer, void>
  /** After the last byte. The hash is hex; the duration is what the head says, null when it does not. */
  totals(): {
    readonly sizeBytes: number
    readonly sha256: string
    readonly durationS: number | null
    readonly hasSound: boolean | null
  }
}

export interface RecordingLimits {
  readonly maxUploadBytes: number
  /** Of what the head says; what hides its length is refused by the analysis. */
  readonly maxDurationS: number
  readonly pace?: Pace
}

type RecordingPorts = Pick<Ports, 'sniff' | 'inspectHead'>

const SNIFF_BYTES = 512
/** Chunks of all uploads of this process: to read, hash and send so many takes a few milliseconds. */
const TURNS = createTurns(48)
/** As much of a head as is looked at; pictures in tags may push what it says further back. */
const HEAD_BYTES = 64 * 1024

/** Reads until the format can be told; throws `upload-empty` or `upload-not-audio`, the body destroyed. */
export async function openRecording(
  ports: RecordingPorts,
  body: Readable,
  limits: RecordingLimits,
): Promise<IncomingRecording> {
  const next = createPacedReader(body, limits.pace ?? ANY_PACE)
  try {
    const first = await readFirst(next)
    return takeIn(ports, recognise(ports, first), limits, { body, first, next })
  } catch (error) {
    body.destroy()
    throw error
  }
}

/** A body whose first bytes are read already. */
interface BegunBody {
  readonly body: Readable
  readonly first: Buffer
  readonly next: ReadNext
}

function takeIn(
  ports: RecordingPorts,
  audio: SniffedAudio,
  limits: RecordingLimits,
  { body, next, ...begun }: BegunBody,
): IncomingRecording {
  let first: Buffer | undefined = begun.first
  // Not held for as long as the rest comes.
  const takeFirst = (): Buffer | undefined => {
    const taken = first
    first = undefined
    return taken
  }
  const hash = createHash('sha256')
  const head = createHeadReader(ports, audio, limits.maxDurationS)
  let sizeBytes = 0
  async function* read(onBytes: (sizeBytes: number) => void = () => {}): AsyncGenerator<Buffer, void> {
    try {
      for (let chunk = takeFirst(); chunk !== undefined; chunk = await next()) {
        sizeBytes += chunk.length
        if (sizeBytes > limits.maxUploadBytes) throw tooLarge(limits.maxUploadBytes)
        hash.update(chunk)
        const whenRead = head.add(chunk)
        if (whenRead !== undefined) await whenRead
        onBytes(sizeBytes)
        yield chunk
      }
      await head.end()
    } finally {
      body.destroy()
    }
  }
  return { audio, read, totals: () => ({ sizeBytes, sha256: hash.digest('hex'), ...head.facts() }) }
}

export function tooLarge(maxBytes: number): AppError {
  return new AppError('upload-too-large', `The recording has more than the ${maxBytes} bytes that are allowed`)
}

/** Undefined at the end. */
type ReadNext = () => Promise<Buffer | undefined>

/** The chunks of a body, with its sender's pace watched. */
function createPacedReader(body: Readable, pace: Pace): ReadNext {
  const chunks = body[Symbol.asyncIterator]() as AsyncIterator<Buffer>
  return async () => {
    const turn = TURNS.take()
    if (turn !== undefined) await turn
    let chunk: Buffer | undefined
    pace.waiting()
    try {
      const { value, done } = await chunks.next()
      if (done !== true) chunk = value
    } finally {
      pace.received(chunk?.length ?? 0)
    }
    return chunk
  }
}

async function readFirst(next: ReadNext): Promise<Buffer> {
  const chunks: Buffer[] = []
  for (let length = 0; length < SNIFF_BYTES; ) {
    const chunk = await next()
    if (chunk === undefined) break
    chunks.push(chunk)
    length += chunk.length
  }
  return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)
}

/** Gathers the head as it passes and looks at it once: when there is enough of it, or no more. */
function createHeadReader({ inspectHead }: RecordingPorts, audio: SniffedAudio, maxDurationS: number) {
  let chunks: Buffer[] | undefined = []
  let length = 0
  let told: { durationS: number | null; hasSound: boolean | null } = { durationS: null, hasSound: null }
  async function look(gathered: readonly Buffer[]): Promise<void> {
    const facts = await inspectHead(gathered.length === 1 ? gathered[0]! : Buffer.concat(gathered), audio)
    if (facts.durationS !== null && facts.durationS > maxDurationS) {
      throw new AppError(
        'recording-too-long',
        `The recording says that it is ${Math.round(facts.durationS)} s long; at most ${maxDurationS} s are analysed.`,
      )
    }
    told = { durationS: facts.durationS, hasSound: facts.hasSound }
  }
  function take(): readonly Buffer[] {
    const taken = chunks ?? []
    chunks = undefined
    return taken
  }
  return {
    add(chunk: Buffer): Promise<void> | undefined {
      if (chunks === undefined) return undefined
      chunks.push(chunk)
      length += chunk.length
      return length < HEAD_BYTES ? undefined : look(take())
    },
    end: async (): Promise<void> => (chunks === undefined ? undefined : look(take())),
    facts: () => told,
  }
}

function recognise({ sniff }: RecordingPorts, head: Buffer): SniffedAudio {
  if (head.length === 0) throw new AppError('upload-empty', 'The file has no bytes. Record again and send that file.')
  const audio = sniff(head)
  if (audio !== undefined) return audio
  const detail = 'The first bytes are of no audio format that is known. Send WAV, MP3, FLAC, Ogg, WebM or MP4.'
  throw new AppError('upload-not-audio', detail)
}
