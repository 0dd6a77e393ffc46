/** Tells audio by its first bytes: what a file is called, or said to be, does not count. */
import type { Sniff, SniffedAudio } from '../ports/sniff.ts'

const WAV = { format: 'wav', contentType: 'audio/wav', extension: '.wav' }
const MP3 = { format: 'mp3', contentType: 'audio/mpeg', extension: '.mp3' }
const AAC = { format: 'aac', contentType: 'audio/aac', extension: '.aac' }
const FLAC = { format: 'flac', contentType: 'audio/flac', extension: '.flac' }
const OGG = { format: 'ogg', contentType: 'audio/ogg', extension: '.ogg' }
const WEBM = { format: 'webm', contentType: 'audio/webm', extension: '.webm' }
const MATROSKA = { format: 'matroska', contentType: 'audio/x-matroska', extension: '.mka' }
const MP4 = { format: 'mp4', contentType: 'video/mp4', extension: '.mp4' }
const M4A = { format: 'mp4', contentType: 'audio/mp4', extension: '.m4a' }
const AIFF = { format: 'aiff', contentType: 'audio/aiff', extension: '.aiff' }
const CAF = { format: 'caf', contentType: 'audio/x-caf', extension: '.caf' }
const AMR = { format: 'amr', contentType: 'audio/amr', extension: '.amr' }
const AMR_WB = { format: 'amr', contentType: 'audio/amr-wb', extension: '.awb' }

/** What to call a format in a sentence. */
export const FORMAT_NAMES: Readonly<Record<string, string>> = {
  wav: 'WAV',
  mp3: 'MP3',
  aac: 'AAC',
  flac: 'FLAC',
  ogg: 'Ogg',
  webm: 'WebM',
  matroska: 'Matroska',
  mp4: 'MP4 (M4A)',
  aiff: 'AIFF',
  caf: 'CAF',
  amr: 'AMR',
}

/** The implementation of the port `Sniff`. */
export const sniffAudio: Sniff = (bytes) => {
  const tag = text(bytes, 0, 4)
  const kind = text(bytes, 8, 4)
  if (/^(RIFF|RF64|BW64)$/.test(tag) && kind === 'WAVE') return WAV
  if (tag === 'fLaC') return FLAC
  if (tag === 'OggS' && bytes[4] === 0) return sniffOgg(bytes)
  if (tag === '\x1aE\xdf\xa3') return text(bytes, 4, bytes.length).includes('webm') ? WEBM : MATROSKA
  if (text(bytes, 4, 4) === 'ftyp') return sniffMp4(kind)
  if (tag === 'FORM' && (kind === 'AIFF' || kind === 'AIFC')) return AIFF
  if (tag === 'caff' && bytes[4] === 0) return CAF
  if (text(bytes, 0, 6) === '#!AMR\n') return AMR
  if (text(bytes, 0, 9) === '#!AMR-WB\n') return AMR_WB
  if (tag.startsWith('ID3')) return sniffBehindId3(bytes)
  return sniffFrames(bytes)
}

const OGG_AUDIO = ['OpusHead', '\x01vorbis', '\x7fFLAC', 'Speex   ']

/** Ogg holds video too; a first stream that is no audio codec says so. */
function sniffOgg(bytes: Uint8Array): SniffedAudio | undefined {
  const packet = text(bytes, 27 + (bytes[26] ?? 0), 8)
  return OGG_AUDIO.some((head) => packet.startsWith(head)) ? OGG : undefined
}

/** Brands of audio and video; the same container holds still images (HEIC, AVIF), which are refused. */
function sniffMp4(brand: string): SniffedAudio | undefined {
  if (/^M4[ABP] $/.test(brand)) return M4A
  return /^(heic|heix|heim|heis|hevc|hevx|mif1|msf1|avif|avis|crx )$/.test(brand) ? undefined : MP4
}

/** An ID3v2 tag stands before MP3 frames, seldom before others; its size says where they begin. */
function sniffBehindId3(bytes: Uint8Array): SniffedAudio | undefined {
  const tagBytes = id3Bytes(bytes)
  if (tagBytes === undefined) return undefined
  const behind = bytes.subarray(tagBytes)
  if (behind.length < 4) return MP3
  return text(behind, 0, 4) === 'fLaC' ? FLAC : (sniffFrames(behind) ?? MP3)
}

/** Length of the ID3v2 tag that a file begins with; undefined when it begins with none. */
export function id3Bytes(bytes: Uint8Array): number | undefined {
  const [major, , , a, b, c, d] = bytes.subarray(3, 10)
  if (!text(bytes, 0, 3).startsWith('ID3') || major === undefined || major > 4) return undefined
  if (d === undefined || (a! | b! | c! | d) > 0x7f) return undefined
  return 10 + ((a! << 21) | (b! << 14) | (c! << 7) | d)
}

function sniffFrames(bytes: Uint8Array): SniffedAudio | undefined {
  if (hasFrames(bytes, adtsFrameBytes)) return AAC
  return hasFrames(bytes, mpegFrameBytes) ? MP3 : undefined
}

/** A frame's head is only 12 set bits and a few rules: where the next one is in sight, it must be there too. */
function hasFrames(bytes: Uint8Array, frameBytes: (bytes: Uint8Array, at: number) => number | undefined): boolean {
  const length = frameBytes(bytes, 0)
  if (length === undefined) return false
  return length + 6 > bytes.length || frameBytes(bytes, length) !== undefined
}

/** Length of the ADTS frame (ISO/IEC 13818-7) that begins here; undefined when none does. */
function adtsFrameBytes(bytes: Uint8Array, at: number): number | undefined {
  const [b0, b1, b2, b3, b4, b5] = bytes.subarray(at, at + 6)
  if (b5 === undefined || b0 !== 0xff || (b1! & 0xf6) !== 0xf0) return undefined
  const length = ((b3! & 0x03) << 11) | (b4! << 3) | (b5 >> 5)
  const rateIndex = (b2! >> 2) & 0x0f
  return rateIndex <= 12 && length >= 8 ? length : undefined
}

const MPEG1_LAYER3_KBPS = [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320]
const MPEG2_LAYER3_KBPS = [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160]
const MPEG1_RATES_HZ = [44_100, 48_000, 32_000]

/**
 * Length of the MPEG layer III frame (ISO/IEC 11172-3, 13818-3) that begins here; undefined when none does. The other
 * layers are left out: a UTF-16 text's byte order mark looks like layer I.
 */
function mpegFrameBytes(bytes: Uint8Array, at: number): number | undefined {
  const [b0, b1, b2, b3] = bytes.subarray(at, at + 4)
  if (b3 === undefined || b0 !== 0xff || (b1! & 0xe6) !== 0xe2) return undefined
  const version = (b1! >> 3) & 3
  const rateHz = MPEG1_RATES_HZ[(b2! >> 2) & 3]
  const kbps = (version === 3 ? MPEG1_LAYER3_KBPS : MPEG2_LAYER3_KBPS)[b2! >> 4]
  const emphasis = b3 & 3
  if (version === 1 || rateHz === undefined || kbps === undefined || kbps === 0 || emphasis === 2) return undefined
  const divisor = version === 3 ? 1 : version === 2 ? 2 : 4
  const samples = version === 3 ? 1152 : 576
  return Math.floor((samples * 125 * kbps) / (rateHz / divisor)) + ((b2! >> 1) & 1)
}

function text(bytes: Uint8Array, from: number, length: number): string {
  return String.fromCharCode(...bytes.subarray(from, from + Math.min(length, 64)))
}
