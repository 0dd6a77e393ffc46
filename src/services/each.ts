const AT_ONCE = 16

/** Works on a few at a time; the first failure is thrown once those under way have ended. */
export async function each<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  for (let i = 0; i < items.length; i += AT_ONCE) {
    const works = items.slice(i, i + AT_ONCE).map(work)
    await Promise.allSettled(works)
    await Promise.all(works)
  }
}
