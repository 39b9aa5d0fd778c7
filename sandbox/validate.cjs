// Two validators by other people: npm `fhir` (codes, targets) and Medplum (invariants).
//
// node validate.cjs < resources.ndjson
//
// Writes one JSON line for each line read: {"findings": [{validator, severity, path, message}]}.
// Nothing is validated away: a line that is no JSON, or a validator that fails, is a finding.
'use strict';

const { createInterface } = require('node:readline');
const { Fhir } = require('fhir/fhir');
const { core } = require('./medplum.cjs');

const fhir = new Fhir();

const VALIDATORS = {
  fhir: (resource) => fhir
    .validate(resource, { errorOnUnexpected: true })
    .messages.map(({ severity, location, message }) => ({ severity, path: location, message })),

  // It throws its errors and returns the rest.
  medplum: (resource) => issuesOf(resource).map((issue) => ({
    severity: issue.severity,
    path: issue.expression?.join(', '),
    message: issue.details?.text ?? issue.diagnostics,
  })),
};

function issuesOf(resource) {
  try {
    return core.validateResource(resource);
  } catch (error) {
    if (!error.outcome) {
      throw error;
    }
    return error.outcome.issue;
  }
}

function findings(line) {
  let resource;
  try {
    resource = JSON.parse(line);
  } catch {
    return [{ validator: 'json', severity: 'error', path: '', message: 'this is not JSON' }];
  }
  return Object.entries(VALIDATORS).flatMap(([validator, validate]) => {
    try {
      return validate(resource).map((finding) => ({ validator, ...finding }));
    } catch (error) {
      return [{ validator, severity: 'fatal', path: '', message: `it failed: ${error.message}` }];
    }
  });
}

async function main() {
  for await (const line of createInterface({ input: process.stdin })) {
    process.stdout.write(`${JSON.stringify({ findings: findings(line) })}\n`);
  }
}

main();
