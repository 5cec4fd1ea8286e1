// Preloaded into processes of the benchmark: what is measured is another build of our packages, in the folder that the
// environment names. What that build does not have yet comes from here.
'use strict'
const Module = require('node:module')
const { join } = require('node:path')

const folder = process.env.BENCH_BUILD
const other = new Module(join(folder, 'index.js'))
other.paths = Module._nodeModulePaths(folder)

const resolve = Module._resolveFilename
Module._resolveFilename = function (request, ...rest) {
  if (/^(server-events|@server-events\/redis)(\/|$)/.test(request))
    try {
      return resolve.call(this, request, other, false)
    } catch (error) {
      if (error.code !== 'MODULE_NOT_FOUND' && error.code !== 'ERR_PACKAGE_PATH_NOT_EXPORTED') throw error
    }
  return resolve.call(this, request, ...rest)
}
