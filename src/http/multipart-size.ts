/**
 * How large the file of a multipart request is, told from the request's own length before the file has been read:
 * whatever stands before the file's first byte is counted, and what must stand behind its last.
 */
import type { IncomingMessage } from 'node:http'
import type { ObjectSize } from '../ports/object-store.ts'

export interface SizeTap {
  /** When the parser has come to the file: its size at most, undefined where the request does not tell. */
  fileSize(): ObjectSize | undefined
}

/** Heads of parts and the fields before a file are small; beyond this the size is simply not known. */
const MOST_HEAD_BYTES = 16 * 1024
/** Around the boundary behind the file: CR LF and two hyphens before it, two hyphens after. */
const CLOSING_BYTES = 6

/**
 * Looks at the bytes of a multipart request on their way to the parser; to be made when the parser is attached and
 * nothing has flowed. The last CR LF is left out by some clients, and further parts may follow: so the size is the most
 * that it can be.
 */
export function createSizeTap(raw: IncomingMessage): SizeTap {
  const length = Number(raw.headers['content-length'])
  const boundary = /boundary=(?:"([^"]+)"|([^;\s]+))/i.exec(raw.headers['content-type'] ?? '')
  const name = boundary?.[1] ?? boundary?.[2]
  const chunks: Buffer[] = []
  let kept = 0
  // What comes before the parser is asked for the file may be much more than its head.
  const collect = (chunk: Buffer): void => {
    if (kept >= MOST_HEAD_BYTES) return
    chunks.push(chunk)
    kept += chunk.length
  }
  raw.on('data', collect)
  return {
    fileSize() {
      raw.off('data', collect)
      if (name === undefined || !Number.isSafeInteger(length)) return undefined
      const start = startOfFile(Buffer.concat(chunks.splice(0)), name)
      const bytes = length - (start ?? length) - name.length - CLOSING_BYTES
      return start === undefined || bytes < 0 ? undefined : { bytes, exact: false }
    },
  }
}

/** What the parser takes for a file rather than a field. */
const FILE_PART = /^content-disposition:.*\bfilename\*?=|^content-type:\s*application\/octet-stream/im

/** Where the first file has its content; undefined when that is not in these bytes. */
function startOfFile(head: Buffer, boundary: string): number | undefined {
  const delimiter = `--${boundary}\r\n`
  for (let at = head.indexOf(delimiter); at >= 0; at = head.indexOf(`\r\n${delimiter}`, at)) {
    const headers = head.indexOf(delimiter, at) + delimiter.length
    const content = head.indexOf('\r\n\r\n', headers)
    if (content < 0) return undefined
    if (FILE_PART.test(head.toString('latin1', headers, content))) return content + 4
    at = content
  }
  return undefined
}
