import type { Log } from '../../src/ports.ts'

/** Keeps what is logged, so that a test can ask for it. */
export function createTestLog(): Log & {
  readonly lines: readonly { level: string; sentence: string; fields: object }[]
} {
  const lines: { level: string; sentence: string; fields: object }[] = []
  const at = (level: string) => (fields: object, sentence: string) => void lines.push({ level, sentence, fields })
  return { lines, debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}
