import { fastifySwaggerUi } from '@fastify/swagger-ui'
import { describeQueues } from '../asyncapi.ts'
import type { App } from '../dependencies.ts'

/** Nothing from elsewhere, nothing inline, no `eval`; pictures that the page's own style sheet carries. */
const PAGE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

/** The API and the queues, described for machines and, at `/docs`, for people. */
export async function descriptionRoutes(app: App): Promise<void> {
  const open = { config: { public: true } }
  let openapi: string | undefined
  app.get('/openapi.json', open, async (_request, reply) => {
    openapi ??= JSON.stringify(app.swagger())
    return reply.type('application/json; charset=utf-8').send(openapi)
  })

  const asyncapi = JSON.stringify(describeQueues())
  app.get('/asyncapi.json', open, async (_request, reply) =>
    reply.type('application/json; charset=utf-8').send(asyncapi),
  )

  await app.register(async (page) => {
    page.addHook('onRoute', (route) => {
      route.config = { ...route.config, public: true }
    })
    await page.register(fastifySwaggerUi, {
      routePrefix: '/docs',
      staticCSP: PAGE_POLICY,
      theme: { title: 'Tonewire API' },
      uiConfig: {
        layout: 'BaseLayout',
        docExpansion: 'list',
        deepLinking: true,
        displayOperationId: true,
        syntaxHighlight: false,
      },
    })
  })
}
