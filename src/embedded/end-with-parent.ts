import { spawn } from 'node:child_process'

/**
 * Sees to it that another process ends when this one does, however this one ends: a small shell waits for the end of
 * its input, which comes with the end of this process, SIGKILL included, and then sends SIGTERM, or `signal`.
 * The other process should be started `detached`, so that a terminal's Ctrl-C ends it only by our own stop.
 *
 * @param cleanUp a folder that is removed after the other process has ended
 * @returns calls it off; to be called when the other process has ended by itself
 */
export function endWithParent(pid: number, { signal = 'TERM', cleanUp = '' } = {}): () => void {
  const script = `
    read -r word && [ "$word" = released ] && exit
    kill -${signal} "$1" 2>/dev/null
    [ -z "$2" ] && exit
    tries=0
    while kill -0 "$1" 2>/dev/null && [ $tries -lt 100 ]; do sleep 0.1; tries=$((tries + 1)); done
    rm -rf "$2"`
  const guard = spawn('sh', ['-c', script, 'sh', String(pid), cleanUp], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  // Without a shell there is no guard, and an orderly stop still ends the process.
  guard.on('error', () => {})
  guard.stdin.on('error', () => {})
  guard.unref()
  return () => {
    guard.stdin.end('released\n')
  }
}
