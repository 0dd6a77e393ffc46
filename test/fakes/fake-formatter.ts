/** The port `Formatter` in this thread, one after the other. */
import { formatResult } from '../../src/analysis/format-result.ts'
import type { Formatter } from '../../src/ports/formatter.ts'

export function createFakeFormatter(): Formatter {
  return {
    async format(source, format) {
      const json = 'json' in source ? source.json : new TextDecoder().decode(await source.read())
      return new TextEncoder().encode(formatResult(json, format))
    },
  }
}
