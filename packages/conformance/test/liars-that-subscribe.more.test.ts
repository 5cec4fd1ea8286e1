import { lies } from './lies'
import { failNoOthers } from './test-liars'

failNoOthers(lies.subscribe)
