import type { Logger } from '@openfeature/server-sdk'
import type { Log } from '../ports.ts'

/** What OpenFeature and its providers say, in our log rather than on the console. */
export function toProviderLogger(log: Pick<Log, 'debug' | 'info' | 'warn' | 'error'>): Logger {
  const at =
    (level: 'debug' | 'info' | 'warn' | 'error') =>
    (...said: unknown[]) =>
      log[level](
        { said: said.map((part) => (part instanceof Error ? part.message : String(part))) },
        'flag provider said',
      )
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}
