import { createFakePorts } from './fake-ports.ts'

/** Where the clock begins, in Unix milliseconds. */
export const START_MS = Date.UTC(2026, 10, 21)

/** Ports on a database clock that only the test moves. */
export function createClockedPorts() {
  let nowMs = START_MS
  const ports = createFakePorts({ now: () => nowMs })
  const passTime = (seconds: number): void => {
    nowMs += seconds * 1000
  }
  return { ports, passTime }
}
