/** Recordings of any size, and the requests that send them. */
import { WAV_HEAD_BYTES, wavHead } from '../stack/wav-head.ts'

export const KIB = 1024
export const MIB = 1024 * KIB

export type Form = 'multipart' | 'raw'

export interface UploadRequest {
  readonly form: Form
  /** Of the recording. */
  readonly bytes: number
  /** Of what is written to the socket at once. Default 64 KiB. */
  readonly chunkBytes?: number
  readonly key: string
  /** Chunked, so that nobody is told the length. Default false. */
  readonly hidesLength?: boolean
}

const BOUNDARY = 'tonewire-bench-5d1f3a'
const FORM_HEAD = Buffer.from(
  `--${BOUNDARY}\r\ncontent-disposition: form-data; name="file"; filename="take.wav"\r\ncontent-type: audio/wav\r\n\r\n`,
)
const FORM_TAIL = Buffer.from(`\r\n--${BOUNDARY}--\r\n`)
const RATE_HZ = 48_000
/** Not silence: some sound that repeats, long enough for nobody to notice. */
const SOUND = Buffer.from(Array.from({ length: MIB }, (_, at) => (at * 7919) % 251))

/** The request as it goes over the wire, head first. */
export function* uploadOf(request: UploadRequest): Generator<Buffer> {
  const { form, bytes, chunkBytes = 64 * KIB, key, hidesLength = false } = request
  const isForm = form === 'multipart'
  const length = bytes + (isForm ? FORM_HEAD.length + FORM_TAIL.length : 0)
  const type = isForm ? `multipart/form-data; boundary=${BOUNDARY}` : 'audio/wav'
  const sized = hidesLength ? 'transfer-encoding: chunked' : `content-length: ${length}`
  yield Buffer.from(
    `POST /v1/jobs HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer ${key}\r\ncontent-type: ${type}\r\n${sized}\r\n\r\n`,
  )
  const wrap = hidesLength ? asChunk : (chunk: Buffer) => chunk
  if (isForm) yield wrap(FORM_HEAD)
  for (const chunk of wavOf(bytes, chunkBytes)) yield wrap(chunk)
  if (isForm) yield wrap(FORM_TAIL)
  if (hidesLength) yield Buffer.from('0\r\n\r\n')
}

/** A WAV file (16 bit, stereo) of exactly so many bytes. */
export function* wavOf(bytes: number, chunkBytes = 64 * KIB): Generator<Buffer> {
  yield wavHead(bytes - WAV_HEAD_BYTES, RATE_HZ, 2)
  for (let at = 0, left = bytes - WAV_HEAD_BYTES; left > 0; ) {
    const length = Math.min(left, chunkBytes, SOUND.length - at)
    yield SOUND.subarray(at, at + length)
    left -= length
    at = (at + length) % SOUND.length
  }
}

function asChunk(chunk: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from('\r\n')])
}
