/**
 * Brings a reader up to the end of its log, a page at a time and no faster than its client takes it: the page's rest is
 * dropped at the first write that the client does not take, and read again when it has. So a reader that comes back
 * from far holds nothing while it waits (invariant 7), and is not cut for what it has not been given a chance to read.
 */
import type { LogPosition } from '../domain/cursor.ts'
import { openJobsOf, passEntry, passGap, passSnapshots, type Reader, type Told } from '../domain/event-reader.ts'
import type { Job } from '../domain/job.ts'
import type { Ports } from '../ports.ts'

export interface Replayed {
  readonly owner: string
  /** The rows to begin with, oldest first; `open` are jobs the reader has heard of that had not ended. */
  readonly rows: (open: readonly string[]) => Promise<readonly Job[]>
}

export interface Output {
  send(told: Told): void
  /** True while the client has not taken what it was sent. */
  isBehind(): boolean
}

/** Makes the function that takes one step: false when there is more to come, true at the log's end. */
export function createReplay(
  { progress }: Pick<Ports, 'progress'>,
  { owner, rows }: Replayed,
  reader: Reader,
  output: Output,
): () => Promise<boolean> {
  /** The log's end from before the first row was read; what the rows do not say comes after it. */
  let beginning: LogPosition | undefined

  async function readPage(after: LogPosition): Promise<boolean> {
    const { head, complete, entries } = await progress.read(owner, after)
    if (!complete) {
      output.send({ frame: passGap(reader, new Date()) })
      return false
    }
    for (const entry of entries) {
      if (output.isBehind()) return false
      const told = passEntry(reader, entry)
      if (told !== undefined) output.send(told)
    }
    return (entries.at(-1)?.seq ?? after.seq) >= head.seq
  }

  /** Rows that were told already are passed over when they are read again. */
  async function tellRows(): Promise<boolean> {
    const isFirst = beginning === undefined
    beginning ??= await progress.head(owner)
    for (const frame of passSnapshots(reader, await rows(openJobsOf(reader)), beginning)) {
      output.send({ frame })
      if (output.isBehind()) return false
    }
    beginning = undefined
    return isFirst
  }

  return () => (reader.position === undefined ? tellRows() : readPage(reader.position))
}
