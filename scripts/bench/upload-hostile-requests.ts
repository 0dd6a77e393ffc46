/** What hostile requests are made of: bytes that nobody checked, and draws from the seed. */

import type { Random } from './random.ts'

export interface HostileRequest {
  readonly name: string
  readonly bytes: readonly Uint8Array[]
  /** The client says that it will send no more, and waits. */
  readonly half?: boolean
  /** All that was announced is sent: who answers that more should come has lost some of it. */
  readonly complete?: boolean
  /** How many answers are due, should the connection stay. Default 1. */
  readonly answers?: number
}

export interface HostileContext {
  readonly key: string
  readonly random: Random
}

/** A request of one kind. */
export type HostileKind = (context: HostileContext) => Omit<HostileRequest, 'name'>

export interface RawRequest {
  readonly method?: string
  readonly path?: string
  /** Of the first line. */
  readonly version?: string
  readonly key?: string
  /** Lines, without their ends. */
  readonly headers?: readonly string[]
  readonly body?: string | Uint8Array
  /** Default: that of the body. Null: no such header. */
  readonly length?: string | null
}

/** A request as it is on the wire: nothing of what is given is checked, escaped or mended. */
export function rawRequest(request: RawRequest): Buffer {
  const { method = 'POST', path = '/v1/jobs', version = 'HTTP/1.1', key, headers = [], body = '', length } = request
  const bytes = Buffer.from(body as string, 'latin1')
  const lines = [
    `${method} ${path} ${version}`,
    'host: bench',
    ...(key === undefined ? [] : [`authorization: Bearer ${key}`]),
    ...headers,
    ...(length === null ? [] : [`content-length: ${length ?? bytes.length}`]),
  ]
  return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), bytes])
}

/** One of them. */
export function pick<T>({ random }: HostileContext, values: readonly T[]): T {
  return values[Math.floor(random.next() * values.length)]!
}

/** A whole number from 0, less than `below`. */
export function draw({ random }: HostileContext, below: number): number {
  return Math.floor(random.next() * below)
}
