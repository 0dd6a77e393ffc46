/**
 * The head of a RIFF WAVE file (Microsoft & IBM 1991, with WAVE_FORMAT_EXTENSIBLE; RF64 after EBU Tech 3306): what the
 * samples are and where. No size that a file declares is believed beyond the file's own length.
 */
import { AppError } from '../domain/errors.ts'
import type { ByteSource } from './byte-source.ts'

export type SampleEncoding = 'unsigned' | 'signed' | 'float' | 'mulaw' | 'alaw'

export interface WavFormat {
  readonly encoding: SampleEncoding
  /** Of one sample of one channel, as stored: 1–4, or 8 for double precision. */
  readonly sampleBytes: number
  readonly channels: number
  readonly sampleRateHz: number
  /** ffmpeg's name of the coding, such as `pcm_s16le`. */
  readonly codec: string
}

export interface WavLayout extends WavFormat {
  readonly dataStart: number
  /** Whole frames (one sample of every channel) that are really there. */
  readonly frames: number
  /** The head promises more than there is. */
  readonly truncated: boolean
}

const HEAD_BYTES = 12
const CHUNK_HEAD_BYTES = 8
/** More chunks before the sound are an attack, not a recording. */
const MOST_CHUNKS = 1000
/** Sizes from here on are what writers put that cannot go back to fill in the true one. */
const UNKNOWN_SIZE = 0x7fff_0000
const LOWEST_RATE_HZ = 4000
const HIGHEST_RATE_HZ = 384_000

/** Coding tags, as registered: those that are understood, and names for some that are not. */
const PCM = 1
const FLOAT = 3
const ALAW = 6
const MULAW = 7
const EXTENSIBLE = 0xfffe
const FOREIGN_CODINGS: Readonly<Record<number, string>> = {
  2: 'Microsoft ADPCM',
  17: 'IMA ADPCM',
  49: 'GSM 6.10',
  80: 'MPEG audio',
  85: 'MP3',
  255: 'AAC',
  353: 'Windows Media Audio',
  8192: 'AC-3',
}

/**
 * Finds format and data.
 *
 * @throws AppError `codec-unsupported` for a coding other than PCM, floating point, A-law and µ-law;
 *   `recording-undecodable` when there is no head, no format or no sound
 */
export function readWavLayout(source: ByteSource): WavLayout {
  const riff = readView(source, 0, HEAD_BYTES)
  if (riff === undefined || !/^(RIFF|RF64|BW64)$/.test(tagAt(riff, 0)) || tagAt(riff, 8) !== 'WAVE') {
    throw undecodable('it does not begin as a WAV file does')
  }
  const riffBytes = riff.getUint32(4, true)
  let format: WavFormat | undefined
  let longDataBytes: number | undefined
  for (const chunk of chunksOf(source)) {
    if (chunk.tag === 'ds64') longDataBytes = readLongDataBytes(source, chunk.start)
    if (chunk.tag === 'fmt ') format = readFormat(source, chunk)
    if (chunk.tag !== 'data') continue
    if (format === undefined) throw undecodable('the description of the samples is missing')
    const declared = longDataBytes !== undefined && chunk.bytes === 0xffff_ffff ? longDataBytes : chunk.bytes
    return layOut(source, format, chunk.start, isOpenEnded(declared, riffBytes, source.size) ? undefined : declared)
  }
  throw undecodable('it ends before the sound begins')
}

function layOut(source: ByteSource, format: WavFormat, dataStart: number, declared: number | undefined): WavLayout {
  const present = Math.max(0, source.size - dataStart)
  const bytes = Math.min(declared ?? present, present)
  const frames = Math.floor(bytes / (format.sampleBytes * format.channels))
  if (frames === 0) throw undecodable('there is no sound in it')
  return { ...format, dataStart, frames, truncated: declared !== undefined && declared > present }
}

/** A writer to a pipe leaves both sizes at zero or at a huge value: the sound then goes on to the end. */
function isOpenEnded(declared: number, riffBytes: number, fileBytes: number): boolean {
  if (declared === 0) return riffBytes + CHUNK_HEAD_BYTES < fileBytes || riffBytes >= UNKNOWN_SIZE
  return declared >= UNKNOWN_SIZE && declared <= 0xffff_ffff && declared > fileBytes
}

interface Chunk {
  readonly tag: string
  readonly start: number
  readonly bytes: number
}

function* chunksOf(source: ByteSource): Generator<Chunk> {
  let position = HEAD_BYTES
  for (let count = 0; count < MOST_CHUNKS; count++) {
    const head = readView(source, position, CHUNK_HEAD_BYTES)
    if (head === undefined) return
    const chunk = { tag: tagAt(head, 0), start: position + CHUNK_HEAD_BYTES, bytes: head.getUint32(4, true) }
    yield chunk
    position = chunk.start + chunk.bytes
    // A chunk of odd size is followed by a byte of padding, which some writers forget.
    if (chunk.bytes % 2 === 1 && !startsChunk(source, position)) position++
  }
}

function startsChunk(source: ByteSource, position: number): boolean {
  const head = readView(source, position, CHUNK_HEAD_BYTES)
  return head !== undefined && /^[\x20-\x7e]{4}$/.test(tagAt(head, 0))
}

function readLongDataBytes(source: ByteSource, start: number): number | undefined {
  const body = readView(source, start, 16)
  return body && Number(body.getBigUint64(8, true))
}

function readFormat(source: ByteSource, chunk: Chunk): WavFormat {
  const length = Math.min(chunk.bytes, 40)
  const body = length < 16 ? undefined : readView(source, chunk.start, length)
  if (body === undefined) throw undecodable('the description of the samples is cut off')
  const declaredTag = body.getUint16(0, true)
  const tag = declaredTag === EXTENSIBLE && length >= 26 ? body.getUint16(24, true) : declaredTag
  const channels = body.getUint16(2, true)
  const sampleRateHz = body.getUint32(4, true)
  const blockBytes = body.getUint16(12, true)
  const bits = body.getUint16(14, true)
  if (channels === 0) throw undecodable('it says that it has no channels')
  if (sampleRateHz < LOWEST_RATE_HZ || sampleRateHz > HIGHEST_RATE_HZ) {
    throw undecodable(`it says that it has ${sampleRateHz} samples per second`)
  }
  const sampleBytes = storedBytes(bits, blockBytes / channels)
  const { encoding, codec } = codingOf(tag, sampleBytes, bits)
  return { encoding, sampleBytes, channels, sampleRateHz, codec }
}

/** A sample of 20 bits is stored in 3 bytes, one of 24 bits sometimes in 4: the block's size tells. */
function storedBytes(bits: number, blockShare: number): number {
  const least = Math.ceil(bits / 8)
  return Number.isInteger(blockShare) && blockShare >= least && blockShare <= 8 ? blockShare : least
}

function codingOf(tag: number, bytes: number, bits: number): { encoding: SampleEncoding; codec: string } {
  if (tag === PCM && bytes === 1) return { encoding: 'unsigned', codec: 'pcm_u8' }
  if (tag === PCM && bytes >= 2 && bytes <= 4) return { encoding: 'signed', codec: `pcm_s${8 * bytes}le` }
  if (tag === FLOAT && (bytes === 4 || bytes === 8)) return { encoding: 'float', codec: `pcm_f${8 * bytes}le` }
  if (tag === MULAW && bytes === 1) return { encoding: 'mulaw', codec: 'pcm_mulaw' }
  if (tag === ALAW && bytes === 1) return { encoding: 'alaw', codec: 'pcm_alaw' }
  const name = FOREIGN_CODINGS[tag] ?? `coding ${tag} with ${bits} bits`
  throw foreign(name)
}

/** Undefined when the file ends earlier. */
function readView(source: ByteSource, position: number, length: number): DataView | undefined {
  const bytes = new Uint8Array(length)
  return source.read(bytes, position) === length ? new DataView(bytes.buffer) : undefined
}

function tagAt(view: DataView, offset: number): string {
  return String.fromCharCode(...new Uint8Array(view.buffer, offset, 4))
}

function foreign(content: string): AppError {
  return new AppError(
    'codec-unsupported',
    `The WAV file holds ${content}, which cannot be decoded. Please save the recording as PCM WAV.`,
  )
}

function undecodable(reason: string): AppError {
  return new AppError(
    'recording-undecodable',
    `The WAV file cannot be read: ${reason}. Please record or export it again.`,
  )
}
