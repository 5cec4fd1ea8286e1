import { liesOfErrors } from './lies-of-errors'
import { liesOfHomes } from './lies-of-homes'
import { liesOfKeeping } from './lies-of-keeping'
import { liesOfOnce } from './lies-of-once'
import { liesOfLiving } from './lies-of-living'
import { liesOfOutages } from './lies-of-outages'
import { liesOfQuestions } from './lies-of-questions'
import { liesOfPublishing } from './lies-of-publishing'
import { liesOfSubscribing } from './lies-of-subscribing'

/** All lies, each group in a test file of its own: they wait more than they compute. */
export const lies = {
  subscribe: [...liesOfLiving, ...liesOfSubscribing, ...liesOfHomes],
  publish: [...liesOfPublishing, ...liesOfOutages, ...liesOfErrors],
  keep: [...liesOfKeeping, ...liesOfOnce, ...liesOfQuestions],
}
