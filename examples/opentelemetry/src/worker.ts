import { setTimeout as delay } from 'node:timers/promises'
import { instrument } from '@server-events/opentelemetry'
import { connect } from './contract'
import { startTelemetry } from './telemetry'

async function main(): Promise<void> {
  const { tracer, report } = startTelemetry('worker')
  instrument()
  const events = connect({})

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
  await events.listen('order', work)
  console.log('ready')

  process.once('SIGTERM', () => {
    void events
      .close()
      .then(report)
      .then((all) => console.log(JSON.stringify(all)))
  })
}

void main()
