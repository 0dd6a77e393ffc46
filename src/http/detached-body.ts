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
  let wanted = false
  const pull = (): void => {
    const chunk: Buffer | null = source.read()
    wanted = chunk === null
    if (chunk !== null) body.push(chunk)
  }
  const onReadable = (): void => {
    if (wanted) pull()
  }
  const body = new Readable({
    highWaterMark: 1,
    read: pull,
    destroy(error, done) {
      // A listener that stayed would keep whoever drains the rest from reading it.
      source.off('readable', onReadable)
      unwatch()
      done(error)
    },
  })
  source.on('readable', onReadable)
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
