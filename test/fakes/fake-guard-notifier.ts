import type { GuardNotifier } from '../../src/ports/cutover.ts'

export interface FakeGuardNotifier extends GuardNotifier {
  /** Each notification that was taken, in its order. */
  readonly taken: { readonly version: number; readonly action: string; readonly [field: string]: unknown }[]
  /** While down nothing is taken. */
  setDown(down: boolean): void
}

export function createFakeGuardNotifier(): FakeGuardNotifier {
  const taken: FakeGuardNotifier['taken'] = []
  let down = false
  return {
    isConfigured: true,
    taken,
    notify: async (body, signal) => {
      signal?.throwIfAborted()
      if (down) return 'The request failed (ECONNREFUSED).'
      taken.push(JSON.parse(body))
      return undefined
    },
    setDown: (value) => {
      down = value
    },
  }
}
