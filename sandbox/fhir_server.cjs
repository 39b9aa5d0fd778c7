// A FHIR R4 server in memory on loopback: Medplum's engine behind express.
//
// node fhir_server.cjs [--port N] [--token TEXT] [--page-size N] [--quiet] [BUNDLE.json ...]
//
// The files are transaction Bundles, loaded in the order given. Without --token the variable
// FHIR_TOKEN counts; without both, no token is asked for. Port 0 takes a free port. The base URL
// is the last word of what is written to standard output, once the server can be used.
// Requests are logged on standard error without ids, queries or bodies.
'use strict';

const { createHash, timingSafeEqual } = require('node:crypto');
const { readFileSync } = require('node:fs');
const { basename } = require('node:path');
const { parseArgs } = require('node:util');
const express = require('express');
const { core, router } = require('./medplum.cjs');
const { Repository } = require('./repository.cjs');
const { addLinks, prepared, searchParameters } = require('./search.cjs');

const FHIR_JSON = 'application/fhir+json';
const JSON_TYPES = ['application/json', FHIR_JSON, 'application/json-patch+json'];
const LARGEST_BODY = '50mb';

class StartError extends Error {}

function options() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      port: { type: 'string', default: '0' },
      token: { type: 'string', default: process.env.FHIR_TOKEN ?? '' },
      'page-size': { type: 'string', default: '50' },
      quiet: { type: 'boolean', default: false },
    },
  });
  const whole = (name, most) => {
    const value = Number(values[name]);
    if (!/^\d+$/.test(values[name]) || value > most) {
      throw new StartError(`--${name}: give a whole number up to ${most}`);
    }
    return value;
  };
  const pageSize = whole('page-size', 10_000);
  if (pageSize === 0) {
    throw new StartError('--page-size: give at least 1');
  }
  const { token, quiet } = values;
  return { port: whole('port', 65_535), token, pageSize, quiet, files: positionals };
}

/** Passes one request on to Medplum. */
async function handle(engine, repository, request) {
  const common = { pathname: '', params: {}, query: {}, config: { transactions: true } };
  const [outcome, resource] = await engine.handleRequest({ ...common, ...request }, repository);
  if (!core.isOk(outcome)) {
    throw new core.OperationOutcomeError(outcome);
  }
  return { status: core.getStatus(outcome), resource: resource ?? outcome };
}

async function load(engine, repository, file) {
  try {
    const bundle = JSON.parse(readFileSync(file, 'utf8'));
    if (bundle.type !== 'transaction') {
      throw new StartError('it is not a transaction Bundle');
    }
    await repository.resolveReferences(bundle);
    await handle(engine, repository, { method: 'POST', url: '/', body: bundle });
  } catch (error) {
    const name = basename(file);
    throw new StartError(`${name}: cannot be loaded: ${core.normalizeErrorString(error)}`);
  }
}

/** Lets in who brings the token; compared in constant time. */
function authentication(token) {
  const digest = (text) => createHash('sha256').update(text).digest();
  const expected = digest(`Bearer ${token}`);
  return (request, response, next) => {
    const sent = digest(request.headers.authorization ?? '');
    if (token === '' || timingSafeEqual(sent, expected)) {
      next();
      return;
    }
    response.set('WWW-Authenticate', 'Bearer');
    next(new core.OperationOutcomeError(core.unauthorized));
  };
}

/** Pages of any origin may call; this machine's names only, so that no other can pose as it. */
function crossOrigin(request, response, next) {
  response.set({
    'Access-Control-Allow-Origin': '*',
    'Access-Control-Allow-Headers': 'authorization, content-type, accept, prefer, if-none-exist',
    'Access-Control-Allow-Methods': 'GET, POST, PUT, PATCH, DELETE, OPTIONS',
  });
  if (!/^(127\.0\.0\.1|localhost)(:\d+)?$/.test(request.headers.host ?? '')) {
    next(new core.OperationOutcomeError(core.badRequest('This server is called localhost')));
  } else if (request.method === 'OPTIONS') {
    response.status(204).end();
  } else {
    next();
  }
}

/** Logs the kind of a request: no id, no query, no body. */
function log(request, response, next) {
  const began = performance.now();
  const [, type = '', last = ''] = new URL(request.url, 'http://localhost').pathname.split('/');
  const kind = /^[A-Z][A-Za-z]+$/.test(type) ? type : '';
  const target = last === '_search' ? `${kind}/_search` : kind + (last && '/…');
  response.on('finish', () => {
    const took = (performance.now() - began).toFixed(0);
    console.error(`FHIR ${request.method} /${target} ${response.statusCode} ${took} ms`);
  });
  next();
}

function capabilities(repository) {
  const interaction = ['read', 'vread', 'history-instance', 'search-type', 'create', 'update',
    'patch', 'delete'].map((code) => ({ code }));
  return {
    resourceType: 'CapabilityStatement',
    status: 'active',
    date: '2026-01-01',
    kind: 'instance',
    implementation: { description: 'FHIR server of the sandbox: synthetic patients, in memory' },
    fhirVersion: '4.0.1',
    format: ['json'],
    rest: [{
      mode: 'server',
      resource: Object.keys(repository.counts()).map((type) => (
        { type, interaction, searchParam: searchParameters(type) })),
      interaction: [{ code: 'transaction' }, { code: 'batch' }],
    }],
  };
}

/** The parameters of a search: of the URL and, for a POST, of the body. */
function searchQuery(url, request) {
  const query = new URLSearchParams(url.searchParams);
  for (const [key, value] of Object.entries(request.method === 'POST' ? request.body ?? {} : {})) {
    [value].flat().forEach((each) => query.append(key, each));
  }
  return query;
}

function answering(engine, repository, pageSize) {
  return async (request, response) => {
    const url = new URL(request.url, 'http://localhost');
    const { method, headers, body } = request;
    const [, type] = /^\/([A-Z][A-Za-z]+)(?:\/_search)?$/.exec(url.pathname) ?? [];
    const isByPost = url.pathname.endsWith('/_search');
    let answer;
    if (type && (method === 'GET' ? !isByPost : method === 'POST' && isByPost)) {
      const base = `http://${headers.host}${request.baseUrl}`;
      const query = prepared(type, searchQuery(url, request), base, pageSize);
      answer = await handle(engine, repository, { method: 'GET', url: `/${type}?${query}` });
      addLinks(answer.resource, base, type, query);
    } else {
      if (['POST', 'PUT', 'PATCH'].includes(method)) {
        requireBody(body);
        await repository.resolveReferences(body);
      }
      const path = url.pathname + url.search;
      answer = await handle(engine, repository, { method, url: path, headers, body });
    }
    response.status(answer.status).type(FHIR_JSON).json(answer.resource);
  };
}

function requireBody(body) {
  if (body === undefined || body === null || typeof body !== 'object') {
    throw new core.OperationOutcomeError(core.badRequest(`Send a body of type ${FHIR_JSON}`));
  }
}

/** Turns whatever went wrong into an OperationOutcome; express knows it by its four arguments. */
function failed(error, request, response, next) {
  const status = error.outcome ? core.getStatus(error.outcome) : error.status ?? 500;
  const code = status < 500 ? 'invalid' : 'exception';
  const said = { severity: 'error', code, details: { text: `${error.type ?? error.name}` } };
  const outcome = error.outcome ?? { resourceType: 'OperationOutcome', issue: [said] };
  response.status(status).type(FHIR_JSON).json(outcome);
}

function application(engine, repository, { token, pageSize, quiet }) {
  const app = express();
  app.disable('x-powered-by');
  app.set('query parser', 'simple');
  const fhir = express.Router();
  fhir.use(...(quiet ? [] : [log]), crossOrigin);
  fhir.get('/metadata', (request, response) => {
    response.type(FHIR_JSON).json(capabilities(repository));
  });
  fhir.use(authentication(token));
  fhir.use(express.json({ type: JSON_TYPES, limit: LARGEST_BODY }));
  fhir.use(express.urlencoded({ extended: false }));
  fhir.use(answering(engine, repository, pageSize));
  app.use('/fhir', fhir);
  app.use(failed);
  return app;
}

async function main() {
  const chosen = options();
  const [engine, repository] = [new router.FhirRouter(), new Repository()];
  for (const file of chosen.files) {
    await load(engine, repository, file);
  }
  const app = application(engine, repository, chosen);
  // Express hands a failure to listen to the callback as well.
  const server = app.listen(chosen.port, '127.0.0.1', (error) => {
    if (error) {
      stop(new StartError(`port ${chosen.port}: ${error.code}; --port 0 takes a free one`));
      return;
    }
    const total = Object.values(repository.counts()).reduce((sum, count) => sum + count, 0);
    console.log(`${chosen.files.length} Bundles, ${total} resources`);
    console.log(`FHIR server: http://127.0.0.1:${server.address().port}/fhir`);
  });
}

function stop(error) {
  const isOurs = error instanceof StartError || error.code?.startsWith('ERR_PARSE_ARGS');
  console.error(`fhir_server: ${isOurs ? error.message : error.stack}`);
  process.exit(1);
}

main().catch(stop);
