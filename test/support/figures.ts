import { setTimeout as delay } from 'node:timers/promises'

const POLL_MS = 50

/** The figures of a process, as whoever scrapes them reads them. */
export interface Figures {
  /** The value of one series, such as `tonewire_dependency_up{dependency="redis"}`; undefined when there is none. */
  value(series: string): number | undefined
}

export async function scrape(url: string): Promise<Figures> {
  const response = await fetch(`${url}/metrics`)
  const lines = (await response.text()).split('\n')
  return {
    value(series) {
      const line = lines.find((one) => one.startsWith(`${series} `))
      return line === undefined ? undefined : Number(line.slice(series.length + 1))
    },
  }
}

/** Resolves once a series has this value. */
export async function untilValue(url: string, series: string, wanted: number): Promise<void> {
  while ((await scrape(url)).value(series) !== wanted) await delay(POLL_MS)
}
