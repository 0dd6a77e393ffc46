/**
 * What the head of a recording says, while the rest still comes in. It is believed only for a refusal that spares the
 * client the upload; what was really recorded is measured by the analysis.
 */
import { type IAudioMetadata, parseBuffer } from 'music-metadata'
import type { HeadFacts, InspectHead, SniffedAudio } from '../ports/sniff.ts'
import type { ByteSource } from './byte-source.ts'
import { readWavLayout } from './wav.ts'

const NOTHING: HeadFacts = { codec: null, sampleRateHz: null, channels: null, durationS: null, hasSound: null }

/** Track types (RFC 9559, 5.1.4.1.3). */
const MATROSKA_AUDIO = 2
/** `soun` */
const SOUND_HANDLER = 0x736f756e

/** The implementation of the port `InspectHead`. */
export const inspectHead: InspectHead = async (head, audio) => {
  try {
    return await inspect(head, audio)
  } catch {
    // A head that is cut off or broken: there is nothing to say yet, and nobody to tell.
    return NOTHING
  }
}

async function inspect(head: Uint8Array, { format, contentType }: SniffedAudio): Promise<HeadFacts> {
  switch (format) {
    case 'wav':
      return inspectWav(head)
    case 'flac':
      return inspectFlac(head) ?? NOTHING
    case 'mp4':
      return { ...NOTHING, durationS: mp4DurationS(viewOf(head)), hasSound: mp4HasSound(viewOf(head)) }
    case 'mp3':
    case 'webm':
    case 'matroska':
    case 'aiff':
      return fromMetadata(
        head,
        format,
        await parseBuffer(head, contentType, { skipPostHeaders: true, skipCovers: true }),
      )
    default:
      // Ogg, ADTS, AMR and CAF do not say at the beginning how long they are.
      return NOTHING
  }
}

/** The layout is read as if all that is declared were there. */
function inspectWav(head: Uint8Array): HeadFacts {
  const source: ByteSource = {
    size: Number.MAX_SAFE_INTEGER,
    read(target, position) {
      const part = head.subarray(position, position + target.length)
      target.set(part)
      return part.length
    },
  }
  const { codec, sampleRateHz, channels, sampleBytes, frames } = readWavLayout(source)
  // Open-ended: it goes on to the end of a file whose end is not known.
  const isDeclared = frames < Math.floor(2 ** 52 / (sampleBytes * channels))
  return { ...NOTHING, codec, sampleRateHz, channels, durationS: isDeclared ? frames / sampleRateHz : null }
}

/** STREAMINFO (RFC 9639, 8.2): rate in 20 bits, channels less one in 3, sample size in 5, samples in 36. */
function inspectFlac(head: Uint8Array): HeadFacts | undefined {
  if (String.fromCharCode(...head.subarray(0, 4)) !== 'fLaC' || head.length < 26) return undefined
  const view = viewOf(head)
  const packed = view.getUint32(18)
  const sampleRateHz = packed >>> 12
  const samples = (view.getUint8(21) & 0x0f) * 2 ** 32 + view.getUint32(22)
  if (sampleRateHz === 0) return undefined
  const durationS = samples === 0 ? null : samples / sampleRateHz
  return { ...NOTHING, codec: 'flac', sampleRateHz, channels: ((packed >>> 9) & 7) + 1, durationS }
}

/** From `moov.mvhd` (ISO/IEC 14496-12, 8.2.2), where it stands before the sound; a fragmented file says 0 there. */
function mp4DurationS(view: DataView): number | null {
  const moov = findBox(view, 'moov', 0, view.byteLength)
  const mvhd = moov && findBox(view, 'mvhd', moov.start, moov.end)
  if (mvhd === undefined) return null
  const isLong = view.getUint8(mvhd.start) === 1
  const timescale = view.getUint32(mvhd.start + (isLong ? 20 : 12))
  const duration = isLong ? Number(view.getBigUint64(mvhd.start + 24)) : view.getUint32(mvhd.start + 16)
  const isUnknown = duration === 0 || timescale === 0 || duration >= (isLong ? 2 ** 63 : 0xffff_ffff)
  return isUnknown ? null : duration / timescale
}

/** Whether a track is handled as `soun` (8.4.3); null where the head ends within `moov`, or names no handler. */
function mp4HasSound(view: DataView): boolean | null {
  const moov = findBox(view, 'moov', 0, view.byteLength)
  if (moov === undefined || moov.end > view.byteLength) return null
  const handlers: number[] = []
  for (let at = moov.start; ; ) {
    const trak = findBox(view, 'trak', at, moov.end)
    if (trak === undefined) break
    const mdia = findBox(view, 'mdia', trak.start, trak.end)
    const hdlr = mdia && findBox(view, 'hdlr', mdia.start, mdia.end)
    if (hdlr === undefined) return null
    handlers.push(view.getUint32(hdlr.start + 8))
    at = trak.end
  }
  return handlers.length === 0 ? null : handlers.includes(SOUND_HANDLER)
}

function findBox(view: DataView, type: string, from: number, to: number): { start: number; end: number } | undefined {
  for (let at = from; at + 8 <= Math.min(to, view.byteLength); ) {
    const short = view.getUint32(at)
    const [headBytes, bytes] = short === 1 ? [16, Number(view.getBigUint64(at + 8))] : [8, short]
    if (bytes < headBytes) return undefined
    const name = String.fromCharCode(...new Uint8Array(view.buffer, view.byteOffset + at + 4, 4))
    if (name === type) return { start: at + headBytes, end: at + bytes }
    at += bytes
  }
  return undefined
}

/** Without a Xing head an MP3's duration would be guessed from the bytes that happen to be here. */
function fromMetadata(head: Uint8Array, format: string, { format: facts }: IAudioMetadata): HeadFacts {
  const isGuess = format === 'mp3' && !/Xing|Info|VBRI/.test(Buffer.from(head).toString('latin1'))
  return {
    codec: facts.codec?.toLowerCase() ?? null,
    sampleRateHz: facts.sampleRate ?? null,
    channels: facts.numberOfChannels ?? null,
    durationS: isGuess ? null : (facts.duration ?? null),
    // Matroska and WebM name all their tracks in one element; elsewhere there are none here.
    hasSound: facts.trackInfo.length === 0 ? null : facts.trackInfo.some(({ type }) => type === MATROSKA_AUDIO),
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
