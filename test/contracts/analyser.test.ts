import { createAnalysisPool } from '../../src/media/analysis-pool.ts'
import { createFakeAnalyser } from '../fakes/fake-analyser.ts'
import { describeAnalyser } from './analyser-suite.ts'

describeAnalyser('the analyser in memory', () => createFakeAnalyser())
describeAnalyser('the analyser on threads', () =>
  createAnalysisPool({ threads: 2, maxDurationS: 60, timeoutMs: 30_000 }),
)
