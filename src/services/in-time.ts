/** What the work resolves with, or undefined when it takes longer; then it goes on, and nobody hears of its end. */
export async function inTime<T>(work: Promise<T>, ms: number): Promise<T | undefined> {
  const { promise: late, resolve } = Promise.withResolvers<undefined>()
  const timer = setTimeout(() => resolve(undefined), ms)
  work.catch(() => {})
  return Promise.race([work, late]).finally(() => clearTimeout(timer))
}
