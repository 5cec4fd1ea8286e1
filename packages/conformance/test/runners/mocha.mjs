import { describe, it } from 'mocha'
import { transportConformance } from '@server-events/conformance'
import { createHub } from './hub.mjs'

describe('sync', () => transportConformance({ test: it, createHub }))
describe('async', () => transportConformance({ test: it, createHub: async () => createHub() }))
