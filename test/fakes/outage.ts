import type { AppError } from '../../src/domain/errors.ts'

export interface Outage {
  /** While down, every asynchronous method rejects with the store's own error of an outage. */
  setDown(down: boolean): void
}

/** A fake whose methods named in `methods` can be made to fail as they do in an outage. */
export function withOutage<T extends object>(
  fake: T,
  methods: readonly (keyof T)[],
  toError: () => AppError,
): T & Outage {
  let down = false
  const guarded = Object.fromEntries(
    methods.map((name) => {
      const method = fake[name] as (...args: unknown[]) => Promise<unknown>
      return [name, async (...args: unknown[]) => (down ? Promise.reject(toError()) : method(...args))]
    }),
  )
  const setDown = (value: boolean) => {
    down = value
  }
  return { ...fake, ...guarded, setDown }
}
