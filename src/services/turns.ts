/**
 * Fairness on one thread: work that comes in many small pieces, such as the chunks of large uploads, is let through a
 * few pieces per turn of the event loop, first come first served. A small request needs a handful of turns, and none of
 * them is long, however many uploads there are.
 */
export interface Turns {
  /** Undefined: go on at once. Else to be waited for. */
  take(): Promise<void> | undefined
}

export function createTurns(piecesPerTurn: number): Turns {
  const waiting: (() => void)[] = []
  let left = piecesPerTurn
  let planned = false
  const begin = (): void => {
    const released = waiting.splice(0, piecesPerTurn)
    left = piecesPerTurn - released.length
    planned = false
    if (released.length > 0) plan()
    for (const release of released) release()
  }
  const plan = (): void => {
    if (planned) return
    planned = true
    setImmediate(begin)
  }
  return {
    take() {
      plan()
      if (left > 0) {
        left -= 1
        return undefined
      }
      return new Promise((resolve) => {
        waiting.push(resolve)
      })
    },
  }
}
