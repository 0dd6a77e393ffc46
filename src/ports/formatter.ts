/** Results in other forms than JSON. */
import type { DerivedFormat } from '../domain/result-formats.ts'

/** A result's JSON: at hand, or bytes that are read once there is room for them, and are the formatter's from then on. */
export type FormatSource = { readonly json: string } | { readonly read: () => Promise<Uint8Array> }

/**
 * Formats without holding up the process, whatever the result's size. Throws `result-format-unavailable` with a sentence
 * that names what the result lacks, `result-too-large` when it cannot be held, `formatter-busy` when too many wait
 * already, and what `read` throws.
 */
export interface Formatter {
  /** The text in UTF-8. */
  format(source: FormatSource, format: DerivedFormat): Promise<Uint8Array>
}
