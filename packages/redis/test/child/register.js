// Lets IOREDIS=6 reach a child process, as jest's module map reaches tests. It runs what is built: to compile the
// sources would take most of its time.
const Module = require('node:module')

const resolve = Module._resolveFilename
const ioredis = process.env.IOREDIS === '6' ? require.resolve('ioredis6') : 'ioredis'
Module._resolveFilename = (request, ...rest) => resolve.call(Module, request === 'ioredis' ? ioredis : request, ...rest)
