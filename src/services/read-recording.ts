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

export interface IncomingRecording {
  readonly audio: SniffedAudio
  /** The bytes, once; fails with `upload-too-large` at the first one over the limit, and with `recording-too-long`. */
  read(onBytes?: (sizeBytes: number) => void): AsyncGenerator<Buffer>
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
/** As much of a head as is looked at; pictures in tags may push what it says further back. */
const HEAD_BYTES = 64 * 1024

/** Reads until the format can be told; throws `upload-empty` or `upload-not-audio`. */
export async function openRecording(
  ports: RecordingPorts,
  body: Readable,
  limits: RecordingLimits,
): Promise<IncomingRecording> {
  const rest = paced(body, limits.pace ?? ANY_PACE)
  const first = await readFirst(rest)
  const audio = recognise(ports, first)
  const hash = createHash('sha256')
  const head = createHeadReader(ports, audio, limits.maxDurationS)
  let sizeBytes = 0
  async function* read(onBytes: (sizeBytes: number) => void = () => {}): AsyncGenerator<Buffer> {
    for await (const chunk of joined(first, rest)) {
      sizeBytes += chunk.length
      if (sizeBytes > limits.maxUploadBytes) throw tooLarge(limits.maxUploadBytes)
      hash.update(chunk)
      const whenRead = head.add(chunk)
      if (whenRead !== undefined) await whenRead
      onBytes(sizeBytes)
      yield chunk
    }
    await head.end()
  }
  return { audio, read, totals: () => ({ sizeBytes, sha256: hash.digest('hex'), ...head.facts() }) }
}

export function tooLarge(maxBytes: number): AppError {
  return new AppError('upload-too-large', `The recording has more than the ${maxBytes} bytes that are allowed`)
}

/** The chunks of a body, with its sender's pace watched. */
async function* paced(body: Readable, pace: Pace): AsyncGenerator<Buffer, void> {
  const chunks = body[Symbol.asyncIterator]() as AsyncIterator<Buffer>
  async function next(): Promise<Buffer | undefined> {
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
  for (let chunk = await next(); chunk !== undefined; chunk = await next()) yield chunk
}

async function readFirst(rest: AsyncIterator<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = []
  let length = 0
  while (length < SNIFF_BYTES) {
    const { value, done } = await rest.next()
    if (done === true) break
    chunks.push(value)
    length += value.length
  }
  return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)
}

async function* joined(first: Buffer, rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  yield first
  yield* { [Symbol.asyncIterator]: () => rest }
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
