import { expect, test } from 'vitest';

import { parseDpkgStatus, parseRpmQuery } from '../../../src/toolchain/image-packages.js';

test("dpkg's database names what is installed, and only that", () => {
  const status = [
    'Package: gcc-10\nStatus: install ok installed\nPriority: optional\nVersion: 10.2.1-6\nDescription: C\n Package: none\n',
    'Package: vim\nStatus: deinstall ok config-files\nVersion: 2:8.2\n',
    'Package: half\nStatus: install ok installed\n',
    'Package: libc6\nStatus: install ok installed\nVersion: 2.31-13+deb11u13\n',
  ].join('\n');
  expect(parseDpkgStatus(status)).toEqual([
    { name: 'gcc-10', version: '10.2.1-6' },
    { name: 'libc6', version: '2.31-13+deb11u13' },
  ]);
  expect(parseDpkgStatus('')).toEqual([]);
});

test("rpm's answer has an epoch only where it says something, and keys are no packages", () => {
  const stdout =
    'glibc 0:2.34-196.amzn2023\nopenssl-libs 1:3.0.8-1.amzn2023\ngpg-pubkey 0:d832c631-6515c85e\n';
  expect(parseRpmQuery(stdout)).toEqual([
    { name: 'glibc', version: '2.34-196.amzn2023' },
    { name: 'openssl-libs', version: '1:3.0.8-1.amzn2023' },
  ]);
});
