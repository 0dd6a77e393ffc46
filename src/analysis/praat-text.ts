/**
 * Praat's text files as a sequence of values. By its manual ("TextGrid file formats") only free-standing numbers,
 * texts in double quotes (with "" for a quote) and <flags> count; names, brackets and `!` comments are decoration. So
 * the long and the short form of a file are the same sequence. One pass, linear in the file's length.
 */
import { invalidReference, quoted } from './reference-text.ts'

export interface PraatReader {
  /** Of the value read last, from 1. */
  readonly line: number
  /** Finite; `what` names it in an error, as "the start of an interval". */
  number(what: string): number
  /** As `number`, but `--undefined--` is NaN. */
  numberOrNaN(what: string): number
  /** A whole number from 0 to `most`. */
  count(what: string, most: number): number
  text(what: string): string
  flag(what: string): string
  atEnd(): boolean
}

type Value =
  | { readonly kind: 'number'; readonly value: number; readonly line: number }
  | { readonly kind: 'text' | 'flag'; readonly value: string; readonly line: number }

const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/
/** No number is longer; a longer word need not be looked at. */
const LONGEST_NUMBER = 64
const UNDEFINED = '--undefined--'
const NEWLINE = 10

/** Every read throws AppError `reference-invalid` with its line when the next value is another one, or missing. */
export function readPraatText(text: string): PraatReader {
  const scan = createScanner(text)
  let next = scan()
  let line = 1

  function take(what: string): Value {
    if (next === undefined) throw invalidReference(`The file ends where ${what} should be`, scan.line())
    const value = next
    line = value.line
    next = scan()
    return value
  }
  function textOf(kind: 'text' | 'flag', what: string): string {
    const value = take(what)
    if (value.kind !== kind) throw wrong(value, what)
    return value.value
  }
  function numberOrNaN(what: string): number {
    const value = take(what)
    if (value.kind !== 'number') throw wrong(value, what)
    if (Math.abs(value.value) === Number.POSITIVE_INFINITY) throw invalidReference(`${what} is not finite`, line)
    return value.value
  }
  function number(what: string): number {
    const value = numberOrNaN(what)
    if (Number.isNaN(value)) throw invalidReference(`${what} is undefined`, line)
    return value
  }
  return {
    get line() {
      return line
    },
    numberOrNaN,
    number,
    count(what, most) {
      const value = number(what)
      if (!Number.isInteger(value) || value < 0) throw invalidReference(`${what} is ${value}, no whole number`, line)
      if (value > most) throw invalidReference(`${what} is ${value}; at most ${most} are read here`, line)
      return value
    },
    text: (what) => textOf('text', what),
    flag: (what) => textOf('flag', what),
    atEnd: () => next === undefined,
  }
}

function wrong({ kind, value, line }: Value, what: string) {
  const found = kind === 'number' ? `the number ${value}` : `the ${kind} ${quoted(value)}`
  return invalidReference(`There is ${found} where ${what} should be`, line)
}

function createScanner(text: string) {
  let place = 0
  let line = 1

  function next(): Value | undefined {
    while (place < text.length) {
      const char = text[place]!
      if (isSpace(text.charCodeAt(place))) {
        if (text.charCodeAt(place++) === NEWLINE) line++
      } else if (char === '"') return readText()
      else if (char === '!') place = endOfLine()
      else {
        const word = readWord()
        if (word.startsWith('<') && word.endsWith('>')) return { kind: 'flag', value: word, line }
        if (word === UNDEFINED) return { kind: 'number', value: Number.NaN, line }
        if (word.length <= LONGEST_NUMBER && NUMBER.test(word)) return { kind: 'number', value: Number(word), line }
      }
    }
    return undefined
  }

  function readText(): Value {
    const start = ++place
    const first = line
    for (let quote = text.indexOf('"', place); quote >= 0; quote = text.indexOf('"', quote + 2)) {
      if (text[quote + 1] === '"') continue
      const value = text.slice(start, quote)
      place = quote + 1
      for (let i = value.indexOf('\n'); i >= 0; i = value.indexOf('\n', i + 1)) line++
      return { kind: 'text', value: value.replaceAll('""', '"'), line: first }
    }
    throw invalidReference('A text begins here with a quotation mark and never ends', first)
  }

  function endOfLine(): number {
    const end = text.indexOf('\n', place)
    return end < 0 ? text.length : end
  }

  /** Up to white space, a quotation mark, or past an equals sign: `text="…"` is read as `text = "…"`. */
  function readWord(): string {
    const start = place
    while (place < text.length && !isSpace(text.charCodeAt(place)) && text[place] !== '"') {
      if (text[place++] === '=') break
    }
    return text.slice(start, place)
  }

  return Object.assign(next, { line: () => line })
}

function isSpace(code: number): boolean {
  return code === 32 || (code >= 9 && code <= 13) || code === 0xa0 || code === 0xfeff
}
