import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FORMAT_NAMES, sniffAudio } from '../../../src/media/sniff.ts'
import { encodeWav } from './wav-files.ts'

/** Text and hexadecimal numbers (`\x..`) to 64 bytes or more. */
function bytes(...parts: (string | number[] | Uint8Array)[]): Uint8Array {
  const joined = Buffer.concat(
    parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : Buffer.from(part))),
  )
  return joined.length >= 64 ? joined : Buffer.concat([joined, Buffer.alloc(64 - joined.length)])
}

const oggPage = (packet: string) => bytes('OggS\0\x02', new Uint8Array(20), [1, 30], packet)
const ebml = (docType: string) => bytes('\x1aE\xdf\xa3\x01\0\0\0\0\0\0\x1f\x42\x86\x81\x01\x42\x82\x84', docType)
const MP3_FRAME = [0xff, 0xfb, 0x90, 0x64]
const ADTS_FRAME = [0xff, 0xf1, 0x50, 0x80, 0x04, 0x1f, 0xfc]

const KNOWN: [string, Uint8Array, string, string, string][] = [
  ['WAV', encodeWav({ samples: new Float32Array(50) }), 'wav', 'audio/wav', '.wav'],
  ['WAV of more than 4 GB', bytes('RF64\xff\xff\xff\xffWAVEds64'), 'wav', 'audio/wav', '.wav'],
  ['MP3 behind a tag', bytes('ID3\x04\0\0\0\0\x10\0'), 'mp3', 'audio/mpeg', '.mp3'],
  ['MP3 behind a short tag', bytes('ID3\x03\0\0\0\0\0\x04', [0, 0, 0, 0], MP3_FRAME), 'mp3', 'audio/mpeg', '.mp3'],
  ['MP3 from its first frame', bytes(MP3_FRAME), 'mp3', 'audio/mpeg', '.mp3'],
  ['MP3, two frames', bytes(MP3_FRAME, new Uint8Array(413), MP3_FRAME, [0, 0, 0]), 'mp3', 'audio/mpeg', '.mp3'],
  ['MP3 at 22 kHz', bytes([0xff, 0xf3, 0x80, 0xc4]), 'mp3', 'audio/mpeg', '.mp3'],
  ['FLAC', bytes('fLaC\0\0\0\x22'), 'flac', 'audio/flac', '.flac'],
  ['FLAC behind a tag', bytes('ID3\x04\0\0\0\0\0\x02', [0, 0], 'fLaC'), 'flac', 'audio/flac', '.flac'],
  ['Opus in Ogg', oggPage('OpusHead\x01'), 'ogg', 'audio/ogg', '.ogg'],
  ['Vorbis in Ogg', oggPage('\x01vorbis'), 'ogg', 'audio/ogg', '.ogg'],
  ['FLAC in Ogg', oggPage('\x7fFLAC\x01'), 'ogg', 'audio/ogg', '.ogg'],
  ['WebM', ebml('webm'), 'webm', 'audio/webm', '.webm'],
  ['Matroska', ebml('matroska'), 'matroska', 'audio/x-matroska', '.mka'],
  ['MP4 of a browser', bytes('\0\0\0\x20ftypisom\0\0\x02\0isomiso2'), 'mp4', 'video/mp4', '.mp4'],
  ['M4A of a phone', bytes('\0\0\0\x1cftypM4A \0\0\0\0'), 'mp4', 'audio/mp4', '.m4a'],
  ['AAC in ADTS', bytes(ADTS_FRAME, new Uint8Array(25), ADTS_FRAME), 'aac', 'audio/aac', '.aac'],
  ['AIFF', bytes('FORM\0\0\x10\0AIFFCOMM'), 'aiff', 'audio/aiff', '.aiff'],
  ['AMR', bytes('#!AMR\n\x3c'), 'amr', 'audio/amr', '.amr'],
  ['AMR wideband', bytes('#!AMR-WB\n\x04'), 'amr', 'audio/amr-wb', '.awb'],
  ['CAF', bytes('caff\0\x01\0\0desc'), 'caf', 'audio/x-caf', '.caf'],
]

for (const [name, content, format, contentType, extension] of KNOWN) {
  test(`${name} is known by its first bytes`, () => {
    assert.deepEqual(sniffAudio(content), { format, contentType, extension })
    assert.deepEqual(sniffAudio(content.subarray(0, 64)), { format, contentType, extension })
    assert.ok(FORMAT_NAMES[format])
  })
}

const OTHERS: [string, Uint8Array][] = [
  ['nothing', new Uint8Array(0)],
  ['a few bytes', Buffer.from('RIF')],
  ['zeros', new Uint8Array(64)],
  ['set bits', new Uint8Array(64).fill(0xff)],
  ['a web page', bytes('<!doctype html><html><head>')],
  ['JPEG', bytes([0xff, 0xd8, 0xff, 0xe0, 0, 16], 'JFIF')],
  ['PNG', bytes('\x89PNG\r\n\x1a\n')],
  ['WebP, which is RIFF too', bytes('RIFF\x24\0\0\0WEBPVP8 ')],
  ['AVI, which is RIFF too', bytes('RIFF\x24\0\0\0AVI LIST')],
  ['HEIC, which is MP4 too', bytes('\0\0\0\x18ftypheic\0\0\0\0')],
  ['AVIF, which is MP4 too', bytes('\0\0\0\x1cftypavif\0\0\0\0')],
  ['Theora, which is Ogg too', oggPage('\x80theora')],
  ['UTF-16 text', Buffer.from('\ufeffHello, this is text in UTF-16, long enough', 'utf16le')],
  ['a frame head with no second frame', bytes(MP3_FRAME, new Uint8Array(600))],
  ['an ADTS head with no second frame', bytes(ADTS_FRAME, new Uint8Array(60))],
  ['a frame of reserved bit rate', bytes([0xff, 0xfb, 0xf0, 0x64])],
  ['a frame of reserved sampling rate', bytes([0xff, 0xfb, 0x9c, 0x64])],
  ['a frame of reserved version', bytes([0xff, 0xeb, 0x90, 0x64])],
  ['a tag of impossible size', bytes('ID3\x04\0\0\xff\xff\xff\xff')],
  ['PDF', bytes('%PDF-1.7')],
  ['ZIP', bytes('PK\x03\x04')],
]

for (const [name, content] of OTHERS) {
  test(`${name}: not audio`, () => assert.equal(sniffAudio(content), undefined))
}

test('no prefix of a known file makes it fail', () => {
  for (const [, content] of KNOWN) for (let length = 0; length < 64; length++) sniffAudio(content.subarray(0, length))
})
