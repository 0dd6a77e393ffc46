/** A process of its own for the embedded S3, so that what it costs is not counted to whom it serves. */
import { startAwsEmulator } from '../../src/embedded/aws-emulator.ts'

const { endpoint, stop } = await startAwsEmulator()
process.once('SIGTERM', () => void stop().then(() => process.exit(0)))
console.log(JSON.stringify({ url: endpoint }))
