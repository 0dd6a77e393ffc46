/** A recording as it comes in: known by its first bytes, then counted and hashed as it passes, never held whole. */
import { createHash } from 'node:crypto'
import type { Readable } from 'node:stream'
import { AppError } from '../domain/errors.ts'
import type { Ports, SniffedAudio } from '../ports.ts'

export interface IncomingRecording {
  readonly audio: SniffedAudio
  /** The bytes, once; fails with `upload-too-large` at the first one over the limit. */
  read(onBytes?: (sizeBytes: number) => void): AsyncGenerator<Buffer>
  /** After the last byte. The hash is hex. */
  totals(): { readonly sizeBytes: number; readonly sha256: string }
}

const SNIFF_BYTES = 512

/** Reads until the format can be told; throws `upload-empty` or `upload-not-audio`. */
export async function openRecording(
  ports: Pick<Ports, 'sniff'>,
  body: Readable,
  maxBytes: number,
): Promise<IncomingRecording> {
  const { head, rest } = await readHead(body)
  const audio = recognise(ports, head)
  const hash = createHash('sha256')
  let sizeBytes = 0
  async function* read(onBytes: (sizeBytes: number) => void = () => {}): AsyncGenerator<Buffer> {
    for await (const chunk of joined(head, rest)) {
      sizeBytes += chunk.length
      if (sizeBytes > maxBytes) throw tooLarge(maxBytes)
      hash.update(chunk)
      onBytes(sizeBytes)
      yield chunk
    }
  }
  return { audio, read, totals: () => ({ sizeBytes, sha256: hash.digest('hex') }) }
}

export function tooLarge(maxBytes: number): AppError {
  return new AppError('upload-too-large', `The recording has more than the ${maxBytes} bytes that are allowed`)
}

async function readHead(body: Readable): Promise<{ head: Buffer; rest: AsyncIterator<Buffer> }> {
  const rest = body[Symbol.asyncIterator]() as AsyncIterator<Buffer>
  const chunks: Buffer[] = []
  let length = 0
  while (length < SNIFF_BYTES) {
    const { value, done } = await rest.next()
    if (done === true) break
    chunks.push(value)
    length += value.length
  }
  return { head: chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks), rest }
}

async function* joined(head: Buffer, rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  yield head
  yield* { [Symbol.asyncIterator]: () => rest }
}

function recognise({ sniff }: Pick<Ports, 'sniff'>, head: Buffer): SniffedAudio {
  if (head.length === 0) throw new AppError('upload-empty', 'The file has no bytes. Record again and send that file.')
  const audio = sniff(head)
  if (audio !== undefined) return audio
  const detail = 'The first bytes are of no audio format that is known. Send WAV, MP3, FLAC, Ogg, WebM or MP4.'
  throw new AppError('upload-not-audio', detail)
}
