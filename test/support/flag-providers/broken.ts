/** A flag system that cannot be opened. */
export function createProvider(): never {
  throw new Error('planted')
}
