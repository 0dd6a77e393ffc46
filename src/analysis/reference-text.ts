/** The bytes of a reference file as text, and the one way to refuse them. */
import { AppError } from '../domain/errors.ts'

/**
 * Of one text: an hour of a table or a PitchTier, a minute of Praat's wordiest form (a Pitch with all its candidates).
 * It is held whole while it is read, and any S3-compatible store takes it in one request.
 */
export const MAX_REFERENCE_BYTES = 4 * 1024 * 1024

/** Times are from 0 to this; longer utterances are not compared. */
export const MAX_REFERENCE_S = 3600

const WAY_OUT = 'Open it in Praat and choose "Save as text file…" in the Save menu.'

/**
 * UTF-16 of either byte order and UTF-8 by their byte order marks; without one UTF-8 where it is valid, else Latin-1.
 *
 * @throws AppError `reference-invalid` for Praat's binary files, for what is not text, and for too many bytes
 */
export function decodeReferenceText(bytes: Uint8Array): string {
  if (bytes.length > MAX_REFERENCE_BYTES) {
    throw invalidReference(`The file has ${bytes.length} bytes, more than ${MAX_REFERENCE_BYTES}`)
  }
  if (startsWith(bytes, 'ooBinaryFile')) throw invalidReference(`This is a binary Praat file. ${WAY_OUT}`)
  const decoded = decode(bytes)
  // The Macintosh once ended lines so.
  const text = decoded.includes('\n') ? decoded : decoded.replaceAll('\r', '\n')
  const nul = text.indexOf('\0')
  if (nul >= 0)
    throw invalidReference(`There is a NUL character: this is not a text file. ${WAY_OUT}`, lineAt(text, nul))
  if (text.trim() === '') throw invalidReference('The file is empty')
  return text
}

/** A `reference-invalid` whose detail is one sentence, after the number of the line it is about (from 1). */
export function invalidReference(sentence: string, line?: number): AppError {
  const ended = /[.!?]$/.test(sentence) ? sentence : `${sentence}.`
  return new AppError('reference-invalid', line === undefined ? ended : `Line ${line}: ${ended}`)
}

/** @throws AppError `reference-invalid` for a time that is none of a recording's */
export function readReferenceTime(timeS: number, line: number): number {
  if (timeS >= 0 && timeS <= MAX_REFERENCE_S) return timeS
  throw invalidReference(`The time ${timeS} s is outside 0–${MAX_REFERENCE_S} s`, line)
}

/** Text of a stranger's file for use in a sentence: short, on one line, in quotes. */
export function quoted(text: string): string {
  const line = text.replace(/\s+/g, ' ')
  return `"${line.length > 40 ? `${line.slice(0, 39)}…` : line}"`
}

function decode(bytes: Uint8Array): string {
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return new TextDecoder('utf-16be').decode(bytes)
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return new TextDecoder('utf-16le').decode(bytes)
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return new TextDecoder('latin1').decode(bytes)
  }
}

function startsWith(bytes: Uint8Array, ascii: string): boolean {
  return bytes.length >= ascii.length && [...ascii].every((char, i) => bytes[i] === char.charCodeAt(0))
}

function lineAt(text: string, place: number): number {
  let line = 1
  for (let i = text.indexOf('\n'); i >= 0 && i < place; i = text.indexOf('\n', i + 1)) line++
  return line
}
