import { runAnalysisServer } from '../src/server.ts'

await runAnalysisServer()
