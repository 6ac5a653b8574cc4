import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { pipFolder } from './pip-folder.js';

/** in-toto's own library, whose types are compiled from the published definitions of the statement and of SLSA's provenance. */
const REQUIREMENTS = `in-toto-attestation==0.9.3 --hash=sha256:1f44d3f3bded1ed551e260c5e9f834ee05de03f1d2f360bada5a172c11d748ff
protobuf==7.36.2 --hash=sha256:bdb3a345d48db958e6ce1f18e508beb0cc981d64f24088427549c866cd039f1e
`;

/** Reads both strictly: a field that is not defined, or of another type, is an error. */
const JUDGE = `
import json, sys
from google.protobuf import json_format
from in_toto_attestation.predicates.provenance.v1.provenance_pb2 import Provenance
from in_toto_attestation.v1.statement import Statement
from in_toto_attestation.v1.statement_pb2 import Statement as Message

raw = json.load(sys.stdin)
message = json_format.ParseDict(raw, Message(), ignore_unknown_fields=False)
Statement.copy_from_pb(message).validate()
if raw['predicateType'] != 'https://slsa.dev/provenance/v1':
    sys.exit('the predicate is ' + raw['predicateType'])
predicate = json_format.ParseDict(raw['predicate'], Provenance(), ignore_unknown_fields=False)
if not predicate.build_definition.build_type or not predicate.run_details.builder.id:
    sys.exit('buildType and builder.id are required')
`;

/**
 * What in-toto's own library says against a provenance statement; undefined when it takes it. The library is downloaded once,
 * by its digests, and kept in the user's cache; without it this rejects.
 */
export async function judgeProvenance(statement: string): Promise<string | undefined> {
  const judge = spawn('python3', ['-c', JUDGE], {
    env: { ...process.env, PYTHONPATH: await libraryFolder() },
    stdio: ['pipe', 'ignore', 'pipe'],
  });
  judge.stdin.end(statement);
  const [errors] = await Promise.all([text(judge.stderr), once(judge, 'close')]);
  return judge.exitCode === 0 ? undefined : errors;
}

function libraryFolder(): Promise<string> {
  return pipFolder('in-toto-attestation-0.9.3', {
    requirements: REQUIREMENTS,
    options: ['--no-deps', '--require-hashes', '--platform', 'any', '--only-binary', ':all:'],
  });
}
