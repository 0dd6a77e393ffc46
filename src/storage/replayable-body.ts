/** A request's body that may have to be sent again, as long as it is known what was sent. */

export interface ReplayableBody {
  readonly bytes: number
  /** False once more was sent than is kept. */
  canReplay(): boolean
  /** From the first byte; ends the sending before, which may still hang in a read. */
  open(): AsyncGenerator<Buffer, void>
}

/** Of so many bytes in memory: always. */
export function replayBuffer(buffer: Buffer): ReplayableBody {
  async function* open() {
    if (buffer.length > 0) yield buffer
  }
  return { bytes: buffer.length, canReplay: () => true, open }
}

/** Of a stream, whose first 64 KiB are kept: enough for a connection that turns out to be dead at the first write. */
export function replayHead(chunks: AsyncIterator<Buffer, void>, bytes: number): ReplayableBody {
  const keptBytes = 64 * 1024
  let head: Buffer[] | undefined = []
  let headBytes = 0
  let pending: Promise<IteratorResult<Buffer, void>> | undefined
  let sending = 0
  async function* open(): AsyncGenerator<Buffer, void> {
    sending += 1
    const mine = sending
    for (const chunk of head ?? []) yield chunk
    for (;;) {
      pending ??= chunks.next()
      const { value, done } = await pending
      if (mine !== sending) return
      pending = undefined
      if (done === true || value === undefined) return
      headBytes += value.length
      if (headBytes > keptBytes) head = undefined
      head?.push(value)
      yield value
    }
  }
  return { bytes, canReplay: () => head !== undefined, open }
}
