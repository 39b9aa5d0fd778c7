// Medplum's repository in memory, and what it leaves to others: validation and roll-back.
'use strict';

const { core, router } = require('./medplum.cjs');

const CONDITIONAL = /^[A-Z][A-Za-z]+\?./;

/** Refuses what is not valid R4; a transaction that fails leaves no trace. */
class Repository extends router.MemoryRepository {
  // Updates and patches come through here as well.
  async createResource(resource, options, update) {
    core.validateResource(resource);
    return super.createResource(resource, options, update);
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

  /** Writes the reference that is meant in place of each `Type?search`. */
  async resolveConditionalReferences(node) {
    for (const [name, value] of Object.entries(node)) {
      if (name === 'reference' && CONDITIONAL.test(value)) {
        node[name] = await this.theOnlyMatch(value);
      } else if (value !== null && typeof value === 'object') {
        await this.resolveConditionalReferences(value);
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

/** Copies two levels of maps, and the lists of versions; resources are never changed in place. */
function copied(outer) {
  const copy = (value) => (Array.isArray(value) ? [...value] : value);
  const inner = (map) => new Map([...map].map(([id, value]) => [id, copy(value)]));
  return new Map([...outer].map(([type, map]) => [type, inner(map)]));
}

module.exports = { Repository };
