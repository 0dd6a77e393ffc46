/** Times and spans for people. */

/** `2026-11-21 10:00:00.000Z`. */
export function formatTime(time: Date): string {
  return time.toISOString().replace('T', ' ')
}

const UNITS = [
  ['d', 86_400],
  ['h', 3600],
  ['min', 60],
  ['s', 1],
] as const

/** The two largest units of a span: `2 min 5 s`. */
export function formatSpan(ms: number): string {
  let rest = Math.max(0, Math.round(ms / 1000))
  const parts = UNITS.flatMap(([unit, seconds]) => {
    const count = Math.floor(rest / seconds)
    rest -= count * seconds
    return count === 0 ? [] : [`${count} ${unit}`]
  })
  return parts.slice(0, 2).join(' ') || '0 s'
}
