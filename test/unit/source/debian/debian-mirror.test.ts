import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { parseListFile, parseSourcesFile } from '../../../../src/source/debian/apt-entries.js';
import { aptComplaints } from '../../../../src/source/debian/apt-complaints.js';
import { hostMirrors, namedMirror } from '../../../../src/source/debian/debian-mirror.js';
import { compareDebianVersions } from '../../../../src/source/debian/debian-version.js';

/** A folder like /etc/apt. */
async function aptDir(files: Readonly<Record<string, string>>): Promise<AsyncDisposable & { path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'layersmith-apt-'));
  await mkdir(join(path, 'sources.list.d'));
  for (const [name, text] of Object.entries(files)) await writeFile(join(path, name), text);
  return {
    path,
    [Symbol.asyncDispose]: () => rm(path, { recursive: true }),
  };
}

const DOCKER = `deb [arch=amd64 signed-by=/etc/apt/keyrings/docker.asc] https://download.vendor.example/debian bookworm stable
`;
const NODE = `Types: deb
URIs: https://deb.vendor.example/node_20.x
Suites: nodistro
Components: main
Signed-By: /usr/share/keyrings/vendor.gpg
`;
const DEBIAN_SOURCES = `Types: deb
# http://snapshot.example/archive/debian/20250520T000000Z
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
`;

describe("the host's mirror of Debian", () => {
  test("is the entry signed by Debian's keyring, whatever vendors stand before it", async () => {
    await using apt = await aptDir({
      'sources.list': DOCKER,
      'sources.list.d/a-node.sources': NODE,
      'sources.list.d/debian.sources': DEBIAN_SOURCES,
    });
    expect(await hostMirrors(apt.path)).toEqual([
      { archive: 'http://mirror.example/debian', security: 'http://mirror.example/debian-security' },
    ]);
  });

  test('is found in the one-line format without a key, and before vendors that look like it', async () => {
    await using apt = await aptDir({
      'sources.list.d/a-vendor.list': 'deb https://packages.vendor.example/debian/12/prod bookworm main\n',
      'sources.list': `# a comment
deb http://mirror.example/debian/ bookworm main contrib non-free-firmware # another
deb-src http://mirror.example/debian/ bookworm main
deb http://security.example/debian-security bookworm-security main
deb cdrom:[Debian 12]/ bookworm main
`,
    });
    expect((await hostMirrors(apt.path))[0]).toEqual({
      archive: 'http://mirror.example/debian',
      security: 'http://security.example/debian-security',
    });
  });

  test('has no security archive when no entry names one', async () => {
    await using apt = await aptDir({ 'sources.list': 'deb http://mirror.example/debian trixie main\n' });
    expect(await hostMirrors(apt.path)).toEqual([
      { archive: 'http://mirror.example/debian', security: undefined },
    ]);
  });

  test.each([
    ['Ubuntu', 'deb http://archive.vendor.example/ubuntu noble main restricted\n'],
    ["a vendor's key", 'deb [signed-by=/etc/apt/keyrings/x.gpg] http://x.example/debian bookworm main\n'],
    ["a vendor's component", 'deb http://x.example/debian bookworm nginx\n'],
    ['an entry that is switched off', '# deb http://mirror.example/debian bookworm main\n'],
    ['nothing at all', ''],
  ])('is not made out of %s', async (_, text) => {
    await using apt = await aptDir({
      'sources.list': text,
      'sources.list.d/disabled.list.save': DEBIAN_SOURCES,
    });
    expect(await hostMirrors(apt.path)).toEqual([]);
  });

  test('is nowhere on a host without apt', async () => {
    expect(await hostMirrors(join(tmpdir(), 'no-such-folder'))).toEqual([]);
  });

  test('can be named by its URL, which must be one', () => {
    expect(namedMirror('https://user:word@mirror.example/debian/')).toEqual({
      archive: 'https://user:word@mirror.example/debian',
      security: 'https://user:word@mirror.example/debian-security',
    });
    expect(namedMirror('http://mirror.example/pub')).toEqual({
      archive: 'http://mirror.example/pub',
      security: undefined,
    });
    expect(namedMirror('mirror.example')).toBeUndefined();
    expect(
      namedMirror('http://mirror.example/debian bookworm main\ndeb-src [trusted=yes] http://x'),
    ).toBeUndefined();
  });
});

describe("apt's sources", () => {
  test('in the one-line format: options, several components, comments', () => {
    expect(
      parseListFile(
        'deb [ arch=amd64,arm64 signed-by=/a/key.gpg ] http://m.example/debian trixie main contrib # why\n\nnonsense\n#deb http://x y z\n',
      ),
    ).toEqual([
      {
        uris: ['http://m.example/debian'],
        suites: ['trixie'],
        components: ['main', 'contrib'],
        signedBy: '/a/key.gpg',
      },
    ]);
  });

  test('in the deb822 format: comments inside a stanza, values over several lines, Enabled: no', () => {
    const text = `Types: deb deb-src
URIs: http://m.example/debian
# in between
Suites: trixie
 trixie-updates
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 abc

Enabled: no
Types: deb
URIs: http://off.example/debian
Suites: trixie
Components: main
`;
    expect(parseSourcesFile(text)).toEqual([
      {
        uris: ['http://m.example/debian'],
        suites: ['trixie', 'trixie-updates'],
        components: ['main'],
        signedBy: '-----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n abc',
      },
    ]);
  });
});

test("the mirror's address and password are left out of what apt complains about", () => {
  const mirror = {
    archive: 'http://user:word@mirror.example/debian',
    security: 'http://user:word@mirror.example/debian-security',
  };
  const stderr = `E: Failed to fetch http://user:word@mirror.example/debian/pool/x.tar.xz  404  Not Found [IP: 192.0.2.1 80]
W: Could not resolve 'mirror.example'
E: Failed to fetch some archives.
`;
  expect(aptComplaints(stderr, mirror)).toBe(
    "Failed to fetch pool/x.tar.xz 404 Not Found; Could not resolve 'the mirror'",
  );
  expect(aptComplaints('', mirror)).toBeUndefined();
});

test('versions are ordered as dpkg orders them', { tags: ['system'] }, async () => {
  const versions = [
    '1.0~rc1-1',
    '1.0-1',
    '1.0-1+deb13u2',
    '1.0-1+deb13u10',
    '1.0',
    '1.0.1-1',
    '1.0+dfsg-1',
    '1.0a-1',
    '1:0.1-1',
    '2.12.7+dfsg+really2.9.14-2.1+deb13u1',
    '2.9.14+dfsg-1.3~deb12u6',
    '2.9.14+dfsg-1.3',
    '20241231012345678901234567890-1',
    '8.4.24-1~deb13u1',
    '8.4.24-1',
    '1.0-00',
  ];
  const script = versions
    .flatMap((a) => versions.map((b) => `dpkg --compare-versions '${a}' lt '${b}' && echo '${a} < ${b}'`))
    .join('\n');
  const { stdout } = await promisify(execFile)('sh', ['-c', `${script}\ntrue`]);
  const theirs = stdout.trim().split('\n');
  const ours = versions.flatMap((a) =>
    versions.filter((b) => compareDebianVersions(a, b) < 0).map((b) => `${a} < ${b}`),
  );
  expect(ours).toEqual(theirs);
});
