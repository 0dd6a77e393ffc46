/**
 * The cursor of an event stream: the log's epoch, a position in it and the mark of its entry, and for a job's last event
 * which job and attempt it ends. Clients treat it as opaque; SSE carries it as `id`.
 */
export interface LogPosition {
  /** Random, new whenever a log starts afresh. */
  readonly epoch: string
  /** Position in the log, from 1; 0 is before the first entry. */
  readonly seq: number
  /**
   * Random digits, of the entry there: a Redis that lost its last writes gives their positions out again, to other
   * entries. Without it, whichever entry has the position will do.
   */
  readonly mark?: string
}

export interface Cursor extends LogPosition {
  /** Set on the terminal event of a job's attempt. */
  readonly end?: { readonly jobId: string; readonly attempt: number }
}

const CURSOR = /^([A-Za-z0-9]{1,32})\.(\d{1,15})(?:\.(\d{1,10}))?(?:\.(\d{1,9})\.([0-9a-f-]{36}))?$/

export function formatCursor({ epoch, seq, mark, end }: Cursor): string {
  const place = mark === undefined ? `${epoch}.${seq}` : `${epoch}.${seq}.${mark}`
  return end === undefined ? place : `${place}.${end.attempt}.${end.jobId}`
}

/** Reads a cursor; undefined for anything that is none, so that a stray value means starting without one. */
export function parseCursor(text: string | undefined): Cursor | undefined {
  const match = CURSOR.exec(text ?? '')
  if (match === null) return undefined
  const [, epoch = '', seq, mark, attempt, jobId] = match
  const position = { epoch, seq: Number(seq), ...(mark === undefined ? {} : { mark }) }
  return jobId === undefined ? position : { ...position, end: { jobId, attempt: Number(attempt) } }
}
