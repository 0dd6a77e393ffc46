/** Objects in one bucket: recordings, reference material, large results. */
import type { Readable } from 'node:stream'

/** What is known of a body's length before it is read: all of it, or no more than that it has at most so many bytes. */
export interface ObjectSize {
  readonly bytes: number
  readonly exact: boolean
}

export interface PutOptions {
  readonly contentType: string
  readonly signal: AbortSignal
  /**
   * Exact: the body is streamed and nothing is held. A bound (what is left of a form's body, say, in which little comes
   * after the file): held up to 8 MiB, above that only its last part is. Unknown: parts of 5 MiB, one at a time.
   */
  readonly size?: ObjectSize | undefined
}

export interface StoredObject {
  readonly key: string
  readonly sizeBytes: number
  readonly modifiedAt: Date
}

export interface DownloadOptions {
  /** At most a week. */
  readonly expiresInS: number
  /** The name a browser saves it under; any text is safe. */
  readonly filename: string | null
  /** Default: the object's own. */
  readonly contentType?: string
}

/** Throws `storage-unavailable` when the store cannot be reached. */
export interface ObjectStore {
  /**
   * Streams an object in, never holding it whole. Fails with the body's own error when the body fails, when the signal
   * aborts, and with `upload-malformed` when the body does not keep to `size`; nothing is left behind then: no object,
   * no parts. The body is ended: a stream is destroyed, anything else told to return. A key is for one `put` only.
   */
  put(key: string, body: AsyncIterable<Buffer>, options: PutOptions): Promise<void>
  /** Writes a small object whole, replacing what was there. */
  putBytes(key: string, bytes: Uint8Array, contentType: string): Promise<void>
  /** Streams an object out; throws `object-not-found`. */
  get(key: string, signal?: AbortSignal): Promise<Readable>
  /** Undefined when there is no such object. */
  head(key: string): Promise<{ readonly sizeBytes: number } | undefined>
  /** Objects whose keys begin with `prefix`, in the order of their keys (UTF-8), those after `after`. */
  list(prefix: string, page: { readonly after?: string; readonly limit: number }): Promise<readonly StoredObject[]>
  /** A URL for a browser that reads the object for a while, without asking whether there is one. */
  presignGet(key: string, options: DownloadOptions): Promise<string>
  /** Also succeeds when there is no such object. */
  delete(key: string): Promise<void>
  /** Drops the parts of uploads begun before; how many. 0 where the endpoint cannot list them. */
  abortStaleUploads(olderThan: Date): Promise<number>
  /** `s3://bucket/key` of a key. */
  urlOf(key: string): string
  /** The key of an `s3://` URL of this bucket; undefined for any other. */
  keyOf(url: string): string | undefined
  /** Resolves when the bucket can be reached. */
  check(): Promise<void>
}
