// What stands between a FHIR search as clients write it and Medplum's search in memory.
'use strict';

const { core } = require('./medplum.cjs');

// Parameters that steer a search and do not filter.
const CONTROLS = new Set([
  '_count', '_elements', '_format', '_offset', '_pretty', '_sort', '_summary', '_total',
]);
// Medplum finds nothing, silently, for the other types.
const MATCHED_TYPES = new Set(['date', 'reference', 'string', 'token', 'uri']);
const MATCHED_MODIFIERS = new Set(['', 'missing', 'not']);

/**
 * Makes a search fit for Medplum, or refuses it.
 *
 * @param {string} type Resource type.
 * @param {URLSearchParams} asked The parameters as they came.
 * @param {string} base URL of the server, which an absolute reference may start with.
 * @param {number} pageSize The most entries of a page.
 * @returns {URLSearchParams} The parameters, with `_count` and `_offset` set.
 */
function prepared(type, asked, base, pageSize) {
  const result = new URLSearchParams();
  for (const [key, value] of asked) {
    if (!CONTROLS.has(key)) {
      result.append(...typed(type, key, value.replaceAll(`${base}/`, '')));
    } else if (key !== '_count' && key !== '_offset') {
      result.append(key, value);
    }
  }
  for (const rule of asked.getAll('_sort').flatMap((value) => value.split(','))) {
    parameter(type, rule.replace(/^-/, ''));
  }
  const count = number('_count', asked.get('_count') ?? `${pageSize}`);
  result.set('_count', asked.get('_summary') === 'count' ? 0 : Math.min(count, pageSize));
  result.set('_offset', number('_offset', asked.get('_offset') ?? '0'));
  return result;
}

/** Gives a reference its type where Medplum wants one: `encounter=e1` fits any target. */
function typed(type, key, value) {
  const [code, modifier = ''] = key.split(':');
  const found = parameter(type, code);
  const targets = found.type === 'reference' ? found.target ?? [] : [];
  const isType = targets.includes(modifier);
  if (!isType && !MATCHED_MODIFIERS.has(modifier)) {
    refuse(`the search parameter ${key}: this modifier`);
  }
  if (found.type !== 'reference' || modifier === 'missing') {
    return [key, value];
  }
  const wanted = isType ? [modifier] : targets;
  const full = (id) => (id.includes('/') ? [id] : wanted.map((each) => `${each}/${id}`));
  return [isType ? code : key, value.split(',').flatMap(full).join(',')];
}

function parameter(type, code) {
  const known = core.globalSchema.types[type]?.searchParams ?? {};
  const found = known[code];
  if (!found) {
    refuse(`${type} has no search parameter ${code}: it`);
  } else if (!MATCHED_TYPES.has(found.type)) {
    refuse(`the search parameter ${code}: the type ${found.type}`);
  } else if (found.expression?.includes(' | ')) {
    // One expression for all types that share the parameter: narrowed to one it is ten times as fast.
    const expression = core.getExpressionForResourceType(type, found.expression);
    known[code] = { ...found, expression: expression ?? found.expression };
  }
  return found;
}

function refuse(what) {
  throw new core.OperationOutcomeError(core.badRequest(`${what} is not supported by this server`));
}

function number(name, text) {
  if (!/^\d{1,6}$/.test(text)) {
    throw new core.OperationOutcomeError(core.badRequest(`${name} must be a number from 0`));
  }
  return Number(text);
}

/**
 * Adds what MemoryRepository leaves out of its Bundle: links and full URLs.
 *
 * @param {object} bundle The searchset.
 * @param {string} base URL of the server.
 * @param {string} type Resource type.
 * @param {URLSearchParams} query What was searched with.
 */
function addLinks(bundle, base, type, query) {
  const [count, offset] = [Number(query.get('_count')), Number(query.get('_offset'))];
  const link = (relation, start) => {
    const page = new URLSearchParams(query);
    page.set('_offset', start);
    return { relation, url: `${base}/${type}?${page}` };
  };
  bundle.link = [link('self', offset)];
  if (count > 0 && offset + count < bundle.total) {
    bundle.link.push(link('next', offset + count));
  }
  for (const entry of bundle.entry ?? []) {
    entry.fullUrl ??= `${base}/${core.getReferenceString(entry.resource)}`;
  }
}

/** Names the parameters of a type that are matched, for the CapabilityStatement. */
function searchParameters(type) {
  return Object.values(core.globalSchema.types[type]?.searchParams ?? {})
    .filter((each) => MATCHED_TYPES.has(each.type))
    .map((each) => ({ name: each.code, type: each.type }));
}

module.exports = { addLinks, prepared, searchParameters };
