import { describe, test } from 'node:test'
import { transportConformance } from '@server-events/conformance'
import { createHub } from './hub.mjs'

describe('sync', () => transportConformance({ test, createHub }))
describe('async', () => transportConformance({ test, createHub: async () => createHub() }))
