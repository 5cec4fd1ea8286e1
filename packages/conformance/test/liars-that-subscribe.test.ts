import { lies } from './lies'
import { testLiars } from './test-liars'

testLiars(lies.subscribe)
