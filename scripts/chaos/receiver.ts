/** Where the drill's callbacks arrive. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Told {
  readonly deliveryId: string
  readonly event: string
}

export interface Receiver {
  readonly url: string
  /** What was told of a job, repeats included. */
  told(jobId: string): readonly Told[]
  close(): Promise<void>
}

export async function startReceiver(): Promise<Receiver> {
  const told = new Map<string, Told[]>()
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const body = JSON.parse(Buffer.concat(chunks).toString()) as { job_id: string; event: string }
    const deliveryId = `${request.headers['x-tonewire-delivery']}`
    told.set(body.job_id, [...(told.get(body.job_id) ?? []), { deliveryId, event: body.event }])
    response.writeHead(204).end()
  }).listen(0, '127.0.0.1')
  // Who was killed in the middle of a request leaves half of it.
  server.on('clientError', (_error, socket) => socket.destroy())
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    told: (jobId) => told.get(jobId) ?? [],
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
