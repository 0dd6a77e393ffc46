/**
 * The flag as this process knows it: what it goes by is in memory, and nobody waits for a store to be told his route.
 *
 *   at the start          → read; while that has never worked, tried again every half second
 *   word over Redis       → read at once, one read at a time, and once more when word comes during one
 *   every 4 s in any case → read, so that a change is known within 5 s without Redis
 *   a read that fails     → what was known stays, said once per outage
 *   an older change       → ignored: an answer that was overtaken takes nothing back. Changes are told apart by their
 *                           times, which the store keeps rising: after a restored backup versions begin lower again,
 *                           and what an operator sets then counts
 */
import type { CutoverFlag } from '../domain/cutover.ts'
import type { CutoverNews, CutoverStore } from '../ports/cutover.ts'
import type { Log } from '../ports.ts'
import { within } from './within.ts'

export interface FlagCacheOptions {
  readonly store: Pick<CutoverStore, 'current'>
  readonly news: Pick<CutoverNews, 'listen'>
  readonly log: Pick<Log, 'info' | 'warn'>
  readonly pollMs?: number
  readonly firstPollMs?: number
}

export interface FlagCache {
  /** The newest flag that was read; undefined while none was, or none has been set. */
  known(): CutoverFlag | undefined
  /** Resolves after the first read that succeeds, or after so long. */
  loaded(withinMs: number): Promise<void>
  learn(flag: CutoverFlag): void
  close(): void
}

export function createFlagCache(options: FlagCacheOptions): FlagCache {
  const { store, news, log, pollMs = 4_000, firstPollMs = 500 } = options
  const loaded = Promise.withResolvers<void>()
  let known: CutoverFlag | undefined
  let hasLoaded = false
  let failing = false
  let closed = false
  let reading = false
  let readAgain = false
  let timer: NodeJS.Timeout | undefined

  function learn(flag: CutoverFlag): void {
    if (known === undefined || isNewer(flag, known)) known = flag
  }

  async function readOnce(): Promise<void> {
    try {
      const flag = await store.current()
      if (flag !== undefined) learn(flag)
      if (failing) log.info({ version: known?.version ?? 0 }, 'cutover flag read again')
      failing = false
      hasLoaded = true
      loaded.resolve()
    } catch (error) {
      if (!failing && !closed) log.warn({ version: known?.version ?? 0, err: error }, 'cutover flag not read')
      failing = true
    }
  }

  /** One read at a time; whoever asks during one gets another after it, which sees what he was told of. */
  async function read(): Promise<void> {
    readAgain = true
    if (reading || closed) return
    reading = true
    clearTimeout(timer)
    while (readAgain && !closed) {
      readAgain = false
      await readOnce()
    }
    reading = false
    if (!closed) timer = setTimeout(read, hasLoaded ? pollMs : firstPollMs).unref()
  }

  const unlisten = news.listen((version) => {
    if (version === undefined || version !== known?.version) void read()
  })
  void read()
  return {
    known: () => known,
    learn,
    loaded: (withinMs) => within(loaded.promise, withinMs),
    close() {
      closed = true
      unlisten()
      clearTimeout(timer)
    },
  }
}

/** Two changes may be of one moment; then the version says which came later. */
function isNewer(flag: CutoverFlag, than: CutoverFlag): boolean {
  const laterMs = +flag.changedAt - +than.changedAt
  return laterMs > 0 || (laterMs === 0 && flag.version > than.version)
}
