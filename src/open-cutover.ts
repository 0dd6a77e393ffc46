/** What moves traffic between the routes, as ports, each opened on first use. */
import { createGuardNotifier } from './callbacks/guard-notifier.ts'
import type { Config } from './config.ts'
import { cutoverSettingsOf } from './cutover-settings.ts'
import { createFlagCache } from './flags/flag-cache.ts'
import { createRouter } from './flags/router.ts'
import type { Lazily } from './lazily.ts'
import type { Places } from './places.ts'
import type { Log } from './ports.ts'
import { createCutoverNews } from './queues/cutover-news.ts'
import { createConnectRedis } from './queues/redis.ts'
import { createCutoverStore } from './storage/cutover-store.ts'
import { type Database, openDatabase } from './storage/database.ts'
import { keepAnswers } from './storage/kept-comparison.ts'
import { createMemoryBudget } from './storage/memory-budget.ts'
import { createRouteComparison } from './storage/route-comparison.ts'

/** One for figures, one for what a step is judged by (kept-comparison.ts), one for short questions. */
const COMPARISON_POOL = 3
const ANSWER_MEMORY_BYTES = 32 * 1024 * 1024
/** Less than an answer may take in all: a slow one gives way to one that waits. */
const ANSWER_HOLD_MS = 2000

export function openCutover(config: Config, places: Places, log: Log, lazily: Lazily, database: () => Database) {
  const connect = createConnectRedis(places.redisUrl, log)
  const cutover = lazily(() => createCutoverStore(database()))
  const cutoverNews = lazily(
    () => createCutoverNews({ connect, prefix: 'tonewire', log }),
    (opened) => opened.close(),
  )
  const router = lazily(
    () => {
      const flag = createFlagCache({ store: cutover(), news: cutoverNews(), log })
      return createRouter({ flag, settings: cutoverSettingsOf(config), log })
    },
    (opened) => opened.close(),
  )
  const source = places.database
  // The embedded database is one connection.
  const compared =
    'url' in source
      ? lazily(
          () => openDatabase({ ...source, poolSize: COMPARISON_POOL, log }),
          (db) => db.destroy(),
        )
      : database
  const comparison = lazily(() => keepAnswers(createRouteComparison(compared())))
  const guardNotifier = lazily(
    () => createGuardNotifier(config.guardWebhookUrl),
    (opened) => opened.close(),
  )
  const answerMemory = lazily(() => createMemoryBudget(ANSWER_MEMORY_BYTES, { holdMs: ANSWER_HOLD_MS }))
  return { answerMemory, cutover, cutoverNews, router, comparison, guardNotifier }
}
