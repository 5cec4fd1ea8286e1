// A build server stalls for seconds at times, and a test in thousands that waits for a real server meets that. There a
// test that fails is tried once more, after those beside it; unsteady-reporter.js names it, since it is to be mended.
if (process.env.CI) jest.retryTimes(1, { logErrorsBeforeRetry: true })
