/** A stored result in the form somebody asked for. It is made from the result alone: what it was compared with is in it. */
import { AppError } from '../domain/errors.ts'
import type { DerivedFormat } from '../domain/result-formats.ts'
import type { Ports, StoredResult } from '../ports.ts'
import { readObject } from './read-reference.ts'

/** More than the result of an hour with its reference; as JSON a larger one is streamed. */
const MAX_FORMATTED_BYTES = 32 * 1024 * 1024

/**
 * The text in UTF-8.
 *
 * @throws AppError `result-too-large`, `result-format-unavailable`, `formatter-busy`; `object-not-found` when it is no
 *   longer kept
 */
export function formatStoredResult(
  ports: Pick<Ports, 'objects' | 'formatter'>,
  stored: StoredResult,
  format: DerivedFormat,
): Promise<Uint8Array> {
  if ('json' in stored) return ports.formatter.format(stored, format)
  return ports.formatter.format({ read: () => readResult(ports, stored.objectKey) }, format)
}

async function readResult(ports: Pick<Ports, 'objects'>, objectKey: string): Promise<Uint8Array> {
  const { sizeBytes = 0 } = (await ports.objects.head(objectKey)) ?? {}
  if (sizeBytes <= MAX_FORMATTED_BYTES) return readObject(ports, objectKey)
  const detail = `The result has ${sizeBytes} bytes, and up to ${MAX_FORMATTED_BYTES} are formatted: take it as JSON.`
  throw new AppError('result-too-large', detail)
}
