/** What waits for a client that does not read, in the order it came. */
export interface Backlog {
  readonly size: number
  /** Of all that waits. */
  readonly bytes: number
  /** Appends; a percentage takes the place of the older one of its job, at the end and not where that stood. */
  add(bytes: Buffer, percentageOf: string | undefined): void
  /** Takes the oldest. */
  shift(): Buffer | undefined
}

interface Waiting {
  readonly bytes: Buffer
  readonly percentageOf: string | undefined
}

export function createBacklog(): Backlog {
  const waiting = new Set<Waiting>()
  const percentages = new Map<string, Waiting>()
  let bytes = 0

  function drop(item: Waiting): void {
    waiting.delete(item)
    bytes -= item.bytes.length
    if (item.percentageOf !== undefined) percentages.delete(item.percentageOf)
  }

  return {
    get size() {
      return waiting.size
    },
    get bytes() {
      return bytes
    },
    add(more, percentageOf) {
      const older = percentageOf === undefined ? undefined : percentages.get(percentageOf)
      if (older !== undefined) drop(older)
      const item = { bytes: more, percentageOf }
      waiting.add(item)
      bytes += more.length
      if (percentageOf !== undefined) percentages.set(percentageOf, item)
    },
    shift() {
      const [oldest] = waiting
      if (oldest !== undefined) drop(oldest)
      return oldest?.bytes
    },
  }
}
