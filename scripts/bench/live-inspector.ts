/** What the memory of another Node process holds after a collection, asked over its inspector. */
export interface Inspector {
  /** Bytes in use on the heap, after everything was collected that can be. */
  heapBytes(): Promise<number>
  close(): void
}

export async function openInspector(output: string): Promise<Inspector> {
  // The launcher's comes first, which has become the API since.
  const address = [...output.matchAll(/Debugger listening on (ws:\S+)/g)].at(-1)?.[1]
  if (address === undefined) throw new Error(`no inspector listens:\n${output}`)
  const socket = new WebSocket(address)
  await new Promise((resolve, reject) => {
    socket.addEventListener('open', resolve, { once: true })
    socket.addEventListener('error', reject, { once: true })
  })
  const waiting = new Map<number, (result: { usedSize?: number }) => void>()
  socket.addEventListener('message', ({ data }) => {
    const { id, result } = JSON.parse(String(data))
    waiting.get(id)?.(result)
    waiting.delete(id)
  })
  let last = 0
  const ask = (method: string): Promise<{ usedSize?: number }> => {
    last += 1
    const { promise, resolve } = Promise.withResolvers<{ usedSize?: number }>()
    waiting.set(last, resolve)
    socket.send(JSON.stringify({ id: last, method }))
    return promise
  }
  return {
    async heapBytes() {
      // Weak entries go with the collection after the one that found them.
      await ask('HeapProfiler.collectGarbage')
      await ask('HeapProfiler.collectGarbage')
      const { usedSize = Number.NaN } = await ask('Runtime.getHeapUsage')
      return usedSize
    },
    close: () => socket.close(),
  }
}
