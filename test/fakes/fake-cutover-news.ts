import { AppError } from '../../src/domain/errors.ts'
import type { CutoverNews } from '../../src/ports/cutover.ts'

export interface FakeCutoverNews extends CutoverNews {
  /** Versions that were told, in their order. */
  readonly told: number[]
  /** While down nothing can be told and nobody hears; up again, all listeners are called. */
  setDown(down: boolean): void
}

/** News in memory: what one tells all hear, as processes do that share a Redis. */
export function createFakeCutoverNews(): FakeCutoverNews {
  const listeners = new Set<(version: number | undefined) => void>()
  const told: number[] = []
  let down = false
  const callAll = (version: number | undefined) => {
    for (const listener of listeners) listener(version)
  }
  return {
    told,
    tell: async (version) => {
      if (down) throw new AppError('progress-unavailable', 'The change of the flag could not be told over Redis')
      told.push(version)
      callAll(version)
    },
    listen: (onChange) => {
      listeners.add(onChange)
      queueMicrotask(() => !down && listeners.has(onChange) && onChange(undefined))
      return () => void listeners.delete(onChange)
    },
    setDown: (value) => {
      if (down && !value) queueMicrotask(() => callAll(undefined))
      down = value
    },
  }
}
