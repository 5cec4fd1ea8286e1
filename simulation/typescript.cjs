// Lets Node run this folder's TypeScript as it lies here: `npm run simulate` needs no build, and no old one can be run.
const { readFileSync } = require('node:fs')
const { transpileModule } = require('typescript')

const compilerOptions = { module: 'commonjs', target: 'es2022', esModuleInterop: true, inlineSourceMap: true }

require.extensions['.ts'] = (module, fileName) => {
  const { outputText } = transpileModule(readFileSync(fileName, 'utf8'), { compilerOptions, fileName })
  module._compile(outputText, fileName)
}
