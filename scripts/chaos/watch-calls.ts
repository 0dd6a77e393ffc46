/** Stands between the services and the ports, and is told of every call without knowing any of them. */

export interface CallWatcher {
  /** Just before a call is made. */
  before(call: string): void
  /** Just after it settled, before its caller hears of it. `foundNothing`: it answered an empty list. */
  after(call: string, foundNothing: boolean): void
}

/** In this process, and without an effect that another could see. */
const INNER = new Set(['metrics', 'log', 'memory', 'answerMemory', 'sniff'])

/**
 * The same ports, each call of which is told to the watcher as `port.method`. What a queue's consumer hands to its
 * handler is told as `port.handler`: after it, and before the message is deleted, lies a place of its own.
 */
export function watchCalls<T extends object>(ports: T, watcher: CallWatcher): T {
  const watched = new Map<string, unknown>()
  return new Proxy(ports, {
    get(target, name: string) {
      const port: unknown = Reflect.get(target, name)
      if (INNER.has(name)) return port
      if (!watched.has(name)) watched.set(name, watchPort(name, port, watcher))
      return watched.get(name)
    },
  })
}

type Method = (...args: unknown[]) => unknown

function watchPort(name: string, port: unknown, watcher: CallWatcher): unknown {
  if (typeof port === 'function') return watchMethod(name, port as Method, watcher)
  if (typeof port !== 'object' || port === null) return port
  const watched = Object.entries(port).map(([method, value]: [string, unknown]) => {
    if (typeof value !== 'function') return [method, value]
    if (method === 'consume') return [method, watchConsumer(name, value as Method, watcher)]
    return [method, watchMethod(`${name}.${method}`, value as Method, watcher)]
  })
  return Object.fromEntries(watched)
}

function watchConsumer(name: string, consume: Method, watcher: CallWatcher): Method {
  return (handler, ...rest) => consume(watchMethod(`${name}.handler`, handler as Method, watcher), ...rest)
}

function watchMethod(call: string, method: Method, watcher: CallWatcher): Method {
  return (...args) => {
    watcher.before(call)
    const answer = method(...args)
    if (!(answer instanceof Promise)) {
      watcher.after(call, isEmptyList(answer))
      return answer
    }
    // First in line: whoever made the call is told after this.
    return answer.then(
      (value: unknown) => {
        watcher.after(call, isEmptyList(value))
        return value
      },
      (error: unknown) => {
        watcher.after(call, false)
        throw error
      },
    )
  }
}

function isEmptyList(answer: unknown): boolean {
  return Array.isArray(answer) && answer.length === 0
}
