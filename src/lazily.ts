/** Things that are opened when they are first needed, and closed together. */

/** Opens a value on first use, and closes it with all the others. */
export type Lazily = <T>(open: () => T, close?: (opened: T) => unknown) => () => T

/** Closing goes in reverse, over all that was opened; throws an AggregateError of what could not be closed. */
export function createLazily(): { lazily: Lazily; closeAll: () => Promise<void> } {
  const closers: (() => unknown)[] = []
  const lazily: Lazily = (open, close = () => {}) => {
    let opened: { value: ReturnType<typeof open> } | undefined
    return () => {
      if (opened === undefined) {
        const value = open()
        opened = { value }
        closers.push(() => close(value))
      }
      return opened.value
    }
  }
  const closeAll = async (): Promise<void> => {
    const failures: unknown[] = []
    for (const close of closers.splice(0).reverse()) {
      try {
        await close()
      } catch (error) {
        failures.push(error)
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, 'not everything could be closed')
  }
  return { lazily, closeAll }
}

type Getters<T> = { readonly [Name in keyof T]: T[Name] extends () => infer Value ? Value : never }

/** One record of opened things, each opened when its name is first read. */
export function withGetters<T extends Record<string, () => unknown>, U extends object>(
  openers: T,
  others: U,
): Getters<T> & U {
  const record = { ...others }
  for (const [name, get] of Object.entries(openers)) Object.defineProperty(record, name, { get, enumerable: true })
  return record as Getters<T> & U
}
