import { runRole } from '../src/server.ts'

await runRole('analyse')
