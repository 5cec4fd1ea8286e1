import { setTimeout as delay } from 'node:timers/promises'
import { connect } from './contract'
import { instrument } from './instrumentation'
import { startTelemetry } from './telemetry'

async function main(): Promise<void> {
  const { tracer, meter, report } = startTelemetry('worker')
  const { headers, processing } = instrument(tracer, meter)
  const events = connect({ headers })

  async function work(id: string, pages: number): Promise<void> {
    // Spans of one's own are below that of the processing.
    await tracer.startActiveSpan('print', async (span) => {
      await delay(20)
      span.end()
    })
    if (pages > 1_000) await events.fail('report', id, new RangeError('That is too much'))
    // Without pages nobody is told anything.
    else if (pages > 0) await events.emit('report', id, `/reports/${id}.pdf`)
  }

  await events.init()
  await events.listen('order', processing('order', work))
  console.log('ready')

  process.once('SIGTERM', () => {
    void events
      .close()
      .then(report)
      .then((all) => console.log(JSON.stringify(all)))
  })
}

void main()
