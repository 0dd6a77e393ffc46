import { finished, Readable } from 'node:stream'

export interface DetachedRules {
  /** What the body fails with when its source does. */
  readonly toError: (broken: Error) => Error
  /** Waited for when the source has ended, before the body ends; what it throws the body fails with. */
  readonly atEnd?: () => Promise<void>
}

/**
 * The bytes of a request's stream, as a stream that can be destroyed without harming its source, so that a refusal still
 * reaches the client. It holds one chunk at most: what nobody reads stays in the source, and then with its sender.
 */
export function detachBody(source: Readable, { toError, atEnd = async () => {} }: DetachedRules): Readable {
  const onData = (chunk: Buffer): void => {
    // Chunk by chunk as they came: a `read()` would copy what lies together into one.
    if (!body.push(chunk)) source.pause()
  }
  const body = new Readable({
    highWaterMark: 1,
    read: () => void source.resume(),
    destroy(error, done) {
      source.off('data', onData).pause()
      unwatch()
      done(error)
    },
  })
  source.pause()
  source.on('data', onData)
  // Told also of what is over already: a small request that is cut short has failed before anybody reads it.
  const unwatch = finished(source, { writable: false }, (broken) => {
    if (broken) return void body.destroy(toError(broken))
    atEnd().then(
      () => body.push(null),
      (error: Error) => body.destroy(error),
    )
  })
  return body
}
