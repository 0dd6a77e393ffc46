/** A line per job with a progress bar: redrawn in place in a terminal, else printed when its status changes. */
export interface Step {
  readonly status: string
  readonly progress: number
  readonly message: string
}

export interface Output {
  readonly isTTY?: boolean
  /** Of the terminal; a longer line would wrap, and spoil the redrawing. */
  readonly columns?: number
  write(text: string): unknown
}

export interface Board {
  show(row: number, step: Step): void
  close(): void
}

const BAR_WIDTH = 24
const CLEAR_LINE = '\u001b[2K'

export function createBoard(names: readonly string[], output: Output): Board {
  const width = Math.max(...names.map((name) => name.length))
  const lines = names.map((name) => formatLine(name.padEnd(width), { status: 'uploading', progress: 0, message: '' }))
  const statuses = names.map(() => '')
  const draw = (): string => lines.map((line) => `${CLEAR_LINE}${line.slice(0, (output.columns || 80) - 1)}\n`).join('')
  if (output.isTTY) output.write(draw())
  return {
    show: (row, step) => {
      const name = names[row]
      if (name === undefined) return
      lines[row] = formatLine(name.padEnd(width), step)
      if (output.isTTY) output.write(`\u001b[${lines.length}A${draw()}`)
      else if (statuses[row] !== step.status) output.write(`${lines[row]}\n`)
      statuses[row] = step.status
    },
    close: () => output.write('\n'),
  }
}

/** `hello.wav  ████████░░░░  60 %  forwarded  Waiting for an analyser` */
export function formatLine(name: string, { status, progress, message }: Step): string {
  const filled = Math.round((BAR_WIDTH * progress) / 100)
  const bar = '█'.repeat(filled) + '░'.repeat(BAR_WIDTH - filled)
  return `${name}  ${bar} ${String(progress).padStart(3)} %  ${status.padEnd(9)}  ${message}`.trimEnd()
}
