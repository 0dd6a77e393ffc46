/** Figures as they come: one JSON line each on stdout for machines, one line each on stderr for people. */

export interface Figure {
  readonly name: string
  readonly value: number
  readonly unit: string
  readonly target: number
  /** What the target is: the most or the least that is right. */
  readonly bound: 'most' | 'least'
}

export interface Figures {
  /** Writes a figure down; anything in `more` goes into its line too. */
  add(figure: Figure, more?: Readonly<Record<string, unknown>>): void
  /** Tells people what is going on. */
  say(sentence: string): void
  /** Figures so far that missed their target. */
  readonly missed: number
}

export function createFigures(bench: string): Figures {
  let missed = 0
  return {
    add({ name, value, unit, target, bound }, more = {}) {
      const ok = bound === 'most' ? value <= target : value >= target
      if (!ok) missed++
      console.log(JSON.stringify({ name: `${bench}/${name}`, value: rounded(value), unit, target, bound, ok, ...more }))
      const sign = bound === 'most' ? '≤' : '≥'
      console.error(`${ok ? '✔' : '✖'} ${name}: ${rounded(value)} ${unit} (${sign} ${rounded(target)})`)
    },
    say: (sentence) => console.error(sentence),
    get missed() {
      return missed
    },
  }
}

/** To four digits that count: more is noise. */
function rounded(value: number): number {
  return Number(value.toPrecision(4))
}
