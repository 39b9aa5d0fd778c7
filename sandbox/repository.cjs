// Medplum's repository in memory, and what it leaves to others: validation, roll-back, order.
'use strict';

const { core, router } = require('./medplum.cjs');

const CONDITIONAL = /^[A-Z][A-Za-z]+\?./;
const READ = /^[A-Z][A-Za-z]+\/[A-Za-z0-9.-]+$/;

/** Refuses what is not valid R4; a transaction that fails leaves no trace. */
class Repository extends router.MemoryRepository {
  // Updates and patches come through here as well. To a new resource the server gives its id.
  async createResource(resource, options, update) {
    core.validateResource(resource);
    const isOwnId = update || options?.assignedId;
    const stored = isOwnId ? resource : { ...resource, id: undefined };
    return super.createResource(stored, options, update);
  }

  async conditionalCreate(resource, search, options) {
    core.validateResource(resource);
    return super.conditionalCreate(resource, search, options);
  }

  async withTransaction(callback) {
    const before = [copied(this.resources), copied(this.history)];
    try {
      return await callback(this);
    } catch (error) {
      [this.resources, this.history] = before;
      throw error;
    }
  }

  // MemoryRepository sorts dates as text: periods before instants, offsets as they stand.
  async search({ sortRules = [], offset = 0, count, ...request }) {
    const bundle = await super.search(request);
    const found = bundle.entry ?? [];
    found.sort((a, b) => sortRules.map((rule) => order(a.resource, b.resource, rule))
      .find((sign) => sign !== 0) ?? 0);
    const page = found.slice(offset, count === undefined ? undefined : offset + count);
    return { ...bundle, entry: page.length > 0 ? page : undefined };
  }

  /** Writes the reference that is meant in place of full URLs of entries and `Type?search`. */
  async resolveReferences(node, own = ownNames(node)) {
    for (const [name, value] of Object.entries(node)) {
      if (name === 'reference' && own.has(value)) {
        node[name] = own.get(value);
      } else if (name === 'reference' && CONDITIONAL.test(value)) {
        node[name] = await this.theOnlyMatch(value);
      } else if (value !== null && typeof value === 'object') {
        await this.resolveReferences(value, own);
      }
    }
  }

  async theOnlyMatch(query) {
    const found = await this.searchResources(core.parseSearchRequest(query));
    if (found.length !== 1) {
      const type = query.slice(0, query.indexOf('?'));
      throw new core.OperationOutcomeError(
        core.badRequest(`A conditional reference to ${type} fits ${found.length} resources, not 1`),
      );
    }
    return core.getReferenceString(found[0]);
  }

  /** How many resources there are of each type that occurs. */
  counts() {
    const all = [...this.resources].map(([type, held]) => [type, held.size]);
    return Object.fromEntries(all.filter(([, size]) => size > 0).sort());
  }
}

/** The names here of a transaction's entries that bring their ids; Medplum sees to `urn:uuid`. */
function ownNames({ type, entry }) {
  const named = type === 'transaction' && Array.isArray(entry) ? entry : [];
  return new Map(named.filter((each) => each?.request?.method === 'PUT')
    .map(({ fullUrl, request }) => [fullUrl, request.url])
    .filter(([fullUrl, url]) => READ.test(url) && `${fullUrl}`.endsWith(`/${url}`)));
}

/** Compares by one rule; what has no value comes last. */
function order(a, b, { code, descending }) {
  const { expression } = core.globalSchema.types[a.resourceType].searchParams[code];
  const [left, right] = [a, b].map((resource) => {
    const [value] = core.evalFhirPath(expression, resource);
    return core.toPeriod(value)?.start ?? (value === undefined ? '' : JSON.stringify(value));
  });
  if (left === right || left === '' || right === '') {
    return Number(left === '') - Number(right === '');
  }
  return (left < right ? -1 : 1) * (descending ? -1 : 1);
}

/** Copies two levels of maps, and the lists of versions; resources are never changed in place. */
function copied(outer) {
  const copy = (value) => (Array.isArray(value) ? [...value] : value);
  const inner = (map) => new Map([...map].map(([id, value]) => [id, copy(value)]));
  return new Map([...outer].map(([type, map]) => [type, inner(map)]));
}

module.exports = { Repository };
