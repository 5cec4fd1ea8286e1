// Preloaded into child processes, so that IOREDIS=6 reaches them as jest's module map reaches tests.
'use strict'
const Module = require('node:module')

const resolve = Module._resolveFilename
Module._resolveFilename = function (request, ...rest) {
  return resolve.call(this, request === 'ioredis' ? 'ioredis6' : request, ...rest)
}
