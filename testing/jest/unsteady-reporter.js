// Names the tests that passed only when they were tried again (second-try.js): `.ci/run` repeats the line at its end.
module.exports = class UnsteadyReporter {
  onRunComplete(_, { testResults }) {
    for (const { testFilePath, testResults: tests } of testResults) {
      for (const { status, invocations, fullName } of tests) {
        if (status === 'passed' && invocations > 1) console.error(`Unsteady: ${fullName} (${testFilePath})`)
      }
    }
  }
}
