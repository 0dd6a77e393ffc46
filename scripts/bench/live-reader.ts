/**
 * Readers of event streams, thousands in one process: a socket each, no more parsing than it takes to see what came,
 * when, and whether anything is missing. They come back as browsers do: after the time they were told, with their cursor.
 */
import { connect, type Socket } from 'node:net'

export interface Tally {
  /** Of the events that carry their time of sending, in ms. */
  readonly latenciesMs: number[]
  received: number
  /** Positions of the log that were passed over, came again, or came too late. */
  lost: number
  doubled: number
  disordered: number
  gaps: number
}

export interface Reader {
  /** The last position that came; 0 before the first. */
  seq(): number
  readonly connections: number
  /** Breaks its connection, and comes back at once. */
  leave(): void
  /** Resolves when the first place in the log is known. */
  readonly placed: Promise<void>
  close(): Promise<void>
}

export interface ReaderOptions {
  /** Where it may connect; after a connection that ended the next is tried. */
  readonly urls: readonly URL[]
  readonly path: string
  readonly key: string
  readonly tally: Tally
  readonly onEvent?: (event: string, data: string, id: string) => void
}

export function createTally(): Tally {
  return { latenciesMs: [], received: 0, lost: 0, doubled: 0, disordered: 0, gaps: 0 }
}

/** The message of an event that tells when it was sent. */
export function stampOf(nowMs: number): string {
  return `sent at ${nowMs.toFixed(3)}`
}

const STAMP = /"message":"sent at ([\d.]+)"/
const FIRST_RETRY_MS = 1000

interface Frame {
  event: string
  data: string
  id: string
}

export function openReader({ urls, path, key, tally, onEvent }: ReaderOptions): Reader {
  const placed = Promise.withResolvers<void>()
  const closed = Promise.withResolvers<void>()
  const place = createPlace(tally)
  let retryMs = FIRST_RETRY_MS
  let socket: Socket | undefined
  let connections = 0
  let isClosed = false
  let hurries = false
  let comesBack: NodeJS.Timeout | undefined

  function onFrame({ event, data, id }: Frame): void {
    if (id !== '' && place.pass(id, event !== '' && event !== 'snapshot')) placed.resolve()
    if (event === '') return
    if (event === 'gap') tally.gaps += 1
    tally.received += 1
    const sentMs = STAMP.exec(data)?.[1]
    if (sentMs !== undefined) tally.latenciesMs.push(performance.now() - Number(sentMs))
    onEvent?.(event, data, id)
  }

  function open(): void {
    const url = urls[connections % urls.length] as URL
    connections += 1
    const own = connect(Number(url.port), url.hostname)
    socket = own
    own.write(headOf(url, path, key, place.lastId()))
    const take = createParser(onFrame, (ms) => {
      retryMs = ms
    })
    own.setEncoding('latin1').on('data', (chunk: string) => {
      if (take(chunk)) own.destroy()
    })
    own.on('error', () => {})
    own.once('close', () => {
      if (isClosed) closed.resolve()
      else comesBack = setTimeout(open, hurries ? 0 : retryMs)
      hurries = false
    })
  }

  open()
  return {
    seq: place.seq,
    get connections() {
      return connections
    },
    placed: placed.promise,
    leave() {
      hurries = socket?.destroyed === false
      socket?.destroy()
    },
    close() {
      isClosed = true
      clearTimeout(comesBack)
      if (socket === undefined || socket.destroyed) closed.resolve()
      socket?.destroy()
      return closed.promise
    },
  }
}

function headOf({ host }: URL, path: string, key: string, lastId: string): string {
  const cursor = lastId === '' ? '' : `last-event-id: ${lastId}\r\n`
  return `GET ${path} HTTP/1.1\r\nhost: ${host}\r\nauthorization: Bearer ${key}\r\n${cursor}\r\n`
}

/** Reads what comes piece by piece; true at the last chunk of an answer, for a stream that ends keeps its connection. */
function createParser(onFrame: (frame: Frame) => void, onRetry: (ms: number) => void): (chunk: string) => boolean {
  let rest = ''
  let frame: Frame = { event: '', data: '', id: '' }
  const take = (line: string): void => {
    if (line.startsWith('id: ')) frame.id = line.slice(4)
    else if (line.startsWith('data: ')) frame.data = line.slice(6)
    else if (line.startsWith('event: ')) frame.event = line.slice(7)
    else if (line.startsWith('retry: ')) onRetry(Number(line.slice(7)))
    else if (line === '') {
      onFrame(frame)
      frame = { event: '', data: '', id: '' }
    }
  }
  return (chunk) => {
    const lines = (rest + chunk).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) take(line)
    return rest === '' && lines.at(-1) === '\r' && lines.at(-2) === '0\r'
  }
}

/** Where a reader is in the log, which has no holes: so it sees what is missing, and what comes again. */
function createPlace(tally: Tally) {
  let [epoch, seq, lastId] = ['', 0, '']
  return {
    seq: () => seq,
    lastId: () => lastId,
    /** Always true: there is a place now. */
    pass(id: string, isEvent: boolean): boolean {
      const [place = '', position = '0'] = id.split('.')
      const next = Number(position)
      if (place === epoch) {
        if (isEvent && next === seq) tally.doubled += 1
        if (next < seq) tally.disordered += 1
        // A heartbeat that is ahead tells of events that never came.
        const step = isEvent ? 1 : 0
        if (next > seq + step) tally.lost += next - seq - step
      }
      ;[epoch, seq, lastId] = [place, Math.max(next, place === epoch ? seq : 0), id]
      return true
    },
  }
}
