import { after, before, describe, test } from 'node:test'
import { transportConformance } from '@server-events/conformance'
import hub from './hub.cjs'

describe('PostgreSQL', () => {
  before(async () => console.log(`version ${await hub.start(process.env.FOLDER)}`))
  after(() => hub.stop())
  transportConformance({ test, createHub: hub.createHub, timeout: 30_000 })
})
