import { execFileSync } from 'node:child_process';

import { expect, test } from 'vitest';

import { tinyInterpreter, tinyLibrary } from '../../support/tiny-recipe.js';
import {
  expectError,
  expectTidy,
  openGate,
  runningContainer,
  waitAtGate,
  Workplace,
} from '../../support/workplace.js';

// What a build script finds around it, and what it shares with the stages beside it.

/** Of cgroups of either version, where a container sees its own. */
const LIMITS = `
for file in pids.max pids/pids.max; do [ ! -e /sys/fs/cgroup/$file ] || echo "pids $(cat /sys/fs/cgroup/$file)"; done
for file in memory.max memory/memory.limit_in_bytes; do
  [ ! -e /sys/fs/cgroup/$file ] || echo "memory $(cat /sys/fs/cgroup/$file)"
done`;

const LOOK_AROUND = `
echo "user $(id -u):$(id -g) groups $(id -G)"
grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status
for interface in /sys/class/net/*; do echo "interface $(basename $interface) $(cat $interface/operstate)"; done
{ true </dev/tcp/192.0.2.1/80; } 2>&1 || true
${LIMITS}
touch /etc/mine 2>&1 || true
cat /opt/share/of-the-need
echo "host $(hostname) home $HOME umask $(umask) TZ $TZ LC_ALL $LC_ALL"
echo "for $LAYERSMITH_HOST with glibc $LAYERSMITH_GLIBC; configure \${CONFIGURE_TARGET[*]}"
env | grep -E '^(AWS|DOCKER|SECRET|PATH)' || true
echo "option $LAYERSMITH_OPTION_COLOUR epoch $SOURCE_DATE_EPOCH"`;

test('a stage has no network, no privileges, limits, and its needs at /opt', async () => {
  const install = 'install -d "$DESTDIR/opt/share"; echo from the need >"$DESTDIR/opt/share/of-the-need"';
  await using workplace = await Workplace.make({
    ...tinyInterpreter('tiny', { needs: ['need'], script: LOOK_AROUND }),
    ...tinyLibrary('need', { script: install }),
  });
  await workplace.write({
    'tiny/1.yaml': `version: '1'\nneeds: [need]\noptions: { COLOUR: red }\nsources: {}\n`,
  });
  const ended = await workplace.build('tiny', ['--memory', '512'], { env: { SECRET: 'of the host' } });
  expect(ended).toMatchObject({ exitCode: 0 });
  const log = await workplace.log('tiny/1');
  const lines = log.split('\n');
  expect(lines).toContain('user 1000:1000 groups 1000');
  for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb']) {
    expect(lines).toContain(`${set}:\t0000000000000000`);
  }
  expect(lines).toContain('NoNewPrivs:\t1');
  expect(lines).toContain('Seccomp:\t2');
  const interfaces = lines.filter((line) => line.startsWith('interface ') && !line.endsWith(' down'));
  expect(interfaces).toEqual(['interface lo unknown']);
  expect(log).toMatch(/192\.0\.2\.1.*Network is unreachable/);
  expect(lines).toContain('pids 4096');
  expect(lines).toContain(`memory ${512 * 1024 ** 2}`);
  expect(log).toMatch(/touch: .*\/etc\/mine.*Permission denied/);
  expect(lines).toContain('from the need');
  expect(lines).toContain('host layersmith home /build umask 0022 TZ UTC LC_ALL C');
  expect(lines).toContain('option red epoch 1700000000');
  expect(log).not.toContain('of the host');
  const build = execFileSync('uname', ['-m'], { encoding: 'utf8' }).trim();
  expect(lines).toContain(
    `for x86_64-linux-gnu with glibc 2.34; configure --build=${build}-linux-gnu --host=x86_64-linux-gnu`,
  );
  expect(log).toMatch(/^PATH=[\w./:-]*$/m);
});

/** A Makefile whose targets say when they run, in nanoseconds. */
function timedTargets(name: string, count: number): string {
  const targets = Array.from({ length: count }, (_, index) => `${name}${index}`).join(' ');
  return `cat >Makefile <<'END'
all: ${targets}
${targets}:
\t@echo "start $@ $$(date +%s%N)"; sleep 0.4; echo "end $@ $$(date +%s%N)"
END
make`;
}

/** How many targets ran at the same time at the most, of those whose name begins so. */
function mostAtOnce(log: string, name: string): number {
  const events = [...log.matchAll(new RegExp(`^(start|end) ${name}\\d+ (\\d+)$`, 'gm'))].map(
    ([, what, time = '']) => ({ change: what === 'start' ? 1 : -1, time: BigInt(time) }),
  );
  events.sort((a, b) => (a.time === b.time ? a.change - b.change : a.time < b.time ? -1 : 1));
  let running = 0;
  return Math.max(0, ...events.map(({ change }) => (running += change)));
}

test('stages run side by side and share the make jobs, and one that ends leaves its jobs to the others', async () => {
  const long = `${waitAtGate()}\n${timedTargets('shared', 6)}\n${waitAtGate('gate2')}\n${timedTargets('alone', 12)}`;
  await using workplace = await Workplace.make({
    ...tinyInterpreter('tiny', { needs: ['long', 'short'], script: timedTargets('root', 12) }),
    ...tinyLibrary('long', { script: long }),
    ...tinyLibrary('short', {
      script: `${waitAtGate()}\n${timedTargets('short', 6)}\n${waitAtGate('gate2')}`,
    }),
  });
  const command = workplace.startBuild('tiny', ['--jobs', '4']);
  // Both are there at once: neither goes on before its gate opens.
  const containers = await Promise.all(
    ['long/1', 'short/1'].map((stage) => runningContainer(command, stage)),
  );
  const [ofLong = '', ofShort = ''] = containers;
  await Promise.all(containers.map((container) => openGate(container)));
  for (const stage of ['long/1', 'short/1']) await workplace.logSays(stage, 'at the gate2');
  await openGate(ofShort, 'gate2');
  await command.says('short/1: done');
  await openGate(ofLong, 'gate2');
  expect(await command.ended).toMatchObject({ exitCode: 0 });
  expect(mostAtOnce(await workplace.log('short/1'), 'short')).toBe(2);
  expect(mostAtOnce(await workplace.log('long/1'), 'shared')).toBe(2);
  expect(mostAtOnce(await workplace.log('long/1'), 'alone')).toBe(4);
  expect(mostAtOnce(await workplace.log('tiny/1'), 'root')).toBe(4);
  expect(command.stderr()).not.toMatch(/jobserver|warning/);
});

test('with one job stages run one after the other', async () => {
  await using workplace = await Workplace.make({
    ...tinyInterpreter('tiny', { needs: ['one', 'two'], script: timedTargets('root', 3) }),
    ...tinyLibrary('one', { script: timedTargets('one', 3) }),
    ...tinyLibrary('two', { script: timedTargets('two', 3) }),
  });
  const ended = await workplace.build('tiny', ['--jobs', '1']);
  expect(ended).toMatchObject({ exitCode: 0 });
  const logs = await Promise.all(['one/1', 'two/1', 'tiny/1'].map((stage) => workplace.log(stage)));
  expect(mostAtOnce(logs.join('\n'), '[a-z]+')).toBe(1);
});

test('a stage that fails stops those beside it', async () => {
  await using workplace = await Workplace.make({
    ...tinyInterpreter('tiny', { needs: ['bad', 'endless'] }),
    ...tinyLibrary('bad', { script: `${waitAtGate()}\nfalse` }),
    ...tinyLibrary('endless', { script: waitAtGate() }),
  });
  const command = workplace.startBuild('tiny', ['--jobs', '2']);
  const [ofBad] = await Promise.all([
    runningContainer(command, 'bad/1'),
    runningContainer(command, 'endless/1'),
  ]);
  await openGate(ofBad);
  const ended = await command.ended;
  const error = expectError(ended, 72);
  expect(error).toContain('bad/1 did not compile: a command ended with status 1\n');
  expect(error).not.toContain('endless');
  expect(ended.stderr).not.toContain('tiny/1');
  await expectTidy(workplace, ended);
});
